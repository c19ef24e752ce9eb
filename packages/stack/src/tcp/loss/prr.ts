// Proportional rate reduction: RFC 9937 section 6 (R6937.1). How fast the window goes down while a loss is recovered: as much leaves as
// arrives, times ssthresh over what was under way; and never below what a slow start from where it stands would send.

import type { Tcb } from '../tcb.ts';
import type { LossRecord } from './record.ts';

/** A reduction begins. `deliveredOctets`: by the acknowledgment that begins it, of which `ackedOctets` cumulatively. */
export function prrBegin(tcb: Tcb, loss: LossRecord, newlySacked: number, ackedOctets: number): void {
  loss.prrDelivered = 0;
  loss.prrOut = 0;
  // What was SACKed before will not be delivered during this recovery.
  loss.recoverFs = Math.max(1, tcb.outstanding - (tcb.sent.sackedOctets - newlySacked) + ackedOctets);
}

/** Each acknowledgment that delivers something; answers the window until the next. `safe`: SND.UNA moved, and nothing more was lost. */
export function prrWindow(
  tcb: Tcb,
  loss: LossRecord,
  delivered: number,
  ssthresh: number,
  safe: boolean,
): number {
  const { pipe, mss } = tcb;
  loss.prrDelivered += delivered;
  let most = 0;
  if (pipe > ssthresh) {
    // Up to whole segments, as Linux counts: half a segment would wait for another acknowledgment.
    most = Math.ceil((loss.prrDelivered * ssthresh) / loss.recoverFs / mss) * mss - loss.prrOut;
  } else {
    most = Math.max(loss.prrDelivered - loss.prrOut, delivered);
    if (safe) most += mss;
    most = Math.min(ssthresh - pipe, most);
  }
  // A fast retransmit is never held back.
  if (loss.prrOut === 0) most = Math.max(most, mss);
  return pipe + Math.max(0, most);
}
