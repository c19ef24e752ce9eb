// The laws of congestion/controller.ts, for any controller: `controllerSuite('reno', (mss) => new NewReno(mss))`.

import { fc, test as property } from '@fast-check/vitest';
import { describe, expect, test } from 'vitest';
import { RECOVERY_FAST, RECOVERY_LOSS, RECOVERY_NONE, RECOVERY_REDUCE } from '../../tcb.ts';
import { AckSample, type Controller, type ControllerFactory } from '../controller.ts';
import { initialWindow } from '../window-limits.ts';
import { AckClock } from './ack-clock.ts';
import { ModelPath } from './model-path.ts';

const MSS = 1000;
const WINDOW_LIMIT = 2 ** 30;
const MS = 1000;
const BOX = 56;

const octets = fc.oneof(fc.integer({ min: 0, max: 20 * MSS }), fc.integer({ min: 0, max: 1 << 28 }));
const acknowledgment = fc.record({
  verb: fc.constant('acknowledged' as const),
  acked: octets,
  lost: fc.oneof(fc.constant(0), octets),
  afterUs: fc.constantFrom(0, 1, 1000, 30 * MS, 2_000_000, 60_000_000),
  rttUs: fc.constantFrom(0, 1, 100, 20 * MS, 3_000_000),
  intervalUs: fc.constantFrom(0, 1, 100, 20 * MS, 3_000_000),
  /** Of what was sent so long ago, in acknowledgments. */
  lag: fc.nat(5),
  inFlight: octets,
  flags: fc.nat(15),
  recovery: fc.constantFrom(RECOVERY_NONE, RECOVERY_NONE, RECOVERY_FAST, RECOVERY_LOSS, RECOVERY_REDUCE),
});
const other = fc.record({
  verb: fc.constantFrom('lost', 'recovered', 'timedOut', 'again', 'undone', 'paused', 'idle', 'resized'),
  inFlight: octets,
  afterUs: fc.constantFrom(0, 1000, 2_000_000, 60_000_000, 2_400_000_000),
});
const step = fc.oneof({ weight: 4, arbitrary: acknowledgment }, { weight: 1, arbitrary: other });
type Step = typeof step extends fc.Arbitrary<infer T> ? T : never;

/** Drives one controller by a list of events; the record of acknowledgments is reused and spoilt after each call, as the contract allows. */
class Driver {
  readonly controller: Controller;
  mss = MSS;
  private readonly sample = new AckSample();
  private readonly spoil: boolean;
  private nowUs = 0x7fff_0000;
  private readonly delivered: number[] = [-100_000];
  private srttUs = 0;

  constructor(controller: Controller, spoil: boolean) {
    this.controller = controller;
    this.spoil = spoil;
  }

  take(event: Step): void {
    this.nowUs = (this.nowUs + event.afterUs) | 0;
    if (event.verb === 'acknowledged') this.acknowledged(event);
    else this.call(event.verb, event.inFlight, event.afterUs);
  }

  /** The same transfer from here on, by a new controller. */
  anew(make: ControllerFactory): Driver {
    const driver = new Driver(make(this.mss), false);
    driver.mss = this.mss;
    driver.nowUs = this.nowUs;
    driver.srttUs = this.srttUs;
    driver.delivered.splice(0, 1, ...this.delivered);
    return driver;
  }

