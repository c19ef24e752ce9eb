// OPEN: RFC 9293 3.9.1.1, 3.9.2.3; ephemeral ports by RFC 6056.

import { describe, expect, test } from 'vitest';
import { icmpFrame, PEER, readTcpFrame, stackWith, tcpFrame, US } from '../../testing/index.ts';
import type { Bench } from '../../testing/stack-with.ts';
import { tcpIn } from '../../testing/tcp-bench.ts';
import type { ReadTcp } from '../../testing/tcp-frames.ts';
import { TCP_ACK, TCP_RST, TCP_SYN } from '../../wire/tcp.ts';

/** Pumps until nothing is left to do: the segments sent. */
function sent({ stack, link }: Bench, ...frames: Uint8Array[]): ReadTcp[] {
  for (const frame of frames) link.inject(frame);
  while (stack.pump());
  return link.take().map(readTcpFrame);
}

/** Opens a connection to `to`: its SYN. */
function syn(bench: Bench, to = PEER, options = {}): ReadTcp {
  bench.stack.tcpSocket({}).connect(to, 4000, options);
  return sent(bench)[0];
}

describe('the local address', () => {
  test('MUST-43: it may be given', () => {
    const bench = stackWith();
    bench.stack.addAddress(bench.face, '10.0.0.9/24');
    expect(syn(bench, PEER, { localAddress: '10.0.0.9' }).src).toBe('10.0.0.9');
    expect(() => syn(bench, PEER, { localAddress: '10.0.0.77' })).toThrow('EADDRNOTAVAIL');
    expect(() => syn(bench, PEER, { localAddress: 'nobody' })).toThrow('EINVAL');
  });

  test('MUST-44: without one, it is that of the route, before the first SYN leaves', () => {
    const bench = stackWith();
    bench.stack.addAddress(bench.face, '192.168.7.1/24');
    const socket = bench.stack.tcpSocket({});
    socket.connect('192.168.7.99', 80);
    expect(socket.address().address).toBe('192.168.7.1');
    expect(sent(bench)[0].src).toBe('192.168.7.1');
  });

  test('MUST-45: later segments keep it, although routes would choose another now', () => {
    const bench = stackWith();
    const first = syn(bench, '10.9.9.9');
    bench.stack.addAddress(bench.face, '10.9.9.1/24');
    bench.clock.advanceMs(1000);
    const [again] = sent(bench);
    expect(again.src).toBe(first.src);
    const answer = { src: '10.9.9.9', sport: 4000, dport: first.sport, seq: 100, ack: first.seq + 1 };
    const [ack] = sent(bench, tcpFrame({ ...answer, flags: TCP_SYN | TCP_ACK }));
    expect([ack.src, ack.dst]).toEqual([US, '10.9.9.9']);
  });
});

describe('whom one cannot speak to', () => {
  test.each(['224.0.0.1', '239.255.255.255', '255.255.255.255', '10.0.0.255', '10.0.0.0', '0.0.0.0'])(
    'MUST-46: OPEN to %s is refused, and nothing is sent',
    (address) => {
      const bench = stackWith();
      expect(() => bench.stack.tcpSocket({}).connect(address, 80)).toThrow(/EINVAL|EACCES|ENETUNREACH/);
      expect(sent(bench)).toEqual([]);
      expect(bench.stack.tcpConnectionCount).toBe(0);
    },
  );

  const listening = (): Bench => {
    const bench = stackWith();
    bench.stack.tcpListener({}).listen('0.0.0.0', 7);
    return bench;
  };

  test.each(['224.0.0.1', '255.255.255.255', '10.0.0.255', '10.0.0.0'])(
    'MUST-57: a SYN to %s is dropped without an answer',
    (dst) => {
      const bench = listening();
      expect(sent(bench, tcpFrame({ dst, flags: TCP_SYN }), tcpFrame({ dst, dport: 99 }))).toEqual([]);
      expect(bench.stack.tcpConnectionCount).toBe(0);
    },
  );

  test.each([
    ['a broadcast', '255.255.255.255'],
    ['a group', '224.0.0.5'],
    ['the broadcast of our network', '10.0.0.255'],
    ['our own address', US],
    ['nobody', '0.0.0.0'],
    ['loopback', '127.0.0.1'],
  ])('MUST-63: a SYN from %s is ignored', (_name, src) => {
    const bench = listening();
    expect(sent(bench, tcpFrame({ src, flags: TCP_SYN }))).toEqual([]);
    // Land: both ends the same.
    expect(sent(bench, tcpFrame({ src, sport: 7, flags: TCP_SYN }))).toEqual([]);
    expect(bench.stack.tcpConnectionCount).toBe(0);
  });
});

