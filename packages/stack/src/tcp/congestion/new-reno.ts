// NewReno: RFC 5681 congestion avoidance, counted in octets (RFC 3465), half the flight after a loss.

import { LossBased } from './loss-based.ts';
import { WINDOW_MAX } from './window-limits.ts';

/**
 * See Controller. One segment more each round trip, half after a loss. MUST-19.
 *
 * @example const controller = new NewReno(1460); // cwnd 14600
 */
export class NewReno extends LossBased {
  readonly name: string = 'reno';
  /** Octets acknowledged since the window last grew in congestion avoidance (RFC 3465 2.1). */
  private counted = 0;

  protected override avoid(octets: number): void {
    this.counted += octets;
    if (this.counted < this.cwnd) return;
    this.counted -= this.cwnd;
    this.cwnd = Math.min(WINDOW_MAX, this.cwnd + this.mss);
  }

  /** RFC 5681 equation 4. R5681.2. */
  protected override threshold(inFlight: number): number {
    return Math.max(inFlight >>> 1, 2 * this.mss);
  }

  protected override reduced(): void {
    this.counted = 0;
  }

  protected override restored(): void {
    this.counted = 0;
  }

  protected override unused(): void {}
}
