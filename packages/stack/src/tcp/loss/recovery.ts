// Recovery of what was lost: which state it is in, how it begins and ends. RFC 5681 3.2, RFC 6582, RFC 6675, RFC 8985, RFC 5682.
//
//   NONE --lost--> FAST --all acknowledged--> NONE       REDUCE: a congestion mark, or a probe that repaired a loss
//     \--timeout--> LOSS --all acknowledged--> NONE      what proves to be no loss goes back at once (undo.ts)

import { after, before } from '../../base/int.ts';
import { C } from '../../contract/counters.ts';
import { followWindow } from '../congestion/sample.ts';
import type { Connections } from '../connections.ts';
import type { Segment } from '../segment.ts';
import { RECOVERY_FAST, RECOVERY_LOSS, RECOVERY_NONE, RECOVERY_REDUCE, type Tcb } from '../tcb.ts';
import type { Delivery } from './delivery.ts';
import { isBeginOfRecovery, partialAck } from './duplicates.ts';
import { prrBegin } from './prr.ts';
import { isRecent, rackDetect, rackDsack, rackRecovered, rackUpdate } from './rack.ts';
import type { LossRecord } from './record.ts';
import { tlpAnswered } from './tlp.ts';
import { mayUndo, undo, undoBegin } from './undo.ts';

/**
 * After the scoreboard knows what this acknowledgment tells. Marks what is lost, and begins or ends a recovery. `flight`: what was
 * under way before.
 */
export function recoveryStep(
  c: Connections,
  tcb: Tcb,
  loss: LossRecord,
  seg: Segment,
  d: Delivery,
  flight: number,
): void {
  if (tcb.recovery !== RECOVERY_NONE && !ended(c, tcb, loss, seg, d)) {
    if (tcb.recovery === RECOVERY_LOSS) stepLoss(c, tcb, loss, seg, d);
    else if (tcb.recovery === RECOVERY_FAST) stepFast(c, tcb, loss, seg, d);
  }
  if (d.dsack) undoAfterwards(c, tcb, loss);
  const repaired = tlpAnswered(c, tcb, loss, d);
  if (tcb.sackPermitted) {
    rackUpdate(tcb, loss, d);
    rackDsack(tcb, loss, d);
    if (loss.rackAdvanced || loss.reorderWait) d.lostOctets += rackDetect(c, tcb, loss);
  }
  // RFC 6675 5.1 (R6675.4): after a timeout, too, none begins before RecoveryPoint is passed.
  if (tcb.recovery === RECOVERY_FAST || tcb.recovery === RECOVERY_LOSS) return;
  if (tcb.sackPermitted ? tcb.sent.lostOctets > 0 : isBeginOfRecovery(tcb))
    beginFast(c, tcb, loss, d, tcb.sackPermitted ? flightSize(tcb, d.ackedOctets) : tcb.dupFlight);
  else if (repaired || d.marked) beginReduction(c, tcb, loss, d, flight);
}

/** FlightSize (RFC 5681 section 2): SACKed or not; but what limited transmit sent beyond the window is not counted (3.2 step 2). */
function flightSize(tcb: Tcb, acked: number): number {
  return Math.min(tcb.cwnd, tcb.outstanding + acked);
}

/** RACK's timer found losses (RFC 8985 6.3). */
export function lossesFound(c: Connections, tcb: Tcb, loss: LossRecord): void {
  if (tcb.recovery !== RECOVERY_FAST && tcb.recovery !== RECOVERY_LOSS && tcb.sent.lostOctets > 0) {
    c.delivery.clear(c.context.nowUs, loss.fack, tcb.recover);
    beginFast(c, tcb, loss, c.delivery, flightSize(tcb, 0));
    followWindow(tcb, loss, 0, false);
  }
  c.markDirty(tcb);
}

/** RFC 5681 3.2 step 2: what limited transmit added MUST NOT be counted: `flight` is from before. */
function beginFast(c: Connections, tcb: Tcb, loss: LossRecord, d: Delivery, flight: number): void {
  const counters = c.context.stats.counters;
  counters[tcb.sackPermitted ? C.TcpExtTCPSackRecovery : C.TcpExtTCPRenoRecovery]++;
  // A reduction for a mark of the same window is going on: once is enough.
  const reduced = tcb.recovery === RECOVERY_REDUCE;
  tcb.recovery = RECOVERY_FAST;
  tcb.recover = tcb.sndNxt;
  loss.force = true;
  // RFC 3168 6.1.2: whatever brought the window down, the peer need echo no more.
  tcb.ecnReduced = tcb.ecn;
  undoBegin(tcb, loss);
  loss.frto = false;
  if (reduced) return;
  prrBegin(tcb, loss, d.deliveredOctets - d.ackedOctets, d.ackedOctets);
  tcb.controller?.lost(flight, c.context.nowUs);
}

/** RFC 3168 6.1.2, RFC 8985 7.4.2: the window goes down although nothing is to be resent. Once in a window. */
export function beginReduction(
  c: Connections,
  tcb: Tcb,
  loss: LossRecord,
  d: Delivery,
  flight: number,
): void {
  if (tcb.recovery !== RECOVERY_NONE) return;
  tcb.recovery = RECOVERY_REDUCE;
  tcb.recover = tcb.sndNxt;
  loss.undo = false;
  tcb.ecnReduced = tcb.ecn;
  prrBegin(tcb, loss, d.deliveredOctets - d.ackedOctets, d.ackedOctets);
  tcb.controller?.lost(flight, c.context.nowUs);
}

