// When an acknowledgment leaves: RFC 9293 3.8.6.3, 3.10.7.4; RFC 5681 4.2. The delayed one: timeouts/delayed-ack.test.ts.

import { fc, test as property } from '@fast-check/vitest';
import { describe, expect, test } from 'vitest';
import { type TcpBench, type TcpBenchOptions, tcpIn } from '../../testing/tcp-bench.ts';

const MSS = 1460;

/** Frames of text from the peer's place on, one behind the other. */
function stream(bench: TcpBench, sizes: readonly number[]): Uint8Array[] {
  return sizes.map((size) => {
    const frame = bench.frame({}, new Uint8Array(size));
    bench.peer.sndNxt += size;
    return frame;
  });
}

/** ACK numbers that answer each batch of segments. */
function acks(bench: TcpBench, ...batches: readonly (readonly number[])[]): number[][] {
  return batches.map((sizes) => bench.batch(...stream(bench, sizes)).map(({ ack }) => ack));
}

const slow: TcpBenchOptions = { options: { tcpQuickAcks: 0 } };

test('MUST-58, MUST-59: segments of one batch are all taken in before one ACK answers them', () => {
  const sizes = [MSS, MSS, MSS, MSS, MSS, MSS, 10];
  expect(acks(tcpIn('ESTABLISHED', slow), sizes)).toEqual([[1 + 6 * MSS + 10]]);
});

test('MUST-58: what the application answers takes the ACK along', () => {
  const bench = tcpIn('ESTABLISHED', { ...slow, handler: { readable: (s) => s.send(Uint8Array.of(7)) } });
  const sent = bench.batch(...stream(bench, [10]));
  expect(sent.map(({ ack, payload }) => [ack, payload.length])).toEqual([[11, 1]]);
  expect(bench.run(500).filter(({ payload }) => payload.length === 0)).toEqual([]);
});

test('SHLD-19: at the latest every second full-sized segment is acknowledged', () => {
  const bench = tcpIn('ESTABLISHED', slow);
  const answered = acks(bench, [MSS], [MSS], [MSS], [MSS], [MSS], [MSS]);
  expect(answered).toEqual([[], [1 + 2 * MSS], [], [1 + 4 * MSS], [], [1 + 6 * MSS]]);
});

test('SHLD-19: RMSS is what the largest segment was, not what we offered', () => {
  const bench = tcpIn('ESTABLISHED', slow);
  expect(acks(bench, [1000], [1000], [1000], [1000])).toEqual([[], [2001], [], [4001]]);
});

test('a connection begins with ACKs at once, so that the peer opens its window', () => {
  expect(acks(tcpIn('ESTABLISHED'), [10], [10])).toEqual([[11], [21]]);
});

test('MAY-13: one ACK a segment out of order: to a peer without SACK, each a duplicate with the same window', () => {
  const bench = tcpIn('ESTABLISHED', slow);
  const frames = [2, 3, 4, 5, 6].map((i) => bench.frame({ seq: 1 + i * 100 }, new Uint8Array(100)));
  const sent = bench.batch(...frames);
  expect(sent.map(({ ack }) => ack)).toEqual([1, 1, 1, 1, 1]);
  expect(new Set(sent.map(({ window }) => window)).size).toBe(1);
});

// R5681.4
test('RFC 5681 4.2, MUST-58: what fills a gap, or part of it, is acknowledged at once, with the window as it is now', () => {
  const bench = tcpIn('ESTABLISHED', slow);
  const at = (n: number): number[] =>
    bench.segment({ seq: 1 + n * MSS }, new Uint8Array(MSS)).map(({ ack }) => (ack - 1) / MSS);
  expect([4, 3, 2].map(at)).toEqual([[0], [0], [0]]);
  expect([at(0), at(1)]).toEqual([[1], [5]]);
  expect(bench.peer.edge).toBe(1 + 5 * MSS + 65_535);
});

describe('while more waits in the device', () => {
  /** Batches of two segments, and a stream that was acknowledged just now. */
  function streaming(options: TcpBenchOptions['options'] = {}): TcpBench {
    const bench = tcpIn('ESTABLISHED', { options: { tcpQuickAcks: 0, batchPackets: 2, ...options } });
    expect(acks(bench, [MSS, MSS])).toEqual([[1 + 2 * MSS]]);
    return bench;
  }
  /** So many full segments: after how many of them an ACK came. */
  const answered = (bench: TcpBench, count: number): number[] => {
    const first = bench.peer.sndNxt;
    const [sent] = acks(bench, Array<number>(count).fill(MSS));
    return sent.map((ack) => (ack - first) / MSS);
  };

  test('MUST-59: what waits there is of the series: one ACK behind the last batch', () => {
    expect(answered(streaming(), 9)).toEqual([9]);
  });

  test('an ACK covers a quarter of the window that was offered, and the rest of its batch', () => {
    expect(65_535 / 4 / MSS).toBeCloseTo(11.2, 1);
    expect(answered(streaming(), 40)).toEqual([12, 24, 36, 40]);
  });

  test('SHLD-19: what begins after a pause is acknowledged at once', () => {
    const bench = streaming();
    bench.run(2);
    expect(answered(bench, 9)).toEqual([2, 9]);
  });

  test('a peer that starts up gets all its ACKs', () => {
    const bench = tcpIn('ESTABLISHED', { options: { batchPackets: 2 } });
    expect(answered(bench, 9)).toEqual([2, 4, 6, 8, 9]);
  });

  test('RFC 5681 4.2: a gap is told with its batch', () => {
    const bench = streaming();
    const [lost, ...rest] = stream(bench, [MSS, MSS, MSS, MSS, MSS]);
    expect(bench.batch(...rest).map(({ ack }) => ack)).toEqual(Array(4).fill(1 + 2 * MSS));
    expect(bench.batch(lost).map(({ ack }) => ack)).toEqual([1 + 7 * MSS]);
  });
});

property.prop([
  fc.array(fc.array(fc.integer({ min: 1, max: MSS }), { minLength: 1, maxLength: 8 }), {
    minLength: 1,
    maxLength: 20,
  }),
  fc.boolean(),
])(
  'MUST-58, SHLD-19: a batch in order is answered by one ACK at most once the start is over, and never are 2 * RMSS left unacknowledged',
  (batches, reads) => {
    const bench = tcpIn('ESTABLISHED', { ...slow, reads });
    let acked = 1;
    let rmss = 536;
    const broken: string[] = [];
    for (const sizes of batches) {
      rmss = Math.max(rmss, ...sizes);
      const sent = bench.batch(...stream(bench, sizes));
      if (sent.length > 1) broken.push(`${sent.length} answers`);
      for (const { ack } of sent) acked = ack;
      if (bench.peer.sndNxt - acked >= 2 * rmss) broken.push(`${bench.peer.sndNxt - acked} unacknowledged`);
    }
    expect(broken).toEqual([]);
  },
);
