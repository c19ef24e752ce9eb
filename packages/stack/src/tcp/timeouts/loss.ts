// RFC 8985: RACK's reordering timer (6.3) and the tail loss probe (7.3), of which one runs at a time; and while nothing is
// outstanding, the pause after which the record of losses is given up.

import type { Connections } from '../connections.ts';
import { rackDetect } from '../loss/rack.ts';
import { lossesFound } from '../loss/recovery.ts';
import { tlpFires } from '../loss/tlp.ts';
import type { Tcb } from '../tcb.ts';
import { quietEnds } from './quiet.ts';

export function lossFires(c: Connections, tcb: Tcb): void {
  const { loss } = tcb;
  if (loss === undefined) return;
  if (tcb.sent.empty) {
    quietEnds(c, tcb, loss);
    return;
  }
  if (!loss.reorderWait) {
    tlpFires(c, tcb, loss);
    return;
  }
  loss.reorderWait = false;
  if (rackDetect(c, tcb, loss) > 0) lossesFound(c, tcb, loss);
}
