// NewReno: RFC 5681 slow start and congestion avoidance, counted in octets (RFC 3465), initial window by RFC 6928.

import type { AckSample, Controller } from './controller.ts';

/** RFC 6928 section 2: min(10 * MSS, max(2 * MSS, 14600)). */
export function initialWindow(mss: number): number {
  return Math.min(10 * mss, Math.max(2 * mss, 14_600));
}

/** Windows beyond this are never reached: sequence numbers reach no further. */
const WINDOW_MAX = 0x3fff_ffff;

/** See Controller. MUST-19. */
export class NewReno implements Controller {
  readonly name: string = 'reno';
  cwnd: number;
  /** RFC 5681 3.1: arbitrarily high at first. */
  ssthresh: number = WINDOW_MAX;
  readonly pacingRate: number = 0;
  private mss: number;
  /** Octets acknowledged since the window last grew in congestion avoidance (RFC 3465 2.1). */
  private counted = 0;

  constructor(mss: number) {
    this.mss = mss;
    this.cwnd = initialWindow(mss);
  }

  acknowledged(sample: AckSample): void {
    // A window that was not used says nothing about one that is larger (RFC 7661; Linux is_cwnd_limited).
    if (sample.appLimited) return;
    // As Linux: by all that was acknowledged, so that one ACK for a super-segment opens as many would. It ends at ssthresh
    // (RFC 5681 3.1): the one ACK that fills the hole after a timeout may be for a whole window. Its rest is for avoidance.
    const opened = Math.min(sample.ackedBytes, Math.max(0, this.ssthresh - this.cwnd));
    this.cwnd += opened;
    if (this.cwnd < this.ssthresh) return;
    this.counted += sample.ackedBytes - opened;
    if (this.counted < this.cwnd) return;
    this.counted -= this.cwnd;
    this.cwnd = Math.min(WINDOW_MAX, this.cwnd + this.mss);
  }

  lost(inFlight: number): void {
    this.ssthresh = this.half(inFlight);
    this.cwnd = this.ssthresh;
    this.counted = 0;
  }

  recovered(inFlight: number): void {
    // RFC 6582 3.2 step 3, option 1: no burst of what the recovery left unused.
    this.cwnd = Math.min(this.ssthresh, Math.max(inFlight, this.mss) + this.mss);
    this.counted = 0;
  }

  timedOut(inFlight: number, again: boolean): void {
    if (!again) this.ssthresh = this.half(inFlight);
    this.cwnd = this.mss;
    this.counted = 0;
  }

  restarted(): void {
    this.cwnd = Math.min(this.cwnd, initialWindow(this.mss));
  }

  resized(mss: number): void {
    const initial = this.cwnd === initialWindow(this.mss) && this.ssthresh === WINDOW_MAX;
    this.mss = mss;
    if (initial) this.cwnd = initialWindow(mss);
    else this.cwnd = Math.max(this.cwnd, mss);
  }

  /** RFC 5681 equation 4. */
  private half(inFlight: number): number {
    return Math.max(inFlight >>> 1, 2 * this.mss);
  }
}
