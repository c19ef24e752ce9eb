// HyStart++ by itself (RFC 9406 4.2, 4.3), and in the slow start of the controllers that use it.

import { describe, expect, test } from 'vitest';
import { AckSample, type Controller } from './controller.ts';
import { Cubic } from './cubic.ts';
import { HyStart } from './hystart.ts';
import { NewReno } from './new-reno.ts';
import { AckClock } from './testing/ack-clock.ts';
import { ModelPath } from './testing/model-path.ts';
import { WINDOW_MAX } from './window-limits.ts';

const MSS = 1000;
const MS = 1000;

/** Rounds of acknowledgments for one HyStart; delivered counts wrap on the way. */
class Rounds {
  readonly hystart = new HyStart();
  private readonly sample = new AckSample();
  private delivered = 0x7fff_ff00;
  private prior = 0x7fff_ff00;

  /** One round with so many round trips measured, each of `rttMs`. True: slow start ended in it. */
  round(rttMs: number, samples = 8): boolean {
    const began = this.delivered;
    let ended = false;
    for (let i = 0; i < samples; i++) {
      const priorDelivered = (i === 0 ? began : this.prior) | 0;
      this.delivered += 100;
      const delivered = this.delivered | 0;
      Object.assign(this.sample, { ackedBytes: 100, rttUs: rttMs * MS, delivered, priorDelivered });
      ended = this.hystart.ended(this.sample) || ended;
    }
    this.prior = began;
    return ended;
  }

  /** An acknowledgment that delivers nothing: its newest range is said to be sent now. */
  nothing(): boolean {
    const delivered = this.delivered | 0;
    Object.assign(this.sample, { ackedBytes: 0, rttUs: MS, delivered, priorDelivered: delivered });
    return this.hystart.ended(this.sample);
  }
}

function slow(...rttsMs: number[]): Rounds {
  const rounds = new Rounds();
  for (const rttMs of rttsMs) rounds.round(rttMs);
  return rounds;
}

describe('RFC 9406 4.2', () => {
  // R9406.1
  test.each([
    [20, 23.9, false],
    [20, 24, true],
    [80, 89, false],
    [80, 90, true],
    [400, 415, false],
    [400, 416, true],
  ])(
    'from %f to %f ms in a round is growth: %s (an eighth, no less than 4 ms, no more than 16)',
    (last, now, grown) => {
      expect(slow(last, now).hystart.conservative).toBe(grown);
    },
  );

  test('fewer than eight round trips in a round say nothing', () => {
    const few = slow(20);
    few.round(60, 7);
    expect(few.hystart.conservative).toBe(false);
  });

  test('the shortest of a round counts', () => {
    const rounds = slow(20);
    rounds.round(60, 5);
    expect(rounds.hystart.conservative).toBe(false);
    const jitter = new Rounds();
    jitter.round(20);
    for (const ms of [60, 70, 22]) jitter.round(ms, 3);
    expect(jitter.hystart.conservative).toBe(false);
  });

  test('conservative slow start opens by a quarter, slow start by all', () => {
    expect(slow(20).hystart.growth(4000)).toBe(4000);
    expect(slow(20, 60).hystart.growth(4000)).toBe(1000);
  });

  // R9406.1
  test('it lasts five rounds, the one in which it began counted', () => {
    const rounds = slow(20, 60);
    expect([60, 60, 60, 60, 60].map((ms) => rounds.round(ms))).toEqual([false, false, false, false, true]);
  });

  test('a round trip below the one that it began with was jitter: slow start goes on, and may end anew', () => {
    const rounds = slow(20, 60, 60, 50);
    expect(rounds.hystart.conservative).toBe(false);
    rounds.round(80);
    expect(rounds.hystart.conservative).toBe(true);
    expect([80, 80, 80, 80, 80].map((ms) => rounds.round(ms))).toEqual([false, false, false, false, true]);
  });

  test('an acknowledgment that delivers nothing ends no round, and measures none', () => {
    const rounds = slow(20, 60);
    for (let i = 0; i < 20; i++) expect(rounds.nothing()).toBe(false);
    expect(rounds.hystart.conservative).toBe(true);
  });

  test('after a restart what was measured before does not count', () => {
    const rounds = slow(20, 60);
    rounds.hystart.restart();
    expect(rounds.hystart.conservative).toBe(false);
    rounds.round(100);
    expect(rounds.hystart.conservative).toBe(false);
  });
});

const users: readonly (readonly [string, () => Controller])[] = [
  ['reno', () => new NewReno(MSS)],
  ['cubic', () => new Cubic(MSS)],
];

describe.each(users)('%s', (_name, make) => {
  test('slow start doubles each round while round trips are the same', () => {
    const clock = new AckClock(make(), MSS, 50 * MS);
    for (let i = 0; i < 6; i++) clock.round();
    expect(clock.segments).toBe(640);
  });

  test('once round trips grow it goes by a quarter for five rounds, and then ssthresh is the window', () => {
    const clock = new AckClock(make(), MSS, 50 * MS);
    clock.round();
    clock.round();
    clock.rttUs = 70 * MS;
    clock.round();
    // Seven of forty segments came before the eighth told.
    const began = clock.controller.cwnd;
    expect(began).toBe((40 + 7 + 33 / 4) * MSS);
    for (let i = 0; i < 4; i++) clock.round();
    expect(clock.controller.cwnd / began).toBeCloseTo(1.25 ** 4, 1);
    expect(clock.controller.ssthresh).toBe(WINDOW_MAX);
    const { cwnd } = clock.controller;
    clock.round();
    expect(clock.controller.ssthresh).toBe(cwnd);
    expect(clock.controller.cwnd - cwnd).toBeLessThanOrEqual(MSS);
  });

  test('a pause shorter than RTO leaves its rounds, a longer one does not', () => {
    const growing = (expired: boolean): number => {
      const clock = new AckClock(make(), MSS, 50 * MS);
      clock.round();
      clock.controller.restarted(1000, expired, clock.nowUs);
      clock.rttUs = 70 * MS;
      clock.round();
      return clock.segments;
    };
    expect([growing(false), growing(true)]).toEqual([20 + 7 + 13 / 4, 20]);
  });

  test('RFC 9406 4.3: a later slow start, which has a threshold, is left alone', () => {
    const clock = new AckClock(make(), MSS, 50 * MS);
    clock.controller.timedOut(20_000 * MSS, false, clock.nowUs);
    for (let i = 0; i < 6; i++) clock.round();
    clock.rttUs = 200 * MS;
    for (let i = 0; i < 7; i++) clock.round();
    expect(clock.segments).toBe(2 ** 13);
  });

  test('on a path with a queue the first overshoot loses less than half of what slow start alone loses', () => {
    const shape = { mss: 1000, rate: 12_500_000, rttUs: 20 * MS, queueBytes: 500_000 };
    const path = new ModelPath(make(), shape);
    const alone = new ModelPath(make(), shape);
    const { hystart } = alone.controller as unknown as { hystart: HyStart };
    hystart.ended = (): boolean => false;
    path.run(1_000_000);
    alone.run(1_000_000);
    expect(alone.lost).toBeGreaterThan(300 * MSS);
    expect(path.lost).toBeLessThan(alone.lost / 2);
  });
});
