// The alarm on an event loop of the test's: it rings once, never early, and soon after, however late timers are.

import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { Alarm, NAP_US } from './alarm.ts';

/** What a turn of the loop takes here. */
const TURN_US = 10;

/** An event loop in virtual time: immediates run each turn, timers know whole milliseconds and are late. */
class Loop {
  nowUs = 0;
  turns = 0;
  /** Naps, and how long each was. */
  readonly naps: number[] = [];
  /** Callbacks that ran after the loop had polled. */
  immediatesRun = 0;
  private readonly immediates = new Set<() => void>();
  private readonly timers = new Map<object, { dueUs: number; look: () => void }>();

  constructor(latenessUs: number) {
    const handle = (look: () => void) => look;
    vi.stubGlobal('setImmediate', (look: () => void) => {
      this.immediates.add(look);
      return handle(look);
    });
    vi.stubGlobal('clearImmediate', (look: () => void) => this.immediates.delete(look));
    vi.stubGlobal('setTimeout', (look: () => void, ms: number) => {
      const timer = {};
      this.timers.set(timer, { dueUs: this.nowUs + Math.max(1, ms) * 1000 + latenessUs, look });
      return timer;
    });
    vi.stubGlobal('clearTimeout', (timer: object) => this.timers.delete(timer));
  }

  /** Stands still, and wakes up a little late. */
  readonly nap = (us: number): void => {
    this.naps.push(us);
    this.nowUs += us + 5;
  };

  get pending(): number {
    return this.immediates.size + this.timers.size;
  }

  run(): void {
    while (this.pending > 0) {
      this.turns++;
      const dueUs = Math.min(...[...this.timers.values()].map((timer) => timer.dueUs));
      this.nowUs = this.immediates.size > 0 ? this.nowUs + TURN_US : Math.max(this.nowUs, dueUs);
      for (const [timer, { dueUs: due, look }] of [...this.timers]) {
        if (due > this.nowUs) continue;
        this.timers.delete(timer);
        look();
      }
      for (const look of [...this.immediates]) {
        this.immediates.delete(look);
        this.immediatesRun++;
        look();
      }
    }
  }
}

let rang: number[] = [];
beforeEach(() => {
  rang = [];
});
afterEach(() => {
  vi.unstubAllGlobals();
});

function makeAlarm(latenessUs = 200): { loop: Loop; alarm: Alarm } {
  const loop = new Loop(latenessUs);
  const alarm = new Alarm(
    () => loop.nowUs,
    () => rang.push(loop.nowUs),
    loop.nap,
  );
  return { loop, alarm };
}

test.each(
  [1, 500, 1499, 1500, 1501, 2000, 2499, 5000, 20_000, 123_456].flatMap((us) => [
    [us, 0],
    [us, 400],
  ]),
)('an alarm %i us from now rings once, not before, and within a turn, with timers %i us late', (us, late) => {
  const { loop, alarm } = makeAlarm(late);
  alarm.set(us);
  loop.run();
  expect(rang.length).toBe(1);
  expect(rang[0]).toBeGreaterThanOrEqual(us);
  expect(rang[0]).toBeLessThanOrEqual(us + TURN_US);
});

test('it sleeps until just before: a long wait takes no more turns than a short one', () => {
  const { loop, alarm } = makeAlarm();
  alarm.set(1_000_000);
  loop.run();
  expect(loop.turns).toBeLessThan(300);
});

test('it turns in naps, no longer than a packet may wait, and none is the last thing before it rings', () => {
  const { loop, alarm } = makeAlarm();
  for (const us of [1400, 90, 15]) {
    const before = loop.naps.length;
    alarm.set(loop.nowUs + us);
    loop.run();
    const naps = loop.naps.slice(before);
    expect(naps.every((nap) => nap > 0 && nap <= NAP_US)).toBe(true);
    // A turn between two naps: there the loop takes in what came.
    expect(loop.turns).toBeGreaterThan(loop.naps.length);
    expect(naps.length).toBe({ 1400: 19, 90: 1, 15: 0 }[us]);
  }
});

test('a timer that ends close to the moment does not nap before the loop has taken in what came meanwhile', () => {
  const { loop } = makeAlarm(400);
  const polledBefore: number[] = [];
  const alarm = new Alarm(
    () => loop.nowUs,
    () => rang.push(loop.nowUs),
    (us) => {
      polledBefore.push(loop.immediatesRun);
      loop.nap(us);
    },
  );
  alarm.set(3000);
  loop.run();
  expect(polledBefore[0]).toBe(1);
});

test('an earlier moment takes the place of a later one, and a later one that of an earlier', () => {
  const { loop, alarm } = makeAlarm();
  alarm.set(50_000);
  alarm.set(10_000);
  loop.run();
  alarm.set(loop.nowUs + 10_000);
  alarm.set(100_000);
  loop.run();
  expect(rang.map((at) => Math.floor(at / 1000))).toEqual([10, 100]);
});

test('what rings may set the next', () => {
  const { loop, alarm } = makeAlarm();
  const again = new Alarm(
    () => loop.nowUs,
    () => {
      rang.push(loop.nowUs);
      if (rang.length < 4) again.set(loop.nowUs + 700);
    },
    () => {},
  );
  alarm.close();
  again.set(700);
  loop.run();
  expect(rang).toEqual([700, 1400, 2100, 2800]);
});

test('a closed alarm, and one set to never, stay silent and hold nothing', () => {
  const { loop, alarm } = makeAlarm();
  alarm.set(3000);
  alarm.set(Number.POSITIVE_INFINITY);
  loop.run();
  alarm.set(loop.nowUs + 500);
  alarm.close();
  expect(loop.pending).toBe(0);
  alarm.set(loop.nowUs + 5000);
  alarm.close();
  expect(loop.pending).toBe(0);
  expect(rang).toEqual([]);
});
