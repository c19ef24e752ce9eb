// The windowed maximum against the plainest one: all samples kept, the largest of the late ones looked for.

import { fc, test as property } from '@fast-check/vitest';
import { expect, test } from 'vitest';
import { WindowedMax } from './windowed-filter.ts';

const samples = fc.array(
  fc.record({ later: fc.constantFrom(0, 0, 0, 1, 1, 2, 5, 11, 40), value: fc.integer({ min: 1, max: 50 }) }),
  { maxLength: 200 },
);

property.prop([fc.integer({ min: 1, max: 12 }), samples])(
  'it is the largest of what is no older than the window, as of each update',
  (rounds, news) => {
    const filter = new WindowedMax(rounds);
    const seen: { round: number; value: number }[] = [];
    let now = 0;
    for (const { later, value } of news) {
      now += later;
      filter.update(now, value);
      seen.push({ round: now, value });
      const late = seen.filter(({ round }) => now - round <= rounds);
      expect(filter.value).toBe(Math.max(...late.map((sample) => sample.value)));
    }
  },
);

property.prop([samples])('as negatives it is a minimum', (news) => {
  const filter = new WindowedMax(10);
  for (const { value } of news) filter.update(0, -value);
  const least = Math.min(...news.map(({ value }) => value));
  expect(-filter.value).toBe(news.length === 0 ? -0 : least);
});

test('before the first sample it is 0, and without news nothing is forgotten', () => {
  const filter = new WindowedMax(10);
  expect(filter.value).toBe(0);
  filter.update(5, 7);
  expect(filter.value).toBe(7);
  filter.update(16, 1);
  expect(filter.value).toBe(1);
});
