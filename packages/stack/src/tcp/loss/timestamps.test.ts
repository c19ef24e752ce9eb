// Timestamps on segments: RFC 7323 sections 3 to 5.

import { describe, expect, test } from 'vitest';
import { octets } from '../../testing/index.ts';
import { type TcpBench, tcpIn } from '../../testing/tcp-bench.ts';
import { TCP_ACK, TCP_FIN, TCP_RST, TCP_SYN } from '../../wire/tcp.ts';

const stamped = { timestamps: true, options: { tcpQuickAcks: 0 } };
/** The peer's first TSval: near the wrap, so that those after it are negative as int32. */
const FIRST = 0x7fff_fff0;
const DAY_MS = 86_400_000;

const tsRecent = (bench: TcpBench): number => (bench.known.tsRecent - FIRST) | 0;

describe('TS.Recent (RFC 7323 4.3)', () => {
  test('it is echoed in all that follows', () => {
    const bench = tcpIn('ESTABLISHED', stamped);
    bench.segment({ seq: 1, tsVal: 100 }, octets(10));
    bench.app.send(octets(1));
    expect(bench.pump().map(({ tsEcr }) => (tsEcr - FIRST) | 0)).toEqual([100]);
  });

  test('of segments that wait for one delayed ACK, the first is echoed', () => {
    const bench = tcpIn('ESTABLISHED', stamped);
    bench.segment({ seq: 1, tsVal: 100 }, octets(10));
    bench.segment({ seq: 11, tsVal: 150 }, octets(10));
    expect(bench.run(40).map(({ ack, tsEcr }) => [ack, (tsEcr - FIRST) | 0])).toEqual([[21, 100]]);
  });

  // R7323.6
  test('what arrives behind a hole does not move it; what fills the hole does', () => {
    const bench = tcpIn('ESTABLISHED', stamped);
    bench.segment({ seq: 11, tsVal: 200 }, octets(10));
    expect(tsRecent(bench)).toBe(0);
    bench.segment({ seq: 1, tsVal: 180 }, octets(10));
    expect(tsRecent(bench)).toBe(180);
  });

  test('it does not go back', () => {
    const bench = tcpIn('ESTABLISHED', stamped);
    bench.segment({ tsVal: 100 });
    bench.segment({ tsVal: 99 });
    expect(tsRecent(bench)).toBe(100);
  });

  test('a segment out of the window leaves it alone', () => {
    const bench = tcpIn('ESTABLISHED', stamped);
    bench.segment({ seq: 1 << 20, tsVal: 100 }, octets(10));
    bench.segment({ seq: -100, tsVal: 100 }, octets(10));
    expect(tsRecent(bench)).toBe(0);
  });

  test('a SYN gives the first', () => {
    expect(tsRecent(tcpIn('SYN-RECEIVED', stamped))).toBe(0);
    expect(tsRecent(tcpIn('ESTABLISHED', { ...stamped, open: 'active' }))).toBe(0);
  });
});