  private acknowledged(event: Extract<Step, { verb: 'acknowledged' }>): void {
    const { delivered } = this;
    const sum = delivered[delivered.length - 1] + event.acked;
    const prior = delivered[Math.max(0, delivered.length - 1 - event.lag)];
    delivered.push(sum);
    this.srttUs = event.rttUs || this.srttUs;
    const rate = { deliveredBytes: sum - prior, intervalUs: event.intervalUs, rttUs: event.rttUs };
    const counts = { delivered: sum | 0, priorDelivered: prior | 0, nowUs: this.nowUs };
    const flight = { priorInFlight: event.inFlight + event.acked + event.lost, inFlight: event.inFlight };
    const flags = {
      appLimited: (event.flags & 1) !== 0,
      rateAppLimited: (event.flags & 2) !== 0,
      ce: (event.flags & 4) !== 0,
      advanced: (event.flags & 8) === 0,
    };
    const said = { ackedBytes: event.acked, lostBytes: event.lost, recovery: event.recovery };
    const sample = this.spoil ? this.sample : new AckSample();
    Object.assign(sample, rate, counts, flight, flags, said, { srttUs: this.srttUs });
    this.controller.acknowledged(sample);
    if (this.spoil) for (const key of Object.keys(sample)) Object.assign(sample, { [key]: Number.NaN });
  }

  private call(verb: string, inFlight: number, afterUs: number): void {
    const { controller, nowUs } = this;
    if (verb === 'lost') controller.lost(inFlight, nowUs);
    else if (verb === 'recovered') controller.recovered(inFlight, nowUs);
    else if (verb === 'undone') controller.undone(nowUs);
    else if (verb === 'paused') controller.restarted(afterUs, false, nowUs);
    else if (verb === 'idle') controller.restarted(afterUs, true, nowUs);
    else if (verb === 'resized') {
      this.mss = 100 + (inFlight % 9000);
      controller.resized(this.mss);
    } else controller.timedOut(inFlight, verb === 'again', nowUs);
  }
}

/** What is wrong with it, in words. */
function faults({ cwnd, ssthresh, pacingRate }: Controller, mss: number): string[] {
  const wrong: string[] = [];
  if (!Number.isInteger(cwnd)) wrong.push(`cwnd ${cwnd} is no integer`);
  if (!(cwnd >= mss)) wrong.push(`cwnd ${cwnd} is below a segment of ${mss}`);
  if (!(cwnd < WINDOW_LIMIT)) wrong.push(`cwnd ${cwnd} is beyond the sequence space`);
  if (!(ssthresh >= 2 * mss && ssthresh < WINDOW_LIMIT)) wrong.push(`ssthresh ${ssthresh}`);
  if (!(pacingRate >= 0 && Number.isFinite(pacingRate))) wrong.push(`pacing rate ${pacingRate}`);
  return wrong;
}

/** In the midst of a transfer: past slow start, 20 ms, nothing in recovery. */
function steady(make: ControllerFactory): AckClock {
  const clock = new AckClock(make(MSS), MSS, 20 * MS);
  for (let i = 0; i < 5; i++) clock.round();
  clock.controller.lost(clock.controller.cwnd, clock.nowUs);
  clock.controller.recovered(clock.controller.cwnd, clock.nowUs);
  for (let i = 0; i < 5; i++) clock.round();
  return clock;
}

/** Runs the suite. */
export function controllerSuite(name: string, make: ControllerFactory): void {
  describe(`controller laws: ${name}`, () => {
    test('it begins with the initial window (RFC 6928), and an arbitrarily high threshold', () => {
      const controller = make(MSS);
      expect([controller.name, controller.cwnd]).toEqual([name, initialWindow(MSS)]);
      expect(controller.ssthresh).toBeGreaterThan(2 ** 29);
    });
    eventLaws(make);
    reductionLaws(make);
    pathLaws(make);
  });
}

