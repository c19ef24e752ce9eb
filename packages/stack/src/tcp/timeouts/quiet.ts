// A long pause: what a connection knew of losses and of the network's capacity is given up where a new beginning would be the
// same. RFC 5681 4.1 takes the window back to the initial one after an idle RTO; so an idle connection costs neither record.

import { add, diff } from '../../base/int.ts';
import { bulkEnds } from '../bulk.ts';
import type { Connections } from '../connections.ts';
import type { LossRecord } from '../loss/record.ts';
import { RECOVERY_NONE, type Tcb, TIMER_LOSS } from '../tcb.ts';

/** Much longer than requests follow each other, and than any round trip: a DSACK or the answer to a probe may still come until then. */
const QUIET_MS = 2000;

/** Nothing is outstanding any more. */
export function quietBegins(c: Connections, tcb: Tcb): void {
  c.arm(tcb, TIMER_LOSS, add(c.context.nowMs, QUIET_MS + tcb.rtoMs));
}

/** Nothing was outstanding for a while. */
export function quietEnds(c: Connections, tcb: Tcb, loss: LossRecord): void {
  const { options, nowMs } = c.context;
  const { controller } = tcb;
  bulkEnds(tcb, nowMs);
  c.context.pool.arenas.forget();
  const expired = diff(nowMs, tcb.lastSentMs) > tcb.rtoMs && options.tcpSlowStartAfterIdle;
  if (!expired || controller === undefined || tcb.recovery !== RECOVERY_NONE) return;
  if (!loss.calm || !controller.forgettable) return;
  tcb.loss = undefined;
  tcb.controller = undefined;
  tcb.synsLost = 0;
}