describe('PAWS (RFC 7323 5.3)', () => {
  /** TS.Recent is 100; then text with this TSval: what the application reads, and what we answer. */
  function after(tsVal: number, waitMs = 0): { read: number; sent: number } {
    const bench = tcpIn('ESTABLISHED', stamped);
    bench.segment({ tsVal: 100 });
    for (let left = waitMs; left > 0; left -= DAY_MS) bench.run(Math.min(left, DAY_MS));
    const sent = bench.segment({ seq: 1, tsVal }, octets(10));
    return { read: bench.read.length, sent: sent.length };
  }

  test('an older segment is dropped, and answered by an ACK', () => {
    expect(after(99)).toEqual({ read: 0, sent: 1 });
    expect(after(100 - 2 ** 31 + 1)).toEqual({ read: 0, sent: 1 });
  });

  test('an equal or a newer one counts', () => {
    expect(after(100).read).toBe(10);
    expect(after(100 + 2 ** 31 - 1).read).toBe(10);
  });

  test('5.5: after 24 days without a segment TS.Recent says nothing', () => {
    expect(after(99, 24 * DAY_MS - 1000).read).toBe(0);
    expect(after(99, 24 * DAY_MS + 1000).read).toBe(10);
  });

  test('a RST is not asked for its timestamp', () => {
    const bench = tcpIn('ESTABLISHED', stamped);
    bench.segment({ tsVal: 100 });
    bench.segment({ tsVal: 50, flags: TCP_RST | TCP_ACK });
    expect(bench.heard).toContain('error ECONNRESET');
  });

  // R7323.5
  test('a RST without timestamps counts as well', () => {
    const bench = tcpIn('ESTABLISHED', stamped);
    bench.segment({ options: [], flags: TCP_RST | TCP_ACK });
    expect(bench.heard).toContain('error ECONNRESET');
  });

  // R7323.4
  test('3.2: any other segment without timestamps is dropped, once they are agreed', () => {
    const bench = tcpIn('ESTABLISHED', stamped);
    expect(bench.segment({ options: [] }, octets(10))).toEqual([]);
    expect(bench.stack.stats.reason('TCP_NO_TIMESTAMP')).toBe(1);
  });

  test('a FIN or an acknowledgment that is older does nothing, either', () => {
    const bench = tcpIn('ESTABLISHED', { ...stamped, outstanding: 10 });
    bench.segment({ tsVal: 100, ack: 1 });
    bench.segment({ tsVal: 99, flags: TCP_FIN | TCP_ACK });
    expect([bench.state(), bench.sndUna]).toEqual(['ESTABLISHED', 1]);
  });

  test('equal with the fast path and without', () => {
    const story = (tcpFastPath: boolean): unknown[] => {
      const bench = tcpIn('ESTABLISHED', { timestamps: true, options: { tcpFastPath } });
      const stamps = [5, 7, 6, 7, 2 ** 31 + 6, 2 ** 31 + 7, 8];
      const sent = stamps.map((tsVal, i) => bench.say({ seq: 1 + 10 * i, tsVal }, octets(10)));
      return [sent, tsRecent(bench), bench.read];
    };
    expect(story(true)).toEqual(story(false));
  });
});

describe('the round trip (RFC 7323 section 4)', () => {
  // R7323.9
  test('TSval goes on by one a millisecond, and from an offset of its own for each peer', () => {
    const bench = tcpIn('ESTABLISHED', stamped);
    const stamp = (): number => {
      bench.app.noDelay = true;
      bench.app.send(octets(1));
      return bench.pump()[0].tsVal;
    };
    const first = stamp();
    bench.run(137);
    expect((stamp() - first) | 0).toBe(137);
    expect(first).not.toBe(bench.clock.ms);
  });

  test('MUST-18: with timestamps a retransmission measures the copy that is echoed', () => {
    const bench = tcpIn('SYN-SENT', stamped);
    const [again] = bench.run(1500);
    bench.peer.sndNxt = 1;
    bench.segment({ seq: 0, flags: TCP_SYN | TCP_ACK, tsEcr: again.tsVal });
    expect(bench.app.status().srttMs).toBe(500);
  });

  test('an echo of what was never sent is no measure', () => {
    const bench = tcpIn('ESTABLISHED', { ...stamped, outstanding: 10 });
    bench.run(300);
    const { srttMs } = bench.app.status();
    bench.segment({ tsEcr: (bench.peer.tsRecent + 5000) | 0 });
    expect(bench.app.status().srttMs).toBe(srttMs);
  });
});

// SHLD-4, MAY-2, RFC 6191
describe('TIME-WAIT ends early', () => {
  const again = (fields: { seq: number; tsVal?: number }, timestamps: boolean): string[] => {
    const bench = tcpIn('TIME-WAIT', { timestamps });
    return bench
      .segment({ flags: TCP_SYN, ...fields })
      .map(({ flags }) => (flags === (TCP_SYN | TCP_ACK) ? 'SYN,ACK' : 'ACK'));
  };

  test('SHLD-4: for a SYN with a newer timestamp, wherever it starts', () => {
    expect(again({ seq: -50_000, tsVal: 1 }, true)).toEqual(['SYN,ACK']);
  });

  test('MAY-2: for a SYN beyond what the old connection received', () => {
    expect(again({ seq: 3 }, false)).toEqual(['SYN,ACK']);
    expect(again({ seq: 2 ** 30 }, false)).toEqual(['SYN,ACK']);
  });

  test('MAY-2: and for no other', () => {
    expect(again({ seq: 2 }, false)).toEqual(['ACK']);
    expect(again({ seq: -50_000, tsVal: 0 }, true)).toEqual(['ACK']);
  });
});
