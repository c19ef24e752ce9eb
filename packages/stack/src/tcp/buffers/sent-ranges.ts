// What was sent and is not yet acknowledged: the scoreboard of RFC 6675, as ranges of sequence numbers in order. A range is what
// left in one piece (a segment, or a super-segment); it splits when an acknowledgment, a SACK block or a loss cuts it.
//
//   place      0            1            2      ...    count-1
//         [seq, end) --> [seq, end) --> [seq, end) --> [seq, end)      neighbours touch: no holes
//
// Beside it the ranges that are under way are linked in the order in which they left last (RFC 8985 section 6.2):
// `oldest` to `newest`. Those that were SACKed, and those taken for lost and not sent again, are not in that list.

import { assert, CHECKS } from '../../base/assert.ts';
import { after, before, diff } from '../../base/int.ts';
import { RangePool, type SentRange } from './sent-range.ts';

/** Ranges of one connection. Beyond it nothing is cut any more and what is sent joins the last (CVE-2019-11478). */
const RANGES_MAX = 16_384;
const PLACES_FIRST = 16;
/**
 * Places that a list without ranges keeps: those of a bulk flow in super-segments, which has nothing outstanding now and then and
 * would need a new table each time. And lists kept for who sends next: they cost 1 KB each at most.
 */
const PLACES_KEPT = 256;
const SPARE_LISTS = 256;
const NO_PLACES = new Int32Array(0);

/** Who hears of what arrives: the delivery of one acknowledgment. */
export interface Arrivals {
  /** A range arrived that was not known to have; `inOrder`: the cumulative acknowledgment says so. */
  take(range: SentRange, inOrder: boolean): void;
}

/** The ranges of one connection. */
export class SentRanges {
  count = 0;
  /** Octets (sequence numbers) of ranges that are SACKed, that are taken for lost, and that were sent again and are under way. */
  sackedOctets = 0;
  lostOctets = 0;
  resentOctets = 0;
  /** Segments of the wire in the SACKed ranges. */
  sackedSegments = 0;
  /** In the order of leaving: the one that left first of those under way, and the one that left last. */
  oldest: SentRange | undefined = undefined;
  newest: SentRange | undefined = undefined;
  private readonly pool: RangePool;
  private places: Int32Array = NO_PLACES;
  private head = 0;
  /** Nothing before it is lost. */
  private lostSeq = 0;

  constructor(pool: RangePool) {
    this.pool = pool;
  }

  /** For laws: 0 when there are no ranges. */
  get counts(): number {
    const { sackedOctets, lostOctets, resentOctets, sackedSegments } = this;
    return sackedOctets + lostOctets + resentOctets + sackedSegments;
  }

  get empty(): boolean {
    return this.count === 0;
  }

  get first(): SentRange | undefined {
    return this.count === 0 ? undefined : this.at(0);
  }

  get last(): SentRange | undefined {
    return this.count === 0 ? undefined : this.at(this.count - 1);
  }

  /** The range at a place, 0 .. count - 1. */
  at(place: number): SentRange {
    return this.pool.at(this.places[this.head + place]);
  }

