// ICMP in and out: what is dropped and why, errors we send, errors we hear.

import { expect, test } from 'vitest';
import type { ReasonName } from '../contract/reasons.ts';
import type { UdpSocket } from '../socket/udp-socket.ts';
import { type Bench, icmpFrame, ip4Frame, octets, stackWith, udpFrame } from '../testing/index.ts';
import { wr16 } from '../wire/bytes.ts';
import type { EchoError } from './echo-sockets.ts';

const NONE = new Uint8Array(0);

const silent: readonly (readonly [string, ReasonName, Uint8Array])[] = [
  ['seven octets', 'ICMP_TRUNCATED', ip4Frame({ protocol: 1 }, octets(7))],
  ['no octets', 'ICMP_TRUNCATED', ip4Frame({ protocol: 1 }, NONE)],
  ['a wrong checksum', 'ICMP_BAD_CHECKSUM', icmpFrame({ checksumError: 1 }, octets(8))],
  ['an unknown type', 'ICMP_UNKNOWN_TYPE', icmpFrame({ type: 99 }, octets(8))],
  ['a router advertisement', 'ICMP_UNKNOWN_TYPE', icmpFrame({ type: 9 }, octets(8))],
  ['a timestamp request', 'ICMP_UNANSWERED_TYPE', icmpFrame({ type: 13 }, octets(12))],
  ['an address mask request', 'ICMP_UNANSWERED_TYPE', icmpFrame({ type: 17 }, octets(4))],
  ['a source quench', 'ICMP_UNANSWERED_TYPE', icmpFrame({ type: 4 }, udpFrame({}, octets(8)))],
  ['a redirect', 'ICMP_REDIRECT', icmpFrame({ type: 5, code: 1 }, udpFrame({}, octets(8)))],
  ['an echo reply nobody waits for', 'ICMP_NO_ECHO_SOCKET', icmpFrame({ type: 0 }, octets(8))],
];

// R1122.14, R1122.22, R792.1, R6633.1
test.each(silent)('%s is dropped in silence: %s', (_what, reason, frame) => {
  const bench = stackWith();
  expect(bench.exchange(frame)).toEqual([]);
  expect(bench.stack.stats.drops()).toEqual({ [reason]: 1 });
  expect(bench.stack.stats.get('IcmpInMsgs')).toBe(1);
  expect(bench.pool.inUse).toBe(0);
});

/** What we sent, as it would come back in an error: from US:5000 to PEER:9, unless a field says otherwise. */
function quoted(fields: Parameters<typeof udpFrame>[0] = {}): Uint8Array {
  return udpFrame({ src: '10.0.0.2', dst: '10.0.0.1', sport: 5000, dport: 9, ...fields }, octets(8));
}

const error = (quote: Uint8Array, code = 3, word6 = 0, type = 3): Uint8Array =>
  icmpFrame({ type, code, word4: 0, word6 }, quote);

test.each([
  ['a type above 18', icmpFrame({ type: 19 }, octets(8)), 1],
  ["a type below that is nobody's", icmpFrame({ type: 1 }, octets(8)), 0],
  ['a quote of UDP that no socket sent', error(quoted({ sport: 5001 })), 1],
  [
    'a quote of a ping that no socket sent',
    error(icmpFrame({ src: '10.0.0.2', dst: '10.0.0.1' }, octets(8))),
    0,
  ],
])('%s counts as IcmpInErrors as the kernel counts it', (_what, frame, errors) => {
  const bench = stackWith();
  bench.exchange(frame);
  expect(bench.stack.stats.get('IcmpInErrors')).toBe(errors);
});

interface Sockets extends Bench {
  readonly connected: UdpSocket;
  readonly wild: UdpSocket;
  readonly heard: string[];
}

/** A socket 10.0.0.2:5000 connected to 10.0.0.1:9, one on *:6000, and an echo socket with identifier 77. */
function sockets(): Sockets {
  const bench = stackWith();
  const heard: string[] = [];
  const connected = bench.stack.udpSocket({ error: (_, e) => heard.push(e.code) });
  connected.bind('10.0.0.2', 5000);
  connected.connect('10.0.0.1', 9);
  const wild = bench.stack.udpSocket({ error: (_, e) => heard.push(`wild ${e.code}`) });
  wild.bind('0.0.0.0', 6000);
  bench.stack.echoSocket(
    { error: (_, e) => heard.push(`echo ${e.type} ${e.code} ${e.sequence} ${e.mtu}`) },
    77,
  );
  return { ...bench, connected, wild, heard };
}

