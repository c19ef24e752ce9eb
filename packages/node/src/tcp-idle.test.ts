// The idle timer, in fake time.

import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { IdleTimer } from './tcp-idle.ts';

let queued: number;
let told: number;
let timer: IdleTimer;

beforeEach(() => {
  vi.useFakeTimers();
  queued = told = 0;
  timer = new IdleTimer(
    () => queued,
    () => told++,
  );
});

afterEach(() => {
  vi.useRealTimers();
});

test('silence is told once', () => {
  timer.set(100);
  vi.advanceTimersByTime(99);
  expect(told).toBe(0);
  vi.advanceTimersByTime(1000);
  expect(told).toBe(1);
});

test('whatever happens puts it off, and starts it again after it was told', () => {
  timer.set(100);
  for (let i = 0; i < 5; i++) {
    vi.advanceTimersByTime(90);
    timer.touch();
  }
  expect(told).toBe(0);
  vi.advanceTimersByTime(100);
  timer.touch();
  vi.advanceTimersByTime(100);
  expect(told).toBe(2);
});

test('a long write that makes progress is no silence', () => {
  timer.set(100);
  queued = 1000;
  timer.touch();
  for (let i = 0; i < 5; i++) {
    queued -= 100;
    vi.advanceTimersByTime(100);
  }
  expect(told).toBe(0);
  vi.advanceTimersByTime(100);
  expect(told).toBe(1);
});

test('0 ends it, and what is no time is refused', () => {
  timer.set(100);
  timer.set(0);
  timer.touch();
  vi.advanceTimersByTime(1000);
  expect(told).toBe(0);
  expect(() => timer.set(-1)).toThrow(expect.objectContaining({ code: 'ERR_OUT_OF_RANGE' }));
  expect(() => timer.set(Number.NaN)).toThrow(/out of range/);
});