describe('listening beside connections', () => {
  test('MUST-41: a passive open makes a record of its own, or fails, and no connection notices', () => {
    const bench = tcpIn('ESTABLISHED');
    const { stack } = bench.bench;
    expect(() => stack.tcpListener({}).listen(US, 7)).toThrow('EADDRINUSE');
    bench.listener?.close();
    stack.tcpListener({}).listen(US, 7);
    bench.sends(Uint8Array.of(1, 2, 3));
    expect([bench.state(), bench.read]).toEqual(['ESTABLISHED', [1, 2, 3]]);
  });

  test.each(['SYN-SENT', 'SYN-RECEIVED', 'ESTABLISHED', 'TIME-WAIT'] as const)(
    'MUST-42: one may listen on the port of a connection in %s',
    (state) => {
      const bench = tcpIn(state, { open: 'active' });
      const { bench: raw } = bench;
      raw.stack.tcpListener({}).listen(US, 7);
      const [answer] = sent(raw, tcpFrame({ sport: 4001, flags: TCP_SYN }));
      expect([answer.dport, answer.flags]).toEqual([4001, TCP_SYN | TCP_ACK]);
      expect(bench.state()).toBe(state);
    },
  );
});

describe('ephemeral ports (RFC 6056)', () => {
  const connect = (bench: Bench, to = PEER, localPort = 0): number => {
    const socket = bench.stack.tcpSocket({});
    socket.connect(to, 4000, { localPort });
    return socket.address().port;
  };

  test('they lie in the range, differ while there are others, and follow no order', () => {
    const bench = stackWith();
    const ports = Array.from({ length: 200 }, () => connect(bench));
    expect(new Set(ports).size).toBe(200);
    expect(Math.min(...ports)).toBeGreaterThanOrEqual(32_768);
    expect(Math.max(...ports)).toBeLessThanOrEqual(60_999);
    const steps = new Set(ports.slice(1).map((port, i) => port - ports[i]));
    expect(steps.size).toBeGreaterThan(190);
    expect(Math.max(...ports) - Math.min(...ports)).toBeGreaterThan(20_000);
  });

  test('another seed gives other ports', () => {
    const three = (seed: number): number[] => {
      const bench = stackWith({ seed });
      return [1, 2, 3].map(() => connect(bench));
    };
    expect(three(1)).toEqual(three(1));
    expect(three(1)).not.toEqual(three(2));
  });

  test('the last free one is found; then a port serves another peer; then there is none', () => {
    const bench = stackWith({ options: { ephemeralPortFirst: 50_000, ephemeralPortLast: 50_007 } });
    const ports = Array.from({ length: 8 }, () => connect(bench));
    expect(ports.sort((a, b) => a - b)).toEqual([0, 1, 2, 3, 4, 5, 6, 7].map((i) => 50_000 + i));
    expect(() => connect(bench)).toThrow('EADDRNOTAVAIL');
    expect(connect(bench, '10.0.0.5')).toBeGreaterThanOrEqual(50_000);
    expect(() => connect(bench, PEER, 50_000)).toThrow('EADDRINUSE');
    expect(connect(bench, '10.0.0.6', 50_000)).toBe(50_000);
  });

  test('a port is free again once its connection is over', () => {
    const bench = stackWith({ options: { ephemeralPortFirst: 50_000, ephemeralPortLast: 50_000 } });
    const { seq } = syn(bench);
    expect(() => connect(bench)).toThrow('EADDRNOTAVAIL');
    sent(bench, tcpFrame({ dport: 50_000, ack: seq + 1, flags: TCP_RST | TCP_ACK }));
    expect(connect(bench)).toBe(50_000);
  });

  test('a listener that wants any port gets one that nobody uses', () => {
    const bench = stackWith({ options: { ephemeralPortFirst: 50_000, ephemeralPortLast: 50_001 } });
    const used = connect(bench);
    const listener = bench.stack.tcpListener({});
    listener.listen(US, 0);
    expect([used, listener.address().port].sort((a, b) => a - b)).toEqual([50_000, 50_001]);
    expect(() => bench.stack.tcpListener({}).listen(US, 0)).toThrow('EADDRNOTAVAIL');
  });
});

test('MUST-50: a SYN with IP options that nobody knows opens a connection', () => {
  const bench = stackWith();
  bench.stack.tcpListener({}).listen(US, 7);
  // Experimental (RFC 4727), router alert, and NOPs.
  for (const [i, ipOptions] of [
    [94, 4, 1, 2],
    [148, 4, 0, 0],
    [1, 1, 1, 1],
  ].entries()) {
    const [answer] = sent(bench, tcpFrame({ sport: 4000 + i, flags: TCP_SYN, ipOptions }));
    expect(answer.flags).toBe(TCP_SYN | TCP_ACK);
  }
});

test('MUST-55: a source quench changes nothing, and is answered by nothing', () => {
  const bench = tcpIn('ESTABLISHED', { outstanding: 5000 });
  const before = bench.app.status();
  const [segment] = bench.run(300);
  const quoted = tcpFrame({ src: US, dst: PEER, sport: 7, dport: 4000, seq: (segment.seq + bench.iss) | 0 });
  const status = bench.app.status();
  expect(bench.batch(icmpFrame({ type: 4, code: 0 }, quoted.slice(0, 28)))).toEqual([]);
  expect(bench.app.status()).toEqual(status);
  expect(before.state).toBe('ESTABLISHED');
});
