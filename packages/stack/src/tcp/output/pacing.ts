// Pacing: what leaves is spread over the round trip, in bursts of a millisecond; one packet has max(2 MSS, rate * 1 ms) at most. RFC 9293 is silent; RFC 9002 7.7 says why,
// Linux's internal pacing (tcp_pacing_ss_ratio 200 %, tcp_pacing_ca_ratio 120 %) says how much.

import { add, diff } from '../../base/int.ts';
import type { Connections } from '../connections.ts';
import type { LossRecord } from '../loss/record.ts';
import { type Tcb, TIMER_PACING } from '../tcb.ts';

const SLOW_START_RATIO = 2;
const AVOIDANCE_RATIO = 1.2;
/** One burst, and what a late timer may make up for. */
const BURST_US = 1000;
const CREDIT_US = 2000;
/** The initial window goes at once (Linux sch_fq, RFC 6928). */
const UNPACED_SEGMENTS = 10;

/** Octets a second, or 0: no limit. */
function rate(tcb: Tcb, paces: boolean): number {
  const { controller } = tcb;
  if (controller === undefined) return 0;
  if (controller.pacingRate > 0) return controller.pacingRate;
  // Within two bursts the whole window would be out: nothing to spread. A path shorter than a burst is a device's: what its
  // round trip grows to is a queue that no switch drops from, or a process that waits for its CPU.
  if (!paces || tcb.srttUs <= 2 * BURST_US || tcb.minRttUs < BURST_US) return 0;
  const ratio = tcb.cwnd < controller.ssthresh >> 1 ? SLOW_START_RATIO : AVOIDANCE_RATIO;
  return (ratio * Math.max(tcb.cwnd, tcb.pipe) * 1_000_000) / tcb.srttUs;
}

/** Octets that one packet may have: `largest`, or the burst. */
export function burstOctets(c: Connections, tcb: Tcb, largest: number): number {
  const { mss } = tcb;
  if (largest <= 2 * mss) return largest;
  const perSecond = rate(tcb, c.context.options.tcpPacing);
  if (perSecond === 0) return largest;
  const burst = Math.max(2 * mss, (perSecond * BURST_US) / 1_000_000);
  return Math.min(largest, burst - (burst % mss));
}

/** True: not yet. TIMER_PACING comes when it may. */
export function mustWait(c: Connections, tcb: Tcb, loss: LossRecord): boolean {
  const { nowUs, nowMs } = c.context;
  const waitUs = diff(loss.nextSendUs, nowUs);
  if (waitUs <= 0 || loss.sentOctets < UNPACED_SEGMENTS * tcb.mss) return false;
  if (rate(tcb, c.context.options.tcpPacing) === 0) return false;
  c.arm(tcb, TIMER_PACING, add(nowMs, Math.ceil(waitUs / 1000)));
  return true;
}

/** `octets` left. */
export function paced(c: Connections, tcb: Tcb, loss: LossRecord, octets: number): void {
  if (loss.sentOctets < UNPACED_SEGMENTS * tcb.mss) loss.sentOctets += octets;
  const perSecond = rate(tcb, c.context.options.tcpPacing);
  const { nowUs } = c.context;
  if (perSecond === 0) {
    loss.nextSendUs = nowUs;
    return;
  }
  const from = diff(nowUs, loss.nextSendUs) > CREDIT_US ? add(nowUs, -CREDIT_US) : loss.nextSendUs;
  loss.nextSendUs = add(from, Math.min(BURST_MAX_US, Math.round((octets * 1_000_000) / perSecond)));
}

/** No single packet stops a connection for longer, whatever rate was measured. */
const BURST_MAX_US = 1_000_000;