  /** The place of the range that holds `seq`: 0 when that is before all, `count` when it is beyond. */
  placeOf(seq: number): number {
    let low = 0;
    let high = this.count;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (after(this.at(middle).end, seq)) high = middle;
      else low = middle + 1;
    }
    return low;
  }

  /** [seq, end) left just now, for the first time. */
  append(seq: number, end: number, nowUs: number, nowMs: number): SentRange {
    const { last } = this;
    if (CHECKS) assert(this !== NOTHING_SENT, 'who sends has a list of its own');
    if (CHECKS) assert(last === undefined || last.end === seq, 'sent ranges touch');
    if (
      this.count >= RANGES_MAX &&
      last !== undefined &&
      !last.sacked &&
      !last.lost &&
      last.retransmits === 0
    ) {
      last.end = end;
      return last;
    }
    const range = this.pool.take();
    range.seq = seq;
    range.end = end;
    range.sentUs = nowUs;
    range.firstSentMs = nowMs;
    range.sacked = false;
    range.segments = 0;
    range.lost = false;
    range.retransmits = 0;
    if (this.head + this.count === this.places.length) this.makeRoom();
    this.places[this.head + this.count++] = range.id;
    this.linkNewest(range);
    return range;
  }

  /** Takes out everything before `una`, and tells `delivery` of what was not SACKed before. */
  acknowledge(una: number, delivery: Arrivals): void {
    while (this.count > 0) {
      const range = this.at(0);
      if (!before(range.seq, una)) break;
      if (after(range.end, una)) this.cut(0, una);
      this.forget(range);
      if (range.sacked) {
        this.sackedOctets -= range.length;
        this.sackedSegments -= range.segments;
      } else delivery.take(range, true);
      this.head++;
      this.count--;
      this.pool.give(range);
    }
    if (this.count === 0) this.head = 0;
  }

  /**
   * Cuts the range at `place` in two at `at`, which lies inside; what is known of it holds for both. False: there are as many
   * ranges as may be. An acknowledgment always cuts.
   */
  cut(place: number, at: number): boolean {
    if (this.count >= RANGES_MAX && place > 0) return false;
    const range = this.at(place);
    if (CHECKS) assert(after(at, range.seq) && before(at, range.end), 'a range is cut inside');
    const rest = this.pool.take();
    rest.seq = at;
    rest.end = range.end;
    rest.sentUs = range.sentUs;
    rest.firstSentMs = range.firstSentMs;
    rest.delivered = range.delivered;
    rest.deliveredUs = range.deliveredUs;
    rest.firstSentUs = range.firstSentUs;
    rest.appLimited = range.appLimited;
    rest.sacked = range.sacked;
    // Counted with the first part: how many of them lie in which is not known.
    rest.segments = 0;
    rest.lost = range.lost;
    rest.retransmits = range.retransmits;
    range.end = at;
    this.insert(place + 1, rest);
    if (this.isLinked(range)) this.linkBehind(range, rest);
    return true;
  }

  /** The range at `place` arrived out of order; it grows together with neighbours of its kind. Answers the place it has then. */
  markSacked(place: number, mss: number): number {
    const range = this.at(place);
    this.forget(range);
    range.lost = false;
    range.sacked = true;
    range.segments = Math.max(1, Math.ceil(range.length / mss));
    this.sackedOctets += range.length;
    this.sackedSegments += range.segments;
    if (place + 1 < this.count && this.at(place + 1).sacked) this.merge(place);
    if (place === 0 || !this.at(place - 1).sacked) return place;
    this.merge(place - 1);
    return place - 1;
  }

  /** Nobody has it, as far as one can tell: it waits to be sent again. */
  markLost(range: SentRange): void {
    if (range.lost || range.sacked) return;
    this.forget(range);
    range.lost = true;
    this.lostOctets += range.length;
    if (this.lostOctets === range.length || before(range.seq, this.lostSeq)) this.lostSeq = range.seq;
  }

  /** All that was taken for lost is under way after all: the loss was none. */
  unmarkLost(): void {
    for (let place = 0; place < this.count; place++) this.at(place).lost = false;
    this.lostOctets = 0;
    this.relink();
  }

  /** The peer has thrown away what it SACKed (RFC 2018 section 8). */
  unmarkSacked(): void {
    for (let place = 0; place < this.count; place++) {
      const range = this.at(place);
      range.sacked = false;
      range.segments = 0;
    }
    this.sackedOctets = 0;
    this.sackedSegments = 0;
    this.relink();
  }

  /** The place of the first range that waits to be sent again, or -1. */
  firstLost(): number {
    if (this.lostOctets === 0) return -1;
    let place = this.placeOf(this.lostSeq);
    while (place < this.count && !this.at(place).lost) place++;
    if (CHECKS) assert(place < this.count, 'what is lost is found');
    this.lostSeq = this.at(place).seq;
    return place;
  }

  /** The first range was sent `times` more before it was written down here. */
  recall(times: number): void {
    const range = this.at(0);
    if (range.retransmits === 0 && times > 0) this.resentOctets += range.length;
    range.retransmits = times;
  }

  /** It left again, lost or not. */
  resent(range: SentRange, nowUs: number): void {
    this.forget(range);
    range.lost = false;
    range.retransmits++;
    range.sentUs = nowUs;
    this.resentOctets += range.length;
    this.linkNewest(range);
  }

  clear(): void {
    if (this.count === 0) return;
    for (let place = 0; place < this.count; place++) this.pool.give(this.at(place));
    this.count = 0;
    this.head = 0;
    this.oldest = undefined;
    this.newest = undefined;
    this.sackedOctets = 0;
    this.sackedSegments = 0;
    this.lostOctets = 0;
    this.resentOctets = 0;
  }

  /** Drops a long table of places that holds none. */
  shrink(): void {
    if (this.count === 0 && this.places.length > PLACES_KEPT) this.places = NO_PLACES;
  }

  /** It is no longer under way, or no longer lost: takes it out of what counts and out of the order of leaving. */
  private forget(range: SentRange): void {
    if (range.sacked) return;
    if (range.lost) {
      this.lostOctets -= range.length;
      return;
    }
    if (range.retransmits > 0) this.resentOctets -= range.length;
    this.unlink(range);
  }

  /** The ranges at `place` and behind it, both SACKed, become one. */
  private merge(place: number): void {
    const range = this.at(place);
    const next = this.at(place + 1);
    range.end = next.end;
    range.segments += next.segments;
    if (next.retransmits > range.retransmits) range.retransmits = next.retransmits;
    const at = this.head + place + 1;
    this.places.copyWithin(at, at + 1, this.head + this.count);
    this.count--;
    this.pool.give(next);
  }

  private insert(place: number, range: SentRange): void {
    if (this.head + this.count === this.places.length) this.makeRoom();
    const at = this.head + place;
    this.places.copyWithin(at + 1, at, this.head + this.count);
    this.places[at] = range.id;
    this.count++;
  }

  /** Room for one place more at the end. */
  private makeRoom(): void {
    const { head, count, places } = this;
    if (head > places.length >> 1) places.copyWithin(0, head, head + count);
    else {
      const wide = new Int32Array(Math.max(PLACES_FIRST, 2 * places.length));
      wide.set(places.subarray(head, head + count));
      this.places = wide;
    }
    this.head = 0;
  }

  private isLinked(range: SentRange): boolean {
    return !range.sacked && !range.lost;
  }

  private linkNewest(range: SentRange): void {
    range.older = this.newest;
    range.newer = undefined;
    if (this.newest === undefined) this.oldest = range;
    else this.newest.newer = range;
    this.newest = range;
  }

  private linkBehind(range: SentRange, next: SentRange): void {
    next.older = range;
    next.newer = range.newer;
    if (range.newer === undefined) this.newest = next;
    else range.newer.older = next;
    range.newer = next;
  }

  private unlink(range: SentRange): void {
    const { older, newer } = range;
    if (older === undefined) this.oldest = newer;
    else older.newer = newer;
    if (newer === undefined) this.newest = older;
    else newer.older = older;
    range.older = undefined;
    range.newer = undefined;
  }

  /** The order of leaving, made anew from the times: rare. */
  private relink(): void {
    this.resentOctets = 0;
    if (this.count === 0) return;
    this.oldest = undefined;
    this.newest = undefined;
    const ranges: SentRange[] = [];
    for (let place = 0; place < this.count; place++) {
      const range = this.at(place);
      if (!this.isLinked(range)) continue;
      ranges.push(range);
      if (range.retransmits > 0) this.resentOctets += range.length;
    }
    ranges.sort((a, b) => diff(a.sentUs, b.sentUs));
    for (const range of ranges) this.linkNewest(range);
  }
}

/** What a connection has that has nothing outstanding: no ranges, and none is ever appended to it. */
export const NOTHING_SENT: SentRanges = new SentRanges(new RangePool());

/** The lists of one stack: a connection has one from when it sends until all is acknowledged. */
export class SentStore {
  private readonly ranges: RangePool = new RangePool();
  private readonly spare: SentRanges[] = [];

  /** An empty list, for a connection that is about to send. */
  take(): SentRanges {
    return this.spare.pop() ?? new SentRanges(this.ranges);
  }

  /** The list of one that has nothing outstanding any more. */
  give(list: SentRanges): void {
    assert(list.empty, 'only a list without ranges serves another connection');
    if (CHECKS) assert(list.counts === 0, 'what counts the ranges of a list ends with them');
    list.shrink();
    if (this.spare.length < SPARE_LISTS) this.spare.push(list);
  }
}
