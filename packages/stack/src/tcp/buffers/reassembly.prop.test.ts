// Runs beyond RCV.NXT against the plainest model: a set of octets, and the order in which they came.

import { fc, test as property } from '@fast-check/vitest';
import { describe, expect, test } from 'vitest';
import { Reassembly } from './reassembly.ts';

/** Where the circle is cut for a run of the model: in the middle, and just before the wrap. */
const base = fc.oneof(fc.constantFrom(0, 0x7fff_ffff - 40, -0x8000_0000, -40), fc.integer());
const CIRCLE = 80;
const RUNS = 6;

const step = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({ from: fc.nat({ max: CIRCLE }), length: fc.integer({ min: 1, max: 12 }) }),
  },
  { weight: 1, arbitrary: fc.record({ to: fc.nat({ max: CIRCLE }) }) },
  { weight: 1, arbitrary: fc.constant('clear' as const) },
);

/** Runs of a set of octets, each with the number of the last addition to it. */
class Model {
  /** By octet: the number of the addition that touched its run last, 0 for not here. */
  readonly here: number[] = new Array(2 * CIRCLE).fill(0);
  private added = 0;

  runs(here: readonly number[] = this.here): { start: number; end: number; stamp: number }[] {
    const found: { start: number; end: number; stamp: number }[] = [];
    for (let i = 0; i < here.length; i++) {
      if (here[i] === 0) continue;
      if (i > 0 && here[i - 1] !== 0) {
        const run = found[found.length - 1];
        run.end = i + 1;
        run.stamp = Math.max(run.stamp, here[i]);
      } else found.push({ start: i, end: i + 1, stamp: here[i] });
    }
    return found;
  }

  with(from: number, length: number): number[] {
    const here = [...this.here];
    here.fill(this.added + 1, from, from + length);
    return here;
  }

  add(from: number, length: number): void {
    const here = this.with(from, length);
    for (let i = 0; i < here.length; i++) this.here[i] = here[i];
    this.added++;
  }

  advance(to: number): number {
    let next = to;
    while (this.here[next] !== 0) next++;
    this.here.fill(0, 0, next);
    return next;
  }

  /** The first stretch of [from, end) that is not here. */
  gap(from: number, end: number): readonly [number, number] | undefined {
    let start = from;
    while (start < end && this.here[start] !== 0) start++;
    let stop = start;
    while (stop < end && this.here[stop] === 0) stop++;
    return start < end ? [start, stop] : undefined;
  }
}

function agree(reassembly: Reassembly, model: Model, zero: number): void {
  const runs = model.runs();
  expect(reassembly.count).toBe(runs.length);
  expect(reassembly.octets).toBe(model.here.filter((stamp) => stamp !== 0).length);
  const newestFirst = runs.sort((a, b) => b.stamp - a.stamp);
  const blocks = runs.map((_, i) => [reassembly.blockSeq(i), reassembly.blockEnd(i)]);
  expect(blocks).toEqual(newestFirst.map(({ start, end }) => [(zero + start) | 0, (zero + end) | 0]));
}

// R2018.4
property.prop([base, fc.array(step, { maxLength: 60 }), fc.nat({ max: CIRCLE }), fc.nat({ max: 20 })])(
  'runs are those of a set of octets, most recently added to first',
  (zero, steps, from, span) => {
    const reassembly = new Reassembly(RUNS);
    const model = new Model();
    for (const step of steps) {
      if (step === 'clear') {
        reassembly.clear();
        model.here.fill(0);
      } else if ('to' in step) {
        const next = model.advance(step.to);
        expect(reassembly.advance((zero + step.to) | 0)).toBe((zero + next) | 0);
      } else {
        const [seq, end] = [(zero + step.from) | 0, (zero + step.from + step.length) | 0];
        const fits = model.runs(model.with(step.from, step.length)).length <= RUNS;
        expect(reassembly.fits(seq, end)).toBe(fits);
        if (!fits) continue;
        reassembly.add(seq, end);
        model.add(step.from, step.length);
      }
      agree(reassembly, model, zero);
      const gap = model.gap(from, from + span);
      expect(reassembly.gap((zero + from) | 0, (zero + from + span) | 0)).toBe(gap !== undefined);
      if (gap === undefined) continue;
      expect([reassembly.gapSeq, reassembly.gapEnd]).toEqual(gap.map((place) => (zero + place) | 0));
    }
  },
);

property.prop([
  base,
  fc.shuffledSubarray(
    Array.from({ length: 300 }, (_, i) => i),
    { minLength: 300 },
  ),
])('a window of one-octet segments in any order ends as one run, and then as none', (zero, order) => {
  const reassembly = new Reassembly(300);
  // Twice: the second time on what the first left behind.
  for (const first of [zero + 1, zero + 400]) {
    let most = 0;
    for (const place of order) {
      reassembly.add((first + place) | 0, (first + place + 1) | 0);
      most = Math.max(most, reassembly.count);
    }
    expect(most).toBeGreaterThan(50);
    expect([reassembly.count, reassembly.octets]).toEqual([1, 300]);
    expect(reassembly.advance((first - 1) | 0)).toBe((first - 1) | 0);
    expect(reassembly.advance(first | 0)).toBe((first + 300) | 0);
    expect([reassembly.count, reassembly.octets]).toEqual([0, 0]);
  }
});

describe('what is a bug', () => {
  test('adding nothing, or more runs than fit, and reading a run that is none', () => {
    const reassembly = new Reassembly(1);
    expect(() => reassembly.add(5, 5)).toThrow('a run that is added holds octets, and fits');
    reassembly.add(5, 6);
    expect(() => reassembly.add(8, 9)).toThrow('tunstack bug');
    expect(() => reassembly.blockSeq(1)).toThrow('a run is read that exists');
    expect(() => reassembly.blockEnd(-1)).toThrow('a run is read that exists');
  });
});

test('a segment that fills the gap between two runs at the limit makes one of them', () => {
  const reassembly = new Reassembly(2);
  reassembly.add(10, 20);
  reassembly.add(30, 40);
  expect([reassembly.fits(22, 28), reassembly.fits(20, 28), reassembly.fits(5, 45)]).toEqual([
    false,
    true,
    true,
  ]);
  reassembly.add(20, 30);
  expect([reassembly.count, reassembly.blockSeq(0), reassembly.blockEnd(0)]).toEqual([1, 10, 40]);
});

test('an old run that is added to is reported first again', () => {
  const reassembly = new Reassembly(4);
  reassembly.add(10, 20);
  reassembly.add(30, 40);
  reassembly.add(50, 60);
  reassembly.add(20, 21);
  expect([0, 1, 2].map((i) => reassembly.blockSeq(i))).toEqual([10, 50, 30]);
});
