// What left is written down: ranges, the timer, and what the delivery rate, pacing and the reduction of the window reckon with.

import { add, diff } from '../../base/int.ts';
import { C } from '../../contract/counters.ts';
import type { SentRange } from '../buffers/sent-range.ts';
import { NOTHING_SENT } from '../buffers/sent-ranges.ts';
import type { Connections } from '../connections.ts';
import type { LossRecord } from '../loss/record.ts';
import { undoResent } from '../loss/undo.ts';
import { RECOVERY_FAST, RECOVERY_LOSS, type Tcb, TIMER_RETRANSMIT } from '../tcb.ts';
import { isRunning } from '../timers.ts';
import { paced } from './pacing.ts';

/** [seq, end) left for the first time. */
export function noteSent(c: Connections, tcb: Tcb, seq: number, end: number): void {
  const { nowUs, nowMs } = c.context;
  if (tcb.sent === NOTHING_SENT) tcb.sent = c.sentStore.take();
  const range = tcb.sent.append(seq, end, nowUs, nowMs);
  if (tcb.loss !== undefined) stamp(c, tcb, tcb.loss, range, diff(end, seq));
  noteSending(c, tcb);
}

/** The range at `place` left again. */
export function noteResent(c: Connections, tcb: Tcb, place: number): void {
  const { stats, nowUs, nowMs } = c.context;
  const { counters } = stats;
  const range = tcb.sent.at(place);
  const segments = Math.max(1, Math.ceil(range.length / tcb.mss));
  counters[C.TcpRetransSegs] += segments;
  if (tcb.recovery === RECOVERY_FAST) counters[C.TcpExtTCPFastRetrans]++;
  else if (tcb.recovery === RECOVERY_LOSS) counters[C.TcpExtTCPSlowStartRetrans]++;
  tcb.sent.resent(range, nowUs);
  if (tcb.loss !== undefined) {
    tcb.loss.resentSegments += segments;
    tcb.loss.resentBytes += range.length;
    undoResent(tcb, tcb.loss, range.length, nowMs);
    stamp(c, tcb, tcb.loss, range, range.length);
  }
  noteSending(c, tcb);
  // What stands first is waited for from now on (Linux).
  if (place === 0) c.arm(tcb, TIMER_RETRANSMIT, add(nowMs, tcb.rtoMs));
}

/** RFC 6298 5.1: the timer runs while something is outstanding. R6298.7. */
function noteSending(c: Connections, tcb: Tcb): void {
  const { nowMs } = c.context;
  tcb.lastSentMs = nowMs;
  if (!isRunning(tcb, TIMER_RETRANSMIT)) c.arm(tcb, TIMER_RETRANSMIT, add(nowMs, tcb.rtoMs));
}

function stamp(c: Connections, tcb: Tcb, loss: LossRecord, range: SentRange, octets: number): void {
  range.delivered = tcb.delivered;
  range.deliveredUs = tcb.deliveredUs;
  range.firstSentUs = loss.firstSentUs;
  range.appLimited = loss.appLimited;
  loss.prrOut += octets;
  paced(c, tcb, loss, octets);
}
