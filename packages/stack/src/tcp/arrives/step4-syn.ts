// RFC 9293 3.10.7.4, fourth: the SYN bit. In synchronized states it is challenged, whatever its number (RFC 5961 4.2). R5961.2.

import { NONE } from '../../base/index-pool.ts';
import { C } from '../../contract/counters.ts';
import { R } from '../../contract/reasons.ts';
import { TCP_SYN } from '../../wire/tcp.ts';
import type { Connections } from '../connections.ts';
import { CONTINUE, type Segment } from '../segment.ts';
import { SYN_RECEIVED } from '../state.ts';
import type { Tcb } from '../tcb.ts';
import { challenge } from './challenge.ts';

export function synArrives(c: Connections, tcb: Tcb, seg: Segment): number {
  if (!seg.has(TCP_SYN)) return CONTINUE;
  if (tcb.state === SYN_RECEIVED && tcb.listenerId !== NONE) {
    // A passive open returns to LISTEN: the half-open connection is forgotten, the next SYN is a new one's.
    c.finish(tcb, 0);
    return seg.drop(R.TCP_SYN_RECEIVED_SYN);
  }
  c.context.stats.counters[C.TcpExtTCPSYNChallenge]++;
  return challenge(c, tcb, seg, R.TCP_SYN_CHALLENGED);
}
