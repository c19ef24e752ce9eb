// Which octets beyond RCV.NXT have arrived: runs of sequence numbers. RFC 9293 3.10.7.4 (seventh), RFC 2018 section 4 (R2018.4).
//
// The octets themselves lie in the receive buffer. Runs are disjoint, and between two of them there is always a gap.
//
//   order  | row | row | row |         rows by sequence number
//   rows   | start end newer older |   and, linked, by when they were last added to

import { assert } from '../../base/assert.ts';

const NONE = -1;
/** Rows made at first; they double up to the limit, and are dropped when no run is left. */
const ROWS_FIRST = 8;
/** Rows that are kept for the next loss. */
const ROWS_KEPT = 16;
const EMPTY = new Int32Array(0);

/** See the head of this file. All sequence numbers are int32, modular, within half the circle of each other. */
export class Reassembly {
  /** Runs. */
  count = 0;
  /** Octets in them. */
  octets = 0;
  /** What `gap` found: [gapSeq, gapEnd). */
  gapSeq = 0;
  gapEnd = 0;
  private readonly runsMax: number;
  private order: Int32Array = EMPTY;
  private starts: Int32Array = EMPTY;
  private ends: Int32Array = EMPTY;
  private newer: Int32Array = EMPTY;
  private older: Int32Array = EMPTY;
  private newest = NONE;
  /** First of the rows that hold no run, linked by `older`. */
  private freeRow = NONE;

  /** `runsMax`: runs that are kept at most, a few hundred. */
  constructor(runsMax: number) {
    assert(runsMax >= 1, 'there is room for one run');
    this.runsMax = runsMax;
  }

  /**
   * Finds the first part of [seq, end) that is not here yet, and sets `gapSeq` and `gapEnd` to it; false when all is here.
   * Where two segments differ in the same octet, the one that came first wins.
   */
  gap(seq: number, end: number): boolean {
    let from = seq | 0;
    let place = this.placeAfter(from);
    if (place < this.count) {
      const row = this.order[place];
      if (((this.starts[row] - from) | 0) <= 0) {
        from = this.ends[row];
        place++;
      }
    }
    if (((end - from) | 0) <= 0) return false;
    this.gapSeq = from;
    this.gapEnd = end | 0;
    if (place < this.count) {
      const start = this.starts[this.order[place]];
      if (((end - start) | 0) > 0) this.gapEnd = start;
    }
    return true;
  }

  /** True when adding [seq, end) leaves no more than `runsMax` runs. */
  fits(seq: number, end: number): boolean {
    return this.count < this.runsMax || this.placeBeyond(end) > this.placeTouching(seq);
  }

  /** [seq, end) is here now, besides what was; that run is the most recent. */
  add(seq: number, end: number): void {
    assert(((end - seq) | 0) > 0 && this.fits(seq, end), 'a run that is added holds octets, and fits');
    const first = this.placeTouching(seq);
    const beyond = this.placeBeyond(end);
    if (first === beyond) {
      this.insert(first, seq | 0, end | 0);
      return;
    }
    const row = this.order[first];
    const last = this.order[beyond - 1];
    const before = (this.ends[row] - this.starts[row]) | 0;
    const until = ((this.ends[last] - end) | 0) > 0 ? this.ends[last] : end | 0;
    for (let place = first + 1; place < beyond; place++) this.drop(this.order[place]);
    this.close(first + 1, beyond);
    if (((this.starts[row] - seq) | 0) > 0) this.starts[row] = seq | 0;
    this.ends[row] = until;
    this.octets += ((until - this.starts[row]) | 0) - before;
    this.unlink(row);
    this.linkNewest(row);
  }

  /** Drops the runs that `rcvNxt` has reached; answers the end of the one that goes on from there, or `rcvNxt`. */
  advance(rcvNxt: number): number {
    let next = rcvNxt | 0;
    let done = 0;
    while (done < this.count) {
      const row = this.order[done];
      if (((this.starts[row] - next) | 0) > 0) break;
      if (((this.ends[row] - next) | 0) > 0) next = this.ends[row];
      this.drop(row);
      done++;
    }
    if (done > 0) this.close(0, done);
    return next;
  }

  /** Where the run starts that was added to as number `i` before the last, i < count: 0 is the most recent. */
  blockSeq(i: number): number {
    return this.starts[this.recent(i)];
  }

  /** Where that run ends. */
  blockEnd(i: number): number {
    return this.ends[this.recent(i)];
  }

  clear(): void {
    while (this.count > 0) {
      this.drop(this.order[this.count - 1]);
      this.close(this.count - 1, this.count);
    }
  }

  private recent(i: number): number {
    assert(i >= 0 && i < this.count, 'a run is read that exists');
    let row = this.newest;
    for (let left = i; left > 0; left--) row = this.older[row];
    return row;
  }

  /** Place of the first run that ends after `seq`. */
  private placeAfter(seq: number): number {
    let low = 0;
    let high = this.count;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (((this.ends[this.order[middle]] - seq) | 0) > 0) high = middle;
      else low = middle + 1;
    }
    return low;
  }

  /** Place of the first run that ends at `seq` or after. */
  private placeTouching(seq: number): number {
    return this.placeAfter((seq - 1) | 0);
  }

  /** Place of the first run that starts after `end`. */
  private placeBeyond(end: number): number {
    let low = 0;
    let high = this.count;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (((this.starts[this.order[middle]] - end) | 0) > 0) high = middle;
      else low = middle + 1;
    }
    return low;
  }

  private insert(place: number, seq: number, end: number): void {
    if (this.freeRow === NONE) this.grow();
    const row = this.freeRow;
    this.freeRow = this.older[row];
    this.order.copyWithin(place + 1, place, this.count);
    this.order[place] = row;
    this.starts[row] = seq;
    this.ends[row] = end;
    this.count++;
    this.octets += (end - seq) | 0;
    this.linkNewest(row);
  }

  /** Frees a row; its place in `order` is closed by the caller. */
  private drop(row: number): void {
    this.octets -= (this.ends[row] - this.starts[row]) | 0;
    this.unlink(row);
    this.older[row] = this.freeRow;
    this.freeRow = row;
  }

  /** Takes places [from, to) out of `order`. */
  private close(from: number, to: number): void {
    this.order.copyWithin(from, to, this.count);
    this.count -= to - from;
    if (this.count === 0 && this.order.length > ROWS_KEPT) this.shrink();
  }

  private linkNewest(row: number): void {
    this.newer[row] = NONE;
    this.older[row] = this.newest;
    if (this.newest !== NONE) this.newer[this.newest] = row;
    this.newest = row;
  }

  private unlink(row: number): void {
    const newer = this.newer[row];
    const older = this.older[row];
    if (newer === NONE) this.newest = older;
    else this.older[newer] = older;
    if (older !== NONE) this.newer[older] = newer;
  }

  private grow(): void {
    const had = this.order.length;
    const rows = Math.min(this.runsMax, had === 0 ? ROWS_FIRST : 2 * had);
    this.order = widened(this.order, rows);
    this.starts = widened(this.starts, rows);
    this.ends = widened(this.ends, rows);
    this.newer = widened(this.newer, rows);
    this.older = widened(this.older, rows);
    for (let row = rows - 1; row >= had; row--) {
      this.older[row] = this.freeRow;
      this.freeRow = row;
    }
  }

  private shrink(): void {
    this.order = this.starts = this.ends = this.newer = this.older = EMPTY;
    this.freeRow = NONE;
  }
}

function widened(column: Int32Array, rows: number): Int32Array {
  const wide = new Int32Array(rows);
  wide.set(column);
  return wide;
}
