// The alarm on an event loop of the test's: it rings once, never early, and soon after, however late timers are.

import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { Alarm } from './alarm.ts';

/** What a turn of the loop takes here. */
const TURN_US = 10;

/** An event loop in virtual time: immediates run each turn, timers know whole milliseconds and are late. */
class Loop {
  nowUs = 0;
  turns = 0;
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
