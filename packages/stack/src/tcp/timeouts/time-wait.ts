// The end of waiting: 2MSL of TIME-WAIT (RFC 9293 3.6.1, 3.10.8), and the patience of an orphan in FIN-WAIT-2.

import type { Connections } from '../connections.ts';
import type { Tcb } from '../tcb.ts';

export function timeWaitFires(c: Connections, tcb: Tcb): void {
  c.finish(tcb, 0);
}
