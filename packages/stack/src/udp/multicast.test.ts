// Speaking to many and hearing what many are told: RFC 1112 6 and 7, RFC 1122 3.3.6 and 4.1.3.6, node:dgram's names.

import { expect, test } from 'vitest';
import type { UdpSocket } from '../socket/udp-socket.ts';
import {
  type Bench,
  collect,
  icmpFrame,
  ip4Frame,
  octets,
  readFrame,
  routerWith,
  stackWith,
  udpFrame,
} from '../testing/index.ts';

const GROUP = '239.1.2.3';
const OTHER = '239.1.2.4';

function bound(bench: { stack: Bench['stack'] }, address = '0.0.0.0', port = 7): UdpSocket {
  const socket = bench.stack.udpSocket({});
  socket.bind(address, port);
  return socket;
}

/** The UDP datagrams among what left. */
function udp(frames: readonly Uint8Array[]): ReturnType<typeof readFrame>[] {
  return frames.map(readFrame).filter(({ sport }) => sport >= 0);
}

test('a group is heard from joining to leaving, and no longer', () => {
  const bench = stackWith();
  const socket = bound(bench);
  const frame = udpFrame({ dst: GROUP }, octets(3));
  bench.exchange(frame);
  expect(collect(socket)).toEqual([]);
  socket.addMembership(GROUP, '10.0.0.2');
  bench.exchange(frame);
  expect(collect(socket)).toEqual([{ from: '10.0.0.1:4000', data: [0, 1, 2] }]);
  socket.dropMembership(GROUP, '10.0.0.2');
  bench.exchange(frame);
  expect(collect(socket)).toEqual([]);
  expect(bench.stack.stats.drops()).toEqual({ IP_MULTICAST: 2 });
});

test('memberships are counted: a group is left when the last of its sockets leaves or closes', () => {
  const bench = stackWith();
  const [a, b] = [bound(bench), bound(bench, '10.0.0.2', 8)];
  for (const socket of [a, b]) socket.addMembership(GROUP);
  b.close();
  bench.exchange(udpFrame({ dst: GROUP }, octets(3)));
  expect(collect(a)).toHaveLength(1);
  a.close();
  bench.exchange(udpFrame({ dst: GROUP }, octets(3)));
  expect(bench.stack.stats.drops()).toEqual({ IP_MULTICAST: 1 });
});

test('a group joined on one interface is not heard by another', () => {
  const router = routerWith();
  const socket = bound(router);
  socket.addMembership(GROUP, '10.0.1.2');
  router.fromLeft(udpFrame({ src: '10.0.0.1', dst: GROUP }, octets(3)));
  expect(collect(socket)).toEqual([]);
  router.right.inject(udpFrame({ src: '10.0.1.1', dst: GROUP }, octets(3)));
  router.settle();
  expect(collect(socket)).toHaveLength(1);
});

test('a socket bound to a group hears that group alone; one bound to an address of ours hears none', () => {
  const bench = stackWith();
  const [group, host] = [bound(bench, GROUP), bound(bench, '10.0.0.2')];
  for (const address of [GROUP, OTHER]) host.addMembership(address);
  bench.exchange(udpFrame({ dst: GROUP }, octets(1)), udpFrame({ dst: OTHER }, octets(2)));
  expect([collect(group).length, collect(host).length]).toEqual([1, 0]);
  // Nobody is told: errors about what went to many are never sent (RFC 1122 3.2.2).
  expect(bench.stack.stats.drops()).toEqual({ UDP_NO_LISTENER: 1 });
  expect(bench.stack.stats.get('UdpIgnoredMulti')).toBe(1);
});

