// How many ICMP errors we send: a bucket for the whole stack and one per target (RFC 1812 4.3.2.8, Linux's two limits).

import { diff } from '../base/int.ts';
import type { Context } from '../context.ts';
import { R } from '../contract/reasons.ts';

const ALLOWED = -1;

/** Two token buckets in integers. A target is a row of a direct-mapped table: a newcomer takes the row of the one it hits. */
export class IcmpRate {
  private readonly context: Context;
  private readonly seed: number;
  private tokens: number;
  private filledMs: number;
  private readonly mask: number;
  private readonly targets: Int32Array;
  private readonly known: Uint8Array;
  /** When each target's bucket would be full again: the time form of a token bucket (GCRA). */
  private readonly fullAtMs: Int32Array;

  constructor(context: Context) {
    const { icmpErrorsBurst, icmpTargetsMax } = context.options;
    this.context = context;
    this.seed = context.entropy.int32();
    this.tokens = icmpErrorsBurst;
    this.filledMs = context.nowMs;
    this.mask = icmpTargetsMax - 1;
    this.targets = new Int32Array(icmpTargetsMax);
    this.known = new Uint8Array(icmpTargetsMax);
    this.fullAtMs = new Int32Array(icmpTargetsMax);
  }

  /** Takes a token for one error to `target`; answers -1, or the reason why there is none. */
  take(target: number): number {
    const { icmpTargetIntervalMs, icmpTargetBurst } = this.context.options;
    const { nowMs } = this.context;
    this.refill(nowMs);
    if (this.tokens < 1) return R.ICMP_RATE_GLOBAL;
    const mixed = Math.imul(target ^ this.seed, 0x9e3779b1);
    const row = (mixed ^ (mixed >>> 15)) & this.mask;
    const same = this.known[row] === 1 && this.targets[row] === target;
    const ahead = diff(this.fullAtMs[row], nowMs);
    // Further ahead than a full bucket is not ahead at all: it was set half a circle of the clock ago.
    const counts = same && ahead > 0 && ahead <= icmpTargetIntervalMs * icmpTargetBurst;
    const fullAt = counts ? this.fullAtMs[row] : nowMs;
    if (diff(fullAt, nowMs) > icmpTargetIntervalMs * (icmpTargetBurst - 1)) return R.ICMP_RATE_TARGET;
    this.known[row] = 1;
    this.targets[row] = target;
    this.fullAtMs[row] = (fullAt + icmpTargetIntervalMs) | 0;
    this.tokens--;
    return ALLOWED;
  }

  private refill(nowMs: number): void {
    const { icmpErrorsPerSecond, icmpErrorsBurst } = this.context.options;
    const passed = diff(nowMs, this.filledMs);
    if (passed === 0) return;
    this.filledMs = nowMs;
    // The clock never goes back: below zero is more than half its circle ahead.
    const earned = passed < 0 ? icmpErrorsBurst : (passed * icmpErrorsPerSecond) / 1000;
    this.tokens = Math.min(icmpErrorsBurst, this.tokens + earned);
  }
}
