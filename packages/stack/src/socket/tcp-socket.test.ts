// The socket's face: what it tells its application, and when. RFC 9293 3.9.1.

import { describe, expect, test } from 'vitest';
import { icmpFrame, octets, PEER, tcpFrame, US } from '../testing/index.ts';
import { type TcpBench, tcpIn } from '../testing/tcp-bench.ts';
import { TCP_ACK, TCP_FIN, TCP_RST, TCP_SYN } from '../wire/tcp.ts';
import type { SocketError } from './errors.ts';
import type { TcpHandler } from './tcp-socket.ts';

/** A router's ICMP error about what is under way. */
function complaint(bench: TcpBench, type: number, code: number): Uint8Array {
  const seq = bench.known.sndUna;
  const quoted = tcpFrame({ src: US, dst: PEER, sport: 7, dport: 4000, seq }).slice(0, 28);
  return icmpFrame({ type, code, word4: 0, word6: 0 }, quoted);
}

describe('soft errors', () => {
  test.each([
    [3, 0, 'ENETUNREACH'],
    [3, 1, 'EHOSTUNREACH'],
    [3, 5, 'EHOSTUNREACH'],
    [11, 0, 'EHOSTUNREACH'],
    [12, 0, 'EPROTO'],
  ])('MUST-47: ICMP type %i code %i is reported, and the connection goes on', (type, code, errno) => {
    const bench = tcpIn('ESTABLISHED', { outstanding: 10 });
    bench.batch(complaint(bench, type, code));
    expect(bench.heard).toEqual([`trouble ${errno}`]);
    bench.acks();
    expect([bench.state(), bench.app.queuedBytes]).toEqual(['ESTABLISHED', 0]);
  });

  test('SHLD-20: who does not listen is not told, and nothing else changes', () => {
    const bench = tcpIn('LISTEN');
    const heard: string[] = [];
    const socket = bench.stack.tcpSocket({
      error: (_s, e) => heard.push(e.code),
      closed: () => heard.push('closed'),
    });
    bench.socket = socket;
    socket.connect(PEER, 4000, { localPort: 7 });
    bench.pump();
    bench.batch(complaint(bench, 3, 1));
    expect([heard, bench.state()]).toEqual([[], 'SYN-SENT']);
  });
});

describe('what it hears, in this order', () => {
  test('established, text and the end of it, all in one batch', () => {
    const bench = tcpIn('SYN-SENT');
    bench.peer.sndNxt = 1;
    const syn = bench.frame({ seq: 0, flags: TCP_SYN | TCP_ACK });
    bench.batch(syn, bench.frame({ seq: 1, flags: TCP_ACK | TCP_FIN }, octets(3)));
    expect([bench.heard, bench.read]).toEqual([
      ['connected', 'readable', 'ended'],
      [0, 1, 2],
    ]);
  });

  test('refused: an error of `connect` with address, port and a hint, then closed', () => {
    let error: SocketError | undefined;
    const handler: TcpHandler = {
      error: (_s, e) => {
        error = e;
      },
    };
    const bench = tcpIn('SYN-SENT', { handler });
    bench.segment({ seq: 0, ack: 1, flags: TCP_RST | TCP_ACK });
    expect(bench.heard).toEqual(['error ECONNREFUSED', 'closed']);
    expect(error).toMatchObject({ syscall: 'connect', address: PEER, port: 4000 });
    expect(error?.hint).not.toBe('');
  });

  test('closed by both sides: `ended`, and `closed` once our FIN is acknowledged', () => {
    const bench = tcpIn('ESTABLISHED');
    bench.sends(new Uint8Array(0), TCP_FIN);
    bench.app.end();
    bench.pump();
    expect(bench.heard).toEqual(['ended']);
    bench.acks();
    expect(bench.heard).toEqual(['ended', 'closed']);
  });

  test.each(['close', 'abort'] as const)('nothing after its own %s', (verb) => {
    const bench = tcpIn('ESTABLISHED', { outstanding: 10 });
    bench.app[verb]();
    bench.app[verb]();
    bench.pump();
    bench.segment({ seq: 1, flags: TCP_FIN | TCP_ACK });
    bench.run(200_000);
    expect([bench.heard, bench.state()]).toEqual([[], 'LISTEN']);
    expect(() => bench.app.send(octets(1))).toThrow('EBADF');
    expect(() => bench.app.end()).toThrow('EBADF');
  });

  test('a handler that throws loses nothing: what was not told is told in the next pump', () => {
    let first = true;
    const handler: TcpHandler = {
      readable: () => {
        if (first) {
          first = false;
          throw new Error('of the application');
        }
      },
    };
    const bench = tcpIn('ESTABLISHED', { handler });
    bench.link.inject(bench.frame({ flags: TCP_FIN | TCP_ACK }, octets(3)));
    expect(() => bench.stack.pump()).toThrow('of the application');
    bench.pump();
    expect(bench.heard).toEqual(['readable', 'ended']);
  });
});

test('MAY-5: a keep-alive asks a silent peer whether it lives, and its answer is all that comes of it', () => {
  const bench = tcpIn('ESTABLISHED');
  bench.app.setKeepAlive(true, 1000);
  const [probe] = bench.run(1020);
  expect([probe.seq, probe.payload.length]).toEqual([0, 0]);
  bench.acks();
  expect([bench.run(900), bench.heard]).toEqual([[], []]);
});

describe('what it refuses', () => {
  test('a second connect: EISCONN', () => {
    expect(() => tcpIn('ESTABLISHED').app.connect(PEER, 1)).toThrow('EISCONN');
  });

  test('verbs before connect: ENOTCONN', () => {
    const socket = tcpIn('CLOSED').stack.tcpSocket({});
    for (const verb of [
      () => socket.end(),
      () => socket.address(),
      () => socket.remoteAddress(),
      () => socket.status(),
    ])
      expect(verb).toThrow('ENOTCONN');
  });

  test('buffers that are none', () => {
    const { app } = tcpIn('ESTABLISHED');
    for (const bytes of [0, -1, Number.NaN]) {
      expect(() => Object.assign(app, { receiveBuffer: bytes })).toThrow('bytes');
      expect(() => Object.assign(app, { sendBuffer: bytes })).toThrow('bytes');
    }
  });
});

test('STATUS (3.10.6) names the connection as it is, and ends and ports are known after it is over', () => {
  const bench = tcpIn('ESTABLISHED', { outstanding: 10, reads: false });
  bench.segment({ ack: 1 }, octets(7));
  const status = bench.app.status();
  expect(status).toMatchObject({
    state: 'ESTABLISHED',
    sendQueue: 10,
    receiveQueue: 7,
    mss: 1460,
    sndWnd: 65_535,
  });
  bench.segment({ seq: 8, flags: TCP_RST });
  expect(bench.app.address()).toEqual({ address: US, port: 7 });
  expect(bench.app.remoteAddress()).toEqual({ address: PEER, port: 4000 });
});