const cut = (frame: Uint8Array, length: number): Uint8Array => frame.slice(0, length);
const withOctet = (frame: Uint8Array, at: number, value: number): Uint8Array =>
  frame.map((octet, i) => (i === at ? value : octet));

const bad: readonly (readonly [string, ReasonName, Uint8Array])[] = [
  ['no quote', 'ICMP_BAD_QUOTE', error(NONE)],
  ['a quote of 19 octets', 'ICMP_BAD_QUOTE', error(cut(quoted(), 19))],
  ['a quoted header and seven octets', 'ICMP_BAD_QUOTE', error(cut(quoted(), 27))],
  ['a quoted version 6', 'ICMP_BAD_QUOTE', error(withOctet(quoted(), 0, 0x65))],
  ['a quoted header of 16 octets', 'ICMP_BAD_QUOTE', error(withOctet(quoted(), 0, 0x44))],
  ['a quoted header beyond the quote', 'ICMP_BAD_QUOTE', error(withOctet(quoted(), 0, 0x4f))],
  ['a quoted later fragment', 'ICMP_BAD_QUOTE', error(quoted({ flags: 1 }))],
  ['a quote of somebody else’s datagram', 'ICMP_QUOTE_NOT_OURS', error(quoted({ src: '10.0.0.3' }))],
  ['a quoted port that nobody has', 'ICMP_QUOTE_UNKNOWN', error(quoted({ sport: 5001 }))],
  [
    'a quoted peer that the socket is not connected to',
    'ICMP_QUOTE_UNKNOWN',
    error(quoted({ dst: '10.0.0.9' })),
  ],
  [
    'a quoted peer port that the socket is not connected to',
    'ICMP_QUOTE_UNKNOWN',
    error(quoted({ dport: 10 })),
  ],
  ['a quote of TCP', 'ICMP_QUOTE_UNKNOWN', error(withOctet(quoted(), 9, 6))],
  [
    'an error about an ICMP error',
    'ICMP_QUOTE_UNKNOWN',
    error(icmpFrame({ src: '10.0.0.2', dst: '10.0.0.1', type: 3, word4: 77 }, octets(8))),
  ],
  [
    'an error about an echo reply',
    'ICMP_QUOTE_UNKNOWN',
    error(icmpFrame({ src: '10.0.0.2', dst: '10.0.0.1', type: 0, word4: 77 }, octets(8))),
  ],
];

test.each(bad)('an error with %s changes nothing: %s', (_what, reason, frame) => {
  const bench = sockets();
  expect(bench.exchange(frame)).toEqual([]);
  expect(bench.stack.stats.drops()).toEqual({ [reason]: 1 });
  expect(bench.heard).toEqual([]);
  expect(bench.pool.inUse).toBe(0);
});

test('quoted options are walked over: the ports are found behind them', () => {
  const bench = sockets();
  bench.exchange(error(quoted({ options: [1, 1, 1, 1, 1, 1, 1, 1] })));
  expect(bench.heard).toEqual(['ECONNREFUSED']);
});

test('eight octets of the quoted transport are enough', () => {
  const bench = sockets();
  bench.exchange(error(cut(quoted(), 28)));
  expect(bench.heard).toEqual(['ECONNREFUSED']);
});

// R1122.16, R1122.19, R1122.24, R1122.41
test.each([
  [3, 0, ''],
  [3, 1, ''],
  [3, 2, 'ENOPROTOOPT'],
  [3, 3, 'ECONNREFUSED'],
  [3, 4, 'EMSGSIZE'],
  [3, 5, ''],
  [3, 6, 'ENETUNREACH'],
  [3, 7, 'EHOSTUNREACH'],
  [3, 9, 'ENETUNREACH'],
  [3, 10, 'EHOSTUNREACH'],
  [3, 13, 'EHOSTUNREACH'],
  [3, 255, ''],
  [11, 0, ''],
  [12, 0, 'EPROTO'],
])('type %i code %i is heard by a connected socket as "%s"', (type, code, name) => {
  const bench = sockets();
  bench.exchange(error(quoted(), code, 1400, type));
  expect(bench.heard).toEqual(name === '' ? [] : [name]);
});

test('an unconnected socket hears no error', () => {
  const bench = sockets();
  bench.exchange(error(quoted({ sport: 6000 })));
  expect(bench.heard).toEqual([]);
  expect(bench.stack.stats.drops()).toEqual({});
});

test('without a handler the error waits, and the next send throws it once', () => {
  const bench = stackWith();
  const socket = bench.stack.udpSocket({});
  socket.bind('10.0.0.2', 5000);
  socket.connect('10.0.0.1', 9);
  bench.exchange(error(quoted()));
  expect(() => socket.send(octets(1))).toThrow('ECONNREFUSED');
  expect(socket.send(octets(1))).toBe(true);
});

