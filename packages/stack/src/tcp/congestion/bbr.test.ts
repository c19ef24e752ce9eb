// BBR on a model path: it finds the bandwidth and the round trip, keeps the queue short, and comes back from loss as it was.

import { describe, expect, test } from 'vitest';
import { Prng } from '../../base/prng.ts';
import { RECOVERY_FAST, RECOVERY_LOSS, RECOVERY_NONE, RECOVERY_REDUCE } from '../tcb.ts';
import { BBR_DRAIN, BBR_PROBE_BW, BBR_PROBE_RTT, BBR_STARTUP, Bbr } from './bbr.ts';
import type { Policer } from './bbr-policer.ts';
import { NewReno } from './new-reno.ts';
import { AckClock } from './testing/ack-clock.ts';
import { ModelPath, type PathShape } from './testing/model-path.ts';

const MSS = 1460;
const MS = 1000;
const SECOND = 1_000_000;

function path(
  rate: number,
  rttUs: number,
  more: Partial<PathShape> = {},
  seed = 1,
): ModelPath & { bbr: Bbr } {
  const bbr = new Bbr(MSS, new Prng(seed));
  const queueBytes = (3 * rate * rttUs) / SECOND;
  return Object.assign(new ModelPath(bbr, { mss: MSS, rate, rttUs, queueBytes, ...more }), { bbr });
}

/** Share of a rate that arrived in so long. */
function carried(on: ModelPath, rate: number, forUs: number): number {
  const { delivered } = on;
  on.run(forUs);
  return ((on.delivered - delivered) * SECOND) / (rate * forUs);
}

/** The modes that it went through, each once in a row. */
function modes(on: ModelPath & { bbr: Bbr }, forUs: number): number[] {
  const seen: number[] = [];
  on.onAck = (): void => {
    if (seen[seen.length - 1] !== on.bbr.mode) seen.push(on.bbr.mode);
  };
  on.run(forUs);
  return seen;
}

describe.each([
  [1_250_000, 20],
  [1_250_000, 100],
  [5_000_000, 5],
  [12_500_000, 10],
  [125_000, 50],
])('over %i octets a second and %i ms', (rate, rttMs) => {
  test('it finds bandwidth and round trip within 5 percent, and fills the pipe', () => {
    const on = path(rate, rttMs * MS);
    on.run(3 * SECOND);
    expect(on.bbr.bw / rate).toBeGreaterThan(0.95);
    expect(on.bbr.bw / rate).toBeLessThan(1.05);
    // One packet's own time through the bottleneck is part of the shortest round trip.
    expect(on.bbr.minRttUs - (MSS * SECOND) / rate).toBeCloseTo(rttMs * MS, -1.5);
    expect(carried(on, rate, 3 * SECOND)).toBeGreaterThan(0.98);
  });

  test('its window is twice the pipe and three bursts; what is in flight stays near the pipe itself', () => {
    const on = path(rate, rttMs * MS);
    on.run(3 * SECOND);
    const pipe = (on.bbr.bw * on.bbr.minRttUs) / SECOND;
    const burst = Math.max(2, Math.floor((1.25 * rate) / 1024 / MSS)) * MSS;
    expect(on.bbr.cwnd).toBeGreaterThanOrEqual(2 * pipe);
    expect(on.bbr.cwnd).toBeLessThanOrEqual(2 * pipe + 3 * burst + 4 * MSS);
    let most = 0;
    on.onAck = (): void => {
      most = Math.max(most, on.inFlight);
    };
    on.run(3 * SECOND);
    expect(most).toBeLessThan(1.25 * pipe + 3 * burst + 8 * MSS);
    expect(on.lost / on.delivered).toBeLessThan(0.05);
  });

  test('STARTUP, DRAIN, PROBE_BW, and after ten seconds PROBE_RTT', () => {
    const all = [BBR_STARTUP, BBR_DRAIN, BBR_PROBE_BW, BBR_PROBE_RTT, BBR_PROBE_BW];
    expect(modes(path(rate, rttMs * MS), 13 * SECOND)).toEqual(all);
  });
});

