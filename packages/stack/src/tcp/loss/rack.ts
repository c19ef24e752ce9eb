// RACK: loss by time. RFC 8985 section 6. What left before something that arrived, and long enough before, is lost.

import { add, before, diff } from '../../base/int.ts';
import type { Connections } from '../connections.ts';
import { RECOVERY_FAST, RECOVERY_LOSS, type Tcb, TIMER_LOSS } from '../tcb.ts';
import { type Delivery, sentAfter } from './delivery.ts';
import type { LossRecord } from './record.ts';

/** RFC 5681 3.2; RFC 8985 6.2 step 4: so many segments beyond a hole, and it does not wait. R6675.2. */
const DUP_THRESHOLD = 3;
/** RFC 8985 6.2 step 4: recoveries for which a widened window stays. */
const PERSIST = 16;
const STEPS_MAX = 255;
/** Linux tcp_min_rtt_wlen. */
const MIN_RTT_WINDOW_MS = 300_000;

/** RFC 8985 6.2 step 1. */
export function noteMinRtt(tcb: Tcb, rttUs: number, nowMs: number): void {
  const { minRttUs } = tcb;
  if (minRttUs !== 0 && rttUs > minRttUs && diff(nowMs, tcb.minRttAtMs) < MIN_RTT_WINDOW_MS) return;
  tcb.minRttUs = rttUs;
  tcb.minRttAtMs = nowMs;
}

/** Steps 2 and 3: the range that left last among those that arrived, and whether they came in order. R8985.1. */
export function rackUpdate(tcb: Tcb, loss: LossRecord, d: Delivery): void {
  if (d.reordered) {
    loss.reorderingSeen = true;
    loss.reorderings++;
  }
  if (!d.any) return;
  const rttUs = diff(d.nowUs, d.sentUs);
  // It was sent again, and this answers what was sent first: RFC 8985 6.2 step 2. Timestamps count milliseconds.
  if (d.resent && (rttUs < tcb.minRttUs || d.echoUs > rttUs + 1000)) return;
  loss.rackRttUs = Math.max(1, rttUs);
  loss.rackAdvanced = true;
  if (sentAfter(d.sentUs, d.sentEnd, loss.rackUs, loss.rackEnd)) {
    loss.rackUs = d.sentUs;
    loss.rackEnd = d.sentEnd;
  }
}

/** Step 4: a DSACK says that the window was too small; once a round trip, and not for ever. */
export function rackDsack(tcb: Tcb, loss: LossRecord, d: Delivery): void {
  // What delivers nothing shows no round trip: it waits for the next that does (Linux).
  if (!loss.dsackSeen || !d.any) return;
  if (before(d.priorDelivered, loss.dsackRound)) {
    loss.dsackSeen = false;
    return;
  }
  loss.reoWndSteps = Math.min(STEPS_MAX, loss.reoWndSteps + 1);
  loss.dsackSeen = false;
  loss.dsackRound = tcb.delivered;
  loss.reoWndPersist = PERSIST;
}

/** A recovery ended. */
export function rackRecovered(loss: LossRecord): void {
  if (loss.reoWndPersist > 0 && --loss.reoWndPersist === 0) loss.reoWndSteps = 1;
}

/** RACK.reo_wnd, microseconds. R8985.2. */
function reorderingWindowUs(tcb: Tcb, loss: LossRecord): number {
  if (!loss.reorderingSeen) {
    if (tcb.recovery === RECOVERY_FAST || tcb.recovery === RECOVERY_LOSS) return 0;
    if (tcb.sent.sackedSegments >= DUP_THRESHOLD) return 0;
  }
  return Math.min((tcb.minRttUs >> 2) * loss.reoWndSteps, tcb.srttUs);
}

/**
 * Step 5 (R8985.3): marks what is lost; for the rest that may be, TIMER_LOSS asks again. Answers the octets marked. The work is
 * that of what it marks: it ends at the first range that left after the one that arrived.
 */
export function rackDetect(c: Connections, tcb: Tcb, loss: LossRecord): number {
  loss.rackAdvanced = false;
  if (tcb.sent.oldest === undefined && !loss.reorderWait) return 0;
  const { nowUs, nowMs } = c.context;
  const patienceUs = loss.rackRttUs + reorderingWindowUs(tcb, loss);
  const lostBefore = tcb.sent.lostOctets;
  let waitUs = 0;
  for (let range = tcb.sent.oldest; range !== undefined; ) {
    if (!sentAfter(loss.rackUs, loss.rackEnd, range.sentUs, range.end)) break;
    const next = range.newer;
    const remainingUs = patienceUs - diff(nowUs, range.sentUs);
    if (remainingUs <= 0) tcb.sent.markLost(range);
    else waitUs = Math.max(waitUs, remainingUs);
    range = next;
  }
  if (waitUs > 0) {
    loss.reorderWait = true;
    c.arm(tcb, TIMER_LOSS, add(nowMs, Math.ceil(waitUs / 1000)));
  } else if (loss.reorderWait) {
    loss.reorderWait = false;
    c.disarm(tcb, TIMER_LOSS);
  }
  return tcb.sent.lostOctets - lostBefore;
}

/**
 * What was sent so lately that a timeout proves nothing about it (Linux tcp_rack_skb_timeout): RACK would still wait for it.
 */
export function isRecent(tcb: Tcb, loss: LossRecord | undefined, sentUs: number, nowUs: number): boolean {
  if (loss === undefined || loss.rackRttUs === 0) return false;
  return diff(nowUs, sentUs) < loss.rackRttUs + reorderingWindowUs(tcb, loss);
}
