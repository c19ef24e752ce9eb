// Loss seen by duplicate acknowledgments, on segments: RFC 5681 3.2, RFC 6582, RFC 3042.

import { describe, expect, test } from 'vitest';
import { type Sent, type TcpBench, type TcpBenchOptions, tcpIn } from '../../testing/tcp-bench.ts';
import { TCP_ACK, TCP_FIN } from '../../wire/tcp.ts';

const MSS = 1000;

/** First octets of segments with text, in segments: 0 is the first. */
const numbers = (sent: readonly Sent[]): number[] =>
  sent.filter(({ payload }) => payload.length > 0).map(({ seq }) => (seq - 1) / MSS);

/** Ten segments are under way, 40 wait behind them. */
function flight(config: TcpBenchOptions = {}): TcpBench {
  const bench = tcpIn('ESTABLISHED', {
    mss: MSS,
    windowScale: 7,
    options: { tcpCongestion: 'reno' },
    ...config,
  });
  bench.app.send(new Uint8Array(50 * MSS));
  expect(numbers(bench.pump())).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
  return bench;
}

/** What each of these acknowledgments, in segments, lets out. */
const on = (bench: TcpBench, ...acks: readonly number[]): number[][] =>
  acks.map((ack) => numbers(bench.acks(1 + ack * MSS)));

describe('MUST-19: fast retransmit and fast recovery', () => {
  // R3042.1
  test('RFC 3042: each of the first two duplicates lets one new segment out, and the window stays', () => {
    const bench = flight();
    expect(on(bench, 0, 0)).toEqual([[10], [11]]);
    expect(bench.app.status().cwnd).toBe(10 * MSS);
  });

  // R5681.3
  test('RFC 5681 3.2: the third sends the first segment again, at once, and halves the window', () => {
    const bench = flight();
    const third = on(bench, 0, 0, 0)[2];
    expect(third[0]).toBe(0);
    expect(bench.app.status()).toMatchObject({ cwnd: 5 * MSS, ssthresh: 5 * MSS });
  });

  test('RFC 5681 3.2 step 2: what limited transmit sent is not counted; what an application sent meanwhile is not, either', () => {
    const bench = tcpIn('ESTABLISHED', { mss: MSS, windowScale: 7, options: { tcpCongestion: 'reno' } });
    bench.app.send(new Uint8Array(8 * MSS));
    bench.pump();
    bench.acks(1);
    bench.app.send(new Uint8Array(4 * MSS));
    bench.pump();
    bench.acks(1);
    bench.acks(1);
    expect(bench.app.status().ssthresh).toBe(4 * MSS);
  });

  test('RFC 6582 step 4: further duplicates let new segments out once half of the flight has left', () => {
    const bench = flight();
    const sent = on(bench, 0, 0, 0, 0, 0, 0, 0, 0, 0).slice(3).flat();
    expect(sent.length).toBeGreaterThanOrEqual(2);
    expect(sent).toEqual(sent.map((_, i) => 12 + i));
  });

  // R6582.1
  test('RFC 6582 step 3: a partial acknowledgment sends the next hole again, at once; a full one ends it', () => {
    const bench = flight();
    on(bench, 0, 0, 0, 0, 0, 0);
    // 0 arrived, 3 and 5 had been lost, too.
    expect(on(bench, 3)[0][0]).toBe(3);
    expect(on(bench, 5)[0][0]).toBe(5);
    const { cwnd } = bench.app.status();
    expect(cwnd).toBeLessThanOrEqual(5 * MSS);
    const { sndNxt } = bench;
    bench.acks(sndNxt);
    expect(bench.app.status().ssthresh).toBe(5 * MSS);
    // Avoidance again: a whole window is acknowledged, and one segment more may go.
    expect(bench.app.status().cwnd).toBeLessThanOrEqual(6 * MSS);
  });

  test('a hole is sent again once in a recovery, however many duplicates come', () => {
    const bench = flight();
    const sent = on(bench, ...new Array<number>(11).fill(0)).flat();
    expect(sent.filter((n) => n === 0)).toEqual([0]);
  });

  test('RFC 6582 step 2: duplicates of what was sent before the last recovery do not begin another', () => {
    const bench = flight();
    bench.run(250);
    const { ssthresh } = bench.app.status();
    // The timeout sent 0 again; the nine behind it had arrived, and each resent copy makes a duplicate.
    on(bench, 9, 9, 9, 9);
    expect(bench.app.status().ssthresh).toBe(ssthresh);
  });

  test('RFC 6582 3.2 step 1: duplicates that acknowledge no more than the last recovery did may be of its copies', () => {
    const bench = flight();
    on(bench, 0, 0, 0);
    bench.acks(bench.sndNxt);
    const { ssthresh } = bench.app.status();
    const copies = [1, 2, 3].flatMap(() => bench.acks(bench.sndUna));
    expect(bench.app.status().ssthresh).toBe(ssthresh);
    expect(copies.filter(({ seq }) => seq === bench.sndUna)).toEqual([]);
    // One segment on, they count again.
    bench.acks(bench.sndUna + MSS);
    for (let i = 0; i < 3; i++) bench.acks(bench.sndUna);
    expect(bench.app.status().ssthresh).toBeLessThan(ssthresh);
  });

  test('RFC 6298 5.3: a partial acknowledgment starts the timer again', () => {
    const bench = flight();
    on(bench, 0, 0, 0);
    bench.run(150);
    on(bench, 3);
    expect(bench.run(150)).toEqual([]);
    expect(numbers(bench.run(100))[0]).toBe(3);
  });
});

describe('what is no duplicate (RFC 5681 section 2)', () => {
  const still = (say: (bench: TcpBench, i: number) => void): number[] => {
    const bench = flight();
    for (let i = 0; i < 6; i++) say(bench, i);
    expect(bench.app.status().ssthresh).toBeGreaterThan(1 << 20);
    return numbers(bench.pump());
  };

  test('a segment with text', () => {
    expect(
      still((bench) => bench.sends(Uint8Array.of(1)).concat(bench.segment({ ack: 1 })) && undefined),
    ).toEqual([]);
  });

  test('a window update', () => {
    expect(still((bench, i) => bench.acks(1, 1000 + i))).toEqual([]);
  });

  test('an acknowledgment that is older than SND.UNA', () => {
    const bench = flight();
    on(bench, 5, 4, 4, 4, 4);
    expect(bench.app.status().ssthresh).toBeGreaterThan(1 << 20);
  });

  test('one while nothing is under way', () => {
    const bench = tcpIn('ESTABLISHED', { mss: MSS });
    for (let i = 0; i < 6; i++) bench.acks();
    bench.app.send(new Uint8Array(20 * MSS));
    expect(numbers(bench.pump()).length).toBe(10);
  });

  test('a FIN', () => {
    const bench = flight();
    for (let i = 0; i < 5; i++) bench.segment({ seq: 1 + i, ack: 1, flags: TCP_ACK | TCP_FIN });
    expect(bench.app.status().ssthresh).toBeGreaterThan(1 << 20);
  });
});

test('a duplicate counts among segments that the fast path takes: equal with it and without', () => {
  const story = (tcpFastPath: boolean): unknown[] => {
    const bench = flight({ options: { tcpFastPath } });
    const sent = on(bench, 0, 0, 0, 0, 3, 3, 5, 12, 13, 13, 13, 13, 20);
    return [...sent, bench.app.status()];
  };
  expect(story(true)).toEqual(story(false));
});
