// Initial sequence numbers: RFC 9293 3.4.1. MUST-8, MUST-9 and SHLD-1, by statistics; the keys are seeded and fixed.

import { expect, test } from 'vitest';
import { SeededEntropy } from '../testing/index.ts';
import { IsnGenerator } from './isn.ts';

const LOCAL = 0x0a090002;
const REMOTE = 0x0a090001;
const PORTS = (80 << 16) | 40_000;
const MANY = 10_000;
/** Near the wrap of the clock, as all virtual time. */
const NOW_MS = 0x7fff_ff00;
/** Chi square with 255 degrees of freedom: the 1 in 10,000 point is 347, and the seeds are fixed. */
const CHI_255 = 347;

const generator = (seed: number): IsnGenerator => new IsnGenerator(new SeededEntropy(seed));

/** How unevenly the values fall into 256 cells by their highest, or by another octet. */
function chi(values: readonly number[], bit: number): number {
  const cells = new Array<number>(256).fill(0);
  for (const value of values) cells[(value >>> bit) & 255]++;
  const share = values.length / 256;
  return cells.reduce((sum, count) => sum + (count - share) ** 2 / share, 0);
}

const worst = (values: readonly number[]): number =>
  Math.max(...[0, 8, 16, 24].map((bit) => chi(values, bit)));

/** ISNs of connections that differ only in the remote port, all of one moment. */
const byPort = (of: IsnGenerator): number[] =>
  Array.from({ length: MANY }, (_, i) => of.isn(LOCAL, REMOTE, (80 << 16) | i, NOW_MS));

const differences = (values: readonly number[]): number[] =>
  values.slice(1).map((value, i) => (value - values[i]) | 0);

// R6528.1
test('MUST-8: the sequence number of one tuple goes forward by one each 4 us, across the wrap of the clock', () => {
  const of = generator(1);
  const first = of.isn(LOCAL, REMOTE, PORTS, NOW_MS);
  const steps = new Set<number>();
  let last = first;
  for (let ms = 1; ms <= 1024; ms++) {
    const next = of.isn(LOCAL, REMOTE, PORTS, (NOW_MS + ms) | 0);
    steps.add((next - last) | 0);
    last = next;
  }
  expect([...steps]).toEqual([250]);
  expect((NOW_MS + 1024) | 0).toBeLessThan(0);
});

test('MUST-8: it comes round as the sequence space does, and without a jump where the clock passes 0', () => {
  const of = generator(2);
  const before = of.isn(LOCAL, REMOTE, PORTS, -1);
  const after = of.isn(LOCAL, REMOTE, PORTS, 0);
  expect((after - before) | 0).toBe(250);
});

test('MUST-8: two incarnations an hour apart do not meet, for 2^32 ticks are more than 4 hours', () => {
  const of = generator(3);
  const hourMs = 3_600_000;
  const isns = Array.from({ length: 4 }, (_, hour) => of.isn(LOCAL, REMOTE, PORTS, hour * hourMs) >>> 0);
  expect(new Set(isns).size).toBe(4);
  expect((isns[1] - isns[0]) >>> 0).toBe(hourMs * 250);
});

test('MUST-9: without the key nothing follows: two stacks agree in no sequence number', () => {
  const [ours, theirs] = [byPort(generator(4)), byPort(generator(5))];
  expect(ours.filter((isn, i) => isn === theirs[i])).toEqual([]);
});

test('MUST-9: each word of the key counts', () => {
  const words = Array.from({ length: 8 }, (_, i) => Math.imul(i + 1, 0x9e37_79b1));
  const isnOf = (key: readonly number[]): number => {
    let at = 0;
    return new IsnGenerator({ int32: () => key[at++] }).isn(LOCAL, REMOTE, PORTS, NOW_MS);
  };
  const isns = [0, 1, 2, 3].map((place) => isnOf(words.with(place, words[place] ^ 1)));
  expect(new Set([isnOf(words), ...isns]).size).toBe(5);
});

// R6528.1
test('SHLD-1: the tuples of 10,000 neighbouring ports are spread evenly over the sequence space', () => {
  const isns = byPort(generator(6));
  expect(worst(isns)).toBeLessThan(CHI_255);
  // Of 10,000 draws from 2^32, 0.012 pairs are equal.
  expect(new Set(isns).size).toBe(MANY);
});

test('SHLD-1: the distance of neighbours is as even, so that one tuple says nothing of the next', () => {
  const distances = differences(byPort(generator(7)));
  expect(worst(distances)).toBeLessThan(CHI_255);
  expect(new Set(distances).size).toBe(MANY - 1);
});

test('SHLD-1: the hash is linear neither over addition nor over exclusive or', () => {
  const of = generator(8);
  const f = (ports: number): number => of.isn(LOCAL, REMOTE, ports, 0);
  const sums = Array.from({ length: MANY }, (_, i) => (f(3 * i) - f(2 * i) - f(i) + f(0)) | 0);
  const xors = Array.from({ length: MANY }, (_, i) => f(i ^ 0x5555_0000) ^ f(i) ^ f(0x5555_0000) ^ f(0));
  // Only i = 0 is degenerate.
  expect(worst(sums)).toBeLessThan(CHI_255);
  expect(worst(xors)).toBeLessThan(CHI_255);
});

test('SHLD-1: one bit of the tuple, whichever, changes each bit of the sequence number half of the times', () => {
  const of = generator(9);
  const flips = new Array<number>(32).fill(0);
  const tries = 96 * 100;
  for (let i = 0; i < tries; i++) {
    const [bit, base] = [i % 96, Math.imul(i, 0x9e37_79b1)];
    const at = (word: number): number => (bit >> 5 === word ? 1 << (bit & 31) : 0);
    const changed = of.isn(base, ~base, base, 0) ^ of.isn(base ^ at(0), ~base ^ at(1), base ^ at(2), 0);
    for (let k = 0; k < 32; k++) flips[k] += (changed >>> k) & 1;
  }
  // Four standard deviations of a fair coin, and the seed is fixed.
  const deviation = Math.max(...flips.map((count) => Math.abs(count - tries / 2)));
  expect(deviation).toBeLessThan(4 * Math.sqrt(tries / 4));
});

test('SHLD-1: the local and the remote address are not interchangeable', () => {
  const of = generator(10);
  expect(of.isn(LOCAL, REMOTE, PORTS, NOW_MS)).not.toBe(of.isn(REMOTE, LOCAL, PORTS, NOW_MS));
});

test('the timestamp offset is one for a pair of hosts, so that timestamps go forward across connections', () => {
  const of = generator(11);
  const offset = of.timestampOffset(LOCAL, REMOTE);
  of.isn(LOCAL, REMOTE, PORTS, NOW_MS);
  of.isn(LOCAL, REMOTE, PORTS + 1, NOW_MS);
  expect(of.timestampOffset(LOCAL, REMOTE)).toBe(offset);
});

// R7323.9
test('the timestamp offsets of 10,000 hosts are unrelated', () => {
  const of = generator(12);
  const offsets = Array.from({ length: MANY }, (_, i) => of.timestampOffset(LOCAL, REMOTE + i));
  expect(worst(offsets)).toBeLessThan(CHI_255);
  expect(worst(differences(offsets))).toBeLessThan(CHI_255);
});

test('a timestamp offset tells nothing of sequence numbers: their keys are two', () => {
  const of = generator(13);
  const pairs = Array.from({ length: MANY }, (_, i) => {
    return (of.timestampOffset(LOCAL, i) - of.isn(LOCAL, i, 0, 0)) | 0;
  });
  expect(worst(pairs)).toBeLessThan(CHI_255);
});
