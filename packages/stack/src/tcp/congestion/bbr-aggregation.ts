// BBR's answer to ACKs that come in clumps (wireless, GRO): how much beyond its bandwidth a path delivers at once (Linux tcp_bbr.c).

import { diff } from '../../base/int.ts';
import { WINDOW_MAX } from './window-limits.ts';

/** The largest of the last 5 to 10 rounds, as two halves that take turns. */
const HALF_ROUNDS = 5;
/** More than the bandwidth of so long is never added. */
const LIMIT_SECONDS = 0.1;

/** Octets by which a window must be larger, so that the sender does not stand still between two clumps. */
export class AckAggregation {
  /** What was delivered since the epoch began; it begins anew whenever no more was than the bandwidth explains. */
  private acked = 0;
  private beganUs = 0;
  /** The largest excess of this half, and of the one before it. */
  private current = 0;
  private previous = 0;
  private rounds = 0;

  /** One acknowledgment. `bw`: octets a second, by estimate. */
  sample(ackedBytes: number, bw: number, cwnd: number, roundStart: boolean, nowUs: number): void {
    if (roundStart) {
      this.rounds++;
      if (this.rounds >= HALF_ROUNDS) {
        this.rounds = 0;
        this.previous = this.current;
        this.current = 0;
      }
    }
    let expected = bw * Math.max(0, diff(nowUs, this.beganUs)) * 1e-6;
    if (this.acked <= expected || this.acked + ackedBytes > WINDOW_MAX) {
      this.restart(nowUs);
      expected = 0;
    }
    this.acked += ackedBytes;
    const excess = Math.min(this.acked - expected, cwnd);
    if (excess > this.current) this.current = excess;
  }

  /** Octets to add to the window. */
  allowance(bw: number): number {
    return Math.min(Math.max(this.current, this.previous), bw * LIMIT_SECONDS);
  }

  /** After a pause: the silence is not a slow path. */
  restart(nowUs: number): void {
    this.acked = 0;
    this.beganUs = nowUs;
  }
}
