// The scoreboard (RFC 6675 section 3, RFC 8985 section 5.2) against one record an octet, from sequence numbers around the wrap.

import { fc, test as property } from '@fast-check/vitest';
import { describe, expect, test } from 'vitest';
import { add, diff } from '../../base/int.ts';
import { Delivery } from '../loss/delivery.ts';
import { RangePool, type SentRange } from './sent-range.ts';
import { SentRanges } from './sent-ranges.ts';

const MSS = 10;
const RANGES_MAX = 16_384;
const START_US = 0x7fff_ff00;

// Not fc.double, which draws from all exponents alike: nearly all of it is nearly 0.
const share = fc.nat(999).map((n) => n / 1000);
const step = fc.oneof(
  {
    weight: 5,
    arbitrary: fc.record({ verb: fc.constant('append' as const), length: fc.integer({ min: 1, max: 45 }) }),
  },
  { weight: 2, arbitrary: fc.record({ verb: fc.constant('acknowledge' as const), share }) },
  { weight: 2, arbitrary: fc.record({ verb: fc.constant('cut' as const), share, at: share }) },
  { weight: 3, arbitrary: fc.record({ verb: fc.constant('markSacked' as const), share }) },
  { weight: 3, arbitrary: fc.record({ verb: fc.constant('markLost' as const), share }) },
  { weight: 3, arbitrary: fc.record({ verb: fc.constant('resent' as const), share }) },
  { weight: 2, arbitrary: fc.record({ verb: fc.constant('resendFirstLost' as const) }) },
  { weight: 1, arbitrary: fc.record({ verb: fc.constant('wait' as const), us: fc.nat(300) }) },
  { weight: 1, arbitrary: fc.record({ verb: fc.constant('unmarkLost' as const) }) },
  { weight: 1, arbitrary: fc.record({ verb: fc.constant('unmarkSacked' as const) }) },
  { weight: 1, arbitrary: fc.record({ verb: fc.constant('clear' as const) }) },
);
type Step = typeof step extends fc.Arbitrary<infer T> ? T : never;

const seqs = fc.oneof(
  fc.integer({ min: -0x8000_0000, max: 0x7fff_ffff }),
  fc.integer({ min: -600, max: 9 }).map((n) => (0x7fff_ffff + n) | 0),
  fc.integer({ min: -600, max: 9 }),
);

/** What one octet is known to be. `order`: place in the order of leaving. */
interface Octet {
  sacked: boolean;
  lost: boolean;
  retransmits: number;
  sentUs: number;
  order: number;
}

function agrees(range: SentRange, octet: Octet): boolean {
  if (range.sacked !== octet.sacked || range.lost !== octet.lost) return false;
  return octet.sacked || (range.retransmits === octet.retransmits && range.sentUs === octet.sentUs);
}

/** Both, side by side. */
class Pair {
  readonly ranges = new SentRanges(new RangePool());
  readonly delivery = new Delivery();
  octets: Octet[] = [];
  start: number;
  nowUs = START_US;
  private order = 0;

  constructor(start: number) {
    this.start = start;
  }

  get end(): number {
    return add(this.start, this.octets.length);
  }

  do(step: Step): void {
    const { ranges, octets } = this;
    if (step.verb === 'append') {
      ranges.append(this.end, add(this.end, step.length), this.nowUs, 0);
      const order = ++this.order;
      for (let i = 0; i < step.length; i++)
        octets.push({ sacked: false, lost: false, retransmits: 0, sentUs: this.nowUs, order });
    } else if (step.verb === 'wait') this.nowUs = add(this.nowUs, step.us);
    else if (step.verb === 'unmarkLost') {
      ranges.unmarkLost();
      for (const octet of octets) octet.lost = false;
      this.reorder();
    } else if (step.verb === 'unmarkSacked') {
      ranges.unmarkSacked();
      for (const octet of octets) octet.sacked = false;
      this.reorder();
    } else if (step.verb === 'clear') {
      ranges.clear();
      this.start = this.end;
      this.octets = [];
    } else if (step.verb === 'resendFirstLost') {
      const place = ranges.firstLost();
      if (place >= 0) this.resend(ranges.at(place));
    } else if (octets.length > 0) this.doInside(step);
  }

