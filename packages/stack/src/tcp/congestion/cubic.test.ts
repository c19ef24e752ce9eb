// CUBIC against the formulas of RFC 9438: its curve, Reno's share, reductions, pauses, undoing.

import { fc, test as property } from '@fast-check/vitest';
import { describe, expect, test } from 'vitest';
import { RECOVERY_LOSS } from '../tcb.ts';
import { AckSample } from './controller.ts';
import { Cubic } from './cubic.ts';
import { NewReno } from './new-reno.ts';
import { AckClock } from './testing/ack-clock.ts';
import { ModelPath } from './testing/model-path.ts';
import { WINDOW_MAX } from './window-limits.ts';

const MSS = 1000;
const MS = 1000;

/** Figure 1, in segments: the window `t` seconds after a reduction from `wMax` to `from`. */
function curve(t: number, wMax: number, from: number): number {
  const k = Math.cbrt((wMax - from) / 0.4);
  return 0.4 * (t - k) ** 3 + wMax;
}

/** An ideal path whose window was `segments` and has just lost something; recovery is over. */
function reduced(segments: number, rttUs: number): AckClock {
  const cubic = new Cubic(MSS);
  cubic.cwnd = segments * MSS;
  return lose(new AckClock(cubic, MSS, rttUs));
}

function lose(clock: AckClock): AckClock {
  clock.controller.lost(clock.controller.cwnd, clock.nowUs);
  clock.controller.recovered(0, clock.nowUs);
  return clock;
}

function worst(clock: AckClock, rounds: number, law: (clock: AckClock) => number): number {
  let apart = 0;
  for (let i = 0; i < rounds; i++) {
    clock.round();
    apart = Math.max(apart, Math.abs(clock.segments / law(clock) - 1));
  }
  return apart;
}

