// The stack-wide limit of challenge ACKs: RFC 5961 section 7, and what CVE-2016-5696 taught. The limit of each connection:
// arrives/table.test.ts, rows.prop.test.ts.

import { fc, test as property } from '@fast-check/vitest';
import { describe, expect, test } from 'vitest';
import { SeededEntropy } from '../testing/index.ts';
import { tcpIn } from '../testing/tcp-bench.ts';
import { TCP_RST, TCP_SYN } from '../wire/tcp.ts';
import { Challenges } from './challenges.ts';

/** How many may leave in this moment. */
function burst(challenges: Challenges, nowMs: number): number {
  let count = 0;
  while (challenges.take(nowMs)) count++;
  return count;
}

// R5961.4
property.prop([fc.integer({ min: 2, max: 2000 }), fc.integer(), fc.integer()])(
  'in a second at least half of the budget may leave, and less than one and a half of it',
  (perSecond, nowMs, seed) => {
    const challenges = new Challenges(new SeededEntropy(seed), perSecond);
    const first = burst(challenges, nowMs);
    expect(first).toBeGreaterThanOrEqual(perSecond >> 1);
    expect(first).toBeLessThan((perSecond >> 1) + perSecond);
    expect(burst(challenges, (nowMs + 999) | 0)).toBe(0);
    expect(burst(challenges, (nowMs + 1000) | 0)).toBeGreaterThanOrEqual(perSecond >> 1);
  },
);

test('what one second allows tells nothing of the next', () => {
  const challenges = new Challenges(new SeededEntropy(1), 1000);
  const budgets = Array.from({ length: 50 }, (_, s) => burst(challenges, s * 1000));
  expect(new Set(budgets).size).toBeGreaterThan(40);
});

describe('on segments', () => {
  // R5961.4
  test('a connection is challenged once in 500 ms', () => {
    const bench = tcpIn('ESTABLISHED');
    const answers = (): number => bench.segment({ seq: 100, flags: TCP_RST }).length;
    expect([answers(), answers()]).toEqual([1, 0]);
    bench.run(499);
    expect(answers()).toBe(0);
    bench.run(1);
    expect(answers()).toBe(1);
  });

  test('the limit of the stack holds for all connections together', () => {
    const bench = tcpIn('ESTABLISHED', { options: { tcpChallengesPerSecond: 2, tcpChallengeIntervalMs: 0 } });
    let answers = 0;
    for (let i = 0; i < 50; i++) answers += bench.segment({ seq: 100, flags: TCP_SYN }).length;
    expect(answers).toBeGreaterThanOrEqual(1);
    expect(answers).toBeLessThanOrEqual(2);
    expect(bench.state()).toBe('ESTABLISHED');
  });
});
