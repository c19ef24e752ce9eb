// The handshake is over: a connection begins its life. RFC 9293 3.5, RFC 6298 5.7.

import { before } from '../base/int.ts';
import type { Connections } from './connections.ts';
import { ESTABLISHED, setState } from './state.ts';
import { updateMss } from './synchronize.ts';
import { type Tcb, TIMER_RETRANSMIT } from './tcb.ts';
import { startKeepAlive } from './timeouts/keep-alive.ts';

/** Our SYN is acknowledged. */
export function establish(c: Connections, tcb: Tcb): void {
  const { options, nowMs } = c.context;
  setState(tcb, ESTABLISHED);
  tcb.retries = 0;
  updateMss(tcb);
  // RFC 6298 5.7: after a SYN that was lost nobody knows the path.
  if (tcb.srttUs === 0) tcb.rtoMs = Math.max(options.tcpRtoInitialMs, tcb.synsLost > 0 ? 3000 : 0);
  tcb.quickAcks = options.tcpQuickAcks;
  tcb.tuneUs = c.context.nowUs;
  tcb.lastReceivedMs = nowMs;
  if (!before(tcb.sndUna, tcb.sndNxt)) c.disarm(tcb, TIMER_RETRANSMIT);
  startKeepAlive(c, tcb);
}
