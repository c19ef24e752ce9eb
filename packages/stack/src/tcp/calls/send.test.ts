// SEND: RFC 9293 3.9.1.2, 3.10.2; buffers given by reference come back exactly once, whatever becomes of the connection.

import { describe, expect, test } from 'vitest';
import { octets } from '../../testing/index.ts';
import { type StateName, type TcpBench, tcpIn } from '../../testing/tcp-bench.ts';
import { TCP_ACK, TCP_RST } from '../../wire/tcp.ts';

/** Sizes below and above what is worth a reference. */
const SIZES = [1, 100, 5000, 60_000];

/** Gives buffers of all sizes by reference: how often each came back. */
function give(bench: TcpBench): number[] {
  const released = SIZES.map(() => 0);
  for (const [i, size] of SIZES.entries()) {
    expect(bench.app.sendOwned(new Uint8Array(size).fill(i), () => released[i]++)).toBe(true);
  }
  return released;
}

/** The peer takes all there is. */
function takeAll(bench: TcpBench): void {
  for (let turn = 0; turn < 200 && bench.app.queuedBytes > 0; turn++) {
    bench.acks();
    bench.run(1);
  }
}

describe('sendOwned gives each buffer back exactly once', () => {
  const ONCE = [1, 1, 1, 1];

  const endings: [string, (bench: TcpBench) => void][] = [
    ['acknowledged', takeAll],
    ['a RST arrives', (bench) => bench.segment({ flags: TCP_RST | TCP_ACK })],
    ['abort', (bench) => bench.app.abort()],
    [
      'close, then all is acknowledged',
      (bench) => {
        bench.app.close();
        takeAll(bench);
        bench.run(1);
      },
    ],
    [
      'close, then a RST',
      (bench) => {
        bench.app.close();
        bench.pump();
        bench.segment({ flags: TCP_RST | TCP_ACK });
      },
    ],
    [
      'end, then all is acknowledged',
      (bench) => {
        bench.app.end();
        takeAll(bench);
      },
    ],
    ['the peer falls silent', (bench) => bench.run(2_000_000)],
    [
      'the peer falls silent after close',
      (bench) => {
        bench.app.close();
        bench.run(2_000_000);
      },
    ],
    ['stack.close', (bench) => bench.stack.close()],
    [
      'close, then stack.close',
      (bench) => {
        bench.app.close();
        bench.pump();
        bench.stack.close();
      },
    ],
    ['stack.close before anything was sent', (bench) => bench.stack.close()],
  ];

  test.each(endings)('%s', (_name, ending) => {
    const bench = tcpIn('ESTABLISHED');
    const released = give(bench);
    bench.pump();
    ending(bench);
    bench.pump();
    expect(released).toEqual(ONCE);
    bench.stack.close();
    bench.pump();
    expect(released).toEqual(ONCE);
  });

  test('refused before it was established', () => {
    const bench = tcpIn('SYN-SENT');
    const released = give(bench);
    bench.segment({ seq: 0, ack: 1, flags: TCP_RST | TCP_ACK });
    expect(released).toEqual(ONCE);
  });

  test('not before its last octet is acknowledged, nor while it must be sent again', () => {
    const bench = tcpIn('ESTABLISHED', { windowScale: 7 });
    let released = 0;
    bench.app.sendOwned(new Uint8Array(10_000), () => released++);
    bench.pump();
    bench.run(500);
    bench.acks(10_000);
    expect(released).toBe(0);
    bench.acks(10_001);
    expect(released).toBe(1);
  });

  test('a buffer that is not taken is not given back', () => {
    const bench = tcpIn('ESTABLISHED', { window: 0 });
    bench.app.sendBuffer = 1000;
    let released = 0;
    expect(bench.app.sendOwned(new Uint8Array(5000), () => released++)).toBe(true);
    expect(bench.app.sendOwned(new Uint8Array(5000), () => (released += 100))).toBe(false);
    bench.app.abort();
    bench.pump();
    expect(released).toBe(1);
  });

  test('nothing is left in the pool', () => {
    const bench = tcpIn('ESTABLISHED');
    give(bench);
    bench.pump();
    bench.app.abort();
    bench.pump();
    bench.end();
  });
});

describe('send', () => {
  test('takes what fits, and says when there is room again', () => {
    const bench = tcpIn('ESTABLISHED', { window: 0 });
    bench.app.sendBuffer = 1000;
    expect([bench.app.send(new Uint8Array(800)), bench.app.send(new Uint8Array(800))]).toEqual([800, 200]);
    expect([bench.app.send(octets(1)), bench.app.sendRoom]).toEqual([0, 0]);
    bench.pump();
    bench.acks(1, 1000);
    bench.acks();
    expect([bench.heard, bench.app.sendRoom]).toEqual([['writable'], 1000]);
  });

  test('text given before the connection is established goes once it is', () => {
    const bench = tcpIn('SYN-SENT');
    bench.app.send(octets(5));
    expect(bench.pump()).toEqual([]);
    bench.peer.sndNxt = 1;
    const sent = bench.segment({ seq: 0, flags: 2 | TCP_ACK });
    expect(sent.flatMap(({ payload }) => [...payload])).toEqual([...octets(5)]);
  });

  test.each(['FIN-WAIT-1', 'FIN-WAIT-2', 'CLOSING', 'LAST-ACK'] as StateName[])('in %s: EPIPE', (state) => {
    expect(() => tcpIn(state).app.send(octets(1))).toThrow('EPIPE');
  });

  test.each(['ESTABLISHED', 'CLOSE-WAIT'] as StateName[])('in %s it leaves', (state) => {
    const bench = tcpIn(state);
    bench.app.send(octets(3));
    expect(bench.pump().flatMap(({ payload }) => [...payload])).toEqual([0, 1, 2]);
  });

  test('without a connection: ENOTCONN', () => {
    const { stack } = tcpIn('CLOSED');
    expect(() => stack.tcpSocket({}).send(octets(1))).toThrow('ENOTCONN');
  });
});
