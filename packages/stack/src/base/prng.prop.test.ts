// The seeded generator: its stream is pinned, its ranges hold, its draws are even.

import { fc, test as property } from '@fast-check/vitest';
import { expect, test } from 'vitest';
import { Prng } from './prng.ts';

/** xoshiro128** 1.1 from its authors' C, over BigInt, to check ours against. */
function* reference(state: bigint[]): Generator<number> {
  const m = 0xffff_ffffn;
  const rotl = (x: bigint, k: bigint): bigint => ((x << k) | (x >> (32n - k))) & m;
  const s = [...state];
  for (;;) {
    const result = (rotl((s[1] * 5n) & m, 7n) * 9n) & m;
    const t = (s[1] << 9n) & m;
    s[2] ^= s[0];
    s[3] ^= s[1];
    s[1] ^= s[2];
    s[0] ^= s[3];
    s[2] ^= t;
    s[3] = rotl(s[3], 11n);
    yield Number(BigInt.asIntN(32, result));
  }
}

property.prop([fc.integer()])('the stream is xoshiro128** over the seeded state', (seed) => {
  const prng = new Prng(seed);
  const { a, b, c, d } = prng as unknown as Record<string, number>;
  const stream = reference([a, b, c, d].map((word) => BigInt.asUintN(32, BigInt(word))));
  for (let i = 0; i < 50; i++) expect(prng.int32()).toBe(stream.next().value);
});

test('the first numbers of seed 1 never change: recorded seeds would mean something else', () => {
  const prng = new Prng(1);
  expect(Array.from({ length: 6 }, () => prng.int32())).toMatchInlineSnapshot(`
    [
      393288148,
      -2120864283,
      -480208205,
      2092745082,
      1865176206,
      -2115796129,
    ]
  `);
});

property.prop([fc.integer(), fc.integer({ min: 1, max: 2 ** 31 })])(
  'below(n) lies in 0 .. n-1',
  (seed, n) => {
    const prng = new Prng(seed);
    for (let i = 0; i < 20; i++) {
      const value = prng.below(n);
      expect(value >= 0 && value < n && Number.isInteger(value)).toBe(true);
    }
  },
);

property.prop([fc.integer(), fc.double({ min: 0, max: 1, noNaN: true })])(
  'chance draws one number whatever it answers',
  (seed, p) => {
    const [drawn, skipped] = [new Prng(seed), new Prng(seed)];
    drawn.chance(p);
    skipped.int32();
    expect(drawn.int32()).toBe(skipped.int32());
  },
);

test('chance(0) is never and chance(1) is always', () => {
  const prng = new Prng(5);
  for (let i = 0; i < 10_000; i++) {
    expect(prng.chance(0)).toBe(false);
    expect(prng.chance(1)).toBe(true);
  }
});

test('each of sixteen cells gets its share of 160,000 draws', () => {
  for (const seed of [1, 2, 0x7fff_ffff, -1]) {
    const prng = new Prng(seed);
    const cells = new Array<number>(16).fill(0);
    for (let i = 0; i < 160_000; i++) cells[prng.below(16)]++;
    // Chi square with 15 degrees of freedom: 44.3 is the 1 in 10,000 point, and the seeds are fixed.
    const chi = cells.reduce((sum, count) => sum + (count - 10_000) ** 2 / 10_000, 0);
    expect(chi).toBeLessThan(44.3);
  }
});
