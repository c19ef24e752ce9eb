// How late packets left: the quantiles of a histogram are those of the list, to the width of a bucket.

import { fc, test as property } from '@fast-check/vitest';
import { expect, test } from 'vitest';
import { Lateness } from './wire-lateness.ts';

/** Every size alike often: microseconds to minutes. */
const late = fc.double({ min: 0, max: 26, noNaN: true }).map((octave) => 2 ** octave - 1);

property.prop([fc.array(late, { minLength: 1, maxLength: 200, size: 'max' })])(
  'a quantile is no less than that of the list, and no more than a quarter of an octave above it',
  (list) => {
    const lateness = new Lateness();
    for (const us of list) lateness.add(us);
    const sorted = list.toSorted((a, b) => a - b);
    const { p50Us, p99Us, maxUs } = lateness.report;
    for (const [share, us] of [
      [0.5, p50Us],
      [0.99, p99Us],
    ]) {
      const exact = sorted[Math.ceil(share * list.length) - 1];
      expect(us).toBeGreaterThanOrEqual(Math.floor(exact));
      expect(us).toBeLessThanOrEqual(Math.ceil(Math.max(1, exact) * 2 ** 0.25));
    }
    expect(maxUs).toBe(Math.round(sorted.at(-1) ?? 0));
  },
);

test('where nothing was delayed nothing was late, and what is off the scale is the latest', () => {
  const lateness = new Lateness();
  expect(lateness.report).toEqual({ p50Us: 0, p99Us: 0, maxUs: 0 });
  lateness.add(2 ** 40);
  expect(lateness.report).toEqual({ p50Us: 2 ** 40, p99Us: 2 ** 40, maxUs: 2 ** 40 });
});
