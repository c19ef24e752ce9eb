// The measuring instruments: flows, cells, fairness. What they measure is kept in test/throughput-grid.test.ts.

import { fc, test as property } from '@fast-check/vitest';
import { describe, expect, test } from 'vitest';
import { type Cell, Flow, jainIndex, runCell, runSharing, World } from '../index.ts';

const CELL: Cell = {
  loss: 0,
  reorder: 0,
  rttMs: 20,
  queueBdp: 2,
  rateMbit: 50,
  controller: 'reno',
  seconds: 1,
  seed: 1,
};

describe('a cell', () => {
  test('without faults carries nearly what the bottleneck does, and never more, and loses what overflows', () => {
    const { goodputMbit, retransmits, lost, overflowed } = runCell({ ...CELL, seconds: 3 });
    // 1448 octets of text in 1500 on the wire.
    expect(goodputMbit).toBeLessThan((50 * 1448) / 1500);
    expect(goodputMbit).toBeGreaterThan(40);
    expect(lost).toBe(0);
    expect(retransmits).toBeGreaterThanOrEqual(overflowed);
    expect(retransmits).toBeLessThanOrEqual(overflowed + 1);
  });

  test('is a function of what it is given', () => {
    const cell = { ...CELL, loss: 0.02, reorder: 0.01 };
    expect(runCell(cell)).toEqual(runCell(cell));
    expect(runCell(cell)).not.toEqual(runCell({ ...cell, seed: 2 }));
  });

  test('loses by chance, and by its queue when that is short', () => {
    const { lost, retransmits } = runCell({ ...CELL, loss: 0.05 });
    expect(lost).toBeGreaterThan(5);
    expect(retransmits).toBeGreaterThan(5);
    expect(runCell({ ...CELL, queueBdp: 0.2, seconds: 3 }).overflowed).toBeGreaterThan(0);
  });

  test('carries nothing before it is connected', () => {
    expect(runCell({ ...CELL, rttMs: 3000, seconds: 1 })).toMatchObject({ goodputMbit: 0, delivered: 0 });
  });
});

test('a flow of so many octets brings them over, and ends', () => {
  const world = new World();
  const [a, b] = [world.host('a'), world.host('b')];
  world.connect(a, b, { impairment: { delayUs: 1000 } });
  const flow = new Flow(world, a, b, { port: 7, octets: 300_000, startMs: 50 });
  expect(world.runUntil(() => flow.ended, 10_000)).toBe(true);
  expect(flow.delivered).toBe(300_000);
  expect(flow.connectedUs).toBeGreaterThanOrEqual(52_000);
  expect(flow.lastUs).toBeGreaterThan(flow.connectedUs);
  expect(flow.errors).toEqual([]);
  world.close();
  expect(world.pool.inUse).toBe(0);
});

describe("Jain's index", () => {
  test.each([
    [[1, 1, 1], 1],
    [[1, 0], 0.5],
    [[4, 0, 0, 0], 0.25],
    [[3, 1], 0.8],
    [[0, 0], 1],
  ])('of %j is %d', (shares, index) => {
    expect(jainIndex(shares)).toBeCloseTo(index, 12);
  });

  property.prop([fc.array(fc.integer({ min: 0, max: 1_000_000 }), { minLength: 1, maxLength: 20 })])(
    'lies between 1/n and 1, and does not depend on the unit',
    (shares) => {
      const index = jainIndex(shares);
      expect(index).toBeGreaterThanOrEqual(1 / shares.length - 1e-12);
      expect(index).toBeLessThanOrEqual(1 + 1e-12);
      expect(jainIndex(shares.map((x) => x * 8))).toBeCloseTo(index, 9);
    },
  );
});

test('flows that share a bottleneck share what it carries', () => {
  const { goodputMbit, index } = runSharing({
    controllers: ['reno', 'reno'],
    rateMbit: 10,
    rttMs: 20,
    queueBdp: 1,
    seconds: 6,
    settleSeconds: 2,
    staggerMs: 100,
    seed: 1,
  });
  expect(goodputMbit[0] + goodputMbit[1]).toBeGreaterThan(8);
  expect(goodputMbit[0] + goodputMbit[1]).toBeLessThan(10);
  expect(index).toBe(jainIndex(goodputMbit));
});
