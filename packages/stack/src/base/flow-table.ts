// Open addressing from a pair of int32 words to a small integer: addresses to paths, (path, ports) to sockets.
// Int32Array columns, linear probing, a keyed hash (so that nobody outside can aim at one bucket), at most 3/4 full.
//
//   k0 | k1 | value          value EMPTY: never used; DELETED: probe on

import { NONE } from './index-pool.ts';

const EMPTY = -1;
const DELETED = -2;

/** Keyed integer mix (murmur3's finalizer over both words). */
export function mix(k0: number, k1: number, seed: number): number {
  let h = k0 ^ seed;
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = (h + Math.imul(k1 ^ (seed >>> 7), 0x9e3779b1)) | 0;
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return h ^ (h >>> 16);
}

/** Map (int32, int32) -> 0 .. 2^31-1. Grows; never shrinks. */
export class FlowTable {
  size = 0;
  private used = 0;
  private mask: number;
  private k0: Int32Array;
  private k1: Int32Array;
  private values: Int32Array;
  private readonly seed: number;

  /** `seed`: secret int32 of this stack, from its Entropy. */
  constructor(seed: number, capacity = 16) {
    this.seed = seed;
    this.mask = capacity - 1;
    this.k0 = new Int32Array(capacity);
    this.k1 = new Int32Array(capacity);
    this.values = new Int32Array(capacity).fill(EMPTY);
  }

  /** The value under the key, or NONE. */
  get(k0: number, k1: number): number {
    const row = this.find(k0, k1);
    return row === NONE ? NONE : this.values[row];
  }

  /** Puts a value >= 0 under the key, replacing what was there. */
  set(k0: number, k1: number, value: number): void {
    const row = this.find(k0, k1);
    if (row !== NONE) {
      this.values[row] = value;
      return;
    }
    if ((this.used + 1) * 4 > (this.mask + 1) * 3) this.rehash();
    this.insert(k0, k1, value);
    this.size++;
  }

  /** Removes the key; false when it was not there. */
  delete(k0: number, k1: number): boolean {
    const row = this.find(k0, k1);
    if (row === NONE) return false;
    this.values[row] = DELETED;
    this.size--;
    return true;
  }

  private find(k0: number, k1: number): number {
    const mask = this.mask;
    for (let row = mix(k0, k1, this.seed) & mask; ; row = (row + 1) & mask) {
      const value = this.values[row];
      if (value === EMPTY) return NONE;
      if (value !== DELETED && this.k0[row] === k0 && this.k1[row] === k1) return row;
    }
  }

  private insert(k0: number, k1: number, value: number): void {
    let row = mix(k0, k1, this.seed) & this.mask;
    while (this.values[row] >= 0) row = (row + 1) & this.mask;
    if (this.values[row] === EMPTY) this.used++;
    this.k0[row] = k0;
    this.k1[row] = k1;
    this.values[row] = value;
  }

  /** Room for the living, and the dead are forgotten. */
  private rehash(): void {
    const { k0, k1, values } = this;
    let capacity = this.mask + 1;
    while ((this.size + 1) * 2 > capacity) capacity *= 2;
    this.mask = capacity - 1;
    this.k0 = new Int32Array(capacity);
    this.k1 = new Int32Array(capacity);
    this.values = new Int32Array(capacity).fill(EMPTY);
    this.used = 0;
    for (let row = 0; row < values.length; row++) {
      if (values[row] >= 0) this.insert(k0[row], k1[row], values[row]);
    }
  }
}
