// ABORT, RFC 9293 3.10.5: everything is forgotten, and a peer that is synchronized hears a RST.

import type { Connections } from '../connections.ts';
import { CLOSED, CLOSING, LAST_ACK, LISTEN, SYN_SENT, TIME_WAIT } from '../state.ts';
import type { Tcb } from '../tcb.ts';

/** `error`: an errno for the application, or OK when it is the one that wanted it. */
export function abort(c: Connections, tcb: Tcb, error: number): void {
  tcb.receiveClosed = true;
  c.discardReceived(tcb);
  c.forgetText(tcb);
  switch (tcb.state) {
    case CLOSED:
      return;
    case LISTEN:
    case SYN_SENT:
    case CLOSING:
    case LAST_ACK:
    case TIME_WAIT:
      // Nothing is to be told (3.10.5): our FIN and theirs have said all.
      c.finish(tcb, error);
      return;
    default:
      tcb.error = error;
      c.forgetSent(tcb);
      tcb.timers = 0;
      tcb.resetPending = true;
      c.markDirty(tcb);
  }
}
