// Was the window used? A window that was not says nothing about one that is larger: RFC 7661, RFC 9438 4.2.1, Linux tcp_cwnd_validate.

import { before } from '../../base/int.ts';
import type { LossRecord } from '../loss/record.ts';
import type { Tcb } from '../tcb.ts';

/**
 * Called when all has left that may: `held`: the window, or pacing, holds back what waits. It counts for as long as what is under way
 * now is; so does the largest flight.
 */
export function noteUse(tcb: Tcb, loss: LossRecord, held: boolean): void {
  const { pipe } = tcb;
  // What is used up to its last segment is used, although nothing waits (Linux tcp_write_xmit).
  const limited = held || pipe + tcb.mss > tcb.cwnd || tcb.sent.lostOctets > 0;
  const over = !before(tcb.sndUna, loss.usageSeq);
  if (!over && !limited && (loss.limited || pipe <= loss.flightMax)) return;
  loss.limited = limited;
  loss.flightMax = pipe;
  loss.usageSeq = tcb.sndNxt;
}

/** In slow start half of it is enough: the next round trip would fill it. */
export function windowWasUsed(tcb: Tcb, loss: LossRecord): boolean {
  if (loss.limited) return true;
  const { controller } = tcb;
  return controller !== undefined && tcb.cwnd < controller.ssthresh && tcb.cwnd < 2 * loss.flightMax;
}
