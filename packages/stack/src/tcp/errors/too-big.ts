// A router says that a segment was too large: RFC 1191. The path knows its MTU by now; what was lost for its size goes
// again, in smaller segments, and that is no sign of congestion (RFC 1191 6.5).

import type { Connections } from '../connections.ts';
import { updateMss } from '../synchronize.ts';
import type { Tcb } from '../tcb.ts';

/** The path has learned its MTU already. */
export function tooBig(c: Connections, tcb: Tcb): void {
  const before = tcb.mss;
  updateMss(tcb);
  if (tcb.mss >= before) return;
  for (let range = tcb.sent.first; range !== undefined; range = range.next) {
    if (range.length > tcb.mss) tcb.sent.markLost(range);
  }
  c.markDirty(tcb);
}