test.each([
  ['UDP without a socket', udpFrame({ dst: GROUP, dport: 99 }, octets(8))],
  ['another protocol', ip4Frame({ dst: GROUP, protocol: 99 }, octets(8))],
  ['TCP (RFC 9293 MUST-57)', ip4Frame({ dst: GROUP, protocol: 6 }, octets(40))],
  ['an echo request', icmpFrame({ dst: GROUP }, octets(8))],
  ['options that are malformed', udpFrame({ dst: GROUP, options: [7, 99, 0, 0] }, octets(8))],
  ['UDP to the broadcast of the network', udpFrame({ dst: '10.0.0.255', dport: 99 }, octets(8))],
  ['malformed options to the broadcast', udpFrame({ dst: '10.0.0.255', options: [7, 99, 0, 0] }, octets(8))],
])('%s to a group or to all is never answered by an ICMP error (RFC 1122 3.2.2)', (_what, frame) => {
  const bench = stackWith();
  bound(bench).addMembership(GROUP);
  bench.exchange();
  expect(bench.exchange(frame)).toEqual([]);
  expect(bench.stack.stats.get('IcmpOutMsgs')).toBe(0);
  expect(Object.values(bench.stack.stats.drops())).toEqual([1]);
});

test('fragments to a group are put together, and no time exceeded tells of what is missing', () => {
  const bench = stackWith();
  const socket = bound(bench);
  socket.addMembership(GROUP);
  bench.exchange();
  const whole = udpFrame({ dst: GROUP }, octets(24));
  const part = (flags: number, from: number, to: number): Uint8Array =>
    ip4Frame({ dst: GROUP, protocol: 17, id: 5, flags }, whole.slice(20 + from, 20 + to));
  bench.exchange(part(0x2000, 0, 16), part(0x0002, 16, 32));
  expect(collect(socket)).toEqual([{ from: '10.0.0.1:4000', data: [...octets(24)] }]);
  bench.exchange(ip4Frame({ dst: GROUP, protocol: 17, id: 6, flags: 0x2000 }, octets(16)));
  bench.clock.advanceMs(31_000);
  bench.exchange();
  expect(bench.stack.stats.get('IcmpOutMsgs')).toBe(0);
});

test.each(['255.255.255.255', '10.0.0.255', '10.0.0.0'])(
  'a bound socket hears what is broadcast to %s',
  (dst) => {
    const bench = stackWith();
    const socket = bound(bench);
    bench.exchange(udpFrame({ dst }, octets(3)));
    expect(collect(socket)).toHaveLength(1);
    expect(bench.stack.stats.get('IpExtInBcastPkts')).toBe(1);
  },
);

// R1122.6
test('a socket that is bound to a group answers in an address of ours', () => {
  const bench = stackWith();
  const socket = bound(bench, GROUP);
  socket.addMembership(GROUP);
  bench.exchange();
  socket.sendTo(octets(3), 0, 3, '10.0.0.1', 9);
  expect(bench.exchange().map(({ src, dst }) => [src, dst])).toEqual([['10.0.0.2', '10.0.0.1']]);
});

test('a group is spoken to with TTL 1, another one if set, by no gateway, and heard here by those who joined', () => {
  const bench = stackWith();
  const socket = bound(bench);
  socket.addMembership(GROUP);
  bench.exchange();
  const sent: ReturnType<typeof readFrame>[] = [];
  for (const ttl of [1, 5, 0]) {
    if (ttl !== 1) socket.setMulticastTTL(ttl);
    socket.sendTo(octets(3), 0, 3, GROUP, 7);
    sent.push(...bench.exchange());
  }
  expect(sent.map(({ src, dst, ttl }) => [src, dst, ttl])).toEqual([
    ['10.0.0.2', GROUP, 1],
    ['10.0.0.2', GROUP, 5],
  ]);
  expect(collect(socket).map(({ from }) => from)).toEqual(['10.0.0.2:7', '10.0.0.2:7', '10.0.0.2:7']);
  socket.setMulticastLoopback(false);
  socket.sendTo(octets(3), 0, 3, GROUP, 7);
  bench.exchange();
  expect(collect(socket)).toEqual([]);
  expect(bench.stack.stats.get('IpExtOutMcastPkts')).toBe(4);
  expect(bench.pool.inUse).toBe(0);
});

