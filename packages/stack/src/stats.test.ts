// The tables of counters and reasons.

import { expect, test } from 'vitest';
import { COUNTER_NAMES } from './contract/counters.ts';
import { R, REASON_COUNTERS, REASONS } from './contract/reasons.ts';
import { Stats } from './stats.ts';

test('names of counters and of reasons are unique', () => {
  expect(new Set(COUNTER_NAMES).size).toBe(COUNTER_NAMES.length);
  expect(new Set(REASONS.map((reason) => reason.name)).size).toBe(REASONS.length);
});

test('every reason has a clause, a sentence and known counters, each once', () => {
  for (const { name, clause, text, counters } of REASONS) {
    expect(name).toMatch(/^[A-Z][A-Z0-9_]+$/);
    expect(clause.length, name).toBeGreaterThan(3);
    expect(text.length, name).toBeGreaterThan(10);
    expect(new Set(counters).size, name).toBe(counters.length);
    for (const counter of counters) expect(COUNTER_NAMES).toContain(counter);
  }
});

test('R and the flat counter table agree with the list', () => {
  for (const [code, { name, counters }] of REASONS.entries()) {
    expect(R[name as keyof typeof R]).toBe(code);
    expect([...REASON_COUNTERS[code]].map((at) => COUNTER_NAMES[at])).toEqual(counters);
  }
});

test('a counted reason moves itself and its counters by one, and nothing else', () => {
  for (const [code, { name, counters }] of REASONS.entries()) {
    const stats = new Stats();
    stats.count(code);
    expect(stats.drops()).toEqual({ [name]: 1 });
    const moved = Object.entries(stats.nstat()).filter(([, value]) => value !== 0);
    expect(Object.fromEntries(moved)).toEqual(Object.fromEntries(counters.map((counter) => [counter, 1])));
    for (const counter of counters) expect(stats.get(counter)).toBe(1);
  }
});
