// What clumps of ACKs add to BBR's window, by itself.

import { expect, test } from 'vitest';
import { AckAggregation } from './bbr-aggregation.ts';

const BW = 1_000_000;
const WIDE = 1_000_000;
const START_US = 0x7fff_ffff - 5000;

/** Acknowledges `octets` each `everyUs`, so many times; each is a round. */
function fed(octets: number, everyUs: number, times: number, cwnd = WIDE): AckAggregation {
  const aggregation = new AckAggregation();
  aggregation.restart(START_US | 0);
  for (let i = 1; i <= times; i++) aggregation.sample(octets, BW, cwnd, true, (START_US + i * everyUs) | 0);
  return aggregation;
}

test('ACKs that come as the bandwidth says add no more than one of them', () => {
  expect(fed(1000, 1000, 50).allowance(BW)).toBe(1000);
});

test('a clump adds itself', () => {
  expect(fed(20_000, 20_000, 5).allowance(BW)).toBe(20_000);
});

test('what comes faster than the bandwidth adds up', () => {
  expect(fed(2000, 1000, 4).allowance(BW)).toBe(5000);
});

test('no more than the window, and no more than 100 ms of bandwidth', () => {
  expect(fed(50_000, 50_000, 5, 30_000).allowance(BW)).toBe(30_000);
  expect(fed(500_000, 500_000, 5).allowance(BW)).toBe(100_000);
});

test('the largest clump counts for five rounds at least and ten at most', () => {
  const aggregation = fed(20_000, 20_000, 4);
  let nowUs = START_US + 80_000;
  const left: number[] = [];
  for (let i = 0; i < 12; i++) {
    nowUs += 20_000;
    aggregation.sample(100, BW, WIDE, true, nowUs | 0);
    left.push(aggregation.allowance(BW));
  }
  const kept = left.filter((octets) => octets === 20_000).length;
  expect(kept).toBeGreaterThanOrEqual(5);
  expect(kept).toBeLessThanOrEqual(10);
});
