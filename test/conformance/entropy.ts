// The laws of contract/entropy.ts, for any source: 32 bits, as int32, even and without repetition.

import type { Entropy } from '@tunstack/stack/contract';
import { describe, expect, test } from 'vitest';

const DRAWS = 4096;

/** Runs the suite. */
export function entropySuite(name: string, setup: () => Entropy): void {
  describe(`entropy laws: ${name}`, () => {
    const draws = (): number[] => {
      const entropy = setup();
      return Array.from({ length: DRAWS }, () => entropy.int32());
    };

    test('every draw is an int32', () => {
      for (const value of draws()) expect(value | 0).toBe(value);
    });

    test('draws hardly ever repeat', () => {
      // 4096 draws of 32 bits: two alike in one run of 500, three pairs in none of a billion.
      expect(new Set(draws()).size).toBeGreaterThan(DRAWS - 3);
    });

    test('each bit is set in about half of the draws', () => {
      const values = draws();
      for (let bit = 0; bit < 32; bit++) {
        const set = values.reduce((sum, value) => sum + ((value >>> bit) & 1), 0);
        // Seven standard deviations of 32.
        expect(Math.abs(set - DRAWS / 2), `bit ${bit}`).toBeLessThan(224);
      }
    });
  });
}
