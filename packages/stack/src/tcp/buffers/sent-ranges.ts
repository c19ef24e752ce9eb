// What was sent and is not yet acknowledged, as ranges of sequence numbers in order. A range is what left in one piece
// (a segment, or a super-segment); it splits when an acknowledgment or a loss cuts it.
//
//   first --> [seq, end) --> [seq, end) --> ... --> last        neighbours touch: no holes

import { assert, CHECKS } from '../../base/assert.ts';
import { after, before, diff } from '../../base/int.ts';

/** Ranges kept for reuse, whole stack: 64 thousand segments in flight. */
const SPARE_MAX = 65_536;

/** One range. Times in microseconds, as the pump read them. */
export class SentRange {
  seq = 0;
  end = 0;
  /** When it left last. */
  sentUs = 0;
  /** When it left first, milliseconds. */
  firstSentMs = 0;
  /** `Tcb.delivered` and its time when it left: for the delivery rate. */
  delivered = 0;
  deliveredUs = 0;
  /** Taken for lost, and not sent again yet. */
  lost = false;
  /** How often it was sent again. */
  retransmits = 0;
  next: SentRange | undefined = undefined;

  get length(): number {
    return diff(this.end, this.seq);
  }
}

/** Where ranges come from and go back to; one per stack. */
export class RangePool {
  private spare: SentRange | undefined = undefined;
  private kept = 0;

  take(): SentRange {
    const range = this.spare;
    if (range === undefined) return new SentRange();
    this.spare = range.next;
    this.kept--;
    range.next = undefined;
    return range;
  }

  give(range: SentRange): void {
    if (this.kept >= SPARE_MAX) return;
    range.next = this.spare;
    this.spare = range;
    this.kept++;
  }
}

/** The ranges of one connection. */
export class SentRanges {
  first: SentRange | undefined = undefined;
  last: SentRange | undefined = undefined;
  /** Octets (sequence numbers) of ranges that are marked lost. */
  lostOctets = 0;
  /** What the last `acknowledge` found: the last range it took out that was sent only once, or undefined. */
  sampled = false;
  sampleUs = 0;
  sampleDelivered = 0;
  sampleDeliveredUs = 0;
  /** When the first of the ranges it took out that was sent again left last; only where none was `sampled`. */
  resentUs = 0;
  private readonly pool: RangePool;

  constructor(pool: RangePool) {
    this.pool = pool;
  }

  get empty(): boolean {
    return this.first === undefined;
  }

  /** [seq, end) left just now, for the first time. */
  append(seq: number, end: number, nowUs: number, nowMs: number): SentRange {
    if (CHECKS) assert(this.last === undefined || this.last.end === seq, 'sent ranges touch');
    const range = this.pool.take();
    range.seq = seq;
    range.end = end;
    range.sentUs = nowUs;
    range.firstSentMs = nowMs;
    range.lost = false;
    range.retransmits = 0;
    if (this.last === undefined) this.first = range;
    else this.last.next = range;
    this.last = range;
    return range;
  }

  /**
   * Takes out everything before `una`. Sets `sampled` and the times of the last range that was sent but once; Karn
   * (RFC 6298 section 3): when any of them was sent again, nobody knows what was acknowledged, and nothing is measured.
   */
  acknowledge(una: number): void {
    this.sampled = false;
    let ambiguous = false;
    for (let range = this.first; range !== undefined && before(range.seq, una); range = this.first) {
      if (after(range.end, una)) this.cut(range, una);
      if (range.lost) this.lostOctets -= range.length;
      if (range.retransmits > 0 && !ambiguous) {
        ambiguous = true;
        this.resentUs = range.sentUs;
      }
      this.sampleUs = range.sentUs;
      this.sampleDelivered = range.delivered;
      this.sampleDeliveredUs = range.deliveredUs;
      this.sampled = !ambiguous;
      this.first = range.next;
      this.pool.give(range);
    }
    if (this.first === undefined) this.last = undefined;
  }

  /** Cuts a range in two at `at`, which lies inside; what is known of it holds for both. */
  cut(range: SentRange, at: number): void {
    if (CHECKS) assert(after(at, range.seq) && before(at, range.end), 'a range is cut inside');
    const rest = this.pool.take();
    rest.seq = at;
    rest.end = range.end;
    rest.sentUs = range.sentUs;
    rest.firstSentMs = range.firstSentMs;
    rest.delivered = range.delivered;
    rest.deliveredUs = range.deliveredUs;
    rest.lost = range.lost;
    rest.retransmits = range.retransmits;
    rest.next = range.next;
    range.next = rest;
    range.end = at;
    if (this.last === range) this.last = rest;
  }

  markLost(range: SentRange): void {
    if (range.lost) return;
    range.lost = true;
    this.lostOctets += range.length;
  }

  markAllLost(): void {
    for (let range = this.first; range !== undefined; range = range.next) this.markLost(range);
  }

  /** The first range that waits to be sent again, or undefined. */
  firstLost(): SentRange | undefined {
    if (this.lostOctets === 0) return undefined;
    let range = this.first;
    while (range !== undefined && !range.lost) range = range.next;
    return range;
  }

  /** A lost range left again. */
  resent(range: SentRange, nowUs: number): void {
    if (range.lost) this.lostOctets -= range.length;
    range.lost = false;
    range.retransmits++;
    range.sentUs = nowUs;
  }

  clear(): void {
    for (let range = this.first; range !== undefined; range = this.first) {
      this.first = range.next;
      this.pool.give(range);
    }
    this.last = undefined;
    this.lostOctets = 0;
  }
}
