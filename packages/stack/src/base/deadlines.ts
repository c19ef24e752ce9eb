// Timers as data: an indexed binary heap of small integers by deadline. No callbacks; the owner of the rows asks what
// is due and acts. Time is int32 milliseconds and wraps; deadlines lie within 2^30 ms (12 days) of each other.
//
//   heap:  rows, each no later than its two children       place[row]: where in the heap it stands, or NONE
//
// Why a heap and not a timing wheel: docs/decisions/0003-deadlines-heap.md.

import { assert, CHECKS } from './assert.ts';
import { NONE } from './index-pool.ts';
import { diff } from './int.ts';

/** One deadline per row; rows are small integers, as an IndexPool hands them out. */
export class Deadlines {
  size = 0;
  private heap: Int32Array = new Int32Array(16);
  private place: Int32Array = new Int32Array(16).fill(NONE);
  private at: Int32Array = new Int32Array(16);

  /** Sets the row's deadline, replacing the one it had. One in the past is due at once. */
  set(row: number, deadlineMs: number): void {
    if (row >= this.place.length) this.grow(row);
    let index = this.place[row];
    if (index === NONE) index = this.size++;
    this.at[row] = deadlineMs;
    this.heap[index] = row;
    this.place[row] = index;
    this.down(this.up(index));
  }

  /** Sets the row's deadline, unless it has an earlier one. */
  setIfEarlier(row: number, deadlineMs: number): void {
    if (!this.has(row) || diff(this.at[row], deadlineMs) > 0) this.set(row, deadlineMs);
  }

  /** Forgets the row's deadline, if it has one. */
  cancel(row: number): void {
    if (!this.has(row)) return;
    const index = this.place[row];
    this.place[row] = NONE;
    const last = this.heap[--this.size];
    if (last === row) return;
    this.heap[index] = last;
    this.place[last] = index;
    this.down(this.up(index));
  }

  has(row: number): boolean {
    return row < this.place.length && this.place[row] !== NONE;
  }

  /** The row's deadline; the row must have one. */
  deadline(row: number): number {
    assert(this.has(row), 'only a row that has a deadline is asked for it');
    return this.at[row];
  }

  /** The row with the earliest deadline, or NONE. */
  first(): number {
    return this.size === 0 ? NONE : this.heap[0];
  }

  /** Milliseconds from `nowMs` until the earliest deadline (0: it has come), or NONE: there is none. */
  msUntilFirst(nowMs: number): number {
    return this.size === 0 ? NONE : Math.max(0, diff(this.at[this.heap[0]], nowMs));
  }

  /** True when a deadline has come at `nowMs`. */
  isDue(nowMs: number): boolean {
    return this.size > 0 && diff(this.at[this.heap[0]], nowMs) <= 0;
  }

  /** Takes out one row whose deadline has come at `nowMs`, earliest first, or answers NONE. */
  takeDue(nowMs: number): number {
    const row = this.first();
    if (row === NONE || diff(this.at[row], nowMs) > 0) return NONE;
    this.cancel(row);
    return row;
  }

  private earlier(a: number, b: number): boolean {
    const d = diff(this.at[a], this.at[b]);
    if (CHECKS) assert(Math.abs(d) <= 0x4000_0000, 'deadlines lie within 2^30 ms of each other');
    return d < 0 || (d === 0 && a < b);
  }

  private up(start: number): number {
    const heap = this.heap;
    let index = start;
    const row = heap[index];
    while (index > 0) {
      const parent = (index - 1) >> 1;
      if (!this.earlier(row, heap[parent])) break;
      heap[index] = heap[parent];
      this.place[heap[index]] = index;
      index = parent;
    }
    heap[index] = row;
    this.place[row] = index;
    return index;
  }

  private down(start: number): void {
    const heap = this.heap;
    let index = start;
    const row = heap[index];
    for (;;) {
      let child = index * 2 + 1;
      if (child >= this.size) break;
      if (child + 1 < this.size && this.earlier(heap[child + 1], heap[child])) child++;
      if (!this.earlier(heap[child], row)) break;
      heap[index] = heap[child];
      this.place[heap[index]] = index;
      index = child;
    }
    heap[index] = row;
    this.place[row] = index;
  }

  private grow(row: number): void {
    let capacity = this.place.length;
    while (capacity <= row) capacity *= 2;
    const copy = (from: Int32Array, fill: number): Int32Array => {
      const to = new Int32Array(capacity).fill(fill);
      to.set(from);
      return to;
    };
    this.heap = copy(this.heap, 0);
    this.place = copy(this.place, NONE);
    this.at = copy(this.at, 0);
  }
}