describe('PROBE_RTT', () => {
  test('for 200 ms there are four segments in flight at most, and then all is as before', () => {
    const on = path(1_250_000, 20 * MS);
    let began = 0;
    let ended = 0;
    let least = Infinity;
    on.run(5 * SECOND);
    const { cwnd } = on.bbr;
    on.onAck = (): void => {
      if (on.bbr.mode === BBR_PROBE_RTT) {
        began ||= on.atUs;
        ended = on.atUs;
        expect(on.bbr.cwnd).toBeLessThanOrEqual(4 * MSS);
        least = Math.min(least, on.inFlight);
      }
    };
    on.run(7 * SECOND);
    expect(ended - began).toBeGreaterThan(200 * MS);
    expect(ended - began).toBeLessThan(300 * MS);
    expect(least).toBeLessThanOrEqual(4 * MSS);
    expect(Math.abs(on.bbr.cwnd - cwnd)).toBeLessThanOrEqual(2 * MSS);
  });

  test('the rate of what it held back is not taken for the bandwidth', () => {
    const on = path(5_000_000, 5 * MS);
    on.run(9 * SECOND);
    let least = Infinity;
    on.onAck = (): void => {
      least = Math.min(least, on.bbr.bw);
    };
    on.run(4 * SECOND);
    expect(least / 5_000_000).toBeGreaterThan(0.95);
  });

  test('it finds a round trip that has become longer', () => {
    const clock = new AckClock(new Bbr(MSS, new Prng(1)), MSS, 20 * MS);
    const bbr = clock.controller as Bbr;
    const pipe = { deliveredBytes: 25_000, inFlight: 4 * MSS };
    for (let i = 0; i < 100; i++) clock.round(pipe, MSS, 17 * MSS);
    clock.rttUs = 60 * MS;
    while (clock.seconds < 13) clock.round(pipe, MSS, 17 * MSS);
    expect(bbr.minRttUs).toBe(60 * MS);
  });
});

describe('PROBE_BW', () => {
  test('paces by 1.25, 0.75 and six times 1, a round trip each', () => {
    const rate = 1_250_000;
    const on = path(rate, 40 * MS);
    on.run(3 * SECOND);
    const gains: number[] = [];
    on.onAck = (): void => {
      const gain = Math.round((on.bbr.pacingRate / on.bbr.bw / 0.99) * 100) / 100;
      if (gains[gains.length - 1] !== gain) gains.push(gain);
    };
    on.run(2 * SECOND);
    const from = gains.indexOf(1.25);
    expect(gains.slice(from, from + 6)).toEqual([1.25, 0.75, 1, 1.25, 0.75, 1]);
  });

  test('where the cycle begins is chance, so that flows do not probe together; never where less is sent', () => {
    const phases = new Set<number>();
    for (let seed = 0; seed < 60; seed++) {
      const on = path(1_250_000, 20 * MS, {}, seed);
      on.onAck = (): void => {
        if (on.bbr.mode === BBR_PROBE_BW) {
          phases.add((on.bbr as unknown as { phase: number }).phase);
          on.onAck = (): void => {};
        }
      };
      on.run(SECOND / 2);
    }
    expect([...phases].sort((a, b) => a - b)).toEqual([0, 2, 3, 4, 5, 6, 7]);
  });

  test('more bandwidth is found in a few cycles, less in ten round trips', () => {
    const bbr = new Bbr(MSS, new Prng(1));
    const shape = { mss: MSS, rate: 1_250_000, rttUs: 20 * MS, queueBytes: 100_000 };
    const on = new ModelPath(bbr, shape);
    on.run(3 * SECOND);
    shape.rate = 2_500_000;
    on.run(2 * SECOND);
    expect(bbr.bw / 2_500_000).toBeCloseTo(1, 1);
    shape.rate = 1_250_000;
    on.run(2 * SECOND);
    expect(bbr.bw / 1_250_000).toBeCloseTo(1, 1);
  });
});

