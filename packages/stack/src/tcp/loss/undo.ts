// Was it a loss at all? RFC 3522, 4015: an echoed timestamp older than the retransmission says that the original arrived.
// RFC 3708: so say DSACKs, once each octet that was sent again has been told of as a duplicate.

import { before } from '../../base/int.ts';
import { C } from '../../contract/counters.ts';
import type { Connections } from '../connections.ts';
import type { Segment } from '../segment.ts';
import { RECOVERY_NONE, type Tcb } from '../tcb.ts';
import type { LossRecord } from './record.ts';
import { tsVal } from './timestamps.ts';

/** A reduction begins that might prove to be wrong. */
export function undoBegin(tcb: Tcb, loss: LossRecord): void {
  loss.undo = true;
  loss.undoSeq = tcb.sndUna;
  loss.undoOctets = tcb.sent.resentOctets > 0 ? tcb.sent.resentOctets : -1;
  loss.resentStamped = false;
}

/** `octets` were sent again. */
export function undoResent(tcb: Tcb, loss: LossRecord, octets: number, nowMs: number): void {
  loss.undoOctets = Math.max(0, loss.undoOctets) + octets;
  if (loss.resentStamped) return;
  loss.resentStamped = true;
  loss.resentStamp = tsVal(tcb, nowMs);
}

/** A DSACK of [seq, end). */
export function undoDsack(tcb: Tcb, loss: LossRecord, seq: number, end: number): void {
  if (!loss.undo || loss.undoOctets <= 0 || !before(loss.undoSeq, end)) return;
  const { sent } = tcb;
  // What is on the scoreboard still says itself whether it was sent again; of what is not, nothing else is known.
  if (before(tcb.sndUna, end)) {
    const place = sent.placeOf(seq);
    if (place < sent.count && sent.at(place).retransmits === 0) return;
  }
  loss.undoOctets = Math.max(0, loss.undoOctets - ((end - seq) | 0));
}

/**
 * The acknowledgment answers what was sent before the first retransmission. Only one that moves SND.UNA (`advanced`) does: any other
 * echoes what came last before the hole (RFC 7323 4.3).
 */
function originalArrived(tcb: Tcb, loss: LossRecord, seg: Segment, advanced: boolean): boolean {
  if (!advanced) return false;
  if (!loss.resentStamped || !tcb.timestamps || !seg.options.timestamps || seg.options.tsEcr === 0)
    return false;
  return before(seg.options.tsEcr, loss.resentStamp);
}

export function mayUndo(tcb: Tcb, loss: LossRecord, seg: Segment, advanced: boolean): boolean {
  return loss.undo && (loss.undoOctets === 0 || originalArrived(tcb, loss, seg, advanced));
}

/** Everything is as it was before the reduction. */
export function undo(c: Connections, tcb: Tcb, loss: LossRecord): void {
  loss.undo = false;
  loss.frto = false;
  loss.newFirst = false;
  loss.force = false;
  tcb.recovery = RECOVERY_NONE;
  tcb.sent.unmarkLost();
  tcb.controller?.undone(c.context.nowUs);
  // At once: the acknowledgment that brings a DSACK need not deliver anything.
  if (tcb.controller !== undefined) tcb.cwnd = tcb.controller.cwnd;
  c.context.stats.counters[C.TcpExtTCPFullUndo]++;
}
