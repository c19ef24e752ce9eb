// What a receiver counts: laws of loss and order, and the jitter of RFC 1889 A.8.

import { fc, test } from '@fast-check/vitest';
import { describe, test as example, expect } from 'vitest';
import { StreamRecord } from './stream-record.ts';

/** What arrives of the datagrams 1 .. n, in some order, none twice. */
const arrivals = fc.integer({ min: 1, max: 60 }).chain((n) =>
  fc.shuffledSubarray(
    Array.from({ length: n }, (_, i) => i + 1),
    { minLength: 1 },
  ),
);

describe('a receiver', () => {
  test.prop([arrivals])('received and lost are together the highest count', (counts) => {
    const record = new StreamRecord(0, false);
    for (const count of counts) record.arrived(100, count, 0);
    expect(record.packets).toBe(Math.max(...counts));
    expect(record.bytes).toBe(100 * counts.length);
    expect(record.lost + counts.length).toBe(record.packets);
  });

  test.prop([arrivals])('in order, none is out of order; each that comes behind a later one is', (counts) => {
    const record = new StreamRecord(0, false);
    for (const count of counts) record.arrived(1, count, 0);
    let highest = 0;
    const late = counts.filter((count) => {
      const behind = count < highest;
      highest = Math.max(highest, count);
      return behind;
    });
    expect(record.outOfOrder).toBe(late.length);
  });

  test.prop([arrivals, arrivals])('after a restart only what comes then counts', (before, after) => {
    const record = new StreamRecord(0, false);
    for (const count of before) record.arrived(100, count, 0);
    record.restart();
    const highest = Math.max(...before);
    for (const count of after) record.arrived(100, highest + count, 0);
    expect(record.bytes).toBe(100 * after.length);
    expect(record.lost + after.length).toBe(record.packets);
  });

  test.prop([fc.array(fc.integer({ min: -1e6, max: 1e6 }), { minLength: 1, maxLength: 40 })])(
    'the jitter does not know the offset of the two clocks, and is never negative',
    (transits) => {
      const [near, far] = [new StreamRecord(0, false), new StreamRecord(0, false)];
      for (const [i, transit] of transits.entries()) {
        near.arrived(1, i + 1, transit);
        far.arrived(1, i + 1, transit + 1e9);
      }
      expect(far.jitterS).toBeCloseTo(near.jitterS, 6);
      expect(near.jitterS).toBeGreaterThanOrEqual(0);
    },
  );
});

example('J = J + (|D| - J) / 16, by hand', () => {
  const record = new StreamRecord(0, false);
  for (const [i, transitMs] of [10, 26, 26, 10].entries()) record.arrived(1, i + 1, transitMs);
  const first = 0.016 / 16;
  const second = first - first / 16;
  const third = second + (0.016 - second) / 16;
  expect(record.jitterS).toBeCloseTo(third, 12);
});

example('streams are numbered 1, 3, 4, 5 as iperf3 numbers them', () => {
  expect([0, 1, 2, 3].map((i) => new StreamRecord(i, true).id)).toEqual([1, 3, 4, 5]);
});
