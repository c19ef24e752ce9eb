// Timeouts, RFC 9293 3.10.8: which timer of a connection ran out, and whose file that is.

import { diff } from '../../base/int.ts';
import type { Connections } from '../connections.ts';
import { CLOSED } from '../state.ts';
import {
  type Tcb,
  TIMER_DELAYED_ACK,
  TIMER_KEEP_ALIVE,
  TIMER_LOSS,
  TIMER_PACING,
  TIMER_PERSIST,
  TIMER_RETRANSMIT,
  TIMER_TIME_WAIT,
} from '../tcb.ts';
import { clearDeadline, deadlineOf, earliest } from '../timers.ts';
import { delayedAckFires } from './delayed-ack.ts';
import { keepAliveFires } from './keep-alive.ts';
import { lossFires } from './loss.ts';
import { persistFires } from './persist.ts';
import { retransmissionFires } from './retransmission.ts';
import { timeWaitFires } from './time-wait.ts';

/** Lets every timer of this connection fire that is due, and enters its next deadline. */
export function timersOf(c: Connections, tcb: Tcb): void {
  const { nowMs } = c.context;
  for (let timer = earliest(tcb); timer >= 0; timer = earliest(tcb)) {
    if (diff(deadlineOf(tcb, timer), nowMs) > 0) break;
    clearDeadline(tcb, timer);
    fire(c, tcb, timer);
    if (tcb.state === CLOSED) return;
  }
  c.rearm(tcb);
}

function fire(c: Connections, tcb: Tcb, timer: number): void {
  switch (timer) {
    case TIMER_RETRANSMIT:
      retransmissionFires(c, tcb);
      return;
    case TIMER_PERSIST:
      persistFires(c, tcb);
      return;
    case TIMER_DELAYED_ACK:
      delayedAckFires(c, tcb);
      return;
    case TIMER_KEEP_ALIVE:
      keepAliveFires(c, tcb);
      return;
    case TIMER_LOSS:
      lossFires(c, tcb);
      return;
    case TIMER_PACING:
      c.markDirty(tcb);
      return;
    case TIMER_TIME_WAIT:
      timeWaitFires(c, tcb);
  }
}
