// The delayed acknowledgment: RFC 9293 3.8.6.3, RFC 5681 4.2. MUST-40: 40 ms are less than half a second.

import { C } from '../../contract/counters.ts';
import { EVENT_WRITABLE } from '../../contract/events.ts';
import type { Connections } from '../connections.ts';
import type { Tcb } from '../tcb.ts';

export function delayedAckFires(c: Connections, tcb: Tcb): void {
  if (tcb.segmentsUnacked > 0) {
    c.context.stats.counters[C.TcpExtDelayedACKs]++;
    tcb.ackNow = true;
  }
  // Or there was no packet to send something with: then this is the time to try again.
  c.markDirty(tcb);
  if (tcb.starving) {
    tcb.starving = false;
    tcb.wantsRoom = false;
    c.notify(tcb, EVENT_WRITABLE);
  }
}
