// When to give up: RFC 9293 3.8.3 (R1 and R2), 3.10.8 user timeout, RFC 5482's meaning of it.

import { diff } from '../../base/int.ts';
import { C } from '../../contract/counters.ts';
import { ETIMEDOUT } from '../../contract/errno.ts';
import { EVENT_TROUBLE } from '../../contract/events.ts';
import type { Connections } from '../connections.ts';
import { isSynchronized, SYN_RECEIVED, SYN_SENT } from '../state.ts';
import type { Tcb } from '../tcb.ts';

/**
 * Called when the timer ran out `tcb.retries` times already. At R1 the route is looked up again and the application told
 * (MUST-20, SHLD-9, SHLD-10); beyond R2 the connection ends with the error that best explains the silence.
 */
export function givesUp(c: Connections, tcb: Tcb): boolean {
  const { options } = c.context;
  if (tcb.retries + 1 === options.tcpRetriesR1) {
    c.paths.reconsider(tcb.path);
    c.notify(tcb, EVENT_TROUBLE);
  }
  if (!isOver(c, tcb)) return false;
  c.context.stats.counters[C.TcpExtTCPAbortOnTimeout]++;
  if (tcb.state === SYN_SENT) c.context.stats.counters[C.TcpAttemptFails]++;
  c.finish(tcb, tcb.softError !== 0 ? tcb.softError : ETIMEDOUT);
  return true;
}

/** R2, SHLD-11: by count, or by the time that the application set (MUST-21, MUST-23). */
function isOver(c: Connections, tcb: Tcb): boolean {
  const { options, nowMs } = c.context;
  const { first } = tcb.sent;
  if (tcb.userTimeoutMs > 0) {
    // SHLD-17: a peer that answers, but has shut its window, is not silent.
    const shut = tcb.sndWnd === 0 && isSynchronized(tcb.state);
    const since = shut ? tcb.lastReceivedMs : (first?.firstSentMs ?? nowMs);
    return diff(nowMs, since) >= tcb.userTimeoutMs;
  }
  if (tcb.state === SYN_SENT) return tcb.retries >= options.tcpSynRetries;
  if (tcb.state === SYN_RECEIVED) return tcb.retries >= options.tcpSynAckRetries;
  if (tcb.sndWnd === 0 && diff(nowMs, tcb.lastReceivedMs) < options.tcpRtoMaxMs * 2) return false;
  return tcb.retries >= options.tcpRetries;
}
