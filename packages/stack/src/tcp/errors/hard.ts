// Hard ICMP errors: RFC 9293 3.9.2.2. SHLD-26 would abort on unreachable 2 to 4; where a connection is synchronized we
// take them for soft, as RFC 5927 4.2 advises and Linux does: nobody but the peer ends what both ends agreed on.

import { C } from '../../contract/counters.ts';
import type { Connections } from '../connections.ts';
import { isSynchronized } from '../state.ts';
import type { Tcb } from '../tcb.ts';
import { softError } from './soft.ts';

export function hardError(c: Connections, tcb: Tcb, errno: number): void {
  if (isSynchronized(tcb.state)) {
    softError(c, tcb, errno);
    return;
  }
  c.context.stats.counters[C.TcpAttemptFails]++;
  c.finish(tcb, errno);
}
