// The stack-wide limit of challenge ACKs: RFC 5961 section 7. The budget of each second is random, so that counting
// what is left of it tells nothing about anybody else's connection (CVE-2016-5696). R5961.4.

import { diff } from '../base/int.ts';
import type { Entropy } from '../contract/entropy.ts';

/** One per stack. */
export class Challenges {
  private readonly entropy: Entropy;
  private readonly perSecond: number;
  private left = 0;
  private sinceMs = 0;
  private started = false;

  constructor(entropy: Entropy, perSecond: number) {
    this.entropy = entropy;
    this.perSecond = perSecond;
  }

  /** True when one more may leave now. */
  take(nowMs: number): boolean {
    if (!this.started || diff(nowMs, this.sinceMs) >= 1000) {
      this.started = true;
      this.sinceMs = nowMs;
      // Half of it for sure, the rest by chance: as Linux did.
      this.left = (this.perSecond >> 1) + ((this.entropy.int32() >>> 0) % this.perSecond);
    }
    if (this.left === 0) return false;
    this.left--;
    return true;
  }
}
