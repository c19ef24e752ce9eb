// The turn of one connection in the drain: how it ends, and what it may still send.

import { add } from '../../base/int.ts';
import { FEATURE_GSO, FEATURE_TSO4 } from '../../contract/link.ts';
import type { Connections } from '../connections.ts';
import { type Tcb, TIMER_DELAYED_ACK } from '../tcb.ts';

/** All was said that can be said now. */
export const DONE = 0;
/** There is more: behind the others. */
export const MORE = 1;
/** The link is full. */
export const BLOCKED = 2;

/** Somebody cuts: the device, or IP. */
const SUPER: number = FEATURE_TSO4 | FEATURE_GSO;

/** Packets of one turn; then the next connection has its own. */
const QUOTA = 64;
/** The largest IP datagram without its headers, options included: what a super-segment may have. */
const SUPER_OCTETS = 65_535 - 20 - 60;

/** One per sender, reused. */
export class Turn {
  private left = 0;

  begin(): void {
    this.left = QUOTA;
  }

  /** One packet more? False: the others wait. */
  spend(): boolean {
    return this.left-- > 0;
  }
}

/** Refused by the link, or no packet was left: then the timers bring us back. */
export function blocked(c: Connections, tcb: Tcb): number {
  if (tcb.path.route !== undefined && tcb.path.face.full) return BLOCKED;
  c.arm(tcb, TIMER_DELAYED_ACK, add(c.context.nowMs, c.context.options.tcpDelayedAckMs));
  return DONE;
}

/**
 * Text that one packet may carry: a super-segment where the device cuts it. As Linux's, it is at most half of the largest window
 * that the peer ever offered (its receive queue) and half of the congestion window, so that two of them are under way and the
 * answer to one comes while the other is sent. What is usable of both windows, and pacing, cut it further (nagle.ts, pacing.ts).
 */
export function largestText(tcb: Tcb): number {
  const { route } = tcb.path;
  const { mss } = tcb;
  // MUST-62: a device would give each segment that it cuts the urgent pointer of the first.
  if (route === undefined || (route.face.link.features & SUPER) === 0 || tcb.sndUrgent) return mss;
  const most = Math.min(SUPER_OCTETS, tcb.sndWndMax >> 1, tcb.cwnd >> 1);
  return Math.max(mss, most - (most % mss));
}
