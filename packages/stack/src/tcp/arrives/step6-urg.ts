// RFC 9293 3.10.7.4, sixth: the URG bit. MUST-30..33. Urgent octets stay in the stream; the application is told.

import { add, after } from '../../base/int.ts';
import { EVENT_URGENT } from '../../contract/events.ts';
import { TCP_URG } from '../../wire/tcp.ts';
import type { Connections } from '../connections.ts';
import type { Segment } from '../segment.ts';
import { mayReceive } from '../state.ts';
import type { Tcb } from '../tcb.ts';

export function urgentArrives(c: Connections, tcb: Tcb, seg: Segment): void {
  if (!seg.has(TCP_URG) || !mayReceive(tcb.state) || tcb.receiveClosed) return;
  // MUST-62: the pointer names the octet behind the urgent ones (RFC 9293; RFC 793 said both). R6093.1.
  const up = add(seg.seq, seg.up);
  if (tcb.rcvUrgent && !after(up, tcb.rcvUp)) return;
  if (!after(up, tcb.rcvRead)) return;
  tcb.rcvUp = up;
  tcb.rcvUrgent = true;
  // MUST-32: told when it begins, and whenever there is more.
  c.notify(tcb, EVENT_URGENT);
}
