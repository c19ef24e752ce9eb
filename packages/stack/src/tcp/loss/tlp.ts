// Tail loss probe: RFC 8985 section 7. When nothing comes back for two round trips, the last segment goes again, or a new one:
// the answer shows by SACK what was lost, long before a timeout would.

import { add, after, before, diff } from '../../base/int.ts';
import { C } from '../../contract/counters.ts';
import type { Connections } from '../connections.ts';
import { RECOVERY_NONE, type Tcb, TIMER_LOSS, TIMER_RETRANSMIT } from '../tcb.ts';
import { isRunning } from '../timers.ts';
import type { Delivery } from './delivery.ts';
import { type LossRecord, TLP_WANTED } from './record.ts';

/** A peer may delay the acknowledgment of a single segment: Linux TCP_RTO_MIN, RFC 8985 7.2 WCDelAckT. */
const DELAYED_ACK_WORST_MS = 200;

/** 7.2: after something new was sent, or SND.UNA moved, the wait begins anew. R8985.4. */
export function tlpSchedule(c: Connections, tcb: Tcb, loss: LossRecord): void {
  if (loss.reorderWait) return;
  const { sent } = tcb;
  if (
    sent.empty ||
    loss.tlpOut ||
    !tcb.sackPermitted ||
    tcb.recovery !== RECOVERY_NONE ||
    sent.sackedOctets > 0 ||
    tcb.srttUs === 0 ||
    !c.context.options.tcpTailLossProbe
  ) {
    c.disarm(tcb, TIMER_LOSS);
    return;
  }
  const { nowMs } = c.context;
  const one = tcb.outstanding <= tcb.mss;
  const ptoMs = Math.ceil((2 * tcb.srttUs) / 1000) + (one ? DELAYED_ACK_WORST_MS : 2);
  // Not later than the timeout it is to spare.
  const rtoMs = isRunning(tcb, TIMER_RETRANSMIT) ? diff(tcb.retransmitAtMs, nowMs) : ptoMs;
  c.arm(tcb, TIMER_LOSS, add(nowMs, Math.max(1, Math.min(ptoMs, rtoMs))));
}

/** 7.3: the timer ran out; the output sends. The retransmission timer begins anew, or it would run out now. */
export function tlpFires(c: Connections, tcb: Tcb, loss: LossRecord): void {
  if (tcb.sent.empty || loss.tlpOut) return;
  loss.tlp = TLP_WANTED;
  c.context.stats.counters[C.TcpExtTCPLossProbes]++;
  c.arm(tcb, TIMER_RETRANSMIT, add(c.context.nowMs, tcb.rtoMs));
  c.markDirty(tcb);
}

/** A probe has left. */
export function tlpSent(tcb: Tcb, loss: LossRecord, again: boolean): void {
  loss.tlpOut = true;
  loss.tlpEnd = tcb.sndNxt;
  loss.tlpResent = again;
}

/** 7.4.2: the acknowledgment of the original came again for the probe, or a DSACK: there was no loss. */
export function tlpRefuted(tcb: Tcb, loss: LossRecord): void {
  if (tcb.sndUna === loss.tlpEnd) loss.tlpOut = false;
}

/**
 * 7.4.2 (R8985.5): what the answer to a probe says. True: the probe itself repaired a loss, of which nothing else tells, and the
 * controller is to hear of it.
 */
export function tlpAnswered(c: Connections, tcb: Tcb, loss: LossRecord, d: Delivery): boolean {
  if (!loss.tlpOut || before(tcb.sndUna, loss.tlpEnd)) return false;
  if (!loss.tlpResent || d.dsack) {
    loss.tlpOut = false;
    return false;
  }
  // Both the original and the probe may be on their way: what comes next decides.
  if (!after(tcb.sndUna, loss.tlpEnd)) return false;
  loss.tlpOut = false;
  c.context.stats.counters[C.TcpExtTCPLossProbeRecovery]++;
  return true;
}
