// Header prediction (Van Jacobson): the segments that nearly all are. A pure ACK of something new, and the next text, which in
// a conversation acknowledges something new, too. It does what the eight steps would do, in fewer questions; a property says so.

import { after, before } from '../../base/int.ts';
import { C } from '../../contract/counters.ts';
import { TCP_ACK, TCP_PSH } from '../../wire/tcp.ts';
import type { Connections } from '../connections.ts';
import { updateTsRecent } from '../loss/timestamps.ts';
import { CONTINUE, type Segment } from '../segment.ts';
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
  const news = seg.ack !== tcb.sndUna;
  if (news && tcb.recovery !== RECOVERY_NONE) return -1;
  const { counters } = c.context.stats;
  if (seg.textLength === 0) {
    if (!news || tcb.rcvWnd <= 0) return -1;
    counters[C.TcpExtTCPHPAcks]++;
  } else {
    if (seg.textLength > tcb.rcvWnd || seg.options.sackCount > 0) return -1;
    counters[C.TcpExtTCPHPHits]++;
  }
  updateTsRecent(tcb, seg, c.context);
  if (news) acknowledge(c, tcb, seg);
  windowSeen(tcb, seg, news);
  return seg.textLength === 0 ? CONTINUE : textArrives(c, tcb, seg);
}

/** The window it carries is the one we know; it is the newest that says so. */
function windowSeen(tcb: Tcb, seg: Segment, news: boolean): void {
  const old = after(tcb.sndWl1, seg.seq) || (tcb.sndWl1 === seg.seq && after(tcb.sndWl2, seg.ack));
  if (old && !news) return;
  tcb.sndWl1 = seg.seq;
  tcb.sndWl2 = seg.ack;
  tcb.probes = 0;
}
