// TIME-WAIT (RFC 9293 3.6.1, MUST-13; reopened by RFC 6191), and FIN-WAIT-2 of an application that is gone.

import { describe, expect, test } from 'vitest';
import { octets, PEER, US } from '../../testing/frames.ts';
import { stackWith } from '../../testing/stack-with.ts';
import { type Sent, show, type TcpBench, tcpIn } from '../../testing/tcp-bench.ts';
import { TCP_ACK, TCP_FIN, TCP_RST, TCP_SYN } from '../../wire/tcp.ts';

const WAIT_MS = 60_000;
const HOUR_MS = 3_600_000;

test.each(['active', 'passive'] as const)(
  'MUST-13: it lasts 2MSL, 60 s, whoever opened (%s), and then nothing is left',
  (open) => {
    const bench = tcpIn('TIME-WAIT', { open });
    expect(bench.run(WAIT_MS - 1)).toEqual([]);
    expect(bench.state()).toBe('TIME-WAIT');
    expect(bench.run(1)).toEqual([]);
    expect(bench.tcb()).toBe(undefined);
    expect(bench.stack.tcpConnectionCount).toBe(0);
    bench.end();
  },
);

test('simultaneous close waits as long', () => {
  const bench = tcpIn('CLOSING');
  bench.acks();
  bench.run(WAIT_MS - 1);
  expect(bench.state()).toBe('TIME-WAIT');
  bench.run(1);
  expect(bench.tcb()).toBe(undefined);
});

test("the peer's FIN, come again, is acknowledged and starts the wait again", () => {
  const bench = tcpIn('TIME-WAIT');
  bench.run(WAIT_MS / 2);
  expect(bench.say({ seq: 1, flags: TCP_FIN | TCP_ACK })).toEqual(['<SEQ=2><ACK=2><CTL=ACK>']);
  bench.run(WAIT_MS - 1);
  expect(bench.state()).toBe('TIME-WAIT');
  bench.run(1);
  expect(bench.tcb()).toBe(undefined);
});

test('an old segment without FIN is answered, and does not prolong the wait', () => {
  const bench = tcpIn('TIME-WAIT');
  bench.run(WAIT_MS / 2);
  expect(bench.say({ seq: 1 }).length).toBe(1);
  bench.run(WAIT_MS / 2);
  expect(bench.tcb()).toBe(undefined);
});

test('a RST at the edge of the window ends it; one elsewhere does not', () => {
  const bench = tcpIn('TIME-WAIT');
  bench.say({ seq: 3, flags: TCP_RST });
  expect(bench.state()).toBe('TIME-WAIT');
  expect(bench.say({ seq: 2, flags: TCP_RST })).toEqual([]);
  expect(bench.tcb()).toBe(undefined);
});

test('MAY-2: a SYN beyond the last number opens a new connection, whose ISS lies beyond the old numbers', () => {
  const bench = tcpIn('TIME-WAIT');
  const { iss } = bench;
  expect(bench.say({ seq: 1000, flags: TCP_SYN })).toEqual(['<SEQ=0><ACK=1001><CTL=SYN,ACK>']);
  expect((bench.iss - iss) | 0).toBeGreaterThan(65_535);
  expect(bench.state()).toBe('SYN-RECEIVED');
  bench.peer.rcvNxt = 1;
  bench.segment({ seq: 1001 });
  expect(bench.state()).toBe('ESTABLISHED');
  expect(bench.heard).toEqual(['accepted']);
  bench.run(2 * WAIT_MS);
  expect(bench.state()).toBe('ESTABLISHED');
});

// R6191.1
test.each([
  ['newer', 1, -1000, true],
  ['newer', 1, 1000, true],
  ['equal', 0, 1000, true],
  ['equal', 0, -1000, false],
  ['older', -1, 1000, false],
  ['older', -1, -1000, false],
] as const)(
  'RFC 6191: a SYN with a timestamp that is %s (%i), its number %i from the last, opens again: %s',
  (_name, tsVal, seq, opens) => {
    const bench = tcpIn('TIME-WAIT', { timestamps: true });
    const answer = bench.segment({ seq: bench.peer.sndNxt + seq, flags: TCP_SYN, tsVal });
    expect(bench.state()).toBe(opens ? 'SYN-RECEIVED' : 'TIME-WAIT');
    const ack = bench.peer.sndNxt + seq + 1;
    expect(answer.map(show)).toEqual([
      opens ? `<SEQ=0><ACK=${ack}><CTL=SYN,ACK>` : '<SEQ=2><ACK=2><CTL=ACK>',
    ]);
  },
);

test.each([1000, -1000])(
  'RFC 6191: where there were no timestamps, a SYN that has one is new, whatever its number (%i from the last)',
  (seq) => {
    const bench = tcpIn('TIME-WAIT');
    bench.segment({ seq: bench.peer.sndNxt + seq, flags: TCP_SYN, options: [8, 10, 0, 0, 0, 1, 0, 0, 0, 0] });
    expect(bench.state()).toBe('SYN-RECEIVED');
  },
);

test.each([
  [true, 1000, true],
  [true, -1000, false],
  [false, 1000, true],
  [false, -1000, false],
] as const)(
  'RFC 6191: timestamps before: %s, and none in the SYN: its number, %i from the last, decides: %s',
  (timestamps, seq, opens) => {
    const bench = tcpIn('TIME-WAIT', { timestamps });
    bench.segment({ seq: bench.peer.sndNxt + seq, flags: TCP_SYN, options: [] });
    expect(bench.state()).toBe(opens ? 'SYN-RECEIVED' : 'TIME-WAIT');
  },
);

