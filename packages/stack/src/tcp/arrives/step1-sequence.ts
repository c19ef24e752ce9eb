// RFC 9293 3.10.7.4, first: is the segment acceptable? Before it, PAWS (RFC 7323 5.3). What sticks out is cut off. R7323.5, R7323.7.
//
//   SEG.LEN  RCV.WND
//      0        0     SEG.SEQ = RCV.NXT
//      0       >0     RCV.NXT =< SEG.SEQ < RCV.NXT+RCV.WND
//     >0        0     not acceptable
//     >0       >0     RCV.NXT =< SEG.SEQ < RCV.NXT+RCV.WND  or  RCV.NXT =< SEG.SEQ+SEG.LEN-1 < RCV.NXT+RCV.WND

import { NONE } from '../../base/index-pool.ts';
import { add, diff } from '../../base/int.ts';
import { C } from '../../contract/counters.ts';
import { R } from '../../contract/reasons.ts';
import { TCP_ACK, TCP_FIN, TCP_RST, TCP_SYN } from '../../wire/tcp.ts';
import type { Connections } from '../connections.ts';
import { failsPaws, updateTsRecent } from '../loss/timestamps.ts';
import { CONTINUE, type Segment } from '../segment.ts';
import { SYN_RECEIVED, TIME_WAIT } from '../state.ts';
import { type Tcb, TIMER_TIME_WAIT } from '../tcb.ts';
import { mayAnswer } from './challenge.ts';
import { noteAllRepeated, noteFrontRepeated } from './repeated.ts';
import { oweDuplicate } from './step7-text.ts';

export function checkSequence(c: Connections, tcb: Tcb, seg: Segment): number {
  const { context } = c;
  const reset = seg.has(TCP_RST);
  if (!reset && tcb.timestamps) {
    // RFC 7323 3.2: once agreed, a segment without timestamps is none of the peer's.
    if (!seg.options.timestamps) return seg.drop(R.TCP_NO_TIMESTAMP);
    if (failsPaws(tcb, seg, context)) {
      context.stats.counters[C.TcpExtPAWSEstab]++;
      return answerUnacceptable(c, tcb, seg, R.TCP_PAWS);
    }
  }
  if (tcb.state === SYN_RECEIVED && seg.has(TCP_SYN) && seg.seq === tcb.irs && !reset) {
    if (!seg.has(TCP_ACK)) return sameSyn(c, tcb, seg);
    // The SYN,ACK of a simultaneous open (3.5, figure 8), whose SYN we have: the rest of it counts.
    if (tcb.listenerId === NONE || seg.len > 1) seg.cutFront(1);
  }
  if (tcb.held && seg.has(TCP_SYN) && !seg.has(TCP_ACK) && !reset) {
    // Its peer has begun anew; what waits for an application must not answer. The next SYN is another request.
    c.finish(tcb, 0);
    return seg.drop(R.TCP_SYN_RECEIVED_SYN);
  }
  const { rcvWnd } = tcb;
  const from = diff(seg.seq, tcb.rcvNxt);
  const { len } = seg;
  // RFC 5961 3.2: a RST is judged by its own place, not by that of text behind it (MUST-66: at a zero window, too).
  if (reset) return isAcceptable(from, 0, rcvWnd) || from === 0 ? CONTINUE : seg.drop(R.TCP_OUT_OF_WINDOW);
  // Linux, BSD: who has filled our window, and lost it all, acknowledges from its right edge.
  const atEdge = len === 0 && from === rcvWnd;
  if (!isAcceptable(from, len, rcvWnd) && !atEdge) {
    // MUST-66: even at a zero window ACK, URG and RST count.
    if (rcvWnd !== 0 || from !== 0) return answerUnacceptable(c, tcb, seg, R.TCP_OUT_OF_WINDOW);
    context.stats.counters[C.TcpExtTCPZeroWindowDrop]++;
    seg.cutBack(len);
    tcb.ackNow = true;
    c.markDirty(tcb);
    return CONTINUE;
  }
  // "tailored segments": what we have, and what does not fit, is cut off.
  updateTsRecent(tcb, seg, context);
  // A SYN inside the window keeps its number: step four answers it.
  if (seg.has(TCP_SYN)) return CONTINUE;
  if (from < 0) {
    noteFrontRepeated(c, tcb, seg);
    seg.cutFront(-from);
    seg.repeats = true;
  }
  const beyond = diff(seg.end, add(tcb.rcvNxt, rcvWnd));
  if (beyond > 0) seg.cutBack(beyond);
  return CONTINUE;
}

function isAcceptable(from: number, len: number, rcvWnd: number): boolean {
  if (len === 0) return rcvWnd === 0 ? from === 0 : from >= 0 && from < rcvWnd;
  if (rcvWnd === 0) return false;
  const to = from + len - 1;
  return (from >= 0 && from < rcvWnd) || (to >= 0 && to < rcvWnd) || (from < 0 && to >= rcvWnd);
}

/** "An acknowledgment should be sent in reply (unless the RST bit is set)": where we stand. */
function answerUnacceptable(c: Connections, tcb: Tcb, seg: Segment, reason: number): number {
  // 3.10.7.4 eighth, TIME-WAIT: a FIN that comes again starts the wait again.
  if (tcb.state === TIME_WAIT && seg.has(TCP_FIN)) {
    c.arm(tcb, TIMER_TIME_WAIT, add(c.context.nowMs, c.context.options.tcpTimeWaitMs));
  }
  // What carries nothing may be the answer to an answer of ours (RFC 5961 section 5, Linux tcp_invalid_ratelimit).
  const silent = seg.textLength === 0 && !seg.has(TCP_FIN);
  if (silent && !mayAnswer(c, tcb)) return seg.drop(reason);
  if (silent || tcb.state === SYN_RECEIVED) return seg.dropAck(reason);
  if (diff(seg.end, tcb.rcvNxt) <= 0) noteAllRepeated(c, tcb, seg);
  // Each is a duplicate ACK that its sender may count, however many come in one batch.
  oweDuplicate(tcb);
  c.markDirty(tcb);
  return seg.drop(reason);
}

/** The SYN that made this record, once more: our answer was lost, and goes again. */
function sameSyn(c: Connections, tcb: Tcb, seg: Segment): number {
  if (!tcb.held) tcb.resendSyn = true;
  c.markDirty(tcb);
  return seg.drop(R.TCP_SYN_AGAIN);
}
