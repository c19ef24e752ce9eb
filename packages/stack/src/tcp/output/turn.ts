// The turn of one connection in the drain: how it ends, and what it may still send.

import { add, diff } from '../../base/int.ts';
import { FEATURE_GSO, FEATURE_TSO4 } from '../../contract/link.ts';
import { BULK_PATIENCE_US } from '../../contract/packet.ts';
import type { Connections } from '../connections.ts';
import { type Tcb, TIMER_DELAYED_ACK } from '../tcb.ts';

/** All was said that can be said now. */
export const DONE = 0;
/** There is more: behind the others. */
export const MORE = 1;
/** The link is full. */
export const BLOCKED = 2;
/** What is left to say waits for what is still to be read: until the next drain. */
export const LATER = 3;

/** Somebody cuts: the device, or IP. */
const SUPER: number = FEATURE_TSO4 | FEATURE_GSO;

/** What one connection sends before the next: packets, and octets of text, of which the last packet may have more. */
const QUANTUM_PACKETS = 64;
const QUANTUM_OCTETS = 32_768;
/**
 * Octets of text of one drain, all connections together; then what has arrived meanwhile is read. A device takes some 8 GB/s: who
 * waits behind a bulk flow waits for 16 us of it, and not for its whole window.
 */
const DRAIN_OCTETS = 98_304;
/** What bulk flows may send in one drain when their patience is over. */
const SLICE_OCTETS = 1 << 20;
/** The largest IP datagram without its headers, options included: what a super-segment may have. */
const SUPER_OCTETS = 65_535 - 20 - 60;

/** One per sender, reused. */
export class Turn {
  private packets = 0;
  private octets = 0;
  private drainOctets = 0;
  private others = false;
  /** Since when bulk flows wait, or undefined: they do not. */
  private bulkSinceUs: number | undefined = undefined;

  /**
   * `arrived`: octets that came or were acknowledged since the last drain. Twice as much may leave: slow start doubles, and what only
   * sends back must not pile up.
   */
  beginDrain(arrived: number): void {
    this.drainOctets = Math.max(DRAIN_OCTETS, 2 * arrived);
    this.others = false;
  }

  /**
   * Others have sent in this drain, and bulk flows can wait for the next one: what those are answered is there at once. `arrived`: bulk flows
   * heard something in this pump; a device that holds them back, too, has let that through now, and one pause serves both.
   */
  bulkWaits(nowUs: number, arrived: boolean): boolean {
    if (!this.others) {
      this.bulkSinceUs = undefined;
      return false;
    }
    this.bulkSinceUs ??= nowUs;
    if (!arrived && diff(nowUs, this.bulkSinceUs) < BULK_PATIENCE_US) return true;
    this.bulkSinceUs = undefined;
    this.drainOctets = Math.max(this.drainOctets, SLICE_OCTETS);
    return false;
  }

  begin(): void {
    this.packets = QUANTUM_PACKETS;
    this.octets = QUANTUM_OCTETS;
  }

  /** Who has this turn has no more to send: it is not one of those that wait. */
  end(): void {
    if (this.packets < QUANTUM_PACKETS) this.others = true;
  }

  /** The drain has sent its share: the rest goes in the next, behind what arrives. */
  get drained(): boolean {
    return this.drainOctets <= 0;
  }

  /** One packet more, of so much text? False: the others wait. */
  spend(octets: number): boolean {
    if (this.packets <= 0 || this.octets <= 0) return false;
    this.packets--;
    this.octets -= octets;
    this.drainOctets -= octets;
    return true;
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
