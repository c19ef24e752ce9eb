// The search for a policer by itself: two lossy intervals of one rate.

import { describe, expect, test } from 'vitest';
import { Policer } from './bbr-policer.ts';

const ROUND_US = 20_000;
const START_US = 0x7fff_ffff - 100_000;

/** Feeds one policer, a round at a time. */
class Rounds {
  readonly policer = new Policer();
  private nowUs = START_US;

  /** `delivered` and `lost` octets in one round. True: begin to probe anew. */
  round(delivered: number, lost: number, limited = false, probing = true): boolean {
    this.nowUs += ROUND_US;
    return this.policer.sample(delivered, lost, limited, true, probing, this.nowUs | 0);
  }

  /** Loss that begins an interval, and four rounds of it. */
  interval(delivered: number, lost: number): void {
    for (let i = 0; i < 4; i++) this.round(delivered, lost);
  }
}

/** A policer that lets 10,000 octets a round pass, just found. */
function found(): Rounds {
  const rounds = new Rounds();
  rounds.round(10_000, 3000);
  rounds.interval(10_000, 3000);
  expect(rounds.policer.found).toBe(false);
  rounds.interval(10_000, 3000);
  expect(rounds.policer.found).toBe(true);
  return rounds;
}

describe('a policer', () => {
  test('is what gives the same rate twice, with a fifth lost: its bandwidth is that rate', () => {
    expect(found().policer.bw).toBe((10_000 * 1e6) / ROUND_US);
  });

  test('rates an eighth apart are one, and count by half each', () => {
    const rounds = new Rounds();
    rounds.round(10_000, 3000);
    rounds.interval(10_000, 3000);
    rounds.interval(11_000, 3000);
    expect(rounds.policer.found).toBe(true);
    expect(rounds.policer.bw).toBe((10_500 * 1e6) / ROUND_US);
  });

  test('rates farther apart are none; the later is compared with the next', () => {
    const rounds = new Rounds();
    rounds.round(10_000, 5000);
    rounds.interval(10_000, 5000);
    rounds.interval(12_000, 5000);
    expect(rounds.policer.found).toBe(false);
    rounds.interval(12_000, 5000);
    expect(rounds.policer.found).toBe(true);
  });

  test('little loss is no sign', () => {
    const rounds = new Rounds();
    for (let i = 0; i < 100; i++) rounds.round(10_000, 1900);
    expect(rounds.policer.found).toBe(false);
  });

  test('an interval without loss for sixteen rounds is given up, and the one before it with it', () => {
    const rounds = new Rounds();
    rounds.round(10_000, 3000);
    rounds.interval(10_000, 3000);
    for (let i = 0; i < 17; i++) rounds.round(10_000, 0);
    // So much loss that all seventeen rounds would count as lossy.
    rounds.round(10_000, 60_000);
    expect(rounds.policer.found).toBe(false);
    rounds.interval(10_000, 3000);
    expect(rounds.policer.found).toBe(false);
  });

  test('nor is a rate that the application limited', () => {
    const rounds = new Rounds();
    rounds.round(10_000, 3000);
    rounds.interval(10_000, 3000);
    rounds.round(10_000, 3000, true);
    rounds.round(10_000, 3000);
    rounds.interval(10_000, 3000);
    expect(rounds.policer.found).toBe(false);
  });

  test('is trusted for 48 rounds of PROBE_BW, and then forgotten', () => {
    const rounds = found();
    for (let i = 0; i < 100; i++) expect(rounds.round(10_000, 0, false, false)).toBe(false);
    for (let i = 0; i < 47; i++) expect(rounds.round(10_000, 0)).toBe(false);
    expect(rounds.policer.found).toBe(true);
    expect(rounds.round(10_000, 0)).toBe(true);
    expect(rounds.policer.found).toBe(false);
  });
});
