// Header prediction (Van Jacobson): the two segments that nearly all are. A pure ACK of something new, and the next text
// with nothing new to acknowledge. It does what the eight steps would do, in fewer questions; a property says so.

import { after, before, diff } from '../../base/int.ts';
import { C } from '../../contract/counters.ts';
import { TCP_ACK, TCP_PSH } from '../../wire/tcp.ts';
import type { Connections } from '../connections.ts';
import { updateTsRecent } from '../loss/timestamps.ts';
import type { Segment } from '../segment.ts';
import { ESTABLISHED } from '../state.ts';
import { RECOVERY_NONE, type Tcb } from '../tcb.ts';
import { acknowledge } from './acknowledge.ts';
import { textArrives } from './step7-text.ts';

/** The verdict, or -1: not one of them. */
export function fastPath(c: Connections, tcb: Tcb, seg: Segment): number {
  if (tcb.state !== ESTABLISHED || !c.context.options.tcpFastPath) return -1;
  if ((seg.flags & ~TCP_PSH) !== TCP_ACK || seg.seq !== tcb.rcvNxt || tcb.finPending) return -1;
  if (seg.wnd << tcb.sndScale !== tcb.sndWnd || tcb.sndWnd === 0) return -1;
  if (tcb.timestamps && (!seg.options.timestamps || before(seg.options.tsVal, tcb.tsRecent))) return -1;
  if (before(seg.ack, tcb.sndUna) || after(seg.ack, tcb.sndNxt)) return -1;
  if (seg.textLength === 0) return pureAck(c, tcb, seg);
  if (seg.ack !== tcb.sndUna || seg.textLength > tcb.rcvWnd || seg.options.sackCount > 0) return -1;
  c.context.stats.counters[C.TcpExtTCPHPHits]++;
  updateTsRecent(tcb, seg, c.context);
  windowSeen(tcb, seg);
  return textArrives(c, tcb, seg);
}

function pureAck(c: Connections, tcb: Tcb, seg: Segment): number {
  if (seg.ack === tcb.sndUna || tcb.recovery !== RECOVERY_NONE || diff(tcb.rcvAdv, tcb.rcvNxt) <= 0)
    return -1;
  c.context.stats.counters[C.TcpExtTCPHPAcks]++;
  updateTsRecent(tcb, seg, c.context);
  acknowledge(c, tcb, seg);
  windowSeen(tcb, seg);
  return 0;
}

/** The window it carries is the one we know; it is the newest that says so. */
function windowSeen(tcb: Tcb, seg: Segment): void {
  if (after(tcb.sndWl1, seg.seq) || (tcb.sndWl1 === seg.seq && after(tcb.sndWl2, seg.ack))) return;
  tcb.sndWl1 = seg.seq;
  tcb.sndWl2 = seg.ack;
  tcb.probes = 0;
}
