// How large a segment is, and when it waits: Nagle and Minshall (RFC 9293 3.7.4), the sender's silly window avoidance
// (3.8.6.2.1), whole segments and no push flag (3.9.1.2), windows that shrink (3.8.6).

import { fc, test as property } from '@fast-check/vitest';
import { describe, expect, test } from 'vitest';
import { type Sent, type TcpBench, type TcpBenchOptions, tcpIn } from '../../testing/tcp-bench.ts';

const MSS = 1460;

const lengths = (sent: readonly Sent[]): number[] => sent.map(({ payload }) => payload.length);

/** The application gives these, one at a time: what leaves after each. */
function give(bench: TcpBench, ...sizes: readonly number[]): number[][] {
  return sizes.map((size) => {
    bench.app.send(new Uint8Array(size));
    return lengths(bench.pump());
  });
}

describe('Nagle', () => {
  test('SHLD-7: a small segment goes at once when nothing is under way; the next waits for its acknowledgment', () => {
    const bench = tcpIn('ESTABLISHED');
    expect(give(bench, 10, 20, 30)).toEqual([[10], [], []]);
    expect(lengths(bench.acks())).toEqual([50]);
  });

  test('SHLD-7, SHLD-28: a full segment never waits', () => {
    const bench = tcpIn('ESTABLISHED');
    expect(give(bench, 10, MSS)).toEqual([[10], [MSS]]);
  });

  test('MUST-17: with noDelay nothing waits, and what waited goes when it is set', () => {
    const bench = tcpIn('ESTABLISHED');
    expect(give(bench, 10, 20)).toEqual([[10], []]);
    bench.app.noDelay = true;
    expect(lengths(bench.pump())).toEqual([20]);
    expect(give(bench, 30, 40)).toEqual([[30], [40]]);
    bench.app.noDelay = false;
    expect(give(bench, 50)).toEqual([[]]);
  });

  test('Minshall: full segments under way hold back nothing, as in Linux', () => {
    const bench = tcpIn('ESTABLISHED');
    expect(give(bench, 2 * MSS, 10, 10)).toEqual([[MSS, MSS], [10], []]);
  });

  test('Minshall: only the acknowledgment of the small segment frees the next', () => {
    const bench = tcpIn('ESTABLISHED');
    expect(give(bench, MSS + 10, 20)).toEqual([[MSS, 10], []]);
    expect(lengths(bench.acks(1 + MSS))).toEqual([]);
    expect(lengths(bench.acks())).toEqual([20]);
  });

  test('the last text before a FIN waits for nothing', () => {
    const bench = tcpIn('ESTABLISHED');
    give(bench, 10, 20);
    bench.app.end();
    expect(lengths(bench.pump())).toEqual([20]);
  });

  test('SHLD-27: what is given in pieces leaves in one segment, as large as may be', () => {
    const bench = tcpIn('ESTABLISHED');
    for (let i = 0; i < 300; i++) bench.app.send(new Uint8Array(10));
    expect(lengths(bench.pump())).toEqual([MSS, MSS, 80]);
  });

  test('SHLD-27, SHLD-28: what waited behind a shut window leaves in full segments', () => {
    const bench = tcpIn('ESTABLISHED', { window: 0 });
    for (let i = 0; i < 292; i++) give(bench, 10);
    expect(lengths(bench.acks(1, 60_000))).toEqual([MSS, MSS]);
  });
});