// R1122.16
test('an echo socket hears of the request an error is about', () => {
  const bench = sockets();
  const request = icmpFrame({ src: '10.0.0.2', dst: '10.0.0.1', word4: 77, word6: 5 }, octets(8));
  bench.exchange(error(request, 0, 0, 11), error(request, 4, 1000));
  expect(bench.heard).toEqual(['echo 11 0 5 0', 'echo 3 4 5 1000']);
});

test('errors wait for an echo socket up to its limit', () => {
  const bench = stackWith({ options: { echoRepliesMax: 3 } });
  const heard: EchoError[] = [];
  bench.stack.echoSocket({ error: (_, e) => heard.push(e) }, 77);
  const request = icmpFrame({ src: '10.0.0.2', dst: '10.0.0.1', word4: 77 }, octets(8));
  bench.exchange(...Array.from({ length: 5 }, () => error(request)));
  expect(heard).toHaveLength(3);
});

test('an echo socket that was closed before its turn hears nothing', () => {
  const bench = stackWith();
  const heard: string[] = [];
  const second = bench.stack.echoSocket(
    { error: () => heard.push('closed socket'), readable: () => heard.push('r') },
    78,
  );
  bench.stack.echoSocket({ error: () => second.close() }, 77);
  const about = (word4: number): Uint8Array =>
    error(icmpFrame({ src: '10.0.0.2', dst: '10.0.0.1', word4 }, octets(8)));
  bench.exchange(about(77), about(78), icmpFrame({ type: 0, word4: 78 }, octets(8)));
  expect(heard).toEqual([]);
  expect(bench.pool.inUse).toBe(0);
});

function pmtu(mtu: number): number {
  const bench = sockets();
  bench.exchange(error(quoted(), 4, mtu));
  bench.connected.dontFragment = true;
  for (let size = 1472; size > 0; size--) {
    try {
      bench.connected.send(new Uint8Array(size));
      return size + 28;
    } catch {
      // EMSGSIZE, and once the error that came back.
    }
  }
  return 0;
}

// R1191.2
test.each([
  [0, 1500],
  [1, 1500],
  [67, 1500],
  [68, 552],
  [551, 552],
  [552, 552],
  [1400, 1400],
  [1499, 1499],
  [1500, 1500],
  [65_535, 1500],
])('fragmentation needed with MTU %i leaves a path MTU of %i', (mtu, expected) => {
  expect(pmtu(mtu)).toBe(expected);
});

// R1191.3
test('a learned path MTU is forgotten after ten minutes, by the timer', () => {
  const bench = sockets();
  bench.exchange(error(quoted(), 4, 1000));
  bench.connected.dontFragment = true;
  expect(bench.connected.takeError()).toBeUndefined();
  expect(() => bench.connected.send(new Uint8Array(1200))).toThrow('EMSGSIZE');
  expect(bench.stack.msUntilNext(bench.clock.ms)).toBe(600_000);
  bench.clock.advanceMs(600_000);
  expect(bench.stack.msUntilNext(bench.clock.ms)).toBe(0);
  bench.exchange();
  expect(bench.connected.send(new Uint8Array(1200))).toBe(true);
});

test('fragmentation needed for an unknown pair teaches nothing and makes no path', () => {
  const bench = sockets();
  const paths = bench.stack.pathCount;
  for (let i = 0; i < 50; i++) bench.exchange(error(quoted({ dst: `10.0.1.${i}`, sport: 6000 }), 4, 600));
  expect(bench.stack.pathCount).toBe(paths);
  expect(bench.stack.msUntilNext(bench.clock.ms)).toBe(-1);
});

// Errors we send

// R1122.15, R1122.18, R1122.39
test('a closed port is told with as much of the datagram as 576 octets hold', () => {
  for (const length of [0, 1, 100, 519, 520, 521, 1400]) {
    const bench = stackWith();
    const frame = udpFrame({ dport: 9 }, octets(length));
    const [answer] = bench.exchange(frame);
    expect([answer.type, answer.code, answer.src, answer.dst]).toEqual([3, 3, '10.0.0.2', '10.0.0.1']);
    expect(answer.total).toBe(Math.min(576, 56 + length));
    expect(answer.payload).toEqual(frame.slice(0, 548));
    expect([answer.tos, answer.ttl, answer.word4, answer.word6]).toEqual([0xc0, 64, 0, 0]);
    expect(bench.pool.inUse).toBe(0);
  }
});

