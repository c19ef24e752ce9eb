// Round trip and RTO by themselves: RFC 6298 sections 2 and 5.5. Karn's rule on segments: timeouts/retransmission.test.ts.

import { fc, test as property } from '@fast-check/vitest';
import { describe, expect, test } from 'vitest';
import { DEFAULT_OPTIONS } from '../../options.ts';
import type { Tcb } from '../tcb.ts';
import { backOff, initialRto, takeRttSample } from './rtt.ts';

type Estimate = Pick<Tcb, 'srttUs' | 'rttvarUs' | 'rtoMs'>;

function after(...samplesMs: readonly number[]): Estimate {
  const tcb = { srttUs: -1, rttvarUs: -1, rtoMs: -1 } as Tcb;
  initialRto(tcb, DEFAULT_OPTIONS);
  for (const ms of samplesMs) takeRttSample(tcb, ms * 1000, DEFAULT_OPTIONS);
  return tcb;
}

describe('MUST-18: RTO by RFC 6298', () => {
  // R6298.1
  test('2.1: without a sample it is 1 second', () => {
    expect(after()).toEqual({ srttUs: 0, rttvarUs: 0, rtoMs: 1000 });
  });

  // R6298.2
  test('2.2: the first sample R gives SRTT = R, RTTVAR = R/2, RTO = SRTT + 4 * RTTVAR', () => {
    expect(after(100)).toEqual({ srttUs: 100_000, rttvarUs: 50_000, rtoMs: 300 });
  });

  // R6298.3
  test('2.3: RTTVAR moves by a quarter, reckoned with the old SRTT, then SRTT by an eighth', () => {
    // RTTVAR = 3/4 * 50 + 1/4 * |100 - 180| = 57.5; SRTT = 7/8 * 100 + 1/8 * 180 = 110; RTO = 110 + 230
    expect(after(100, 180)).toEqual({ srttUs: 110_000, rttvarUs: 57_500, rtoMs: 340 });
  });

  test('2.4, with the floor of Linux: 200 ms over SRTT, so that a delayed acknowledgment is no timeout', () => {
    expect(after(1).rtoMs).toBe(201);
    expect(after(...new Array<number>(100).fill(500)).rtoMs).toBe(700);
  });

  // R6298.5
  test('2.5: it has an upper limit of 120 s, by samples and by backing off', () => {
    expect(after(60_000).rtoMs).toBe(120_000);
  });

  test('5.5: a timeout doubles it, up to the limit', () => {
    const tcb = after(100) as Tcb;
    const rtos = Array.from({ length: 10 }, () => {
      backOff(tcb, DEFAULT_OPTIONS);
      return tcb.rtoMs;
    });
    expect(rtos).toEqual([600, 1200, 2400, 4800, 9600, 19_200, 38_400, 76_800, 120_000, 120_000]);
  });

  // R6298.3
  property.prop([fc.array(fc.integer({ min: 1, max: 20_000_000 }), { minLength: 1, maxLength: 50 })])(
    'whole microseconds stay within 8 us of the exact estimate, and the variance within 8 us and its share of that',
    (samplesUs) => {
      const tcb = after() as Tcb;
      let srtt = 0;
      let rttvar = 0;
      for (const r of samplesUs) {
        rttvar = srtt === 0 ? r / 2 : 0.75 * rttvar + 0.25 * Math.abs(srtt - r);
        srtt = srtt === 0 ? r : 0.875 * srtt + 0.125 * r;
        takeRttSample(tcb, r, DEFAULT_OPTIONS);
      }
      expect(Math.abs(tcb.srttUs - srtt)).toBeLessThanOrEqual(8);
      expect(Math.abs(tcb.rttvarUs - rttvar)).toBeLessThanOrEqual(16);
      expect(tcb.rtoMs).toBeGreaterThanOrEqual(Math.min(120_000, Math.floor(tcb.srttUs / 1000) + 200));
    },
  );
});