test('the interface is that which was chosen, or of the address a socket is bound to, or the one a route leads by', () => {
  const router = routerWith();
  router.stack.addRoute('0.0.0.0/0', router.leftFace, '10.0.0.1');
  const [any, right] = [bound(router), bound(router, '10.0.1.2', 8)];
  any.sendTo(octets(1), 0, 1, GROUP, 9);
  right.sendTo(octets(1), 0, 1, GROUP, 9);
  expect(sources(router.settle())).toEqual({ left: ['10.0.0.2'], right: ['10.0.1.2'] });
  any.setMulticastInterface('10.0.1.2');
  any.sendTo(octets(1), 0, 1, GROUP, 9);
  expect(sources(router.settle())).toEqual({ left: [], right: ['10.0.1.2'] });
  any.setMulticastInterface('0.0.0.0');
  any.sendTo(octets(1), 0, 1, GROUP, 9);
  expect(sources(router.settle())).toEqual({ left: ['10.0.0.2'], right: [] });
  expect(() => any.setMulticastInterface('10.0.9.9')).toThrow('EADDRNOTAVAIL');
});

function sources(sent: { left: Uint8Array[]; right: Uint8Array[] }): { left: string[]; right: string[] } {
  const of = (frames: Uint8Array[]): string[] => udp(frames).map(({ src }) => src);
  return { left: of(sent.left), right: of(sent.right) };
}

test.each(['255.255.255.255', '10.0.0.255'])(
  '%s takes a socket that may broadcast (RFC 1122 4.1.3.6)',
  (to) => {
    const bench = stackWith();
    const socket = bound(bench);
    expect(() => socket.sendTo(octets(1), 0, 1, to, 9)).toThrow('EACCES');
    expect(() => socket.connect(to, 9)).toThrow('EACCES');
    socket.setBroadcast(true);
    socket.sendTo(octets(1), 0, 1, to, 9);
    expect(bench.exchange().map(({ dst, ttl, flags }) => [dst, ttl, flags])).toEqual([[to, 64, 0x4000]]);
    socket.setBroadcast(false);
    expect(() => socket.sendTo(octets(1), 0, 1, to, 9)).toThrow('EACCES');
  },
);

test('what cannot be joined or left throws, with Linux’s codes', () => {
  const bench = stackWith({ options: { groupsPerSocketMax: 2 } });
  const socket = bound(bench);
  const codes = (...calls: (() => void)[]): unknown[] =>
    calls.map((call) => {
      try {
        call();
        return 'OK';
      } catch (error) {
        return (error as { code: string }).code;
      }
    });
  expect(
    codes(
      () => socket.addMembership('10.0.0.1'),
      () => socket.addMembership('group'),
      () => socket.addMembership(GROUP, '10.9.9.9'),
      () => socket.dropMembership(GROUP),
      () => socket.addMembership(GROUP),
      () => socket.addMembership(GROUP, '10.0.0.2'),
      () => socket.addMembership(OTHER),
      () => socket.addMembership('239.9.9.9'),
      () => socket.dropMembership(GROUP),
      () => socket.dropMembership(GROUP),
    ),
  ).toEqual([
    'EINVAL',
    'EINVAL',
    'ENODEV',
    'EADDRNOTAVAIL',
    'OK',
    'EADDRINUSE',
    'OK',
    'ENOBUFS',
    'OK',
    'EADDRNOTAVAIL',
  ]);
  expect(codes(() => socket.setMulticastTTL(256))).toEqual(['ERR_INVALID_ARG_VALUE']);
});

test('without a route, or an interface that is named, no group can be joined or spoken to', () => {
  const router = routerWith();
  const socket = bound(router);
  expect(() => socket.addMembership(GROUP)).toThrow('ENODEV');
  expect(() => socket.sendTo(octets(1), 0, 1, GROUP, 9)).toThrow('ENETUNREACH');
  socket.addMembership(GROUP, '10.0.1.2');
  socket.setMulticastInterface('10.0.1.2');
  socket.sendTo(octets(1), 0, 1, GROUP, 9);
  expect(udp(router.settle().right)).toHaveLength(1);
});

test('an interface that goes takes its memberships with it, and the sockets may still leave', () => {
  const router = routerWith();
  const socket = bound(router);
  socket.addMembership(GROUP, '10.0.1.2');
  router.stack.removeLink(router.rightFace);
  router.settle();
  socket.close();
  router.settle();
  expect(router.pool.inUse).toBe(0);
});
