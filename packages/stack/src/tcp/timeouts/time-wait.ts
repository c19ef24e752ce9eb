// TIME-WAIT: 2MSL (RFC 9293 3.6.1, 3.10.8), and the patience of an orphan in FIN-WAIT-2. How they begin and how they end.

import { add } from '../../base/int.ts';
import { C } from '../../contract/counters.ts';
import { EVENT_FINISHED } from '../../contract/events.ts';
import type { Connections } from '../connections.ts';
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

export function timeWaitFires(c: Connections, tcb: Tcb): void {
  c.finish(tcb, 0);
}
