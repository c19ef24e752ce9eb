// What an acknowledgment does: SND.UNA moves, SACK blocks mark what arrived (RFC 2018), the round trip is measured (RFC 6298),
// losses are found (loss/), the congestion window follows, the timers start again or stop. And the send window, 3.10.7.4.

import { add, after, before, diff, earlier, later } from '../../base/int.ts';
import { EVENT_RELEASED, EVENT_WRITABLE } from '../../contract/events.ts';
import { TCP_FIN } from '../../wire/tcp.ts';
import { sampleAck } from '../congestion/sample.ts';
import type { Connections } from '../connections.ts';
import { echoesMark } from '../ecn.ts';
import type { Delivery } from '../loss/delivery.ts';
import { ackAfterDuplicates, duplicateAck } from '../loss/duplicates.ts';
import { noteMinRtt } from '../loss/rack.ts';
import type { LossRecord } from '../loss/record.ts';
import { recoveryStep, undoAfterwards } from '../loss/recovery.ts';
import { takeRttSample } from '../loss/rtt.ts';
import { sackArrives } from '../loss/sack.ts';
import { echoAgeUs, echoedRttUs } from '../loss/timestamps.ts';
import { tlpRefuted, tlpSchedule } from '../loss/tlp.ts';
import type { Segment } from '../segment.ts';
import { RECOVERY_NONE, type Tcb, TIMER_LOSS, TIMER_RETRANSMIT } from '../tcb.ts';
import { quietBegins } from '../timeouts/quiet.ts';

const WINDOWS_KEPT = 3;

/** SND.UNA - MAX.SND.WND =< SEG.ACK =< SND.NXT holds. */
export function acknowledge(c: Connections, tcb: Tcb, seg: Segment): void {
  const { loss } = tcb;
  const { nowUs } = c.context;
  if (tcb.outstanding === 0) {
    toldAfterwards(c, tcb, seg);
    return;
  }
  const d = c.delivery;
  const flight = tcb.pipe;
  d.clear(nowUs, loss === undefined ? seg.ack : loss.fack, tcb.recover);
  if (seg.options.sackCount > 0 && tcb.sackPermitted && loss !== undefined) sackArrives(c, tcb, loss, seg, d);
  if (after(seg.ack, tcb.sndUna)) moveUna(c, tcb, seg, d);
  else if (!tcb.sackPermitted && isDuplicate(tcb, seg)) {
    d.duplicate = true;
    d.deliveredOctets += duplicateAck(tcb);
  }
  d.marked = echoesMark(tcb, seg);
  d.echoUs = echoAgeUs(tcb, seg, c.context.nowMs);
  if (d.ackedOctets === 0 && !d.duplicate && !d.dsack && !d.marked) {
    if (loss !== undefined && isDuplicate(tcb, seg)) tlpRefuted(tcb, loss);
    return;
  }
  if (d.deliveredOctets > 0) {
    tcb.delivered = add(tcb.delivered, d.deliveredOctets);
    tcb.deliveredUs = nowUs;
  }
  const rttUs = measure(c, tcb, seg, d);
  if (loss !== undefined) {
    if (rttUs > 0) noteMinRtt(tcb, rttUs, c.context.nowMs);
    recoveryStep(c, tcb, loss, seg, d, flight);
    sampleAck(c, tcb, loss, d, rttUs, flight);
  }
  restartTimers(c, tcb, loss, d);
  c.markDirty(tcb);
}

/** Nothing is under way. All that may be told is that what went again had arrived before (RFC 2883, RFC 8985 7.4.2). */
function toldAfterwards(c: Connections, tcb: Tcb, seg: Segment): void {
  const { loss } = tcb;
  if (loss === undefined || !tcb.sackPermitted) return;
  const d = c.delivery;
  d.clear(c.context.nowUs, loss.fack, tcb.recover);
  if (seg.options.sackCount > 0) sackArrives(c, tcb, loss, seg, d);
  if (d.dsack) undoAfterwards(c, tcb, loss);
  if (d.dsack || isDuplicate(tcb, seg)) tlpRefuted(tcb, loss);
}

function moveUna(c: Connections, tcb: Tcb, seg: Segment, d: Delivery): void {
  const acked = diff(seg.ack, tcb.sndUna);
  d.ackedOctets = acked;
  tcb.bytesAcked += acked;
  c.arrived += acked;
  // RFC 4861 7.3.1: the way there works, its first station included.
  tcb.path.confirm(c.context.nowMs);
  tcb.sent.acknowledge(seg.ack, d);
  tcb.sndUna = seg.ack;
  tcb.synAcked = true;
  tcb.retries = 0;
  tcb.softError = 0;
  // What duplicates told of was counted then.
  if (!tcb.sackPermitted) {
    d.deliveredOctets = ackAfterDuplicates(tcb, acked);
    // Without SACK nobody knows when the rest of it arrived.
    if (d.ambiguous) d.original = false;
  }
  keepNear(tcb);
  releaseText(c, tcb);
}

/**
 * The round trip, microseconds, or 0. MUST-18, Karn (R6298.6): what was sent again shows none, but by timestamps. A timeout that was
 * backed off stays so until something is measured (RFC 6298 section 5, note).
 */
