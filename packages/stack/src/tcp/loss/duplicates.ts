// Loss seen by counting duplicates, for a peer without SACK: fast retransmit and NewReno's recovery. RFC 5681 3.2, RFC 6582, RFC 3042.
//
// The window is not inflated and deflated as the RFCs write it. Each duplicate says that one segment has left the
// network: it is taken off the pipe (`dupOctets`), which lets the same segments out, and cwnd keeps its meaning.

import { add, after, diff } from '../../base/int.ts';
import { RECOVERY_LOSS, RECOVERY_NONE, type Tcb } from '../tcb.ts';

/** RFC 5681 3.2. R5681.3. */
const DUP_THRESHOLD = 3;

/** A duplicate acknowledgment arrived: how many octets it says have left the network. */
export function duplicateAck(tcb: Tcb): number {
  if (tcb.recovery === RECOVERY_LOSS) return newArrived(tcb);
  tcb.dupAcks++;
  if (tcb.dupAcks === 1) tcb.dupFlight = tcb.outstanding;
  // RFC 3042 (limited transmit), and RFC 6582 step 4: one segment left, one may go. Never more than there are. R3042.1.
  const here = Math.min(tcb.mss, tcb.outstanding - tcb.mss - tcb.dupOctets);
  // Nor than were under way when the first came: what left since is not there yet, so whoever tells of it forges (RFC 5681 3.2).
  const told = Math.max(0, Math.min(here, tcb.dupFlight - tcb.dupAcks * tcb.mss));
  tcb.dupOctets += told;
  return told;
}

/** RFC 5682 2.1 step 3a: after a timeout it tells of what was sent since, if of anything; that lets out what was lost (as Linux). */
function newArrived(tcb: Tcb): number {
  const told = Math.max(0, Math.min(tcb.mss, diff(tcb.sndNxt, tcb.recover) - tcb.dupOctets));
  tcb.dupOctets += told;
  return told;
}

/** RFC 6582 3.2 step 2: three of them, and none for what was resent before. Marks the first segment. */
export function isBeginOfRecovery(tcb: Tcb): boolean {
  if (tcb.dupAcks < DUP_THRESHOLD || !after(tcb.sndUna, tcb.recover)) return false;
  loseFirst(tcb);
  return true;
}

/** SND.UNA moved by `acked` octets: those of them that duplicates had not told of. */
export function ackAfterDuplicates(tcb: Tcb, acked: number): number {
  tcb.dupAcks = 0;
  const told = Math.min(tcb.dupOctets, Math.max(0, acked - tcb.mss));
  if (tcb.recovery === RECOVERY_NONE) tcb.dupOctets = 0;
  else tcb.dupOctets -= told;
  return acked - told;
}

/** RFC 6582 3.2 step 3, partial acknowledgment: the next hole is lost, too. R6582.1. */
export function partialAck(tcb: Tcb, acked: number): void {
  if (acked > 0) loseFirst(tcb);
}

/** The first segment outstanding is lost, if it was not resent since this recovery began. */
export function loseFirst(tcb: Tcb): void {
  const { sent } = tcb;
  if (sent.empty) return;
  const first = sent.at(0);
  if (first.length > tcb.mss) sent.cut(0, add(first.seq, tcb.mss));
  sent.markLost(first);
  tcb.dupOctets = Math.min(tcb.dupOctets, Math.max(0, diff(tcb.sndNxt, first.end)));
}