describe('RFC 9438', () => {
  // R9438.2
  test('4.6: a loss leaves 0.7 of the flight, and two segments at least', () => {
    expect(reduced(100, 100 * MS).segments).toBe(70);
    const small = new Cubic(MSS);
    small.lost(MSS, 0);
    expect([small.cwnd, small.ssthresh]).toEqual([2 * MSS, 2 * MSS]);
  });

  // R9438.1
  test.each([
    [1000, 100],
    [1000, 200],
    [300, 200],
    [3000, 50],
  ])(
    '4.2, 4.4, 4.5: after a loss at %i segments over %i ms the window is W(t), concave and convex, within 3 percent',
    (wMax, rttMs) => {
      const k = Math.cbrt((0.3 * wMax) / 0.4);
      const clock = reduced(wMax, rttMs * MS);
      // It aims at where the curve is a round trip on, and comes there by and by: it is neither before W(t) nor behind W(t + RTT) by much.
      const apart = worst(clock, Math.floor((2 * k * 1000) / rttMs), ({ seconds }) =>
        curve(seconds, wMax, 0.7 * wMax),
      );
      expect(apart).toBeLessThan(0.03);
    },
  );

  // R9438.1
  test('4.2: K seconds after the loss the window is what it was', () => {
    const clock = reduced(1000, 100 * MS);
    while (clock.segments < 998) clock.round();
    expect(clock.seconds / Math.cbrt(300 / 0.4)).toBeCloseTo(0.9, 0);
    expect(clock.seconds).toBeGreaterThan(0.8 * Math.cbrt(300 / 0.4));
  });

  // R9438.3
  test('4.3: over a short round trip it grows as Reno does: 0.53 segments a round trip up to where it was, then one', () => {
    const clock = reduced(20, 5 * MS);
    const alpha = (3 * 0.3) / 1.7;
    const law = (): number => {
      const rounds = clock.rounds - 6 / alpha;
      return rounds < 0 ? 14 + alpha * clock.rounds : 20 + rounds;
    };
    expect(worst(clock, 40, law)).toBeLessThan(0.03);
    expect(clock.segments).toBeGreaterThan(48);
  });

  test('4.3: where it was is the window before the first timeout, not before those that followed', () => {
    const clock = new AckClock(new Cubic(MSS), MSS, 5 * MS);
    (clock.controller as Cubic).cwnd = 20 * MSS;
    clock.controller.timedOut(20 * MSS, false, clock.nowUs);
    clock.controller.timedOut(MSS, true, clock.nowUs);
    while (clock.controller.cwnd < clock.controller.ssthresh) clock.round({ recovery: RECOVERY_LOSS });
    const { segments } = clock;
    for (let i = 0; i < 8; i++) clock.round();
    expect((clock.segments - segments) / 8).toBeCloseTo((3 * 0.3) / 1.7, 1);
  });

  test('4.4: no round trip opens the window by more than half, however far above the curve is', () => {
    const clock = reduced(10, 2_000 * MS);
    for (let i = 0; i < 20; i++) {
      const { segments } = clock;
      clock.round();
      // Continuous growth towards 1.5 of a window that itself moves: e^0.5 at most.
      expect(clock.segments / segments).toBeLessThan(1.66);
    }
  });

  test('4.4: nor does one acknowledgment, for however many windows it is', () => {
    const clock = reduced(1000, 500 * MS);
    clock.ack(MSS);
    clock.passedUs += 60e6;
    const { segments } = clock;
    clock.ack(20_000 * MSS);
    expect(clock.segments / segments).toBeCloseTo(1.5, 2);
  });

  // R9438.4
  test('4.7, fast convergence: who loses before it was back aims lower', () => {
    const clock = lose(reduced(1000, 100 * MS));
    expect(clock.segments).toBeCloseTo(490, 2);
    const began = clock.seconds;
    const wMax = 0.85 * 700;
    const apart = worst(clock, 150, ({ seconds }) => curve(seconds - began, wMax, 490));
    expect(apart).toBeLessThan(0.03);
  });

  test('4.7: who loses beyond where it was aims where it lost', () => {
    const clock = reduced(1000, 100 * MS);
    while (clock.segments < 1100) clock.round();
    const wMax = clock.segments;
    lose(clock);
    const began = clock.seconds;
    expect(worst(clock, 150, ({ seconds }) => curve(seconds - began, wMax, 0.7 * wMax))).toBeLessThan(0.03);
  });

  test('4.8: a timeout leaves one segment and 0.7 of the flight as threshold; from there the curve begins level', () => {
    const clock = new AckClock(new Cubic(MSS), MSS, 100 * MS);
    (clock.controller as Cubic).cwnd = 1000 * MSS;
    clock.controller.timedOut(1000 * MSS, false, clock.nowUs);
    expect([clock.segments, clock.controller.ssthresh]).toEqual([1, 700 * MSS]);
    while (clock.controller.cwnd < clock.controller.ssthresh) clock.round({ recovery: RECOVERY_LOSS });
    const began = clock.seconds;
    expect(clock.rounds).toBe(10);
    expect(worst(clock, 60, ({ seconds }) => 700 + 0.4 * (seconds - began) ** 3)).toBeLessThan(0.03);
  });

  test('4.8: so does one in the midst of a recovery, of what is lost already', () => {
    const clock = new AckClock(new Cubic(MSS), MSS, 100 * MS);
    (clock.controller as Cubic).cwnd = 1000 * MSS;
    clock.controller.lost(1000 * MSS, clock.nowUs);
    clock.controller.timedOut(700 * MSS, true, clock.nowUs);
    expect([clock.segments, clock.controller.ssthresh]).toEqual([1, 700 * MSS]);
    while (clock.controller.cwnd < clock.controller.ssthresh) clock.round({ recovery: RECOVERY_LOSS });
    const began = clock.seconds;
    expect(worst(clock, 60, ({ seconds }) => 700 + 0.4 * (seconds - began) ** 3)).toBeLessThan(0.03);
    clock.controller.undone(clock.nowUs);
    expect(clock.segments).toBeGreaterThanOrEqual(1000);
  });

  test('4.10: where HyStart++ ended slow start the curve begins level', () => {
    const clock = new AckClock(new Cubic(MSS), MSS, 100 * MS);
    for (let i = 0; i < 5; i++) clock.round();
    clock.rttUs = 130 * MS;
    while (clock.controller.ssthresh === WINDOW_MAX) clock.round();
    const began = clock.seconds;
    const { segments } = clock;
    expect(worst(clock, 50, ({ seconds }) => segments + 0.4 * (seconds - began) ** 3)).toBeLessThan(0.03);
  });
});

