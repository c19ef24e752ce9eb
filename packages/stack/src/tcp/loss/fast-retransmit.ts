// Loss seen by duplicate acknowledgments: fast retransmit and NewReno's recovery. RFC 5681 3.2, RFC 6582, RFC 3042.
//
// The window is not inflated and deflated as the RFCs write it. Each duplicate says that one segment has left the
// network: it is taken off the pipe (`dupOctets`), which lets the same segments out, and cwnd keeps its meaning.

import { after, before, diff } from '../../base/int.ts';
import { RECOVERY_FAST, RECOVERY_LOSS, RECOVERY_NONE, type Tcb } from '../tcb.ts';

/** RFC 5681 3.2. */
const DUP_THRESHOLD = 3;

/** A duplicate acknowledgment arrived. True when it begins a recovery. */
export function duplicateAck(tcb: Tcb): boolean {
  if (tcb.recovery === RECOVERY_LOSS) return false;
  tcb.dupAcks++;
  if (tcb.dupAcks === 1) tcb.dupFlight = tcb.outstanding;
  // RFC 3042 (limited transmit), and RFC 6582 step 4: one segment left, one may go.
  tcb.dupOctets = Math.min(tcb.dupOctets + tcb.mss, Math.max(0, tcb.outstanding - tcb.mss));
  if (tcb.recovery === RECOVERY_FAST || tcb.dupAcks < DUP_THRESHOLD) return false;
  // RFC 6582 3.2 step 2: duplicates of what was resent before do not begin another recovery.
  if (!after(tcb.sndUna, tcb.recover)) return false;
  tcb.recovery = RECOVERY_FAST;
  tcb.recover = tcb.sndNxt;
  // RFC 5681 3.2 step 2: what limited transmit added since the first duplicate MUST NOT be counted.
  tcb.controller?.lost(tcb.dupFlight);
  loseFirst(tcb);
  return true;
}

/** SND.UNA moved on by `acked` octets. Tells whether a recovery still goes on. */
export function recoveryAfterAck(tcb: Tcb, acked: number): boolean {
  tcb.dupAcks = 0;
  if (tcb.recovery === RECOVERY_NONE) {
    tcb.dupOctets = 0;
    // Kept near: sequence numbers compare over half their circle only.
    if (after(tcb.sndUna, tcb.recover)) tcb.recover = (tcb.sndUna - 1) | 0;
    return false;
  }
  if (!before(tcb.sndUna, tcb.recover)) {
    const fast = tcb.recovery === RECOVERY_FAST;
    endRecovery(tcb);
    if (fast) tcb.controller?.recovered(tcb.pipe);
    return false;
  }
  if (tcb.recovery === RECOVERY_FAST) {
    // RFC 6582 3.2 step 3, partial acknowledgment: the next hole is lost, too. What duplicates had counted is partly
    // what is acknowledged now.
    tcb.dupOctets = Math.max(0, tcb.dupOctets - Math.max(0, acked - tcb.mss));
    loseFirst(tcb);
  }
  return true;
}

export function endRecovery(tcb: Tcb): void {
  tcb.recovery = RECOVERY_NONE;
  tcb.dupAcks = 0;
  tcb.dupOctets = 0;
}

/** The first segment outstanding is lost, if it was not resent since this recovery began. */
export function loseFirst(tcb: Tcb): void {
  const { first } = tcb.sent;
  if (first === undefined) return;
  if (first.length > tcb.mss) tcb.sent.cut(first, (first.seq + tcb.mss) | 0);
  tcb.sent.markLost(first);
  tcb.dupOctets = Math.min(tcb.dupOctets, Math.max(0, diff(tcb.sndNxt, first.end)));
}
