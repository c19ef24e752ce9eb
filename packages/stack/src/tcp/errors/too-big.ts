// A router says that a segment was too large: RFC 1191. The path knows its MTU by now; what was lost for its size goes
// again, in smaller segments, and that is no sign of congestion (RFC 1191 6.5).

import type { Connections } from '../connections.ts';
import { updateMss } from '../synchronize.ts';
import { RECOVERY_LOSS, RECOVERY_NONE, type Tcb } from '../tcb.ts';

/** The path has learned its MTU already. */
export function tooBig(c: Connections, tcb: Tcb): void {
  const before = tcb.mss;
  updateMss(tcb);
  if (tcb.mss >= before) return;
  const { sent } = tcb;
  for (let place = 0; place < sent.count; place++) {
    if (sent.at(place).length > tcb.mss) sent.markLost(sent.at(place));
  }
  if (tcb.recovery === RECOVERY_NONE && sent.lostOctets > 0) {
    tcb.recovery = RECOVERY_LOSS;
    tcb.recover = tcb.sndNxt;
  }
  c.markDirty(tcb);
}
