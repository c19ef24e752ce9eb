// CLOSE and ABORT: RFC 9293 3.6, 3.9.1.4, 3.9.1.5, 3.10.4, 3.10.5.

import { describe, expect, test } from 'vitest';
import { octets } from '../../testing/index.ts';
import { type StateName, tcpIn } from '../../testing/tcp-bench.ts';
import { TCP_ACK } from '../../wire/tcp.ts';

describe('half-close', () => {
  test('MAY-1, MUST-12: after `end` text still comes, and the close of the peer is heard as one', () => {
    const bench = tcpIn('FIN-WAIT-2');
    bench.sends(octets(3));
    bench.sends(octets(2), 1);
    expect([bench.read, bench.heard]).toEqual([
      [0, 1, 2, 0, 1],
      ['readable', 'readable', 'ended', 'closed'],
    ]);
  });

  test('after the FIN of the peer text still leaves', () => {
    const bench = tcpIn('CLOSE-WAIT');
    bench.app.send(octets(3));
    expect(bench.pump().map(({ payload }) => payload.length)).toEqual([3]);
    bench.app.end();
    bench.pump();
    bench.acks();
    expect(bench.state()).toBe('LISTEN');
  });

  test('the FIN leaves behind all that was given, once, whatever is lost', () => {
    const bench = tcpIn('ESTABLISHED');
    bench.app.send(new Uint8Array(3000));
    bench.app.end();
    bench.app.end();
    bench.pump();
    expect(bench.peer.rcvNxt).toBe(3002);
    const again = bench.run(300);
    expect(again.map(({ seq }) => seq)).toEqual([1]);
    bench.acks();
    expect(bench.state()).toBe('FIN-WAIT-2');
  });

  test('a FIN behind a shut window waits for it, and is probed for', () => {
    const bench = tcpIn('ESTABLISHED', { window: 0 });
    bench.app.send(octets(1));
    bench.app.end();
    expect(bench.pump()).toEqual([]);
    expect(bench.run(2000).length).toBeGreaterThan(0);
    expect(bench.acks(1, 2).map(({ flags, payload }) => [flags & 1, payload.length])).toEqual([[1, 1]]);
  });
});

describe('abort (3.10.5)', () => {
  test.each([
    ['ESTABLISHED', 1],
    ['FIN-WAIT-1', 1],
    ['FIN-WAIT-2', 1],
    ['CLOSE-WAIT', 1],
    ['SYN-SENT', 0],
    ['CLOSING', 0],
    ['LAST-ACK', 0],
  ] as [StateName, number][])('in %s it says %i RST, and nothing is left', (state, resets) => {
    const bench = tcpIn(state, { open: 'active' });
    const { sndNxt } = bench;
    bench.app.abort();
    const sent = bench.say({ seq: 5000, flags: TCP_ACK });
    expect(
      sent.filter((segment) => segment === `<SEQ=${sndNxt}><ACK=${bench.peer.sndNxt}><CTL=RST,ACK>`).length,
    ).toBe(resets);
    expect([bench.state(), bench.stack.tcpConnectionCount]).toEqual(['CLOSED', 0]);
    bench.end();
  });

  // R5961.3
  test('MAY-12: an acknowledgment from before anything the window could hold is challenged, and counts for nothing', () => {
    const bench = tcpIn('ESTABLISHED', { window: 1000 });
    bench.app.send(octets(100));
    bench.pump();
    bench.acks();
    expect(bench.segment({ ack: 101 - 1001 }, octets(1)).map(({ ack }) => ack)).toEqual([1]);
    expect([bench.read, bench.stack.stats.reason('TCP_OLD_ACK')]).toEqual([[], 1]);
  });
});
