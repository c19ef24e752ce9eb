// RFC 9293 3.10.7.3: the answer to our SYN, or a SYN that crossed it.

import { after } from '../../base/int.ts';
import { C } from '../../contract/counters.ts';
import { ECONNREFUSED } from '../../contract/errno.ts';
import { EVENT_CONNECTED } from '../../contract/events.ts';
import { R } from '../../contract/reasons.ts';
import { TCP_ACK, TCP_RST, TCP_SYN } from '../../wire/tcp.ts';
import type { Connections } from '../connections.ts';
import { ecnReadSyn } from '../ecn.ts';
import { establish } from '../establish.ts';
import { CONTINUE, type Segment } from '../segment.ts';
import { SYN_RECEIVED, setState } from '../state.ts';
import { readSyn, updateMss } from '../synchronize.ts';
import type { Tcb } from '../tcb.ts';
import { acknowledge } from './acknowledge.ts';
import { urgentArrives } from './step6-urg.ts';
import { textArrives } from './step7-text.ts';
import { finArrives } from './step8-fin.ts';

export function synSentArrives(c: Connections, tcb: Tcb, seg: Segment): number {
  // first, check the ACK bit
  const acks = seg.has(TCP_ACK);
  if (acks && (!after(seg.ack, tcb.iss) || after(seg.ack, tcb.sndNxt))) {
    return seg.has(TCP_RST) ? seg.drop(R.TCP_BAD_ACK) : seg.reset(R.TCP_BAD_ACK);
  }
  // second, the RST bit: only an acknowledgment of our SYN makes it believable
  if (seg.has(TCP_RST)) {
    if (!acks) return seg.drop(R.TCP_RST_UNKNOWN);
    c.context.stats.counters[C.TcpAttemptFails]++;
    c.finish(tcb, ECONNREFUSED);
    return CONTINUE;
  }
  // third, security: nothing (3.A.1). fourth, the SYN bit; fifth, neither SYN nor RST
  if (!seg.has(TCP_SYN)) return seg.drop(R.TCP_NO_SYN);
  readSyn(tcb, seg, c.context);
  ecnReadSyn(c, tcb, seg);
  updateMss(tcb);
  if (!acks) return crossing(c, tcb);
  acknowledge(c, tcb, seg);
  establish(c, tcb);
  c.notify(tcb, EVENT_CONNECTED);
  tcb.ackNow = true;
  c.markDirty(tcb);
  // The rest of it, from the sixth step on, as in any other state.
  seg.cutFront(1);
  if (seg.len === 0) return CONTINUE;
  const beyond = seg.len - tcb.rcvWnd;
  if (beyond > 0) seg.cutBack(beyond);
  urgentArrives(c, tcb, seg);
  const verdict = textArrives(c, tcb, seg);
  return verdict === CONTINUE ? finArrives(c, tcb, seg) : verdict;
}

/** MUST-10, simultaneous open: our SYN goes again, with the acknowledgment of theirs. */
function crossing(c: Connections, tcb: Tcb): number {
  setState(tcb, SYN_RECEIVED);
  tcb.resendSyn = true;
  c.markDirty(tcb);
  return CONTINUE;
}