function eventLaws(make: ControllerFactory): void {
  property.prop([fc.array(step, { maxLength: 80 })], { numRuns: 200 })(
    'whatever happens, at least one segment may go, no window passes 2^30, and all are numbers',
    (events) => {
      const driver = new Driver(make(MSS), true);
      for (const event of events) {
        driver.take(event);
        expect(faults(driver.controller, driver.mss)).toEqual([]);
      }
    },
  );

  property.prop([fc.array(step, { maxLength: 60 })])(
    'it keeps nothing of a sample: spoilt after each call, all stays the same',
    (events) => {
      const [kept, spoilt] = [new Driver(make(MSS), false), new Driver(make(MSS), true)];
      for (const event of events) {
        kept.take(event);
        spoilt.take(event);
        expect(spoilt.controller.cwnd).toBe(kept.controller.cwnd);
        expect(spoilt.controller.pacingRate).toBe(kept.controller.pacingRate);
      }
    },
  );

  const quiet = fc.array(
    fc.oneof({ weight: 9, arbitrary: acknowledgment }, { weight: 1, arbitrary: other }),
    {
      maxLength: 30,
    },
  );
  property.prop([quiet, fc.array(step, { maxLength: 40 })], { numRuns: 200 })(
    'what says it may be forgotten in a pause goes on as a new one would',
    (before, after) => {
      const kept = new Driver(make(MSS), false);
      for (const event of before) kept.take(event);
      fc.pre(kept.controller.forgettable || before.length === 0);
      if (!kept.controller.forgettable) return;
      kept.take({ verb: 'idle', inFlight: 0, afterUs: 60_000_000 });
      const anew = kept.anew(make);
      for (const event of after) {
        kept.take(event);
        anew.take(event);
        expect([kept.controller.cwnd, kept.controller.ssthresh]).toEqual([
          anew.controller.cwnd,
          anew.controller.ssthresh,
        ]);
      }
    },
  );

  test('an acknowledgment makes no object', () => {
    const clock = steady(make);
    const sample = new AckSample();
    const { controller } = clock;
    Object.assign(sample, { ackedBytes: MSS, inFlight: 20 * MSS, priorInFlight: 21 * MSS, srttUs: 20 * MS });
    Object.assign(sample, { deliveredBytes: 20 * MSS, intervalUs: 20 * MS, rttUs: 20 * MS });
    const calls = 20_000;
    let least = Infinity;
    // Until the compiler has come to it numbers are boxed, and a collection in between makes a reading worthless: the least
    // counts. Up to three boxed numbers (16 octets each) are let pass, where the compiler does not inline
    // all of it, which differs from one Node to the next; a sample or a state made anew would be larger.
    for (let attempt = 0; attempt < 60 && least / calls >= BOX; attempt++) {
      const before = process.memoryUsage().heapUsed;
      for (let i = 0; i < calls; i++) {
        sample.nowUs = (sample.nowUs + 100) | 0;
        sample.delivered = (sample.delivered + MSS) | 0;
        sample.priorDelivered = (sample.delivered - 20 * MSS) | 0;
        controller.acknowledged(sample);
      }
      const grown = process.memoryUsage().heapUsed - before;
      if (grown >= 0) least = Math.min(least, grown);
    }
    expect(least / calls).toBeLessThan(BOX);
  });

  test('it grows with what is delivered while the window is in use', () => {
    const clock = new AckClock(make(MSS), MSS, 20 * MS);
    const { cwnd } = clock.controller;
    for (let i = 0; i < 3; i++) clock.round();
    expect(clock.controller.cwnd).toBeGreaterThan(4 * cwnd);
  });
}

