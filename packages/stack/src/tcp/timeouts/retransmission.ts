// The retransmission timeout: RFC 9293 3.8.1, 3.10.8; RFC 6298 section 5. Nothing is sent here: what was sent is taken
// for lost, and the output sends it again as the window lets it. MUST-20, MUST-22: R1 and R2 are in user.ts.

import { add } from '../../base/int.ts';
import { C } from '../../contract/counters.ts';
import type { Connections } from '../connections.ts';
import { beginLoss } from '../loss/recovery.ts';
import { backOff } from '../loss/rtt.ts';
import { SYN_RECEIVED, SYN_SENT } from '../state.ts';
import { type Tcb, TIMER_LOSS, TIMER_RETRANSMIT } from '../tcb.ts';
import { givesUp } from './user.ts';

export function retransmissionFires(c: Connections, tcb: Tcb): void {
  const { options, nowMs, stats } = c.context;
  if (tcb.held) {
    // Nobody decided in time; the peer will ask again, or not.
    c.finish(tcb, 0);
    return;
  }
  if (tcb.sent.empty) return;
  stats.counters[C.TcpExtTCPTimeouts]++;
  if (givesUp(c, tcb)) return;
  const again = tcb.retries > 0;
  tcb.retries++;
  // RFC 6298 5.5 and 5.6 (R6298.10)
  backOff(tcb, options);
  if (tcb.state === SYN_SENT || tcb.state === SYN_RECEIVED) tcb.synsLost++;
  beginLoss(c, tcb, again);
  c.disarm(tcb, TIMER_LOSS);
  c.arm(tcb, TIMER_RETRANSMIT, add(nowMs, tcb.rtoMs));
  c.markDirty(tcb);
}
