// When an acknowledgment is due: RFC 9293 3.8.6.3, RFC 5681 4.2. MUST-58, MUST-59: decided once, after the whole batch. R5681.4.

import { add, diff } from '../../base/int.ts';
import type { Connections } from '../connections.ts';
import { updateIsWorth } from '../receive-window.ts';
import { type Tcb, TIMER_DELAYED_ACK } from '../tcb.ts';
import { isRunning } from '../timers.ts';

/** Nothing to say, or it may wait for company, with a timer (MUST-40, SHLD-18). */
export const ACK_NONE = 0;
/** More of what arrived waits to be read: the drain that comes behind it asks again. */
export const ACK_WAITS = 1;
/** Now. */
export const ACK_DUE = 2;

/** The most that one ACK covers while more waits: eight super-segments, and less than a sender has room to buffer. */
const STRETCH_OCTETS = 512 << 10;
/** A window is told in no fewer pieces: it is the clock of the peer. */
const ACKS_PER_WINDOW = 4;
/** Ticks since the last ACK: the next one is late by less than 2 ms, and what begins after a pause is not late at all. */
const STRETCH_MS = 1;

/** One of ACK_*. */
export function ackIsDue(c: Connections, tcb: Tcb): number {
  if (tcb.ackNow) return ACK_DUE;
  if (tcb.segmentsUnacked > 0) {
    if (tcb.quickAcks > 0) return ACK_DUE;
    // SHLD-19: at least for every second full-sized segment. As Linux: as soon as there is more than one.
    const covered = diff(tcb.rcvNxt, tcb.lastAckSent);
    if (covered > tcb.rcvMss) return mayStretch(c, tcb, covered) ? ACK_WAITS : ACK_DUE;
  }
  if (updateIsWorth(tcb)) return ACK_DUE;
  if (tcb.segmentsUnacked > 0 && !isRunning(tcb, TIMER_DELAYED_ACK)) {
    c.arm(tcb, TIMER_DELAYED_ACK, add(c.context.nowMs, c.context.options.tcpDelayedAckMs));
  }
  return ACK_NONE;
}

/**
 * MUST-59: a series of segments that are queued is processed whole before an ACK is sent, and the queue is the device's, too. With many
 * flows in one batch it is not the batch that thins their ACKs; each costs a wake-up of the peer, and on a TUN the kernel's TCP runs in
 * our write.
 */
function mayStretch(c: Connections, tcb: Tcb, covered: number): boolean {
  const { route } = tcb.path;
  if (route === undefined || !route.face.link.backlog) return false;
  if (covered >= STRETCH_OCTETS || covered * ACKS_PER_WINDOW >= covered + tcb.rcvWnd) return false;
  return diff(c.context.nowMs, tcb.lastAckMs) <= STRETCH_MS;
}

/** A segment that acknowledges RCV.NXT has left. */
export function ackSent(c: Connections, tcb: Tcb): void {
  tcb.ackNow = false;
  tcb.segmentsUnacked = 0;
  tcb.lastAckSent = tcb.rcvNxt;
  tcb.lastAckMs = c.context.nowMs;
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