test('RFC 6191: timestamps that this stack would not use decide nothing', () => {
  const bench = tcpIn('TIME-WAIT', { options: { tcpTimestamps: false } });
  bench.segment({ seq: bench.peer.sndNxt - 1000, flags: TCP_SYN, options: [8, 10, 0, 0, 0, 1, 0, 0, 0, 0] });
  expect(bench.state()).toBe('TIME-WAIT');
});

// R1337.1
test('RFC 1337: where it is asked for, no RST ends it, and it lasts its time', () => {
  const bench = tcpIn('TIME-WAIT', { options: { tcpRfc1337: true } });
  bench.run(WAIT_MS / 2);
  expect(bench.say({ seq: 2, flags: TCP_RST })).toEqual([]);
  expect(bench.state()).toBe('TIME-WAIT');
  expect(bench.stack.stats.reason('TCP_RST_TIME_WAIT')).toBe(1);
  bench.run(WAIT_MS / 2);
  expect(bench.tcb()).toBe(undefined);
});

test('where nobody listens a SYN does not end TIME-WAIT', () => {
  const bench = tcpIn('TIME-WAIT', { open: 'active' });
  expect(bench.say({ seq: 1000, flags: TCP_SYN })).toEqual(['<SEQ=2><ACK=2><CTL=ACK>']);
  expect(bench.state()).toBe('TIME-WAIT');
});

test('text that came before the FIN can be read in TIME-WAIT, and after it', () => {
  const bench = tcpIn('FIN-WAIT-2', { reads: false });
  bench.sends(octets(100), TCP_FIN);
  expect(bench.state()).toBe('TIME-WAIT');
  bench.run(2 * WAIT_MS);
  bench.readAll();
  expect(Uint8Array.from(bench.read)).toEqual(octets(100));
  bench.end();
});

test('FIN-WAIT-2 of an application that closed ends after 60 s', () => {
  const bench = tcpIn('FIN-WAIT-2', { close: 'close' });
  bench.run(WAIT_MS - 1);
  expect(bench.state()).toBe('FIN-WAIT-2');
  expect(bench.run(1)).toEqual([]);
  expect(bench.tcb()).toBe(undefined);
  bench.end();
});

test('FIN-WAIT-2 of an application that still reads lasts', () => {
  const bench = tcpIn('FIN-WAIT-2');
  expect(bench.run(24 * HOUR_MS)).toEqual([]);
  bench.sends(octets(10));
  expect(bench.read.length).toBe(10);
});

test('an application that closes in FIN-WAIT-2 has 60 s from then on', () => {
  const bench = tcpIn('FIN-WAIT-2');
  bench.run(HOUR_MS);
  bench.app.close();
  bench.pump();
  bench.run(WAIT_MS - 1);
  expect(bench.state()).toBe('FIN-WAIT-2');
  bench.run(1);
  expect(bench.tcb()).toBe(undefined);
});

describe('our own TIME-WAIT, taken over by an active open (Linux tcp_tw_reuse)', () => {
  const again = (bench: TcpBench): Sent[] => {
    bench.stack.tcpSocket({}).connect(PEER, 4000, { localPort: 7 });
    return bench.pump();
  };

  test('with timestamps, a second after the last: the new one goes on beyond the old numbers', () => {
    const bench = tcpIn('TIME-WAIT', { open: 'active', timestamps: true, options: { tcpTimeWaitReuse: 1 } });
    const { iss, known } = bench;
    const { sndNxt } = known;
    bench.run(2000);
    const [syn] = again(bench);
    expect([syn.flags, syn.timestamps]).toEqual([TCP_SYN, true]);
    expect(bench.iss).toBe((sndNxt + 65_537) | 0);
    expect(bench.iss).not.toBe(iss);
    expect([bench.state(), bench.stack.tcpConnectionCount]).toEqual(['SYN-SENT', 1]);
  });

  test.each([
    ['within the second', 500, { timestamps: true, options: { tcpTimeWaitReuse: 1 } }],
    ['without timestamps', 2000, { timestamps: false, options: { tcpTimeWaitReuse: 1 } }],
    ['towards another host, as the default is', 2000, { timestamps: true }],
    ['where it is not wanted', 2000, { timestamps: true, options: { tcpTimeWaitReuse: 0 } }],
  ] as const)('not %s', (_name, ms, config) => {
    const bench = tcpIn('TIME-WAIT', { open: 'active', ...config });
    bench.run(ms);
    expect(() => again(bench)).toThrow('EADDRINUSE');
    expect(bench.state()).toBe('TIME-WAIT');
  });

  test('on loopback a single port serves one connection after the other', () => {
    const bench = stackWith({ options: { ephemeralPortFirst: 50_000, ephemeralPortLast: 50_000 } });
    const { stack, clock } = bench;
    let ended = 0;
    const listener = stack.tcpListener({ acceptable: (l) => l.accept({ ended: (s) => s.close() }) });
    listener.listen(US, 9);
    for (let i = 0; i < 5; i++) {
      const socket = stack.tcpSocket({ connected: (s) => s.end(), ended: () => ended++ });
      socket.connect(US, 9);
      bench.exchange();
      expect(() => stack.tcpSocket({}).connect(US, 9)).toThrow('EADDRNOTAVAIL');
      clock.advanceMs(2500);
      bench.exchange();
    }
    expect([ended, stack.tcpConnectionCount]).toEqual([5, 1]);
  });
});
