// CLOSE, RFC 9293 3.10.4, 3.6: "I have no more to send". MAY-1: with `closeBoth`, nor will I read.

import { C } from '../../contract/counters.ts';
import type { Connections } from '../connections.ts';
import {
  CLOSE_WAIT,
  CLOSED,
  ESTABLISHED,
  FIN_WAIT_1,
  FIN_WAIT_2,
  LAST_ACK,
  SYN_RECEIVED,
  SYN_SENT,
  setState,
} from '../state.ts';
import type { Tcb } from '../tcb.ts';
import { enterFinWait2 } from '../timeouts/time-wait.ts';
import { abort } from './abort.ts';

/** Half-close: a FIN follows what was given; receiving goes on. */
export function closeSending(c: Connections, tcb: Tcb): void {
  if (tcb.finQueued) return;
  switch (tcb.state) {
    case SYN_SENT:
      c.finish(tcb, 0);
      return;
    case SYN_RECEIVED:
    case ESTABLISHED:
      tcb.finQueued = true;
      setState(tcb, FIN_WAIT_1);
      break;
    case CLOSE_WAIT:
      tcb.finQueued = true;
      setState(tcb, LAST_ACK);
      break;
    default:
      return;
  }
  c.markDirty(tcb);
}

/**
 * The application is done with the connection. SHLD-3: what it has not read makes the end a RST, for the peer must not
 * take for delivered what nobody read.
 */
export function closeBoth(c: Connections, tcb: Tcb): void {
  if (tcb.state === CLOSED || tcb.id < 0) {
    tcb.receiveClosed = true;
    c.discardReceived(tcb);
    return;
  }
  if (tcb.unread > 0) {
    c.context.stats.counters[C.TcpExtTCPAbortOnClose]++;
    abort(c, tcb, 0);
    return;
  }
  // The owner stays: buffers that it gave by reference are still to be given back.
  tcb.receiveClosed = true;
  closeSending(c, tcb);
  if (tcb.state === FIN_WAIT_2) enterFinWait2(c, tcb);
}