describe('time that does not count (RFC 9438 5.8)', () => {
  test('while the application limits, the curve stands still', () => {
    const steady = reduced(300, 100 * MS);
    const halting = reduced(300, 100 * MS);
    for (let i = 0; i < 20; i++) {
      steady.round();
      halting.round();
    }
    for (let i = 0; i < 300; i++) halting.round({ appLimited: true });
    expect(halting.segments).toBe(steady.segments);
    for (let i = 0; i < 20; i++) {
      steady.round();
      halting.round();
    }
    expect(halting.segments / steady.segments).toBeCloseTo(1, 3);
  });

  test('in a pause shorter than RTO it stands still, too', () => {
    const steady = reduced(300, 100 * MS);
    const halting = reduced(300, 100 * MS);
    halting.round();
    halting.passedUs += 250 * MS;
    halting.controller.restarted(250 * MS, false, halting.nowUs);
    for (let i = 0; i < 19; i++) halting.round();
    for (let i = 0; i < 20; i++) steady.round();
    expect(halting.segments / steady.segments).toBeCloseTo(1, 3);
  });

  test('after a longer one slow start comes first, and then a curve of its own', () => {
    const clock = reduced(1000, 100 * MS);
    clock.round();
    clock.passedUs += 60e6;
    clock.controller.restarted(60e6, true, clock.nowUs);
    expect(clock.segments).toBe(10);
    while (clock.controller.cwnd < clock.controller.ssthresh) clock.round();
    const began = clock.seconds;
    const { segments } = clock;
    expect(worst(clock, 50, ({ seconds }) => curve(seconds - began, 1000, segments))).toBeLessThan(0.03);
  });

  test('one curve may last longer than the clock can tell: 2^31 us and more', () => {
    const clock = reduced(1000, 500 * MS);
    let last = 0;
    for (let i = 0; i < 8000; i++) {
      clock.passedUs += clock.rttUs;
      clock.ack(clock.controller.cwnd);
      expect(clock.controller.cwnd).toBeGreaterThanOrEqual(last);
      last = clock.controller.cwnd;
    }
    expect(clock.passedUs).toBeGreaterThan(2 ** 31);
    expect(last).toBe(WINDOW_MAX);
  });
});

// R9438.5
test.each([
  ['a loss', (cubic: Cubic, at: number): void => cubic.lost(cubic.cwnd, at)],
  ['a timeout', (cubic: Cubic, at: number): void => cubic.timedOut(cubic.cwnd, false, at)],
])('4.9: %s that was none leaves window, threshold and curve as they were', (_name, reduce) => {
  const steady = reduced(1000, 100 * MS);
  const fooled = reduced(1000, 100 * MS);
  for (let i = 0; i < 30; i++) {
    steady.round();
    fooled.round();
  }
  const { cwnd, ssthresh } = fooled.controller;
  reduce(fooled.controller as Cubic, fooled.nowUs);
  expect(fooled.controller.cwnd).toBeLessThan(cwnd);
  fooled.controller.undone(fooled.nowUs);
  expect([fooled.controller.cwnd, fooled.controller.ssthresh]).toEqual([cwnd, ssthresh]);
  for (let i = 0; i < 100; i++) {
    steady.round();
    fooled.round();
  }
  expect(fooled.segments / steady.segments).toBeCloseTo(1, 4);
  lose(fooled);
  lose(steady);
  for (let i = 0; i < 50; i++) {
    steady.round();
    fooled.round();
  }
  expect(fooled.segments / steady.segments).toBeCloseTo(1, 4);
});

property.prop([
  fc.integer({ min: 20, max: 2000 }),
  fc.integer({ min: 5, max: 300 }),
  fc.integer({ min: 2, max: 16 }),
])(
  'octets are counted, not acknowledgments: one for many segments opens as much as many for one',
  (segments, rttMs, each) => {
    const single = reduced(segments, rttMs * MS);
    const stretched = reduced(segments, rttMs * MS);
    for (let i = 0; i < 30; i++) {
      single.round();
      stretched.round({}, each * MSS);
    }
    expect(stretched.segments / single.segments).toBeGreaterThan(0.9);
    expect(stretched.segments / single.segments).toBeLessThan(1.1);
  },
);

test('what is less than an octet is not lost: tiny acknowledgments open as much as whole ones', () => {
  const whole = reduced(300, 200 * MS);
  const tiny = reduced(300, 200 * MS);
  for (let i = 0; i < 15; i++) {
    whole.round();
    tiny.round({}, 50);
  }
  expect(whole.segments).toBeGreaterThan(240);
  expect(tiny.segments / whole.segments).toBeCloseTo(1, 2);
});

test('a congestion mark is answered as a loss is: 0.7', () => {
  const cubic = new Cubic(MSS);
  cubic.acknowledged(Object.assign(new AckSample(), { ackedBytes: MSS, ce: true }));
  cubic.lost(10 * MSS, 0);
  expect(cubic.cwnd).toBe(7 * MSS);
});

test('over a long fat path it carries more than Reno, over a short thin one as much', () => {
  const share = (rate: number, rttUs: number, forUs: number): number => {
    const shape = { mss: 1460, rate, rttUs, queueBytes: (0.05 * rate * rttUs) / 1e6 + 3000 };
    const paths = [new Cubic(1460), new NewReno(1460)].map((controller) => new ModelPath(controller, shape));
    for (const path of paths) path.run(forUs);
    return paths[0].delivered / paths[1].delivered;
  };
  expect(share(6_000_000, 100 * MS, 20e6)).toBeGreaterThan(1.08);
  expect(share(500_000, 10 * MS, 10e6)).toBeGreaterThan(0.95);
  expect(share(500_000, 10 * MS, 10e6)).toBeLessThan(1.3);
});