describe('the sender avoids silly windows', () => {
  const behind = (queued: number, config: TcpBenchOptions = {}): TcpBench => {
    const bench = tcpIn('ESTABLISHED', { window: 0, ...config });
    give(bench, queued);
    return bench;
  };

  test('MUST-38: rule 1, a full segment goes as soon as it fits', () => {
    const bench = behind(5000);
    expect(lengths(bench.acks(1, MSS))).toEqual([MSS]);
  });

  test('MUST-38: rule 2, the end of the queue goes when it fits', () => {
    const bench = behind(100);
    expect(lengths(bench.acks(1, 100))).toEqual([100]);
  });

  test('MUST-38: less than a segment, less than the queue, and less than half of the largest window waits', () => {
    const bench = tcpIn('ESTABLISHED', { window: 2000 });
    give(bench, 2000);
    bench.acks(2001, 0);
    give(bench, 5000);
    expect(lengths(bench.acks(2001, 999))).toEqual([]);
    // Rule 3: half of the largest window there was.
    expect(lengths(bench.acks(2001, 1000))).toEqual([1000]);
  });

  test('MUST-38, MUST-60: rule 4, what fits goes when the wait was too long', () => {
    const bench = tcpIn('ESTABLISHED', { window: 65_535 });
    give(bench, 10);
    bench.acks(11, 0);
    give(bench, 5000);
    bench.acks(11, 100);
    const sent = bench.run(1000);
    expect(
      lengths(sent)
        .filter((length) => length > 0)
        .slice(0, 1),
    ).toEqual([100]);
    expect(sent.find(({ payload }) => payload.length > 0)?.atMs).toBeLessThanOrEqual(1000);
  });

  test('a peer with a small buffer gets all of it, in small segments', () => {
    const bench = tcpIn('ESTABLISHED', { window: 500 });
    expect(give(bench, 1000)).toEqual([[500]]);
    expect(lengths(bench.acks())).toEqual([500]);
  });
});

describe('a window that shrinks', () => {
  /** 4 segments are under way, the window ends behind them. */
  const full = (): TcpBench => {
    const bench = tcpIn('ESTABLISHED', { window: 4 * MSS });
    expect(give(bench, 8 * MSS)).toEqual([[MSS, MSS, MSS, MSS]]);
    return bench;
  };

  test('MUST-34, SHLD-15: a right edge left of what was sent stops new text, and breaks nothing', () => {
    const bench = full();
    expect(lengths(bench.acks(1, MSS))).toEqual([]);
    expect(lengths(bench.acks(1 + MSS, MSS))).toEqual([]);
    expect(bench.state()).toBe('ESTABLISHED');
    // The rest is acknowledged after all, the usable window is positive again.
    expect(lengths(bench.acks(1 + 4 * MSS, 4 * MSS))).toEqual([MSS, MSS, MSS, MSS]);
  });

  test('SHLD-16: what is inside the new window is sent again; what is beyond is not', () => {
    const bench = full();
    bench.acks(1, 2 * MSS);
    const resent = bench.run(700);
    expect(new Set(resent.map(({ seq }) => seq))).toEqual(new Set([1]));
    const more = bench.acks(1 + MSS, MSS);
    expect(more.map(({ seq }) => seq)).toEqual([1 + MSS]);
    expect(bench.run(100).filter(({ seq }) => seq > 1 + MSS)).toEqual([]);
  });

  test('MUST-34: a window that shrinks to nothing and opens again loses nothing', () => {
    const bench = full();
    bench.acks(1, 0);
    bench.run(5000);
    let left = 8 * MSS;
    for (let turn = 0; turn < 40 && left > 0; turn++) {
      bench.acks(bench.peer.rcvNxt, 4 * MSS);
      bench.run(300);
      left = bench.app.queuedBytes;
    }
    expect(left).toBe(0);
  });
});

property.prop([
  fc.array(fc.integer({ min: 1, max: 4000 }), { minLength: 1, maxLength: 40 }),
  fc.integer({ min: 0, max: 4 }),
])(
  'MUST-60: whatever was given leaves without more being given, and never more than one small segment is under way',
  (sizes, acksEvery) => {
    const bench = tcpIn('ESTABLISHED');
    const small: number[] = [];
    let worst = 0;
    const saw = (sent: readonly Sent[]): void => {
      for (const { seq, payload } of sent) {
        if (payload.length > 0 && payload.length < MSS && seq + payload.length > (small.at(-1) ?? 0))
          small.push(seq + payload.length);
      }
      const { sndUna } = bench;
      worst = Math.max(worst, small.filter((end) => end > sndUna).length);
    };
    let total = 0;
    for (const [i, size] of sizes.entries()) {
      bench.app.send(new Uint8Array(size));
      total += size;
      saw(bench.pump());
      if (acksEvery > 0 && i % acksEvery === 0) saw(bench.acks());
    }
    for (let turn = 0; turn < 100 && bench.app.queuedBytes > 0; turn++) saw(bench.acks());
    expect([bench.peer.rcvNxt, bench.app.queuedBytes]).toEqual([total + 1, 0]);
    expect(worst).toBeLessThanOrEqual(1);
  },
);
