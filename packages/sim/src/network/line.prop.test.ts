// Laws of a line: rate, order, limits, marks.

import { fc, test } from '@fast-check/vitest';
import { describe, expect, test as plain } from 'vitest';
import { bdpBytes, LINE_FULL, Line, type LineOptions } from './line.ts';

const arrivals = fc.array(fc.tuple(fc.integer({ min: 20, max: 1500 }), fc.nat(3000)), { maxLength: 200 });
const rate = fc.integer({ min: 100_000, max: 1_000_000_000 });

/** Lets all arrive: the moment each one left, or LINE_FULL; how many waited when it came. */
function run(options: LineOptions, list: readonly (readonly [number, number])[], ect = false) {
  const line = new Line(options);
  let nowUs = 0;
  return list.map(([length, gapUs]) => {
    nowUs += gapUs;
    const queued = line.queuedBytes(nowUs);
    const us = line.admit(length, nowUs, ect);
    return {
      nowUs,
      length,
      queued,
      packets: line.queuedPackets(nowUs),
      leftUs: us === LINE_FULL ? -1 : nowUs + us,
      mark: line.mark,
    };
  });
}

test.prop([rate, arrivals])(
  'what leaves keeps its order and never goes faster than the rate',
  (rateBps, list) => {
    const left = run({ rateBps }, list).filter(({ leftUs }) => leftUs >= 0);
    for (let i = 0; i < left.length; i++) {
      // From any packet on: the octets behind it take at least their time. One microsecond is rounding.
      const alone = (left[i].length * 8e6) / rateBps;
      expect(left[i].leftUs).toBeGreaterThanOrEqual(left[i].nowUs + alone - 1);
      if (i > 0) expect(left[i].leftUs).toBeGreaterThanOrEqual(left[i - 1].leftUs + alone - 1);
    }
  },
);

test.prop([rate, arrivals])(
  'a line that is never idle is used in full: nobody waits for more than what was before him',
  (rateBps, list) => {
    for (const { leftUs, nowUs, queued, length } of run({ rateBps }, list)) {
      if (leftUs >= 0) expect(leftUs - nowUs).toBeLessThanOrEqual(((queued + length) * 8e6) / rateBps + 1);
    }
  },
);

test.prop([rate, fc.integer({ min: 1500, max: 20_000 }), arrivals])(
  'drop-tail: a packet is refused exactly when it and what waits are more than the limit',
  (rateBps, bytes, list) => {
    for (const { queued, length, leftUs } of run({ rateBps, queue: { bytes } }, list)) {
      expect(leftUs < 0).toBe(queued + length > bytes);
    }
  },
);

test.prop([rate, fc.integer({ min: 1, max: 10 }), arrivals])(
  'a limit in packets is never passed',
  (rateBps, packets, list) => {
    for (const moment of run({ rateBps, queue: { packets } }, list)) {
      expect(moment.packets).toBeLessThanOrEqual(packets);
      if (moment.leftUs < 0) expect(moment.packets).toBe(packets);
    }
  },
);

test.prop([rate, fc.integer({ min: 1500, max: 20_000 }), arrivals, fc.boolean()])(
  'above the threshold what is ECN-capable is marked, and what is not is dropped (RFC 3168 5)',
  (rateBps, ecnBytes, list, ect) => {
    for (const { queued, length, leftUs, mark } of run(
      { rateBps, ecnBytes, queue: { bytes: 1e9 } },
      list,
      ect,
    )) {
      expect(mark).toBe(queued + length > ecnBytes);
      expect(leftUs < 0).toBe(mark && !ect);
    }
  },
);

describe('the bandwidth-delay product', () => {
  plain.each([
    [50e6, 20_000, 1, 125_000],
    [50e6, 300_000, 2, 3_750_000],
    [50e6, 20_000, 0.5, 62_500],
    [1e6, 1000, 0.5, 3000],
  ])(
    'of %i bit/s and %i us, %d times, is %i octets, but never less than two packets',
    (rateBps, rttUs, bdp, bytes) => {
      expect(bdpBytes(rateBps, rttUs, bdp)).toBe(bytes);
      expect(new Line({ rateBps, queue: { bdp, rttUs } }).limitBytes).toBe(bytes);
    },
  );
});