function reductionLaws(make: ControllerFactory): void {
  test('a timeout leaves one segment, and no more', () => {
    const { controller, nowUs } = steady(make);
    controller.timedOut(controller.cwnd, false, nowUs);
    expect(controller.cwnd).toBe(MSS);
    controller.timedOut(controller.cwnd, true, nowUs);
    expect(controller.cwnd).toBe(MSS);
  });

  test('after a timeout it comes up again', () => {
    const clock = steady(make);
    const { controller } = clock;
    const { cwnd } = controller;
    controller.timedOut(cwnd, false, clock.nowUs);
    for (let i = 0; i < 4; i++) clock.round({ recovery: RECOVERY_LOSS });
    for (let i = 0; i < 4; i++) clock.round();
    expect(controller.cwnd).toBeGreaterThanOrEqual(cwnd / 2);
  });

  test('a loss lowers the threshold of who goes down by PRR, and the window is there when recovery ends', () => {
    const { controller, nowUs } = steady(make);
    const { cwnd } = controller;
    controller.lost(cwnd, nowUs);
    controller.recovered(cwnd, nowUs);
    if (controller.proportional) expect(controller.ssthresh).toBeLessThan(cwnd);
    if (controller.proportional) expect(controller.cwnd).toBe(controller.ssthresh);
    else expect(controller.cwnd).toBe(cwnd);
  });

  test.each([
    [RECOVERY_FAST, 'loss'],
    [RECOVERY_REDUCE, 'a mark'],
  ])('in recovery %i, from %s, a window that goes down by PRR is left alone', (recovery) => {
    const clock = steady(make);
    const { controller } = clock;
    controller.lost(controller.cwnd, clock.nowUs);
    const { cwnd } = controller;
    clock.round({ recovery });
    if (controller.proportional) expect(controller.cwnd).toBe(cwnd);
  });

  test.each(['a loss', 'a timeout', 'three timeouts'])(
    '%s that was none leaves window and threshold as they were',
    (what) => {
      const clock = steady(make);
      const { controller } = clock;
      const { cwnd, ssthresh } = controller;
      if (what === 'a loss') controller.lost(cwnd, clock.nowUs);
      else controller.timedOut(cwnd, false, clock.nowUs);
      for (let i = 0; i < 2 && what === 'three timeouts'; i++) controller.timedOut(MSS, true, clock.nowUs);
      const recovery = what === 'a loss' ? RECOVERY_FAST : RECOVERY_LOSS;
      clock.ack(MSS, { recovery, lostBytes: 3 * MSS, inFlight: 5 * MSS });
      controller.undone(clock.nowUs);
      expect([controller.cwnd, controller.ssthresh]).toEqual([cwnd, ssthresh]);
    },
  );

  test('to undo what was not reduced does nothing', () => {
    const controller = make(MSS);
    const { cwnd, ssthresh } = controller;
    controller.undone(0);
    expect([controller.cwnd, controller.ssthresh]).toEqual([cwnd, ssthresh]);
  });

  test('a new SMSS makes an unused window anew, and leaves a used one at least a segment', () => {
    const fresh = make(MSS);
    fresh.resized(1460);
    expect(fresh.cwnd).toBe(initialWindow(1460));
    const { controller } = steady(make);
    const { cwnd } = controller;
    controller.resized(500);
    expect(controller.cwnd).toBe(cwnd);
    controller.resized(60_000);
    expect(controller.cwnd).toBeGreaterThanOrEqual(60_000);
  });
}

function pathLaws(make: ControllerFactory): void {
  test.each([
    [1_250_000, 20],
    [5_000_000, 10],
    [625_000, 100],
  ])('over a path of %i octets a second and %i ms it uses nine tenths, and loses little', (rate, rttMs) => {
    const queueBytes = (rate * rttMs) / 1000;
    const path = new ModelPath(make(1460), { mss: 1460, rate, rttUs: rttMs * MS, queueBytes });
    path.run(2_000_000);
    const { delivered, lost } = path;
    path.run(4_000_000);
    expect((path.delivered - delivered) / (4 * rate)).toBeGreaterThan(0.9);
    expect((path.lost - lost) / (path.delivered - delivered)).toBeLessThan(0.01);
    expect(path.timeouts).toBe(0);
  });

  test('after an outage of the whole path it fills it again', () => {
    const shape = { mss: 1460, rate: 1_250_000, rttUs: 20 * MS, queueBytes: 25_000 };
    const drops = (packet: number): boolean => packet >= 1000 && packet < 1050;
    const path = new ModelPath(make(1460), { ...shape, drops });
    path.run(9_000_000);
    const { delivered } = path;
    path.run(2_000_000);
    expect((path.delivered - delivered) / (2 * shape.rate)).toBeGreaterThan(0.85);
  });
}
