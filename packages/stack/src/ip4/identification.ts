// The IPv4 identification field of datagrams that may be fragmented: RFC 6864 4.3, with RFC 7739's unpredictability.

import type { Entropy } from '../contract/entropy.ts';

const BUCKETS = 1024;

/** A counter per bucket of destinations, each from a random start, so that one peer cannot see another's traffic. */
export class Identification {
  private readonly seed: number;
  private readonly counters: Uint16Array = new Uint16Array(BUCKETS);

  constructor(entropy: Entropy) {
    this.seed = entropy.int32();
    for (let i = 0; i < BUCKETS; i++) this.counters[i] = entropy.int32();
  }

  /** The next identification towards this destination, 0 .. 65535. */
  next(destination: number): number {
    const mixed = Math.imul(destination ^ this.seed, 0x85ebca6b);
    return this.counters[(mixed ^ (mixed >>> 13)) & (BUCKETS - 1)]++;
  }
}