describe('loss', () => {
  test('where every hundredth packet is lost for no reason it carries on, and Reno does not', () => {
    const rate = 2_500_000;
    const drops = (packet: number): boolean => packet % 100 === 99;
    const on = path(rate, 40 * MS, { drops });
    const reno = new ModelPath(new NewReno(MSS), { mss: MSS, rate, rttUs: 40 * MS, queueBytes: 1e6, drops });
    on.run(2 * SECOND);
    reno.run(2 * SECOND);
    expect(carried(on, rate, 5 * SECOND)).toBeGreaterThan(0.95);
    expect(carried(reno, rate, 5 * SECOND)).toBeLessThan(0.5);
  });

  /** In steady state, with a pipe of about 17 segments; the window may still grow by what one acknowledgment delivers. */
  function steady(): { clock: AckClock; bbr: Bbr; cwnd: number } {
    const bbr = new Bbr(MSS, new Prng(1));
    const clock = new AckClock(bbr, MSS, 20 * MS);
    const rate = { deliveredBytes: 25_000, intervalUs: 20 * MS, inFlight: 17 * MSS };
    for (let i = 0; i < 40; i++) clock.round(rate, MSS, 17 * MSS);
    expect(bbr.mode).toBe(BBR_PROBE_BW);
    return { clock, bbr, cwnd: bbr.cwnd };
  }

  test('in the first round of a recovery what leaves is what was delivered', () => {
    const { clock, bbr } = steady();
    bbr.lost();
    clock.ack(MSS, { recovery: RECOVERY_FAST, lostBytes: 3 * MSS, inFlight: 8 * MSS });
    expect(bbr.cwnd).toBe(9 * MSS);
    clock.ack(MSS, { recovery: RECOVERY_FAST, inFlight: 8 * MSS });
    expect(bbr.cwnd).toBe(9 * MSS);
    // Less in flight than the window: it does not shrink for that, only for what is lost.
    clock.ack(MSS, { recovery: RECOVERY_FAST, inFlight: 4 * MSS, lostBytes: 2 * MSS });
    expect(bbr.cwnd).toBe(7 * MSS);
  });

  test('a round later it may grow again, by what is delivered', () => {
    const { clock, bbr } = steady();
    bbr.lost();
    clock.ack(MSS, { recovery: RECOVERY_FAST, lostBytes: 3 * MSS, inFlight: 8 * MSS });
    clock.round({ recovery: RECOVERY_FAST, inFlight: 8 * MSS });
    const { cwnd } = bbr;
    clock.round({ recovery: RECOVERY_FAST, inFlight: 8 * MSS });
    expect(bbr.cwnd).toBeGreaterThan(cwnd);
  });

  test('when it is over the window is what it was', () => {
    const { clock, bbr, cwnd } = steady();
    bbr.lost();
    clock.ack(MSS, { recovery: RECOVERY_FAST, lostBytes: 3 * MSS, inFlight: 8 * MSS });
    bbr.recovered();
    expect(bbr.cwnd).toBe(cwnd);
    clock.ack(MSS, { recovery: RECOVERY_NONE });
    expect(bbr.cwnd).toBe(cwnd + MSS);
  });

  test('also if nobody says that it is over but the acknowledgments themselves', () => {
    const { clock, bbr, cwnd } = steady();
    bbr.lost();
    clock.ack(MSS, { recovery: RECOVERY_FAST, lostBytes: 3 * MSS, inFlight: 8 * MSS });
    clock.ack(MSS, { recovery: RECOVERY_NONE });
    expect(bbr.cwnd).toBe(cwnd + MSS);
  });

  test('a timeout leaves one segment, the next acknowledgment four; when all is acknowledged the window is what it was', () => {
    const { clock, bbr, cwnd } = steady();
    bbr.timedOut(cwnd, false, clock.nowUs);
    expect(bbr.cwnd).toBe(MSS);
    bbr.timedOut(MSS, true, clock.nowUs);
    clock.ack(MSS, { recovery: RECOVERY_LOSS, inFlight: 0 });
    expect(bbr.cwnd).toBe(4 * MSS);
    clock.ack(MSS, { recovery: RECOVERY_NONE });
    expect(bbr.cwnd).toBe(cwnd + MSS);
  });

  test('a congestion mark reduces nothing', () => {
    const { clock, bbr, cwnd } = steady();
    bbr.lost();
    clock.ack(MSS, { recovery: RECOVERY_REDUCE, ce: true });
    expect(bbr.cwnd).toBe(cwnd + MSS);
  });
});

describe('what limits it is not the network', () => {
  test('an application that sends little teaches no bandwidth, unless it is more than was known', () => {
    const clock = new AckClock(new Bbr(MSS, new Prng(1)), MSS, 20 * MS);
    const bbr = clock.controller as Bbr;
    for (let i = 0; i < 20; i++) clock.round({ deliveredBytes: 25_000 });
    expect(bbr.bw).toBe(1_250_000);
    for (let i = 0; i < 100; i++) clock.round({ deliveredBytes: 1000, rateAppLimited: true });
    expect(bbr.bw).toBe(1_250_000);
    clock.round({ deliveredBytes: 30_000, rateAppLimited: true });
    expect(bbr.bw).toBe(1_500_000);
  });

  test('an application that sends little ends no STARTUP', () => {
    const clock = new AckClock(new Bbr(MSS, new Prng(1)), MSS, 20 * MS);
    for (let i = 0; i < 50; i++) clock.round({ deliveredBytes: 1000, rateAppLimited: true });
    expect((clock.controller as Bbr).mode).toBe(BBR_STARTUP);
  });

  test.each([0.5, 12, 3000, 4500])(
    'after a pause of %f s it goes on at the bandwidth, and needs no PROBE_RTT',
    (seconds) => {
      const on = path(1_250_000, 20 * MS);
      on.run(3 * SECOND);
      // Not at the rate of the phase in which it stopped.
      while (on.bbr.pacingRate < 1.2 * on.bbr.bw) on.run(MS);
      on.pause(seconds * SECOND);
      expect(on.bbr.pacingRate / 1_250_000).toBeCloseTo(0.99, 1);
      expect(on.bbr.pacingRate / on.bbr.bw).toBeCloseTo(0.99, 5);
      expect(modes(on, 5 * SECOND)).toEqual([BBR_PROBE_BW]);
      expect(on.bbr.minRttUs).toBeLessThan(22 * MS);
    },
  );

  test('a round trip that has become longer in a pause is found at once, though the clock went round meanwhile', () => {
    const shape = { mss: MSS, rate: 1_250_000, rttUs: 20 * MS, queueBytes: 100_000 };
    const bbr = new Bbr(MSS, new Prng(1));
    const on = new ModelPath(bbr, shape);
    on.run(3 * SECOND);
    shape.rttUs = 40 * MS;
    on.pause(3000 * SECOND);
    on.run(100 * MS);
    expect(bbr.minRttUs).toBeGreaterThan(40 * MS);
  });

  test.each([0.1, 3000, 4500])('a pause of %f s in PROBE_RTT does not keep it there', (seconds) => {
    const on = path(1_250_000, 20 * MS);
    while (on.bbr.mode !== BBR_PROBE_RTT) on.run(10 * MS);
    on.run(100 * MS);
    on.pause(seconds * SECOND);
    on.run(SECOND);
    expect(on.bbr.mode).toBe(BBR_PROBE_BW);
    expect(carried(on, 1_250_000, SECOND)).toBeGreaterThan(0.95);
  });
});

