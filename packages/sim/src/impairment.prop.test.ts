// Fates are a function of the seed and the packet's number alone.

import { fc, test } from '@fast-check/vitest';
import { Prng } from '@tunstack/stack/base';
import { expect, test as plain } from 'vitest';
import { Fates, type Impairment } from './impairment.ts';

/** Never and always often, the rest evenly: of all doubles below 1 nearly all are next to 0. */
const chance = fc.oneof(
  fc.constantFrom(0, 1),
  fc.nat(1000).map((permille) => permille / 1000),
);
const timeUs = fc.oneof(fc.constantFrom(0, 1), fc.integer({ min: 0, max: 100_000 }));
const how: fc.Arbitrary<Impairment> = fc.record(
  {
    ...{ loss: chance, duplicate: chance, reorder: chance, corrupt: chance },
    ...{ delayUs: timeUs, jitterUs: timeUs, reorderUs: timeUs },
  },
  { requiredKeys: [] },
);

test.prop([fc.integer(), how, fc.array(fc.integer({ min: 0, max: 65_535 }), { maxLength: 50, size: 'max' })])(
  'equal seeds give packet i an equal fate',
  (seed, impairment, lengths) => {
    const [one, two] = [new Fates(impairment, seed), new Fates(impairment, seed)];
    for (const length of lengths) expect(one.next(length)).toEqual(two.next(length));
  },
);

test.prop([fc.integer(), how, how, fc.integer({ min: 1, max: 40 })])(
  'what befell the packets before it, and their lengths, change nothing for packet i',
  (seed, impairment, other, before) => {
    const [one, two] = [new Fates(impairment, seed), new Fates(other, seed)];
    for (let i = 0; i < before; i++) {
      one.next(i);
      two.next(1500 - i);
    }
    // The same stream of numbers lies ahead of both: six draws a packet.
    const { prng: a } = one as unknown as { prng: Prng };
    const { prng: b } = two as unknown as { prng: Prng };
    expect(a).toEqual(b);
    const counted = new Prng(seed);
    for (let i = 0; i < before * 6; i++) counted.int32();
    expect(a).toEqual(counted);
  },
);

test.prop([fc.integer(), how, fc.integer({ min: 1, max: 65_535 })])(
  'what is under way is so for its delay, its share of the jitter and, held back, for that; at least a microsecond',
  (seed, impairment, length) => {
    const { delayUs: leastUs = 1, jitterUs = 0, reorderUs = 1000 } = impairment;
    const fates = new Fates(impairment, seed);
    for (let i = 0; i < 20; i++) {
      const { delayUs, reordered } = fates.next(length);
      const plainUs = delayUs - (reordered ? reorderUs : 0);
      expect(plainUs).toBeGreaterThanOrEqual(Math.max(1, leastUs));
      expect(plainUs).toBeLessThanOrEqual(Math.max(1, leastUs) + jitterUs);
      expect(Number.isInteger(delayUs)).toBe(true);
    }
  },
);

test.prop([fc.integer(), how, fc.integer({ min: 1, max: 65_535 })])(
  'what is never to happen does not, what is always to happen does, and a flipped bit lies in the packet',
  (seed, impairment, length) => {
    const fates = new Fates(impairment, seed);
    for (let i = 0; i < 20; i++) {
      const { lost, duplicated, reordered, corruptBit } = fates.next(length);
      const { loss = 0, duplicate = 0, reorder = 0, corrupt = 0 } = impairment;
      for (const [share, happened] of [
        [loss, lost],
        [duplicate, duplicated],
        [reorder, reordered],
        [corrupt, corruptBit >= 0],
      ] as const) {
        if (share === 0 || share === 1) expect(happened).toBe(share === 1);
      }
      expect(corruptBit).toBeGreaterThanOrEqual(-1);
      expect(corruptBit).toBeLessThan(length * 8);
    }
  },
);

test.prop([fc.integer(), chance, chance])(
  'a wire that loses more loses, with the same seed, what one that loses less does, and more',
  (seed, one, other) => {
    const [less, more] = [Math.min(one, other), Math.max(one, other)];
    const [good, bad] = [new Fates({ loss: less }, seed), new Fates({ loss: more }, seed)];
    for (let i = 0; i < 200; i++) {
      const { lost } = good.next(100);
      if (bad.next(100).lost || !lost) continue;
      expect.fail(`packet ${i} is lost at ${less} and not at ${more}`);
    }
  },
);

plain('a seed that was written down goes on meaning what it did', () => {
  const fates = new Fates({ loss: 0.1, reorder: 0.1, jitterUs: 1000 }, 7);
  const lost: number[] = [];
  const delaysUs: number[] = [];
  for (let i = 0; i < 50; i++) {
    const fate = fates.next(100);
    if (fate.lost) lost.push(i);
    if (i < 4) delaysUs.push(fate.delayUs);
  }
  expect(lost).toEqual([0, 2, 4, 6, 34]);
  expect(delaysUs).toEqual([640, 13, 535, 865]);
});
