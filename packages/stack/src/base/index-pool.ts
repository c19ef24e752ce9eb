// Hands out small integers, lowest storage first, up to a limit: slots, handles, rows of a table.

import { assert, CHECKS } from './assert.ts';

/** No index: the pool is exhausted, or a table has no such row. */
export const NONE = -1;

/** A free list of the integers 0 .. limit-1, as a stack, so that what was used last (and is in the cache) goes out first. */
export class IndexPool {
  readonly limit: number;
  inUse = 0;
  private readonly free: number[] = [];
  private readonly taken = new Set<number>();
  private fresh = 0;

  constructor(limit: number) {
    this.limit = limit;
  }

  /** An index nobody holds, or NONE. */
  allocate(): number {
    let index = NONE;
    if (this.free.length > 0) index = this.free.pop() as number;
    else if (this.fresh < this.limit) index = this.fresh++;
    if (index === NONE) return NONE;
    this.inUse++;
    if (CHECKS) this.taken.add(index);
    return index;
  }

  release(index: number): void {
    assert(index >= 0 && index < this.fresh, 'only an allocated index is released');
    if (CHECKS) assert(this.taken.delete(index), 'an index is released once');
    this.inUse--;
    this.free.push(index);
  }
}