/** True: all that was outstanding when it began is acknowledged. */
function ended(c: Connections, tcb: Tcb, loss: LossRecord, seg: Segment, d: Delivery): boolean {
  if (before(tcb.sndUna, tcb.recover)) return false;
  // RFC 3168 6.1.2: the CWR stands just behind, and until it has that the peer echoes the same mark. As Linux (TCP_CA_CWR).
  if (tcb.recovery === RECOVERY_REDUCE && d.marked && tcb.sndUna === tcb.recover) return false;
  if (tcb.recovery === RECOVERY_LOSS && loss.frto && d.original && mayFrtoUndo(c, tcb, loss)) return true;
  if (tcb.recovery !== RECOVERY_REDUCE && mayUndo(tcb, loss, seg, d.ackedOctets > 0)) {
    undo(c, tcb, loss);
    rackRecovered(loss);
    endRecovery(tcb);
    return true;
  }
  const was = tcb.recovery;
  rackRecovered(loss);
  // DSACKs of what fast retransmit sent come just behind: see undoAfterwards.
  loss.undoUntil = tcb.sndNxt;
  endRecovery(tcb);
  if (was !== RECOVERY_LOSS) tcb.controller?.recovered(tcb.pipe, c.context.nowUs);
  return true;
}

/**
 * A recovery has ended, and within a window behind it all that it sent again is told of as duplicates: there was no loss. As Linux
 * (tcp_try_undo_dsack): what was only late is acknowledged before its copy arrives.
 */
export function undoAfterwards(c: Connections, tcb: Tcb, loss: LossRecord): void {
  if (tcb.recovery !== RECOVERY_NONE || !loss.undo || loss.undoOctets !== 0) return;
  if (after(tcb.sndUna, loss.undoUntil)) loss.undo = false;
  else undo(c, tcb, loss);
}

function stepFast(c: Connections, tcb: Tcb, loss: LossRecord, seg: Segment, d: Delivery): void {
  if ((d.dsack || d.ackedOctets > 0) && mayUndo(tcb, loss, seg, d.ackedOctets > 0)) {
    undo(c, tcb, loss);
    return;
  }
  if (!tcb.sackPermitted && d.ackedOctets > 0) partialAck(tcb, d.ackedOctets);
}

/** RFC 5682 3.1, in the form that looks at SACK, as Linux has it. R5682.1. */
function stepLoss(c: Connections, tcb: Tcb, loss: LossRecord, seg: Segment, d: Delivery): void {
  if (mayUndo(tcb, loss, seg, d.ackedOctets > 0)) {
    undo(c, tcb, loss);
    return;
  }
  if (!loss.frto) return;
  // Step 3b: what was not sent again has arrived: the timeout was spurious.
  if (d.original && mayFrtoUndo(c, tcb, loss)) return;
  if (after(tcb.sndNxt, tcb.recover)) {
    // Step 3a: the loss was real.
    if (d.duplicate) loss.frto = false;
  } else if (d.ackedOctets > 0) {
    // Step 2b: send something new, and see what is acknowledged next.
    tcb.recover = tcb.sndNxt;
    loss.newFirst = true;
  } else if (d.duplicate) loss.frto = false;
}

function mayFrtoUndo(c: Connections, tcb: Tcb, loss: LossRecord): boolean {
  if (!loss.undo) return false;
  c.context.stats.counters[C.TcpExtTCPSpuriousRTOs]++;
  undo(c, tcb, loss);
  endRecovery(tcb);
  return true;
}

/** The timer ran out: RFC 6298 5.4 to 5.6, RFC 5681 3.1. Marks what is lost. */
export function beginLoss(c: Connections, tcb: Tcb, again: boolean): void {
  const { nowUs } = c.context;
  const { loss, sent } = tcb;
  const flight = tcb.outstanding;
  // A second loss of the same window does not halve what was halved for it.
  const anew =
    tcb.recovery === RECOVERY_NONE || tcb.recovery === RECOVERY_REDUCE || !before(tcb.sndUna, tcb.recover);
  const fresh = anew && !again;
  endRecovery(tcb);
  tcb.ecnReduced = tcb.ecn;
  tcb.recovery = RECOVERY_LOSS;
  tcb.recover = tcb.sndNxt;
  if (loss !== undefined) {
    if (fresh) undoBegin(tcb, loss);
    // RFC 5682 2: only of the first timeout of new data can it be told whether it was spurious.
    loss.frto = fresh && c.context.options.tcpFrto;
    loss.newFirst = false;
    loss.force = true;
    loss.tlpOut = false;
    loss.reorderWait = false;
  }
  // RFC 2018 section 8: the first octet outstanding was SACKed, and never acknowledged: the peer has thrown it away. R2018.5.
  if (sent.first?.sacked === true) {
    sent.unmarkSacked();
    c.context.stats.counters[C.TcpExtTCPSACKReneging]++;
  }
  markTimedOut(tcb, loss, nowUs);
  tcb.controller?.timedOut(flight, !fresh, nowUs);
  if (loss !== undefined) followWindow(tcb, loss, 0, false);
}

/** All that is not SACKed, but what left so lately that its silence means nothing. The first goes in any case. */
function markTimedOut(tcb: Tcb, loss: LossRecord | undefined, nowUs: number): void {
  const { sent, sackPermitted } = tcb;
  const { first } = sent;
  if (first !== undefined) sent.markLost(first);
  for (let range = sent.oldest; range !== undefined; ) {
    if (sackPermitted && isRecent(tcb, loss, range.sentUs, nowUs)) return;
    const next = range.newer;
    sent.markLost(range);
    range = next;
  }
}

export function endRecovery(tcb: Tcb): void {
  tcb.recovery = RECOVERY_NONE;
  tcb.dupAcks = 0;
  tcb.dupOctets = 0;
  const { loss } = tcb;
  if (loss === undefined) return;
  loss.frto = false;
  loss.newFirst = false;
  loss.force = false;
}
