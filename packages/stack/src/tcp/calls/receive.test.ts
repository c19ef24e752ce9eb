// RECEIVE: RFC 9293 3.9.1.3, 3.10.3, and what is urgent (3.8.5).

import { describe, expect, test } from 'vitest';
import type { TcpHandler } from '../../socket/tcp-socket.ts';
import { octets } from '../../testing/index.ts';
import { type TcpBench, type TcpBenchOptions, tcpIn } from '../../testing/tcp-bench.ts';
import { TCP_ACK, TCP_URG } from '../../wire/tcp.ts';

const URG_ACK = TCP_URG | TCP_ACK;

describe('urgent data', () => {
  /** What is left urgent at each notice. */
  function noticed(config: TcpBenchOptions = {}): { bench: TcpBench; left: number[] } {
    const left: number[] = [];
    const handler: TcpHandler = { urgent: (s) => left.push(s.urgentRemaining) };
    return { bench: tcpIn('ESTABLISHED', { reads: false, ...config, handler }), left };
  }

  test('MUST-30, MUST-32: the application is told when it begins, and whenever its end moves on', () => {
    const { bench, left } = noticed();
    bench.segment({ flags: URG_ACK, urgent: 5 }, octets(3));
    bench.segment({ seq: 4, flags: URG_ACK, urgent: 2 }, octets(2));
    expect(bench.heard.filter((what) => what === 'urgent')).toEqual(['urgent']);
    bench.segment({ seq: 6, flags: URG_ACK, urgent: 9 }, octets(1));
    expect(bench.heard.filter((what) => what === 'urgent')).toEqual(['urgent', 'urgent']);
    expect(left).toEqual([5, 14]);
  });

  test('MUST-32: the notice comes before the text does', () => {
    const { bench } = noticed();
    bench.segment({ flags: URG_ACK, urgent: 100 });
    expect(bench.heard).toEqual(['urgent']);
    bench.sends(octets(3));
    expect(bench.heard).toEqual(['urgent', 'readable']);
  });

  // R6093.1
  test('MUST-33, MUST-62: what remains counts to the octet before the one the pointer names', () => {
    const { bench } = noticed();
    bench.segment({ flags: URG_ACK, urgent: 3 }, octets(5));
    const remaining = [0, 1, 2].map(() => {
      const now = bench.app.urgentRemaining;
      bench.app.consume(1);
      return now;
    });
    expect(remaining).toEqual([3, 2, 1]);
    expect(bench.app.urgentRemaining).toBe(0);
    expect(bench.app.unread).toBe(2);
  });

  test('MUST-31: it may be longer than a segment, or a window', () => {
    const { bench, left } = noticed();
    for (let i = 0; i < 10; i++)
      bench.segment({ seq: 1 + 1000 * i, flags: URG_ACK, urgent: 65_535 }, new Uint8Array(1000));
    expect(bench.app.urgentRemaining).toBe(65_535 + 9000);
    expect(left.length).toBe(10);
  });

  test('urgent text stays in the stream, in its place', () => {
    const bench = tcpIn('ESTABLISHED');
    bench.sends(Uint8Array.of(1, 2));
    bench.segment({ seq: 3, flags: URG_ACK, urgent: 1 }, Uint8Array.of(3));
    bench.segment({ seq: 4 }, Uint8Array.of(4));
    expect(bench.read).toEqual([1, 2, 3, 4]);
  });

  test('a pointer to what was read already announces nothing', () => {
    const { bench } = noticed();
    bench.sends(octets(10));
    bench.readAll();
    bench.segment({ seq: 5, flags: URG_ACK, urgent: 2 }, octets(2));
    bench.segment({ seq: 11, flags: URG_ACK, urgent: 0 }, octets(2));
    expect(bench.heard).not.toContain('urgent');
  });

  test('MUST-30: a pointer without URG says nothing', () => {
    const { bench } = noticed();
    bench.segment({ urgent: 5 }, octets(5));
    expect([bench.heard.includes('urgent'), bench.app.urgentRemaining]).toEqual([false, 0]);
  });
});

describe('text', () => {
  test('is shown where it lies and stays until it is consumed', () => {
    const bench = tcpIn('ESTABLISHED', { reads: false });
    bench.sends(Uint8Array.of(1, 2, 3));
    expect([bench.app.receive()?.length, bench.app.receive()?.length]).toEqual([3, 3]);
    bench.app.consume(2);
    const rest = bench.app.receive();
    expect(rest?.bytes[rest.offset]).toBe(3);
    expect(() => bench.app.consume(2)).toThrow('length');
    expect(() => bench.app.consume(-1)).toThrow('length');
  });

  test('is the application’s own once taken, whatever comes later', () => {
    const bench = tcpIn('ESTABLISHED', { reads: false });
    bench.sends(Uint8Array.of(1, 2, 3));
    const taken = bench.app.take();
    bench.sends(Uint8Array.of(9, 9, 9));
    bench.readAll();
    expect([...(taken ?? [])]).toEqual([1, 2, 3]);
    expect(bench.app.take()).toBeUndefined();
  });

  test('is read to its end after the peer closed and after it is over', () => {
    const bench = tcpIn('ESTABLISHED', { reads: false });
    bench.sends(Uint8Array.of(1, 2), 1);
    expect([bench.app.ended, bench.app.unread]).toEqual([false, 2]);
    bench.app.end();
    bench.pump();
    bench.acks();
    expect(bench.state()).toBe('LISTEN');
    bench.readAll();
    expect([bench.read, bench.app.ended]).toEqual([[1, 2], true]);
  });

  test('out of order is delivered in order, once', () => {
    const bench = tcpIn('ESTABLISHED');
    for (const seq of [3, 5, 1, 4, 2, 3]) bench.segment({ seq }, Uint8Array.of(seq));
    expect(bench.read).toEqual([1, 2, 3, 4, 5]);
  });
});