test('before anything is known it paces by the first window: over a millisecond, then over the first round trip', () => {
  const clock = new AckClock(new Bbr(MSS, new Prng(1)), MSS, 50 * MS);
  expect(clock.controller.pacingRate).toBeCloseTo(14_600 * 1000 * 2.885 * 0.99, 0);
  clock.ack(MSS, { intervalUs: 0 });
  expect(clock.controller.pacingRate).toBeCloseTo(14_600 * 20 * 2.885 * 0.99, 0);
});

describe('a policer (bbr-policer.ts)', () => {
  const policerOf = (bbr: Bbr): Policer => (bbr as unknown as { policer: Policer }).policer;

  test.each([100_000, 300_000])(
    'that lets %i octets pass at once is found by what STARTUP loses, and then next to nothing is lost',
    (burst) => {
      const rate = 2_000_000;
      const on = path(10_000_000, 20 * MS, { policer: { rate, burst } });
      while (!policerOf(on.bbr).found) on.run(10 * MS);
      expect(on.atUs).toBeLessThan(SECOND / 2);
      expect(on.bbr.bw / rate).toBeCloseTo(1, 1);
      on.run(100 * MS);
      const { lost } = on;
      expect(carried(on, rate, SECOND / 2)).toBeGreaterThan(0.95);
      expect((on.lost - lost) / rate).toBeLessThan(0.005);
    },
  );

  test('is believed more than the largest rate that was seen, and nothing is probed', () => {
    const clock = new AckClock(new Bbr(MSS, new Prng(1)), MSS, 20 * MS);
    const bbr = clock.controller as Bbr;
    const pipe = { deliveredBytes: 25_000, inFlight: 16 * MSS };
    for (let i = 0; i < 40; i++) clock.round(pipe, MSS, 17 * MSS);
    Object.assign(policerOf(bbr), { found: true, bw: 1_000_000 });
    for (let i = 0; i < 16; i++) {
      clock.round(pipe, MSS, 17 * MSS);
      expect(bbr.bw).toBe(1_000_000);
      expect(bbr.pacingRate).toBeCloseTo(990_000, 3);
    }
  });

  test('is forgotten after 48 rounds: the cycle begins anew', () => {
    const clock = new AckClock(new Bbr(MSS, new Prng(1)), MSS, 20 * MS);
    const bbr = clock.controller as Bbr;
    const pipe = { deliveredBytes: 25_000, inFlight: 16 * MSS };
    for (let i = 0; i < 40; i++) clock.round(pipe, MSS, 17 * MSS);
    Object.assign(policerOf(bbr), { found: true, bw: 1_000_000 });
    for (let i = 0; i < 50; i++) clock.round(pipe, MSS, 17 * MSS);
    expect(bbr.bw).toBe(1_250_000);
  });
});

test('ACKs in clumps leave no gap: bbr-aggregation.ts makes the window larger by a clump', () => {
  const rate = 5_000_000;
  const on = path(rate, 10 * MS, { clumpUs: 40 * MS });
  on.run(3 * SECOND);
  expect(carried(on, rate, 3 * SECOND)).toBeGreaterThan(0.9);
  const without = path(rate, 10 * MS, { clumpUs: 40 * MS });
  const { aggregation } = without.bbr as unknown as { aggregation: { allowance: () => number } };
  aggregation.allowance = (): number => 0;
  without.run(3 * SECOND);
  expect(without.bbr.cwnd).toBeLessThan(on.bbr.cwnd);
});
