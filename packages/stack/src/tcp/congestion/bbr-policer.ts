// BBR's long-term bandwidth: finds a policer, a token bucket that lets bursts pass and then drops, and settles on its rate (Linux tcp_bbr.c).

import { diff } from '../../base/int.ts';

/** An interval lasts at least so many rounds, and is given up after four times as many. */
const INTERVAL_ROUNDS = 4;
const INTERVAL_ROUNDS_MAX = 16;
/** Of what was sent in an interval, this part was lost: 50 of 256. */
const LOSS_SHARE = 50 / 256;
/** Two intervals have one rate if they differ by an eighth at most, or by 4 kbit/s. */
const RATE_SHARE = 1 / 8;
const RATE_OCTETS_A_SECOND = 500;
/** So many rounds of probing later the policer may be gone. */
const TRUST_ROUNDS = 48;
const INTERVAL_MIN_US = 1000;

/** Sees two intervals that each begin and end with loss, lose much, and carry the same: that is a policer. Octets a second. */
export class Policer {
  /** True: `bw` is what is let through, and probing for more only loses. */
  found = false;
  bw = 0;
  private sampling = false;
  private rounds = 0;
  private delivered = 0;
  private lost = 0;
  private beganUs = 0;

  /**
   * One acknowledgment. `probing`: the cycle of PROBE_BW is going on.
   * True: what was found has been trusted long enough, begin to probe anew.
   */
  sample(
    ackedBytes: number,
    lostBytes: number,
    appLimited: boolean,
    roundStart: boolean,
    probing: boolean,
    nowUs: number,
  ): boolean {
    if (this.found) {
      if (!probing || !roundStart) return false;
      this.rounds++;
      if (this.rounds < TRUST_ROUNDS) return false;
      this.reset(nowUs);
      return true;
    }
    if (!this.sampling) {
      // An empty bucket shows itself by loss: from there on the rate is the policer's.
      if (lostBytes === 0) return false;
      this.sampling = true;
      this.begin(nowUs);
      return false;
    }
    this.delivered += ackedBytes;
    this.lost += lostBytes;
    if (appLimited) {
      this.reset(nowUs);
      return false;
    }
    if (roundStart) this.rounds++;
    if (this.rounds < INTERVAL_ROUNDS) return false;
    if (this.rounds > INTERVAL_ROUNDS_MAX) {
      this.reset(nowUs);
      return false;
    }
    if (lostBytes === 0 || this.delivered === 0 || this.lost < LOSS_SHARE * this.delivered) return false;
    const tookUs = diff(nowUs, this.beganUs);
    if (tookUs >= INTERVAL_MIN_US) this.ended((this.delivered * 1e6) / tookUs, nowUs);
    return false;
  }

  /** Forgets all. */
  reset(nowUs: number): void {
    this.bw = 0;
    this.found = false;
    this.sampling = false;
    this.begin(nowUs);
  }

  private ended(bw: number, nowUs: number): void {
    const apart = Math.abs(bw - this.bw);
    if (this.bw > 0 && (apart <= RATE_SHARE * this.bw || apart <= RATE_OCTETS_A_SECOND)) {
      this.bw = (bw + this.bw) / 2;
      this.found = true;
      this.rounds = 0;
      return;
    }
    this.bw = bw;
    this.begin(nowUs);
  }

  private begin(nowUs: number): void {
    this.beganUs = nowUs;
    this.rounds = 0;
    this.delivered = 0;
    this.lost = 0;
  }
}
