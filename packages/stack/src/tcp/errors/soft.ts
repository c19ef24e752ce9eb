// Soft ICMP errors: RFC 9293 3.9.2.2, MUST-56. Remembered, told to an application that wants to know (MUST-47, SHLD-25),
// and given as the reason if the connection dies of silence.

import { EVENT_TROUBLE } from '../../contract/events.ts';
import type { Connections } from '../connections.ts';
import type { Tcb } from '../tcb.ts';

export function softError(c: Connections, tcb: Tcb, errno: number): void {
  if (errno !== 0) tcb.softError = errno;
  c.notify(tcb, EVENT_TROUBLE);
}
