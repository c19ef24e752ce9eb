// RFC 9293 3.10.7.4, second: the RST bit, with the three places of RFC 5961 section 3. SHLD-2: text in it is ignored. R5961.1.

import { NONE } from '../../base/index-pool.ts';
import { C } from '../../contract/counters.ts';
import { ECONNREFUSED, ECONNRESET, OK } from '../../contract/errno.ts';
import { R } from '../../contract/reasons.ts';
import { TCP_RST } from '../../wire/tcp.ts';
import type { Connections } from '../connections.ts';
import { CONTINUE, type Segment } from '../segment.ts';
import { CLOSE_WAIT, CLOSING, ESTABLISHED, LAST_ACK, SYN_RECEIVED, TIME_WAIT } from '../state.ts';
import type { Tcb } from '../tcb.ts';
import { challenge } from './challenge.ts';

export function resetArrives(c: Connections, tcb: Tcb, seg: Segment): number {
  if (!seg.has(TCP_RST)) return CONTINUE;
  // RFC 1337, F1: an old RST must not open the tuple to old text before its time.
  if (tcb.state === TIME_WAIT && c.context.options.tcpRfc1337) return seg.drop(R.TCP_RST_TIME_WAIT);
  // In the window, but not at its edge: whoever means it will say so exactly (RFC 5961 3.2).
  if (seg.seq !== tcb.rcvNxt) return challenge(c, tcb, seg, R.TCP_RST_CHALLENGED);
  const { counters } = c.context.stats;
  switch (tcb.state) {
    case SYN_RECEIVED:
      counters[C.TcpAttemptFails]++;
      // MUST-11: a passive open goes back to LISTEN, which the listener never left; an active one was refused.
      c.finish(tcb, tcb.listenerId === NONE ? ECONNREFUSED : OK);
      return CONTINUE;
    case CLOSING:
    case LAST_ACK:
    case TIME_WAIT:
      // Both ends had said all they wanted to; but what the peer had not got of it is lost (MUST-12).
      c.finish(tcb, tcb.queued > 0 ? ECONNRESET : OK);
      return CONTINUE;
    default:
      if (tcb.state === ESTABLISHED || tcb.state === CLOSE_WAIT) counters[C.TcpEstabResets]++;
      // MUST-12: the application learns that this was no end, but an abort.
      c.finish(tcb, ECONNRESET);
      return CONTINUE;
  }
}
