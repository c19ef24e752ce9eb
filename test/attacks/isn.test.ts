// What a stranger can learn of our initial sequence numbers from 100,000 SYN,ACKs: RFC 9293 3.4.1, RFC 6528; RFC 4987 3.6.
// The seeds are fixed, so that each bound is met or broken for ever. The generator alone: packages/stack/src/tcp/isn.test.ts.

import { diff } from '@tunstack/stack/base';
import { describe, expect, test } from 'vitest';
import { isnsOf, Victim } from '../support/victim.ts';

const CONNECTIONS = 100_000;
const BATCH = 200;
/** Chi square with 255 degrees of freedom: the 1 in 10,000 point is 347. */
const CHI_255 = 347;
/** Of a mean, or a correlation, of n values: four standard deviations and a half. */
const FAR = 4.5;

/** The ISNs that an observer gets who varies what `ends` says, one SYN after the other. */
function observe(cookies: number, strange: boolean): number[] {
  // Rows are evicted, and not one of these connections lives on.
  const victim = new Victim({ seed: 77, options: { tcpSynCookies: cookies, tcpSynBacklogMax: 256 } });
  const isns: number[] = [];
  for (let at = 0; at < CONNECTIONS; at += BATCH) {
    const syns = Array.from({ length: BATCH }, () => (strange ? victim.strangeSyn() : chosenSyn(victim)));
    isns.push(...isnsOf(victim.gets(...syns)));
    victim.wait(1);
  }
  expect(isns.length).toBe(CONNECTIONS);
  return isns;
}

/** The observer's own number is always the same: what varies in the answer is the stack's. */
function chosenSyn(victim: Victim): Uint8Array {
  const peer = victim.peer();
  peer.iss = 1;
  return peer.syn();
}

function worstChi(values: readonly number[]): number {
  return Math.max(
    ...[0, 8, 16, 24].map((bit) => {
      const cells = new Array<number>(256).fill(0);
      for (const value of values) cells[(value >>> bit) & 255]++;
      const share = values.length / 256;
      return cells.reduce((sum, count) => sum + (count - share) ** 2 / share, 0);
    }),
  );
}

/** Correlation of each value with the one `lag` before it, in standard deviations of what chance would give. */
function serial(values: readonly number[], lag: number): number {
  let sum = 0;
  for (let i = lag; i < values.length; i++) sum += (values[i] / 2 ** 31) * (values[i - lag] / 2 ** 31);
  // Uniform in -1 .. 1: variance 1/3, of a product 1/9.
  return Math.abs(sum) / Math.sqrt((values.length - lag) / 9);
}

/** How often the most frequent of them occurs. */
function mostFrequent(values: readonly number[]): number {
  const counts = new Map<number, number>();
  for (const value of values) counts.set(value, (counts.get(value) ?? 0) + 1);
  return Math.max(...counts.values());
}

const steps = (values: readonly number[]): number[] =>
  values.slice(1).map((value, i) => diff(value, values[i]));

// [hostile 28]
describe.each([
  ['remembered', 'tuple after tuple of the hosts beside it', 0, false],
  ['remembered', 'strangers', 0, true],
  ['cookies', 'tuple after tuple of the hosts beside it', 2, false],
  ['cookies', 'strangers', 2, true],
] as const)('ISNs of 100,000 connections (%s; %s)', (_kind, _who, cookies, strange) => {
  const isns = observe(cookies, strange);

  test('each octet of them is even, of their steps, and of the steps of those', () => {
    const first = steps(isns);
    expect(worstChi(isns)).toBeLessThan(CHI_255);
    expect(worstChi(first)).toBeLessThan(CHI_255);
    expect(worstChi(steps(first))).toBeLessThan(CHI_255);
  });

  test('each bit is set half of the times', () => {
    for (let bit = 0; bit < 32; bit++) {
      const set = isns.reduce((sum, isn) => sum + ((isn >>> bit) & 1), 0);
      expect(Math.abs(set - CONNECTIONS / 2) / Math.sqrt(CONNECTIONS / 4)).toBeLessThan(FAR);
    }
  });

  test('none tells of those that follow: no correlation at any lag up to 16', () => {
    const worst = Math.max(...Array.from({ length: 16 }, (_, i) => serial(isns, i + 1)));
    expect(worst).toBeLessThan(FAR);
  });

  test('no number, no step and no second step repeats itself', () => {
    const first = steps(isns);
    for (const values of [isns, first, steps(first)]) expect(mostFrequent(values)).toBeLessThanOrEqual(2);
  });

  test('no greatest common divisor, and no number near the one before: what nmap looks for', () => {
    const first = steps(isns).map(Math.abs);
    expect(first.reduce(gcd)).toBe(1);
    // A ten-thousandth of the circle on either side.
    const near = first.filter((step) => step < 2 ** 32 / 20_000).length;
    expect(near / CONNECTIONS).toBeLessThan(2 / 10_000);
  });
});

// [hostile 28]
test('of one tuple, asked again and again, the ISN follows the clock of RFC 6528: an observer learns of that tuple only', () => {
  const victim = new Victim({ options: { tcpSynCookies: 0, tcpSynBacklogMax: 1 } });
  const isns: number[] = [];
  const peer = victim.peer();
  for (let i = 0; i < 1000; i++) {
    isns.push(...isnsOf(victim.gets(peer.syn())));
    // Another one takes the only place.
    victim.gets(victim.strangeSyn());
    victim.wait(4);
  }
  expect(new Set(steps(isns))).toEqual(new Set([1000]));
});

function gcd(a: number, b: number): number {
  return b === 0 ? a : gcd(b, a % b);
}