// R1122.15
test('an error quotes the datagram with its options, as it came', () => {
  const bench = stackWith();
  const frame = udpFrame({ dport: 9, options: [7, 7, 4, 0, 0, 0, 0, 0], ttl: 3, tos: 9, id: 55 }, octets(30));
  expect(bench.exchange(frame)[0].payload).toEqual(frame);
});

test('a link that lends packets without headroom is answered all the same', () => {
  const bench = stackWith();
  bench.link.slabHeadroom = 0;
  const frames = [1, 2, 3].map((sport) => udpFrame({ dport: 9, sport }, octets(40)));
  const answers = bench.exchange(...frames);
  expect(answers.map((answer) => answer.payload)).toEqual(frames);
  expect(bench.pool.inUse).toBe(0);
});

test('with no headroom and no slot left there is no error, and nothing leaks', () => {
  const bench = stackWith({ pool: { smallBytes: 0, mediumBytes: 0, largeBytes: 0 } });
  bench.link.slabHeadroom = 0;
  expect(bench.exchange(udpFrame({ dport: 9 }, octets(40)))).toEqual([]);
  expect(bench.stack.stats.drops()).toEqual({ UDP_NO_PORT: 1, NO_BUFFER: 1 });
  expect(bench.pool.inUse).toBe(0);
});

test('identifications of errors to one target differ', () => {
  const bench = stackWith();
  const frames = Array.from({ length: 6 }, () => udpFrame({ dport: 9 }, octets(4)));
  const ids = bench.exchange(...frames).map((answer) => answer.id);
  expect(new Set(ids).size).toBe(6);
});

test('one target gets six errors at once and one a second after that', () => {
  const bench = stackWith();
  const frame = udpFrame({ dport: 9 }, octets(4));
  expect(bench.exchange(...Array.from({ length: 20 }, () => frame))).toHaveLength(6);
  expect(bench.stack.stats.reason('ICMP_RATE_TARGET')).toBe(14);
  expect(bench.stack.stats.get('IcmpOutRateLimitHost')).toBe(14);
  let answers = 0;
  for (let ms = 0; ms < 10_000; ms += 100) {
    bench.clock.advanceMs(100);
    answers += bench.exchange(frame).length;
  }
  expect(answers).toBe(10);
  expect(bench.pool.inUse).toBe(0);
});

test('another target is not held up by the limit of the first', () => {
  const bench = stackWith();
  bench.exchange(...Array.from({ length: 20 }, () => udpFrame({ dport: 9 }, octets(4))));
  expect(bench.exchange(udpFrame({ src: '10.0.0.7', dport: 9 }, octets(4)))).toHaveLength(1);
});

test('all targets together get 50 errors at once and 1000 a second after that', () => {
  const bench = stackWith();
  let next = 0;
  const frame = (): Uint8Array => {
    next++;
    return udpFrame({ src: `11.${next >> 16}.${(next >> 8) & 255}.${next & 255}`, dport: 9 }, octets(4));
  };
  expect(bench.exchange(...Array.from({ length: 80 }, frame))).toHaveLength(50);
  expect(bench.stack.stats.reason('ICMP_RATE_GLOBAL')).toBe(30);
  let answers = 0;
  for (let ms = 0; ms < 2000; ms += 10) {
    bench.clock.advanceMs(10);
    answers += bench.exchange(...Array.from({ length: 20 }, frame)).length;
  }
  expect(answers).toBe(2000);
  bench.clock.advanceMs(60_000);
  expect(bench.exchange(...Array.from({ length: 80 }, frame))).toHaveLength(50);
});

test('a target that was silent for longer than half the clock’s circle is not held up', () => {
  const bench = stackWith();
  const frame = udpFrame({ dport: 9 }, octets(4));
  bench.exchange(...Array.from({ length: 20 }, () => frame));
  for (const ms of [0x7000_0000, 0x7000_0000]) {
    bench.clock.advanceMs(ms);
    bench.clock.advanceMs(ms);
    expect(bench.exchange(frame)).toHaveLength(1);
  }
  const other = stackWith({ options: { icmpErrorsBurst: 1 } });
  other.exchange(frame);
  other.clock.advanceMs(-0x7000_0000);
  expect(other.exchange(udpFrame({ src: '10.0.0.9', dport: 9 }, octets(4)))).toHaveLength(1);
});

test('echo requests are not errors: they are not limited', () => {
  const bench = stackWith();
  expect(bench.exchange(...Array.from({ length: 200 }, () => icmpFrame({}, octets(4))))).toHaveLength(200);
});

test('an unreachable whose quote lies about its own length does no harm', () => {
  const bench = sockets();
  const quote = quoted();
  wr16(quote, 2, 65_535);
  bench.exchange(error(quote));
  expect(bench.heard).toEqual(['ECONNREFUSED']);
});
