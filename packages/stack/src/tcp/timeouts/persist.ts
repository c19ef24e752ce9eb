// The persist timer: RFC 9293 3.8.6.1. Text waits, nothing is outstanding, and the window does not let it go.

import { add, diff } from '../../base/int.ts';
import { C } from '../../contract/counters.ts';
import { ETIMEDOUT } from '../../contract/errno.ts';
import type { Connections } from '../connections.ts';
import { PROBE_EMPTY, type Tcb, TIMER_PERSIST } from '../tcb.ts';

/** SHLD-29: the first probe comes after one RTO. */
export function startPersist(c: Connections, tcb: Tcb): void {
  tcb.persistBackoff = 0;
  tcb.persistSinceMs = c.context.nowMs;
  armPersist(c, tcb);
}

/** SHLD-30: the next ones ever later, answered or not. */
function armPersist(c: Connections, tcb: Tcb): void {
  const { options, nowMs } = c.context;
  const wait = Math.min(options.tcpRtoMaxMs, tcb.rtoMs * 2 ** Math.min(tcb.persistBackoff, 16));
  c.arm(tcb, TIMER_PERSIST, add(nowMs, wait));
}

export function persistFires(c: Connections, tcb: Tcb): void {
  const { options, stats, nowMs } = c.context;
  if (tcb.outstanding > 0 || diff(tcb.sndEnd, tcb.sndNxt) + (tcb.finQueued ? 1 : 0) <= 0) return;
  if (tcb.sndWnd > 0) {
    // 3.8.6.2.1, rule 4: too little room for a segment, for too long. What fits goes.
    tcb.pushSmall = true;
    c.markDirty(tcb);
    return;
  }
  // MUST-37: as long as the peer answers (`probes` goes back to 0) this goes on for ever.
  const silentMs = Math.min(diff(nowMs, tcb.lastReceivedMs), diff(nowMs, tcb.persistSinceMs));
  const silent = tcb.userTimeoutMs > 0 && silentMs >= tcb.userTimeoutMs;
  if (silent || tcb.probes >= options.tcpRetries) {
    stats.counters[C.TcpExtTCPAbortOnTimeout]++;
    c.finish(tcb, ETIMEDOUT);
    return;
  }
  tcb.probes++;
  tcb.persistBackoff++;
  tcb.probe = PROBE_EMPTY;
  stats.counters[C.TcpExtTCPWinProbe]++;
  armPersist(c, tcb);
  c.markDirty(tcb);
}
