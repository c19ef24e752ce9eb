// Open addressing from a pair of int32 words to a small integer, without the words: whoever numbers things knows their keys, so a
// slot costs four octets instead of twelve. Linear probing, a keyed hash as in flow-table.ts, at most 3/4 full.
//
//   value          EMPTY: never used; DELETED: probe on

import { mix } from './flow-table.ts';
import { NONE } from './index-pool.ts';

const EMPTY = -1;
const DELETED = -2;
const CAPACITY_FIRST = 16;

/** Whose values they are. Of every value in the table it tells the key that it was put under. */
export interface KeyOwner {
  k0Of(value: number): number;
  k1Of(value: number): number;
}

/**
 * Map (int32, int32) -> 0 .. 2^31-1. Grows; never shrinks.
 *
 * @example
 * const table = new IndexTable(entropy.int32(), { k0Of: (id) => paths[id], k1Of: (id) => ports[id] });
 * table.set(paths[id], ports[id], id);
 */
export class IndexTable {
  size = 0;
  private used = 0;
  private mask: number = CAPACITY_FIRST - 1;
  private values: Int32Array = new Int32Array(CAPACITY_FIRST).fill(EMPTY);
  private readonly seed: number;
  private readonly owner: KeyOwner;

  /** `seed`: secret int32 of this stack, from its Entropy. */
  constructor(seed: number, owner: KeyOwner) {
    this.seed = seed;
    this.owner = owner;
  }

  /** The value under the key, or NONE. */
  get(k0: number, k1: number): number {
    const slot = this.find(k0, k1);
    return slot === NONE ? NONE : this.values[slot];
  }

  /** Puts a value >= 0 under its key, replacing what was there: then, too, the owner still knows the key of the old one. */
  set(k0: number, k1: number, value: number): void {
    const slot = this.find(k0, k1);
    if (slot !== NONE) {
      this.values[slot] = value;
      return;
    }
    if ((this.used + 1) * 4 > (this.mask + 1) * 3) this.rehash();
    this.insert(k0, k1, value);
    this.size++;
  }

  /** Removes the key; false when it was not there. */
  delete(k0: number, k1: number): boolean {
    const slot = this.find(k0, k1);
    if (slot === NONE) return false;
    this.values[slot] = DELETED;
    this.size--;
    return true;
  }

  private find(k0: number, k1: number): number {
    const { mask, values, owner } = this;
    for (let slot = mix(k0, k1, this.seed) & mask; ; slot = (slot + 1) & mask) {
      const value = values[slot];
      if (value === EMPTY) return NONE;
      if (value !== DELETED && owner.k1Of(value) === k1 && owner.k0Of(value) === k0) return slot;
    }
  }

  private insert(k0: number, k1: number, value: number): void {
    let slot = mix(k0, k1, this.seed) & this.mask;
    while (this.values[slot] >= 0) slot = (slot + 1) & this.mask;
    if (this.values[slot] === EMPTY) this.used++;
    this.values[slot] = value;
  }

  /** Room for the living, and the dead are forgotten. */
  private rehash(): void {
    const { values, owner } = this;
    let capacity = this.mask + 1;
    while ((this.size + 1) * 2 > capacity) capacity *= 2;
    this.mask = capacity - 1;
    this.values = new Int32Array(capacity).fill(EMPTY);
    this.used = 0;
    for (let slot = 0; slot < values.length; slot++) {
      const value = values[slot];
      if (value >= 0) this.insert(owner.k0Of(value), owner.k1Of(value), value);
    }
  }
}
