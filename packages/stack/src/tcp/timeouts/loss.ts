// RFC 8985: RACK's reordering timer (6.3) and the tail loss probe (7.3), of which one runs at a time.

import type { Connections } from '../connections.ts';
import { rackDetect } from '../loss/rack.ts';
import { lossesFound } from '../loss/recovery.ts';
import { tlpFires } from '../loss/tlp.ts';
import type { Tcb } from '../tcb.ts';

export function lossFires(c: Connections, tcb: Tcb): void {
  const { loss } = tcb;
  if (loss === undefined || tcb.sent.empty) return;
  if (!loss.reorderWait) {
    tlpFires(c, tcb, loss);
    return;
  }
  loss.reorderWait = false;
  if (rackDetect(c, tcb, loss) > 0) lossesFound(c, tcb, loss);
}
