// IPv4 output: what a datagram looks like, and what happens when it cannot go.

import { expect, test } from 'vitest';
import { DROP, OUTPUT, POSTROUTING, STOLEN } from '../contract/hook.ts';
import { FEATURE_CHECKSUM } from '../contract/link.ts';
import { type Collected, collect, icmpFrame, octets, stackWith, udpFrame } from '../testing/index.ts';
import { readFrame } from '../testing/read-frame.ts';

// R6864.1
test('a datagram leaves atomic: DF, identification 0, no fragment (RFC 6864)', () => {
  const bench = stackWith();
  bench.stack.udpSocket({}).sendTo(octets(10), 0, 10, '8.8.8.8', 53);
  const [sent] = bench.exchange();
  expect([sent.src, sent.dst, sent.flags, sent.id, sent.ttl, sent.tos]).toEqual([
    '10.0.0.2',
    '8.8.8.8',
    0x4000,
    0,
    64,
    0,
  ]);
});

test('a full link leaves the datagram as it is, and it goes when there is room', () => {
  const bench = stackWith();
  const socket = bench.stack.udpSocket({});
  bench.link.room = 0;
  socket.sendTo(octets(10), 0, 10, '8.8.8.8', 53);
  expect(bench.exchange()).toEqual([]);
  expect(bench.exchange()).toEqual([]);
  expect(bench.stack.stats.get('IpOutRequests')).toBe(0);
  expect(bench.stack.stats.drops()).toEqual({});
  bench.link.makeRoom(1);
  const [sent, ...more] = bench.exchange();
  expect([...sent.payload]).toEqual([...octets(10)]);
  expect(more).toEqual([]);
  expect(bench.pool.inUse).toBe(0);
});

test('who waits for room waits once, however often it sends, and nobody is forgotten', () => {
  const bench = stackWith({ options: { udpSocketsMax: 2, echoSocketsMax: 1 } });
  const [loud, quiet] = [bench.stack.udpSocket({}), bench.stack.udpSocket({})];
  bench.link.room = 0;
  for (let i = 0; i < 10; i++) {
    loud.sendTo(octets(1), 0, 1, '10.0.0.1', 1);
    bench.exchange();
  }
  quiet.sendTo(octets(1), 0, 1, '10.0.0.1', 2);
  bench.exchange();
  bench.link.makeRoom(1000);
  const ports = bench.exchange().map((frame) => frame.dport);
  expect(ports.filter((port) => port === 1)).toHaveLength(10);
  expect(ports.filter((port) => port === 2)).toHaveLength(1);
  expect(bench.pool.inUse).toBe(0);
});

test('sockets that share a link with little room take turns', () => {
  const bench = stackWith();
  bench.link.room = 0;
  const sockets = [1, 2, 3].map((port) => {
    const socket = bench.stack.udpSocket({});
    for (let i = 0; i < 200; i++) socket.sendTo(octets(1), 0, 1, '10.0.0.1', port);
    return socket;
  });
  const counts = [0, 0, 0, 0];
  for (let round = 0; round < 9; round++) {
    bench.link.makeRoom(16);
    for (const frame of bench.exchange()) counts[frame.dport]++;
  }
  expect(Math.min(...counts.slice(1))).toBeGreaterThan(0);
  for (const socket of sockets) socket.close();
});

test('a link that is down takes nothing: LINK_DOWN, also what waited for room on it', () => {
  const bench = stackWith();
  const socket = bench.stack.udpSocket({});
  bench.link.room = 0;
  socket.sendTo(octets(1), 0, 1, '10.0.0.1', 1);
  bench.exchange();
  bench.link.setUp(false);
  socket.sendTo(octets(1), 0, 1, '10.0.0.1', 1);
  expect(bench.exchange()).toEqual([]);
  expect(bench.stack.stats.drops()).toEqual({ LINK_DOWN: 2 });
  expect(bench.pool.inUse).toBe(0);
});

test('a datagram that no longer fits when its turn comes goes in fragments; where it may not be cut, it is TOO_BIG', () => {
  const bench = stackWith();
  const socket = bench.stack.udpSocket({});
  socket.sendTo(octets(1400), 0, 1400, '10.0.0.1', 1);
  bench.link.setMtu(1000);
  bench.stack.pump();
  expect(bench.link.take().map((frame) => frame.length)).toEqual([996, 452]);
  bench.link.setMtu(1500);
  socket.dontFragment = true;
  socket.sendTo(octets(1400), 0, 1400, '10.0.0.1', 1);
  bench.link.setMtu(1000);
  expect(bench.exchange()).toEqual([]);
  expect(bench.stack.stats.drops()).toEqual({ TOO_BIG: 1 });
  expect(bench.stack.stats.get('IpFragFails')).toBe(1);
  expect(bench.pool.inUse).toBe(0);
});

test('a datagram whose route went when its turn comes is NO_ROUTE', () => {
  const bench = stackWith();
  bench.stack.udpSocket({}).sendTo(octets(1), 0, 1, '8.8.8.8', 1);
  bench.stack.removeRoute('0.0.0.0/0');
  expect(bench.exchange()).toEqual([]);
  expect(bench.stack.stats.drops()).toEqual({ NO_ROUTE: 1 });
  expect(bench.pool.inUse).toBe(0);
});

