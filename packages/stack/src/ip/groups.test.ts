// Groups on Ethernet: which frames are taken, and where ours go (RFC 1112 6.4, 7.3); frames to many do not go on.

import { expect, test } from 'vitest';
import {
  ALL_STATIONS,
  collect,
  etherFrame,
  ip,
  octets,
  stackOnEthernet,
  udpFrame,
} from '../testing/index.ts';
import { Groups } from './groups.ts';
import type { Interface } from './interface.ts';

const face = (id: number, loopback = false): Interface => ({ id, loopback }) as unknown as Interface;
const [A, B] = [ip('239.1.2.3'), ip('225.129.2.3')];

test('a group is heard where it was joined, as long as one holder is left; by loopback, wherever it was joined', () => {
  const groups = new Groups(10);
  const [left, right, lo] = [face(1), face(2), face(0, true)];
  groups.join(left, A);
  groups.join(left, A);
  const heard = (): boolean[] => [left, right, lo].map((one) => groups.hears(one, A));
  expect(heard()).toEqual([true, false, true]);
  groups.leave(left, A);
  expect(heard()).toEqual([true, false, true]);
  groups.leave(left, A);
  groups.leave(left, A);
  expect(heard()).toEqual([false, false, false]);
});

test('memberships have a limit, and a place that is left is free again', () => {
  const groups = new Groups(1);
  expect([groups.join(face(1), A), groups.join(face(1), B), groups.join(face(1), A)]).toEqual([
    true,
    false,
    true,
  ]);
  groups.forget(face(1));
  expect([groups.join(face(2), B), groups.on(face(1))]).toEqual([true, []]);
});

test('224.0.0.1 is every interface’s', () => {
  expect(new Groups(0).hears(face(1), ip('224.0.0.1'))).toBe(true);
});

test('a frame to a group that nobody joined is dropped before IP; 32 groups share one address, and IP tells them apart', () => {
  const bench = stackOnEthernet();
  const socket = bench.stack.udpSocket({});
  socket.bind('0.0.0.0', 7);
  socket.addMembership('239.1.2.3', '10.0.0.2');
  bench.exchange();
  bench.drops();
  const to = '01:00:5e:01:02:03';
  bench.exchange(etherFrame({ to }, udpFrame({ dst: '239.1.2.3' }, octets(3))));
  expect(collect(socket)).toHaveLength(1);
  bench.exchange(etherFrame({ to: '01:00:5e:01:02:04' }, udpFrame({ dst: '239.1.2.4' }, octets(3))));
  bench.exchange(etherFrame({ to: '33:33:00:00:00:01' }, udpFrame({ dst: '239.1.2.3' }, octets(3))));
  expect(bench.drops()).toEqual({ ETHER_OTHER_GROUP: 2 });
  bench.exchange(etherFrame({ to }, udpFrame({ dst: '225.129.2.3' }, octets(3))));
  expect(bench.drops()).toMatchObject({ IP_MULTICAST: 1 });
  expect(collect(socket)).toEqual([]);
});

test('what goes to a group goes to its Ethernet address, and what goes to all to all stations, unasked', () => {
  const bench = stackOnEthernet();
  const socket = bench.stack.udpSocket({});
  socket.bind('10.0.0.2', 7);
  socket.setBroadcast(true);
  const to = (): string[] =>
    bench
      .exchange()
      .filter(({ type }) => type === 0x0800)
      .map(({ to }) => to);
  to();
  socket.sendTo(octets(1), 0, 1, '239.129.2.3', 9);
  socket.sendTo(octets(1), 0, 1, '255.255.255.255', 9);
  socket.sendTo(octets(1), 0, 1, '10.0.0.255', 9);
  expect(to()).toEqual(['01:00:5e:01:02:03', ALL_STATIONS, ALL_STATIONS]);
});

test('a frame to all stations, or to a group, goes no further, whatever its datagram says (RFC 1812 5.3.4)', () => {
  const bench = stackOnEthernet({ options: { forwarding: true } });
  bench.stack.addRoute('192.0.2.0/24', bench.face, '10.0.0.1');
  bench.exchange();
  bench.drops();
  for (const to of [ALL_STATIONS, '01:00:5e:00:00:01']) {
    expect(bench.exchange(etherFrame({ to }, udpFrame({ dst: '192.0.2.1' }, octets(3))))).toEqual([]);
    expect(bench.exchange(etherFrame({ to }, udpFrame({ dst: '192.0.2.1', ttl: 1 }, octets(3))))).toEqual([]);
  }
  expect(bench.stack.stats.reason('IP_LINK_BROADCAST')).toBe(4);
});
