// RFC 9293 3.10.7.4, eighth: the FIN bit, and what the end of the peer's stream makes of each state.

import { add } from '../../base/int.ts';
import { EVENT_ENDED, EVENT_READABLE } from '../../contract/events.ts';
import { TCP_FIN } from '../../wire/tcp.ts';
import type { Connections } from '../connections.ts';
import { CONTINUE, type Segment } from '../segment.ts';
import {
  CLOSE_WAIT,
  CLOSING,
  ESTABLISHED,
  FIN_WAIT_1,
  FIN_WAIT_2,
  mayReceive,
  setState,
  TIME_WAIT,
} from '../state.ts';
import { type Tcb, TIMER_TIME_WAIT } from '../tcb.ts';
import { enterTimeWait } from '../timeouts/time-wait.ts';

export function finArrives(c: Connections, tcb: Tcb, seg: Segment): number {
  if (seg.has(TCP_FIN)) {
    if (!mayReceive(tcb.state)) return again(c, tcb);
    if (!tcb.finPending) {
      tcb.finPending = true;
      tcb.finSeq = add(seg.end, -1);
    }
  }
  if (tcb.finPending && tcb.finSeq === tcb.rcvNxt && mayReceive(tcb.state)) streamEnds(c, tcb);
  else if (seg.has(TCP_FIN) && seg.textLength <= 0) {
    // RFC 5681 4.2: out of order, it is answered at once. With text it was.
    tcb.ackNow = true;
    c.markDirty(tcb);
  }
  return CONTINUE;
}

/** A FIN where none can be new: in TIME-WAIT it starts the wait again; everywhere it is acknowledged again. */
function again(c: Connections, tcb: Tcb): number {
  if (tcb.state === TIME_WAIT) {
    c.arm(tcb, TIMER_TIME_WAIT, add(c.context.nowMs, c.context.options.tcpTimeWaitMs));
  }
  tcb.ackNow = true;
  c.markDirty(tcb);
  return CONTINUE;
}

/** RCV.NXT reached the FIN: it is acknowledged, and the application hears of the end once it has read all. */
function streamEnds(c: Connections, tcb: Tcb): void {
  // MUST-58: the text before it may have filled a gap, whose ACK is owed: it says all, and no second follows.
  const owed = tcb.acksOwed;
  if (owed !== undefined && owed.at(-1) === tcb.rcvNxt) owed[owed.length - 1] = add(tcb.rcvNxt, 1);
  tcb.rcvNxt = add(tcb.rcvNxt, 1);
  tcb.finPending = false;
  tcb.finReceived = true;
  tcb.ackNow = true;
  c.markDirty(tcb);
  c.notify(tcb, EVENT_READABLE | EVENT_ENDED);
  switch (tcb.state) {
    case ESTABLISHED:
      setState(tcb, CLOSE_WAIT);
      return;
    case FIN_WAIT_1:
      // Our FIN is not acknowledged yet, or step five had made it FIN-WAIT-2.
      setState(tcb, CLOSING);
      return;
    case FIN_WAIT_2:
      enterTimeWait(c, tcb);
  }
}
