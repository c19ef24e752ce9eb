// Fates are a function of the seed and the packet's number alone.

import { fc, test } from '@fast-check/vitest';
import { Prng } from '@tunstack/stack/base';
import { expect } from 'vitest';
import { Fates, type Impairment } from './impairment.ts';

const how: fc.Arbitrary<Impairment> = fc.record(
  {
    loss: fc.double({ min: 0, max: 1, noNaN: true }),
    duplicate: fc.double({ min: 0, max: 1, noNaN: true }),
    reorder: fc.double({ min: 0, max: 1, noNaN: true }),
    corrupt: fc.double({ min: 0, max: 1, noNaN: true }),
    delayUs: fc.integer({ min: 0, max: 100_000 }),
    jitterUs: fc.integer({ min: 0, max: 100_000 }),
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
  'a delay is at least a microsecond, and a flipped bit lies in the packet',
  (seed, impairment, length) => {
    const fates = new Fates(impairment, seed);
    for (let i = 0; i < 20; i++) {
      const { delayUs, corruptBit } = fates.next(length);
      expect(delayUs).toBeGreaterThanOrEqual(Math.max(1, impairment.delayUs ?? 1));
      expect(Number.isInteger(delayUs)).toBe(true);
      expect(corruptBit).toBeGreaterThanOrEqual(-1);
      expect(corruptBit).toBeLessThan(length * 8);
    }
  },
);