function measure(c: Connections, tcb: Tcb, seg: Segment, d: Delivery): number {
  const { options, nowUs, nowMs } = c.context;
  // With SACK, what was sent once and is acknowledged now came lately, even when something sent twice lies beside it.
  let rttUs = d.ambiguous && !tcb.sackPermitted ? 0 : d.rttUs;
  if (rttUs === 0) rttUs = d.sackRttUs;
  if (rttUs === 0 && d.ambiguous) rttUs = echoedRttUs(tcb, seg, nowMs, nowUs, d.resentUs);
  if (rttUs > 0) takeRttSample(tcb, rttUs, options);
  return rttUs;
}

/** RFC 6298 5.2 and 5.3; RFC 8985 7.2. R6298.8, R6298.9. */
function restartTimers(c: Connections, tcb: Tcb, loss: LossRecord | undefined, d: Delivery): void {
  if (tcb.sent.empty) {
    c.forgetSent(tcb);
    c.disarm(tcb, TIMER_RETRANSMIT);
    c.disarm(tcb, TIMER_LOSS);
    if (loss !== undefined) {
      loss.reorderWait = false;
      quietBegins(c, tcb);
    }
    return;
  }
  if (d.ackedOctets > 0) c.arm(tcb, TIMER_RETRANSMIT, add(c.context.nowMs, tcb.rtoMs));
  if (loss !== undefined) tlpSchedule(c, tcb, loss);
}

/**
 * 3.10.7.4, fifth: the send window follows the newest segment that says so. MUST-34: it may shrink. `news`: it acknowledged
 * something new, so it is newer than what we know even when its text is a repetition (as Linux): the edge must not move
 * with SND.UNA alone.
 */
export function updateSendWindow(c: Connections, tcb: Tcb, seg: Segment, news: boolean): void {
  if (before(seg.ack, tcb.sndUna)) return;
  const newer =
    news || before(tcb.sndWl1, seg.seq) || (tcb.sndWl1 === seg.seq && !after(tcb.sndWl2, seg.ack));
  if (!newer) return;
  const wnd = seg.unscaled ? seg.wnd : seg.wnd << tcb.sndScale;
  tcb.sndWl1 = seg.seq;
  tcb.sndWl2 = seg.ack;
  // MUST-37: a peer that answers, if only to say that its window is shut, is alive.
  tcb.probes = 0;
  if (wnd === tcb.sndWnd) return;
  tcb.sndWnd = wnd;
  if (wnd > tcb.sndWndMax) tcb.sndWndMax = wnd;
  c.markDirty(tcb);
}

/** RFC 5681 section 2: nothing new, nothing in it, nothing else it could mean. */
function isDuplicate(tcb: Tcb, seg: Segment): boolean {
  return (
    seg.ack === tcb.sndUna &&
    seg.textLength === 0 &&
    !seg.has(TCP_FIN) &&
    seg.wnd << tcb.sndScale === tcb.sndWnd
  );
}

/** Octets acknowledged are done with; SYN and FIN have a number, but no octet. */
function releaseText(c: Connections, tcb: Tcb): void {
  const { sendBuffer } = tcb;
  if (sendBuffer === undefined) return;
  const upTo = earlier(tcb.sndUna, sendBuffer.end);
  if (!after(upTo, sendBuffer.start)) return;
  sendBuffer.release(upTo);
  if (sendBuffer.freed.size > 0) c.notify(tcb, EVENT_RELEASED);
  if (tcb.wantsRoom) {
    growSendLimit(tcb);
    if (sendBuffer.length * 2 <= tcb.sendLimit) {
      tcb.wantsRoom = false;
      c.notify(tcb, EVENT_WRITABLE);
    }
  }
  if (sendBuffer.idle) c.restText(tcb);
}

/**
 * Send autotuning: an application that would give more gets room for two windows, one under way and one that waits, and one
 * more for what a recovery holds back. Linux tcp_sndbuf_expand.
 */
function growSendLimit(tcb: Tcb): void {
  const wanted = WINDOWS_KEPT * tcb.cwnd;
  if (wanted > tcb.sendLimit) tcb.sendLimit = Math.max(tcb.sendLimit, Math.min(tcb.sendLimitMax, wanted));
}

/** Marks that lie behind SND.UNA mean nothing, and must not wrap round to mean something. */
function keepNear(tcb: Tcb): void {
  const { sndUna, loss } = tcb;
  if (before(tcb.sndSml, sndUna)) tcb.sndSml = sndUna;
  if (loss !== undefined) {
    loss.fack = later(loss.fack, sndUna);
    loss.usageSeq = later(loss.usageSeq, sndUna);
    if (!loss.tlpOut) loss.tlpEnd = sndUna;
  }
  if (tcb.recovery === RECOVERY_NONE && after(sndUna, tcb.recover)) tcb.recover = (sndUna - 1) | 0;
  if (!after(tcb.sndUp, sndUna)) {
    tcb.sndUp = sndUna;
    tcb.sndUrgent = false;
  }
}