  /** Octets and ranges agree; questions have the answers that octets give. */
  check(): void {
    const { ranges, octets } = this;
    let at = this.start;
    let segments = 0;
    for (let place = 0; place < ranges.count; place++) {
      const range = ranges.at(place);
      if (range.seq !== at || range.length <= 0) expect(range.seq).toBe(at);
      const wrong = this.of(range).filter((octet) => !agrees(range, octet));
      if (wrong.length > 0) expect(wrong).toEqual(range);
      if (range.sacked && place > 0) expect(ranges.at(place - 1).sacked).toBe(false);
      segments += range.segments;
      at = range.end;
    }
    expect(at).toBe(this.end);
    const count = (is: (octet: Octet) => boolean): number => octets.filter(is).length;
    expect([ranges.sackedOctets, ranges.lostOctets, ranges.resentOctets, ranges.sackedSegments]).toEqual([
      count(({ sacked }) => sacked),
      count(({ lost }) => lost),
      count(({ sacked, lost, retransmits }) => !sacked && !lost && retransmits > 0),
      segments,
    ]);
    expect([ranges.first?.seq, ranges.last?.end]).toEqual(
      octets.length === 0 ? [undefined, undefined] : [this.start, this.end],
    );
    this.checkOrder();
    const place = ranges.firstLost();
    const first = octets.findIndex(({ lost }) => lost);
    expect(place < 0 ? -1 : diff(ranges.at(place).seq, this.start)).toBe(first);
  }

  checkPlaceOf(offset: number): void {
    const { ranges, octets } = this;
    const place = ranges.placeOf(add(this.start, offset));
    if (offset < 0) expect(place).toBe(0);
    else if (offset >= octets.length) expect(place).toBe(ranges.count);
    else {
      const range = ranges.at(place);
      expect(diff(range.seq, this.start)).toBeLessThanOrEqual(offset);
      expect(diff(range.end, this.start)).toBeGreaterThan(offset);
    }
  }

  private doInside(step: Step & { share: number }): void {
    const { ranges } = this;
    if (step.verb === 'acknowledge') {
      const octets = 1 + Math.floor(step.share * this.octets.length);
      const gone = this.octets.slice(0, octets);
      this.delivery.clear(this.nowUs, this.start, this.start);
      ranges.acknowledge(add(this.start, octets), this.delivery);
      expect(this.delivery.deliveredOctets).toBe(gone.filter(({ sacked }) => !sacked).length);
      this.octets = this.octets.slice(octets);
      this.start = add(this.start, octets);
      return;
    }
    const place = Math.floor(step.share * ranges.count);
    const range = ranges.at(place);
    if (step.verb === 'resent') {
      if (!range.sacked) this.resend(range);
    } else if (step.verb === 'markLost') {
      // What is SACKed is not lost, and twice is once.
      if (!range.sacked) for (const octet of this.of(range)) octet.lost = true;
      ranges.markLost(range);
    } else if (step.verb === 'markSacked') {
      if (range.sacked) return;
      for (const octet of this.of(range)) Object.assign(octet, { sacked: true, lost: false });
      const { seq } = range;
      const now = ranges.markSacked(place, MSS);
      expect(now).toBe(ranges.placeOf(seq));
    } else if (step.verb === 'cut' && !range.sacked && range.length > 1) {
      const { seq, end } = range;
      const at = add(seq, 1 + Math.floor(step.at * (range.length - 1)));
      expect(ranges.cut(place, at)).toBe(true);
      expect([seq, at, end]).toEqual([
        ranges.at(place).seq,
        ranges.at(place + 1).seq,
        ranges.at(place + 1).end,
      ]);
    }
  }

  private resend(range: SentRange): void {
    const order = ++this.order;
    for (const octet of this.of(range)) {
      Object.assign(octet, { lost: false, sentUs: this.nowUs, order });
      octet.retransmits++;
    }
    this.ranges.resent(range, this.nowUs);
  }

  private of(range: SentRange): Octet[] {
    return this.octets.slice(diff(range.seq, this.start), diff(range.end, this.start));
  }

