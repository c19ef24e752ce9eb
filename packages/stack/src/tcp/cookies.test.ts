// SYN cookies as numbers: RFC 4987 appendix A. What a cookie proves, how long, what it remembers, and what a forger meets.

import { fc, test as property } from '@fast-check/vitest';
import { expect, test } from 'vitest';
import { SeededEntropy } from '../testing/index.ts';
import {
  ecnOfNote,
  noteOf,
  noteOfEcho,
  SynCookies,
  sackOfNote,
  scaleOfNote,
  timestampWithNote,
} from './cookies.ts';

const LOCAL = 0x0a000002;
const REMOTE = 0x0a000001;
const PORTS = (7 << 16) | 4000;
const IRS = 0x7fff_ff00;
const MINUTE_S = 64;
/** Chi square with 255 degrees of freedom: the 1 in 10,000 point is 347, and the seeds are fixed. */
const CHI_255 = 347;

const cookies = (seed = 1): SynCookies => new SynCookies(new SeededEntropy(seed));
const word = fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 });

property.prop([word, word, word, word, fc.integer({ min: 48, max: 65_535 }), fc.nat(1 << 28), word])(
  'a cookie brings back the MSS of its SYN, rounded down by less than an order, for its minute and the next',
  (local, remote, ports, irs, mss, uptimeS, seed) => {
    const of = cookies(seed);
    const isn = of.isn(local, remote, ports, irs, mss, uptimeS);
    const back = of.mssOf(local, remote, ports, irs, isn, uptimeS);
    expect(back).toBeLessThanOrEqual(mss);
    expect(back * 12).toBeGreaterThan(Math.min(mss, 8960));
    expect(of.mssOf(local, remote, ports, irs, isn, uptimeS + MINUTE_S)).toBe(back);
    expect(of.mssOf(local, remote, ports, irs, isn, uptimeS + 2 * MINUTE_S)).toBe(0);
  },
);

test.each([
  [1460, 1460],
  [1459, 1440],
  [1452, 1440],
  [1400, 1400],
  [1240, 1220],
  [536, 536],
  [535, 48],
  [48, 48],
  [9000, 8960],
])('an MSS of %i comes back as %i', (mss, back) => {
  const of = cookies();
  expect(of.mssOf(LOCAL, REMOTE, PORTS, IRS, of.isn(LOCAL, REMOTE, PORTS, IRS, mss, 100), 100)).toBe(back);
});

test('every word of it counts: addresses, ports, the number of the SYN, and the key', () => {
  const of = cookies(1);
  const isn = of.isn(LOCAL, REMOTE, PORTS, IRS, 1460, 100);
  const others = [
    of.mssOf(LOCAL ^ 1, REMOTE, PORTS, IRS, isn, 100),
    of.mssOf(LOCAL, REMOTE ^ 1, PORTS, IRS, isn, 100),
    of.mssOf(LOCAL, REMOTE, PORTS ^ 1, IRS, isn, 100),
    of.mssOf(LOCAL, REMOTE, PORTS ^ (1 << 16), IRS, isn, 100),
    of.mssOf(LOCAL, REMOTE, PORTS, IRS + 1, isn, 100),
    of.mssOf(LOCAL, REMOTE, PORTS, IRS, isn ^ 8, 100),
    cookies(2).mssOf(LOCAL, REMOTE, PORTS, IRS, isn, 100),
  ];
  expect(others).toEqual([0, 0, 0, 0, 0, 0, 0]);
});

test('of a million guesses none is a cookie: one in 2^28 would be', () => {
  const of = cookies();
  const real = of.isn(LOCAL, REMOTE, PORTS, IRS, 1460, 100);
  let good = 0;
  for (let i = 0; i < 1_000_000; i++) {
    const guess = (real + 8 + Math.imul(i, 0x9e37_79b1 & ~7)) | 0;
    if (guess >>> 3 !== real >>> 3 && of.mssOf(LOCAL, REMOTE, PORTS, IRS, guess, 100) !== 0) good++;
  }
  expect(good).toBe(0);
});

test('the cookies of 50,000 SYNs that differ in one field are spread evenly, each octet, and so are their distances', () => {
  const of = cookies(3);
  const fields: ((i: number) => number)[] = [
    (i) => of.isn(LOCAL, REMOTE + i, PORTS, IRS, 1460, 100),
    (i) => of.isn(LOCAL, REMOTE, PORTS + i, IRS, 1460, 100),
    (i) => of.isn(LOCAL, REMOTE, PORTS, IRS + i, 1460, 100),
    (i) => of.isn(LOCAL, REMOTE, PORTS, IRS, 1460, i * MINUTE_S),
  ];
  for (const field of fields) {
    const isns = Array.from({ length: 50_000 }, (_, i) => field(i));
    const steps = isns.slice(1).map((isn, i) => (isn - isns[i]) | 0);
    expect(Math.max(...[0, 8, 16, 24].map((bit) => chi(isns, bit)))).toBeLessThan(CHI_255);
    expect(Math.max(...[0, 8, 16, 24].map((bit) => chi(steps, bit)))).toBeLessThan(CHI_255);
  }
});

test('acknowledgments are looked at for two minutes after the last cookie, and before the first not at all', () => {
  const of = cookies();
  expect(of.expects(0)).toBe(false);
  of.isn(LOCAL, REMOTE, PORTS, IRS, 1460, 1000);
  expect([of.expects(1000), of.expects(1127), of.expects(1128)]).toEqual([true, true, false]);
});

property.prop([fc.integer({ min: -1, max: 14 }), fc.boolean(), fc.boolean(), word, fc.nat(120_000)])(
  'TSval brings back scale, SACK and ECN, and is never later than the clock nor more than 63 ms behind it',
  (scale, sack, ecn, now, laterMs) => {
    const noted = timestampWithNote(now, noteOf(scale, sack, ecn));
    const behindMs = (now - noted) | 0;
    expect(behindMs).toBeGreaterThanOrEqual(0);
    expect(behindMs).toBeLessThan(64);
    const note = noteOfEcho(noted, (now + laterMs) | 0);
    expect([scaleOfNote(note), sackOfNote(note), ecnOfNote(note)]).toEqual([scale, sack, ecn]);
  },
);

test('a shift above 14 is noted as 14 (RFC 7323 2.3), not as none', () => {
  expect(scaleOfNote(noteOf(15, false, false))).toBe(14);
});

test.each([
  ['from the future', 1, -1],
  ['from before any cookie that is good', -130_000, -1],
  ['fresh', 0, 5],
])('an echo %s: note %i ms away reads as %i', (_name, shift, note) => {
  const now = 0x7fff_ff40 | 5;
  expect(noteOfEcho(now + shift, now)).toBe(note);
});

/** How unevenly the values fall into 256 cells by one octet. */
function chi(values: readonly number[], bit: number): number {
  const cells = new Array<number>(256).fill(0);
  for (const value of values) cells[(value >>> bit) & 255]++;
  const share = values.length / 256;
  return cells.reduce((sum, count) => sum + (count - share) ** 2 / share, 0);
}
