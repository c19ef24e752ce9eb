// The laws of contract/clock.ts, for any clock: int32, never back, both readings at one pace.

import { diff } from '@tunstack/stack/base';
import type { Clock } from '@tunstack/stack/contract';
import { describe, expect, test } from 'vitest';

export interface ClockUnderTest {
  readonly clock: Clock;
  /** Lets at least this much time pass: moves a virtual clock, burns time on a real one. */
  readonly pass: (ms: number) => void;
  /** Microseconds that may pass between two readings taken one after the other: 0 for a virtual clock. */
  readonly slackUs: number;
}

/** Runs the suite. */
export function clockSuite(name: string, setup: () => ClockUnderTest): void {
  describe(`clock laws: ${name}`, () => {
    test('both readings are int32', () => {
      const { clock, pass } = setup();
      for (let i = 0; i < 20; i++) {
        const readings = [clock.nowMs(), clock.nowUs()];
        expect(readings.map((reading) => reading | 0)).toEqual(readings);
        pass(1);
      }
    });

    test('neither reading goes back', () => {
      const { clock, pass } = setup();
      let [ms, us] = [clock.nowMs(), clock.nowUs()];
      for (let i = 0; i < 100; i++) {
        if (i % 10 === 0) pass(1);
        expect(diff(clock.nowMs(), ms)).toBeGreaterThanOrEqual(0);
        expect(diff(clock.nowUs(), us)).toBeGreaterThanOrEqual(0);
        [ms, us] = [clock.nowMs(), clock.nowUs()];
      }
    });

    test('both readings go at one pace', () => {
      const { clock, pass, slackUs } = setup();
      const [ms, us] = [clock.nowMs(), clock.nowUs()];
      pass(12);
      const passedUs = diff(clock.nowUs(), us);
      const passedMs = diff(clock.nowMs(), ms);
      expect(passedUs).toBeGreaterThanOrEqual(12_000);
      expect(Math.abs(passedUs - passedMs * 1000)).toBeLessThanOrEqual(1000 + slackUs);
    });
  });
}
