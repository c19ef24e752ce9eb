// TIME-WAIT: 2MSL (RFC 9293 3.6.1, 3.10.8), and the patience of an orphan in FIN-WAIT-2. How they begin and how they end.

import { add, after, diff } from '../../base/int.ts';
import { C } from '../../contract/counters.ts';
import { EVENT_FINISHED } from '../../contract/events.ts';
import type { Options } from '../../options.ts';
import { TCP_ACK, TCP_RST, TCP_SYN } from '../../wire/tcp.ts';
import type { Connections } from '../connections.ts';
import type { Segment } from '../segment.ts';
import { setState, TIME_WAIT } from '../state.ts';
import { type Tcb, TIMER_TIME_WAIT } from '../tcb.ts';

/** FIN-WAIT-2 without an application to read would wait for ever for a peer that never closes (Linux tcp_fin_timeout). */
export function enterFinWait2(c: Connections, tcb: Tcb): void {
  if (!tcb.receiveClosed) return;
  c.arm(tcb, TIMER_TIME_WAIT, add(c.context.nowMs, c.context.options.tcpFinWait2Ms));
}

/** MUST-13: 2MSL. All other timers stop; the application is done. */
export function enterTimeWait(c: Connections, tcb: Tcb): void {
  setState(tcb, TIME_WAIT);
  tcb.timers = 0;
  c.context.stats.counters[C.TcpExtTW]++;
  c.arm(tcb, TIMER_TIME_WAIT, add(c.context.nowMs, c.context.options.tcpTimeWaitMs));
  c.notify(tcb, EVENT_FINISHED);
  c.markDirty(tcb);
}

/**
 * MAY-2, SHLD-4 (RFC 6191 section 2): the SYN cannot be an old one, so the connection in TIME-WAIT may have a successor.
 *
 *   timestamps then, and now      the newer timestamp; the same one with a greater sequence number
 *   then, but not now; never      a greater sequence number
 *   not then, but now             always: no old SYN had one (Linux asks for a greater sequence number)
 */
export function maySucceed(tcb: Tcb, seg: Segment, options: Options): boolean {
  if (!seg.has(TCP_SYN) || seg.has(TCP_ACK) || seg.has(TCP_RST)) return false;
  const greater = after(seg.seq, tcb.rcvNxt);
  if (!seg.options.timestamps || !options.tcpTimestamps) return greater;
  if (!tcb.timestamps) return true;
  const age = diff(seg.options.tsVal, tcb.tsRecent);
  return age > 0 || (age === 0 && greater);
}

/** The first sequence number of a successor: beyond any window that the old incarnation was offered without scaling, as Linux. */
export function issBeyond(tcb: Tcb): number {
  return (tcb.sndNxt + 65_535 + 2) | 0;
}

export function timeWaitFires(c: Connections, tcb: Tcb): void {
  c.finish(tcb, 0);
}