  /** What comes back under way stands where its time says. */
  private reorder(): void {
    // Merged ranges remember one time, and the most often that one of them was sent.
    for (let place = 0; place < this.ranges.count; place++) {
      const { retransmits, sentUs } = this.ranges.at(place);
      for (const octet of this.of(this.ranges.at(place))) Object.assign(octet, { retransmits, sentUs });
    }
    const sorted = [...this.octets].sort((a, b) => diff(a.sentUs, b.sentUs));
    for (const octet of sorted) octet.order = ++this.order;
  }

  private checkOrder(): void {
    const { ranges, octets } = this;
    const expected = octets
      .map((octet, i) => ({ ...octet, i }))
      .filter(({ sacked, lost }) => !sacked && !lost)
      .sort((a, b) => a.order - b.order || a.i - b.i)
      .map(({ i }) => i);
    const found: number[] = [];
    let older: SentRange | undefined;
    for (let range = ranges.oldest; range !== undefined; range = range.newer) {
      if (range.older !== older) expect(range.older?.seq).toBe(older?.seq);
      older = range;
      for (let i = 0; i < range.length; i++) found.push(diff(range.seq, this.start) + i);
    }
    expect(ranges.newest?.seq).toBe(older?.seq);
    expect(found.join()).toBe(expected.join());
  }
}

describe('the scoreboard', () => {
  // R6675.1
  property.prop([
    seqs,
    fc.array(step, { minLength: 1, maxLength: 60 }),
    fc.array(fc.integer({ min: -9, max: 300 })),
  ])(
    'counts, finds and orders as one record an octet does, whatever happens to it',
    (seq, steps, offsets) => {
      const pair = new Pair(seq);
      for (const one of steps) {
        pair.do(one);
        pair.check();
      }
      for (const offset of offsets) pair.checkPlaceOf(offset);
    },
  );

  // R6675.2
  property.prop([seqs, fc.array(fc.integer({ min: 1, max: 45 }), { minLength: 1, maxLength: 30 })])(
    'segments that were SACKed stay counted as they are merged: RFC 6675 IsLost counts segments',
    (seq, lengths) => {
      const pair = new Pair(seq);
      for (const length of lengths) pair.do({ verb: 'append', length });
      for (let place = 0; place < pair.ranges.count; place++) place = pair.ranges.markSacked(place, MSS);
      expect(pair.ranges.count).toBe(1);
      expect(pair.ranges.sackedSegments).toBe(lengths.reduce((sum, n) => sum + Math.ceil(n / MSS), 0));
    },
  );
});

describe('[hostile 21] the limit of ranges (CVE-2019-11478)', () => {
  /** As many as may be, of two octets each. */
  function full(): Pair {
    const pair = new Pair(0x7fff_f000);
    for (let i = 0; i < RANGES_MAX; i++)
      pair.ranges.append(add(pair.start, 2 * i), add(pair.start, 2 * i + 2), 0, 0);
    return pair;
  }

  test('beyond it nothing is cut any more, but the first, which an acknowledgment cuts', () => {
    const { ranges, start, delivery } = full();
    expect(ranges.cut(1, add(start, 3))).toBe(false);
    expect(ranges.at(1).end).toBe(add(start, 4));
    ranges.acknowledge(add(start, 1), delivery);
    expect([ranges.count, ranges.at(0).seq]).toEqual([RANGES_MAX, add(start, 1)]);
  });

  test('beyond it what is sent joins the last, and is acknowledged with it', () => {
    const { ranges, start, delivery } = full();
    const at = add(start, 2 * RANGES_MAX);
    expect(ranges.append(at, add(at, 100), 5, 0)).toBe(ranges.last);
    expect([ranges.count, ranges.last?.end]).toEqual([RANGES_MAX, add(at, 100)]);
    ranges.acknowledge(add(at, 100), delivery);
    expect([ranges.empty, delivery.deliveredOctets]).toEqual([true, 2 * RANGES_MAX + 100]);
  });

  test('ranges are used again: a flood leaves no more than it had at once', () => {
    const pool = new RangePool();
    const ranges = new SentRanges(pool);
    let most = 0;
    for (let i = 0; i < 1000; i++) {
      most = Math.max(most, ranges.append(i, i + 1, i, i).id);
      if (i >= 10) ranges.acknowledge(i - 9, new Delivery());
    }
    ranges.clear();
    expect(most).toBeLessThan(12);
  });
});
