// HyStart++ (RFC 9406): the first slow start ends when round trips grow longer, before the queue at the bottleneck overflows.

import { diff } from '../../base/int.ts';
import type { AckSample } from './controller.ts';

/** RFC 9406 4.3: thresholds of the growth of a round trip, and what part of a round trip counts as growth. */
const MIN_RTT_THRESH_US = 4000;
const MAX_RTT_THRESH_US = 16_000;
const MIN_RTT_DIVISOR = 8;
/** Round trips measured in a round before the round says anything. */
const N_RTT_SAMPLE = 8;
/** Conservative slow start grows by a quarter of what slow start would, as a power of two. */
const CSS_GROWTH_SHIFT = 2;
const CSS_ROUNDS = 5;

/** Longer than any: an integer, for each that is none would be an object of its own. */
const NEVER = 0x3fff_ffff;

/**
 * Watches round trips in the initial slow start; the window is its owner's. L, the limit of growth per acknowledgment, is
 * infinite, as 4.3 asks of who paces. One ACK may so open the window by a whole super-segment.
 */
export class HyStart {
  /** The shortest round trip of the round before, and of this one; how many this one has seen. */
  private lastRoundUs = NEVER;
  private currentRoundUs = NEVER;
  private samples = 0;
  /** `delivered` when this round began: it ends with what was sent after that. */
  private roundMark = 0;
  private begun = false;
  /** Conservative slow start (CSS): the round trip that it began with, and which of its rounds this is; 0: not in CSS. */
  private baselineUs = NEVER;
  private cssRound = 0;

  /** True in conservative slow start. */
  get conservative(): boolean {
    return this.cssRound > 0;
  }

  /** By how many octets the window opens for so many that were delivered. */
  growth(octets: number): number {
    return this.cssRound > 0 ? octets >>> CSS_GROWTH_SHIFT : octets;
  }

  /**
   * Takes the round trip of one acknowledgment, in microseconds. True: slow start ends here, at the window that is (RFC 9406 4.2:
   * R9406.1).
   */
  ended(sample: AckSample): boolean {
    // What nothing was delivered by has no newest range: it neither ends a round nor measures one.
    if (sample.ackedBytes === 0) return false;
    if (!this.begun || diff(sample.priorDelivered, this.roundMark) >= 0) {
      this.nextRound(sample.delivered);
      if (this.cssRound > CSS_ROUNDS) return true;
    }
    if (sample.rttUs > 0) this.measured(sample.rttUs);
    return false;
  }

  /** Begins anew: what was measured before a pause, or before a loss that was none, is no longer comparable. */
  restart(): void {
    this.begun = false;
    this.lastRoundUs = this.currentRoundUs = this.baselineUs = NEVER;
    this.samples = 0;
    this.cssRound = 0;
  }

  private nextRound(delivered: number): void {
    this.begun = true;
    this.roundMark = delivered;
    this.lastRoundUs = this.currentRoundUs;
    this.currentRoundUs = NEVER;
    this.samples = 0;
    // The part of a round in which CSS began counts as its first.
    if (this.cssRound > 0) this.cssRound++;
  }

  private measured(rttUs: number): void {
    if (rttUs < this.currentRoundUs) this.currentRoundUs = rttUs;
    this.samples++;
    if (this.samples < N_RTT_SAMPLE) return;
    if (this.cssRound > 0) {
      // It was jitter, and no queue: slow start goes on.
      if (this.currentRoundUs < this.baselineUs) {
        this.baselineUs = NEVER;
        this.cssRound = 0;
      }
    } else if (this.lastRoundUs !== NEVER) {
      const part = Math.min(this.lastRoundUs / MIN_RTT_DIVISOR, MAX_RTT_THRESH_US);
      if (this.currentRoundUs < this.lastRoundUs + Math.max(MIN_RTT_THRESH_US, part)) return;
      this.baselineUs = this.currentRoundUs;
      this.cssRound = 1;
    }
  }
}
