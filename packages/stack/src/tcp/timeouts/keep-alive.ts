// Keep-alive: RFC 9293 3.8.4 (MAY-5). Off unless asked for (MUST-24, MUST-25); two hours by default (MUST-28).

import { add, diff } from '../../base/int.ts';
import { C } from '../../contract/counters.ts';
import { ETIMEDOUT } from '../../contract/errno.ts';
import type { Connections } from '../connections.ts';
import { CLOSE_WAIT, ESTABLISHED, FIN_WAIT_1, FIN_WAIT_2 } from '../state.ts';
import { PROBE_EMPTY, type Tcb, TIMER_KEEP_ALIVE } from '../tcb.ts';

/** By how much a wait may be longer: a 64th of it (Linux's timer wheel takes an eighth), and a second at most; powers of two. */
const SLACK_LOG = 6;
const SLACK_MAX_LOG = 10;

/** Starts the timer, if the application asked for it. */
export function startKeepAlive(c: Connections, tcb: Tcb): void {
  if (tcb.keepAliveIdleMs === 0) {
    c.disarm(tcb, TIMER_KEEP_ALIVE);
    return;
  }
  if (lives(tcb)) arm(c, tcb, tcb.keepAliveIdleMs, tcb.keepAliveIdleMs);
}

export function keepAliveFires(c: Connections, tcb: Tcb): void {
  const { nowMs, stats } = c.context;
  if (!lives(tcb)) return;
  const silentMs = diff(nowMs, tcb.lastReceivedMs);
  // MUST-26: only when nothing is outstanding, and nothing came for the whole interval.
  if (tcb.keepAlives === 0 && (tcb.outstanding > 0 || silentMs < tcb.keepAliveIdleMs)) {
    const rest = tcb.outstanding > 0 ? tcb.keepAliveIdleMs : tcb.keepAliveIdleMs - silentMs;
    arm(c, tcb, rest, tcb.keepAliveIdleMs);
    return;
  }
  // MUST-29: one probe that goes unanswered proves nothing.
  if (tcb.keepAlives >= tcb.keepAliveProbesMax) {
    stats.counters[C.TcpExtTCPAbortOnTimeout]++;
    c.finish(tcb, ETIMEDOUT);
    return;
  }
  tcb.keepAlives++;
  stats.counters[C.TcpExtTCPKeepAlive]++;
  // SHLD-12: without text. Its number was used before, so the peer must answer.
  tcb.probe = PROBE_EMPTY;
  arm(c, tcb, tcb.keepAliveIntervalMs, tcb.keepAliveIntervalMs);
  c.markDirty(tcb);
}

/**
 * In `waitMs`, or a little later: at the next of the moments that all who wait for about `ofMs` share. A thousand
 * connections so wake the process a few times a second, and not each for itself.
 */
function arm(c: Connections, tcb: Tcb, waitMs: number, ofMs: number): void {
  const grainMs = 1 << Math.min(SLACK_MAX_LOG, Math.max(0, 31 - Math.clz32(ofMs) - SLACK_LOG));
  c.arm(tcb, TIMER_KEEP_ALIVE, add(c.context.nowMs, waitMs + grainMs - 1) & -grainMs);
}

function lives({ state }: Tcb): boolean {
  return state === ESTABLISHED || state === CLOSE_WAIT || state === FIN_WAIT_1 || state === FIN_WAIT_2;
}