test('an answer to a source that no route leads to is NO_ROUTE', () => {
  const bench = stackWith();
  bench.stack.removeRoute('0.0.0.0/0');
  expect(bench.exchange(icmpFrame({ src: '8.8.8.8' }, octets(8)))).toEqual([]);
  expect(bench.stack.stats.drops()).toEqual({ NO_ROUTE: 1 });
  expect(bench.pool.inUse).toBe(0);
});

test('an answer that a full link refuses is dropped and counted, once each', () => {
  const bench = stackWith();
  bench.link.room = 1;
  const answers = bench.exchange(
    icmpFrame({}, octets(8)),
    icmpFrame({}, octets(8)),
    icmpFrame({}, octets(8)),
  );
  expect(answers).toHaveLength(1);
  expect(bench.stack.stats.drops()).toEqual({ LINK_FULL: 2 });
  expect(bench.pool.inUse).toBe(0);
});

test('answers beyond the limit of one batch are dropped and counted', () => {
  const bench = stackWith({ options: { answersMax: 2 } });
  const requests = [1, 2, 3, 4].map((word6) => icmpFrame({ word6 }, octets(8)));
  expect(bench.exchange(...requests).map((answer) => answer.word6)).toEqual([1, 2]);
  expect(bench.stack.stats.drops()).toEqual({ ANSWERS_FULL: 2 });
  expect(bench.pool.inUse).toBe(0);
});

test.each([
  ['OUTPUT', OUTPUT],
  ['POSTROUTING', POSTROUTING],
])('%s sees a complete header, and its DROP is HOOK_DROP', (_name, point) => {
  const bench = stackWith();
  const lengths: number[] = [];
  bench.stack.hooks.add(point, {
    verdict(packet) {
      lengths.push(packet.length, packet.bytes[packet.network]);
      return DROP;
    },
  });
  bench.stack.udpSocket({}).sendTo(octets(10), 0, 10, '8.8.8.8', 53);
  expect(bench.exchange()).toEqual([]);
  expect(lengths).toEqual([38, 0x45]);
  expect(bench.stack.stats.drops()).toEqual({ HOOK_DROP: 1 });
  expect(bench.pool.inUse).toBe(0);
});

test('what POSTROUTING steals neither goes nor leaks', () => {
  const bench = stackWith();
  bench.stack.hooks.add(POSTROUTING, {
    verdict(packet) {
      packet.release();
      return STOLEN;
    },
  });
  bench.stack.udpSocket({}).sendTo(octets(10), 0, 10, '8.8.8.8', 53);
  expect(bench.exchange()).toEqual([]);
  expect(bench.pool.inUse).toBe(0);
});

test('a link that completes checksums gets the mark, any other a complete checksum', () => {
  const bench = stackWith();
  const frames: Uint8Array[] = [];
  const socket = bench.stack.udpSocket({});
  for (const features of [0, FEATURE_CHECKSUM]) {
    bench.link.features = features;
    socket.sendTo(octets(10), 0, 10, '8.8.8.8', 53);
    bench.stack.pump();
    frames.push(...bench.link.take());
  }
  expect(readFrame(frames[0]).checksum).not.toBe(0);
  expect(() => readFrame(frames[1])).toThrow('UDP checksum');
});

test('a socket sends by loopback to itself and to another socket of its stack', () => {
  const bench = stackWith();
  const heard: Collected[] = [];
  bench.stack.udpSocket({ readable: (s) => heard.push(...collect(s)) }).bind('0.0.0.0', 7);
  const client = bench.stack.udpSocket({});
  client.bind('0.0.0.0', 5000);
  client.sendTo(octets(3), 0, 3, '10.0.0.2', 7);
  client.sendTo(octets(2), 0, 2, '127.0.0.1', 7);
  expect(bench.exchange()).toEqual([]);
  expect(heard).toEqual([
    { from: '10.0.0.2:5000', data: [0, 1, 2] },
    { from: '127.0.0.1:5000', data: [0, 1] },
  ]);
  expect(bench.pool.inUse).toBe(0);
});

// R1122.5
test('a socket bound to 127.0.0.1 sends nothing to a wire (RFC 1122 3.2.1.3 g)', () => {
  const bench = stackWith();
  const socket = bench.stack.udpSocket({});
  socket.bind('127.0.0.1', 5000);
  expect(() => socket.sendTo(octets(1), 0, 1, '10.0.0.1', 1)).toThrow('EINVAL');
  expect(() => socket.connect('8.8.8.8', 1)).toThrow('EINVAL');
  expect(bench.exchange()).toEqual([]);
});

test('a reply finds its way when the asker came with options and padding', () => {
  const bench = stackWith();
  bench.stack
    .udpSocket({
      readable(s) {
        for (let d = s.receive(); d !== undefined; d = s.receive())
          s.sendTo(d.bytes, d.offset, d.length, d.address, d.port);
      },
    })
    .bind('0.0.0.0', 7);
  const [answer] = bench.exchange(udpFrame({ options: [1, 1, 1, 1], tos: 0x10 }, octets(5)));
  expect([answer.header, answer.sport, answer.dport, [...answer.payload]]).toEqual([
    20,
    7,
    4000,
    [0, 1, 2, 3, 4],
  ]);
});
