// When an acknowledgment is due: RFC 9293 3.8.6.3, RFC 5681 4.2. MUST-58, MUST-59: decided once, after the whole batch. R5681.4.

import { add, diff } from '../../base/int.ts';
import type { Connections } from '../connections.ts';
import { updateIsWorth } from '../receive-window.ts';
import { type Tcb, TIMER_DELAYED_ACK } from '../tcb.ts';
import { isRunning } from '../timers.ts';

/** True: now. False: nothing to say, or it may wait for company, with a timer (MUST-40, SHLD-18). */
export function ackIsDue(c: Connections, tcb: Tcb): boolean {
  if (tcb.ackNow) return true;
  if (tcb.segmentsUnacked > 0) {
    if (tcb.quickAcks > 0) return true;
    // SHLD-19: at least for every second full-sized segment. As Linux: as soon as there is more than one.
    if (diff(tcb.rcvNxt, tcb.lastAckSent) > tcb.rcvMss) return true;
  }
  if (updateIsWorth(tcb)) return true;
  if (tcb.segmentsUnacked > 0 && !isRunning(tcb, TIMER_DELAYED_ACK)) {
    c.arm(tcb, TIMER_DELAYED_ACK, add(c.context.nowMs, c.context.options.tcpDelayedAckMs));
  }
  return false;
}

/** A segment that acknowledges RCV.NXT has left. */
export function ackSent(c: Connections, tcb: Tcb): void {
  tcb.ackNow = false;
  tcb.segmentsUnacked = 0;
  tcb.lastAckSent = tcb.rcvNxt;
  if (!tcb.starving) c.disarm(tcb, TIMER_DELAYED_ACK);
}

/**
 * While the peer is starting up, one ACK for a long batch would hold back a sender that counts ACKs: how many octets one
 * of them covers, or 0: one for all.
 */
export function ackStride(c: Connections, tcb: Tcb): number {
  if (tcb.quickAcks === 0) return 0;
  return c.context.options.tcpSegmentsPerQuickAck * tcb.rcvMss;
}
