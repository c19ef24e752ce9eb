// The neighbours of a stack: states and timers of RFC 4861 7.3, what waits for them (RFC 1122 2.3.2.2), limits.

import { expect, test } from 'vitest';
import { CHECKSUM_PARTIAL } from '../contract/packet.ts';
import {
  ALL_STATIONS,
  arpFrame,
  arpOf,
  datagramsOf,
  type EthernetBench,
  etherFrame,
  icmpFrame,
  NOBODY,
  OUR_STATION,
  octets,
  PEER_STATION,
  stackOnEthernet,
  stackWith,
  udpFrame,
} from '../testing/index.ts';

const OTHER = '02:00:00:00:00:66';

/** A UDP socket connected to a host on the link, and the errors it hears. */
function connected(bench: EthernetBench, address = '10.0.0.1') {
  const errors: string[] = [];
  const socket = bench.stack.udpSocket({ error: (_, { code }) => errors.push(code) });
  socket.connect(address, 7);
  return { socket, errors, send: (first: number) => socket.send(octets(4, first)) };
}

/** The first octet of each datagram's payload. */
const firsts = (frames: Parameters<typeof datagramsOf>[0]): number[] =>
  datagramsOf(frames).map(({ payload }) => payload[0]);

// R1122.38
test('a packet for an unknown neighbour asks all stations who it is, and leaves when he answers', () => {
  const bench = stackOnEthernet();
  connected(bench).send(1);
  const sent = bench.exchange();
  expect(sent.map(({ to, from }) => [to, from])).toEqual([[ALL_STATIONS, OUR_STATION]]);
  expect(arpOf(sent)).toEqual([
    { operation: 1, station: OUR_STATION, sender: '10.0.0.2', targetStation: NOBODY, target: '10.0.0.1' },
  ]);
  expect(bench.state()).toBe('INCOMPLETE');
  const released = bench.answer();
  expect(released.map(({ to }) => to)).toEqual([PEER_STATION]);
  expect(firsts(released)).toEqual([1]);
  expect(bench.state()).toBe('REACHABLE');
  expect(bench.pool.inUse).toBe(0);
});

test('what waited leaves in the pump in which the answer came', () => {
  const bench = stackOnEthernet();
  connected(bench).send(1);
  bench.exchange();
  bench.link.inject(arpFrame({ operation: 2 }));
  bench.stack.pump();
  expect(bench.link.sent.length).toBe(1);
});

test('a request that finds us asking is an answer too: both packets go in order, and he is asked later', () => {
  const bench = stackOnEthernet();
  const { send } = connected(bench);
  send(1);
  send(2);
  bench.exchange();
  const sent = bench.exchange(arpFrame());
  expect(firsts(sent)).toEqual([1, 2]);
  expect(arpOf(sent).map(({ operation }) => operation)).toEqual([2]);
  expect(bench.state()).toBe('DELAY');
});

test('three requests a second apart, then the neighbour is gone; to UDP that is a soft error, as in Linux', () => {
  const bench = stackOnEthernet();
  const { send, errors } = connected(bench);
  send(1);
  const times: number[] = [];
  const begin = bench.clock.ms;
  for (let ms = 0; ms < 4000; ms += 100) {
    for (const { target } of arpOf(bench.pass(ms === 0 ? 0 : 100))) {
      expect(target).toBe('10.0.0.1');
      times.push((bench.clock.ms - begin) | 0);
    }
  }
  expect(times).toEqual([0, 1000, 2000]);
  // An ICMP host unreachable came by loopback; a transient error is not a socket's business (RFC 1122 4.1.3.3, udp(7)).
  expect(bench.drops()).toEqual({ NEIGHBOR_FAILED: 1, ICMP_SOFT_ERROR: 1 });
  expect(errors).toEqual([]);
  expect(bench.stack.ethernet.list()).toEqual([]);
  expect(bench.pool.inUse).toBe(0);
});

// R1122.35
test('a packet that comes while we ask sends no request of its own (RFC 1122 2.3.2.1)', () => {
  const bench = stackOnEthernet();
  const { send } = connected(bench);
  let requests = 0;
  for (let i = 0; i < 100; i++) {
    send(i);
    requests += arpOf(bench.pass(9)).length;
  }
  expect(requests).toBe(1);
});

test('a SYN to nobody is only troubled: the connection goes on asking (RFC 9293 MUST-47 of soft errors)', () => {
  const bench = stackOnEthernet();
  const heard: string[] = [];
  const socket = bench.stack.tcpSocket({
    error: (_, { code }) => heard.push(`error ${code}`),
    trouble: (_, error) => heard.push(`trouble ${error?.code}`),
  });
  socket.connect('10.0.0.9', 80);
  bench.pass(5000);
  expect(heard.filter((line) => line.startsWith('error'))).toEqual([]);
  expect(bench.stack.tcpConnectionCount).toBe(1);
  const sent = bench.pass(20_000);
  expect(arpOf(sent).every(({ target }) => target === '10.0.0.9')).toBe(true);
  expect(arpOf(sent).length).toBeGreaterThan(0);
});

// R1122.36
test('the queue for a neighbour is bounded: the oldest goes, the latest stay, in order (RFC 1122 2.3.2.2)', () => {
  const bench = stackOnEthernet({ options: { neighborPendingMax: 5 } });
  const { send } = connected(bench);
  for (let i = 0; i < 12; i++) {
    send(i);
    bench.exchange();
  }
  expect(bench.drops()).toEqual({ NEIGHBOR_PENDING_FULL: 7 });
  expect(firsts(bench.answer())).toEqual([7, 8, 9, 10, 11]);
});

test('what waits keeps what it was lent from the slab: an answer turned round is its own', () => {
  const bench = stackOnEthernet();
  // 10.0.0.7 pings us, but nobody knows where he is: his frame came by a router that answers for nobody.
  const asked = bench.exchange(etherFrame({}, icmpFrame({ src: '10.0.0.7' }, octets(32))));
  expect(arpOf(asked).map(({ target }) => target)).toEqual(['10.0.0.7']);
  expect(bench.pool.lent).toBe(0);
  expect(bench.pool.inUse).toBe(1);
  const [reply] = datagramsOf(bench.answer('10.0.0.7', OTHER));
  expect(reply).toMatchObject({ dst: '10.0.0.7', type: 0 });
  expect(reply.payload).toEqual(octets(32));
});

// R1122.35
test('REACHABLE lasts 15 to 45 s, then STALE; a packet makes it DELAY for 5 s, then PROBE asks that station alone', () => {
  for (let seed = 1; seed <= 20; seed++) {
    const bench = stackOnEthernet({ seed });
    const { send } = connected(bench);
    send(1);
    bench.exchange();
    bench.answer();
    bench.pass(14_999);
    expect(bench.state()).toBe('REACHABLE');
    expect(bench.pass(30_001)).toEqual([]);
    expect(bench.state()).toBe('STALE');
    bench.pass(3_600_000);
    expect(bench.state()).toBe('STALE');
    send(2);
    expect(bench.exchange().map(({ to }) => to)).toEqual([PEER_STATION]);
    expect(bench.state()).toBe('DELAY');
    expect(bench.pass(4999)).toEqual([]);
    const probe = bench.pass(1);
    expect(bench.state()).toBe('PROBE');
    expect(probe.map(({ to }) => to)).toEqual([PEER_STATION]);
    expect(arpOf(probe)).toMatchObject([{ operation: 1, target: '10.0.0.1' }]);
    expect(bench.answer()).toEqual([]);
    expect(bench.state()).toBe('REACHABLE');
  }
});

test('a neighbour that answers no probe is gone after three, and asked for anew by the next packet', () => {
  const bench = stackOnEthernet();
  const { send, errors } = connected(bench);
  bench.exchange(arpFrame());
  send(1);
  bench.exchange();
  const sent = bench.pass(8000);
  expect(sent.map(({ to }) => to)).toEqual([PEER_STATION, PEER_STATION, PEER_STATION]);
  expect(bench.state()).toBeUndefined();
  expect(errors).toEqual([]);
  send(2);
  expect(bench.exchange().map(({ to }) => to)).toEqual([ALL_STATIONS]);
});

test('packets go on to a neighbour that is being probed, and to where he says he is now', () => {
  const bench = stackOnEthernet();
  const { send } = connected(bench);
  bench.exchange(arpFrame());
  send(1);
  bench.pass(5000);
  expect(bench.state()).toBe('PROBE');
  send(2);
  expect(bench.exchange().map(({ to }) => to)).toEqual([PEER_STATION]);
  bench.answer('10.0.0.1', OTHER);
  send(3);
  expect(bench.exchange().map(({ to }) => to)).toEqual([OTHER]);
  expect(bench.state()).toBe('REACHABLE');
});

test('chatter of a neighbour keeps no probe from ending', () => {
  const bench = stackOnEthernet();
  const { send } = connected(bench);
  bench.exchange(arpFrame());
  send(1);
  bench.pass(5000);
  for (let i = 0; i < 8; i++) {
    bench.exchange(arpFrame({ target: '10.0.0.77' }));
    bench.pass(500);
  }
  expect(bench.state()).toBeUndefined();
});

test('a full link keeps what waits, in order and before what is new, until it has room', () => {
  const bench = stackOnEthernet();
  const { send } = connected(bench);
  for (const first of [1, 2, 3]) send(first);
  bench.exchange();
  bench.link.room = 1;
  expect(firsts(bench.answer())).toEqual([1]);
  send(4);
  expect(bench.exchange()).toEqual([]);
  bench.link.makeRoom(2);
  expect(firsts(bench.exchange())).toEqual([2, 3]);
  bench.link.makeRoom(100);
  expect(firsts(bench.exchange())).toEqual([4]);
  expect(bench.drops()).toEqual({});
  expect(bench.pool.inUse).toBe(0);
});

test('what met a full link goes in the drain, when there is room', () => {
  const bench = stackOnEthernet();
  const { send } = connected(bench);
  for (const first of [1, 2]) send(first);
  bench.exchange();
  bench.link.room = 1;
  expect(firsts(bench.answer())).toEqual([1]);
  bench.link.room = 100;
  expect(firsts(bench.exchange())).toEqual([2]);
});

test('a link that goes down drops what waits, counted', () => {
  const bench = stackOnEthernet();
  const { send } = connected(bench);
  send(1);
  bench.exchange();
  bench.link.setUp(false);
  bench.exchange();
  bench.pass(5000);
  expect(bench.pool.inUse).toBe(0);
});

test('closing the stack, or removing the link, gives back all that waits', () => {
  for (const close of [true, false]) {
    const bench = stackOnEthernet();
    const { send } = connected(bench);
    for (let i = 0; i < 20; i++) send(i);
    bench.exchange();
    expect(bench.pool.inUse).toBe(20);
    if (close) bench.stack.close();
    else {
      bench.stack.removeLink(bench.face);
      bench.exchange();
    }
    expect(bench.pool.inUse).toBe(0);
  }
});

test('removing a neighbour tells whose packets waited, by ICMP host unreachable', () => {
  const bench = stackOnEthernet();
  connected(bench).send(1);
  bench.exchange();
  expect(bench.stack.ethernet.removeNeighbor(bench.face, '10.0.0.1')).toBe(true);
  expect(bench.stack.ethernet.removeNeighbor(bench.face, '10.0.0.1')).toBe(false);
  bench.exchange();
  expect(bench.drops()).toEqual({ NEIGHBOR_FAILED: 1, ICMP_SOFT_ERROR: 1 });
});

test('a permanent neighbour is never asked for, never corrected, and lets go what waits', () => {
  const bench = stackOnEthernet();
  const { send } = connected(bench);
  send(1);
  bench.exchange();
  bench.stack.ethernet.addNeighbor(bench.face, '10.0.0.1', OTHER);
  expect(bench.exchange().map(({ to }) => to)).toEqual([OTHER]);
  bench.exchange(arpFrame());
  bench.answer();
  send(2);
  expect(bench.exchange().map(({ to }) => to)).toEqual([OTHER]);
  expect(bench.pass(3_600_000)).toEqual([]);
  expect(bench.stack.ethernet.list()).toEqual([
    { address: '10.0.0.1', etherAddress: OTHER, state: 'PERMANENT', face: 'test0' },
  ]);
});

/** Another address for each number. */
const numbered = (i: number): string => `11.${i >> 16}.${(i >> 8) & 255}.${i & 255}`;

// [hostile 42]
test('100,000 senders that ask us fill the table and no more; whom we talk to and who is PERMANENT stay', () => {
  const bench = stackOnEthernet({ options: { neighborsMax: 64 } });
  bench.stack.ethernet.addNeighbor(bench.face, '10.0.0.200', OTHER);
  const { send } = connected(bench);
  send(1);
  bench.exchange();
  bench.answer();
  let answered = 0;
  for (let i = 0; i < 100_000; i++) {
    bench.link.inject(arpFrame({ sender: numbered(i), padding: 0 }));
    if (i % 1000 === 999) answered += bench.exchange().length;
  }
  expect(answered).toBe(100_000);
  const list = bench.stack.ethernet.list();
  expect(list.length).toBe(64);
  expect(bench.state('10.0.0.200')).toBe('PERMANENT');
  expect(bench.state()).toBe('REACHABLE');
  expect(bench.pool.inUse).toBe(0);
  send(2);
  expect(firsts(bench.exchange())).toEqual([2]);
});

// [hostile 42]
test('100,000 gratuitous announcements of strangers make no neighbour', () => {
  const bench = stackOnEthernet();
  for (let i = 0; i < 100_000; i++) {
    const sender = numbered(i);
    bench.link.inject(arpFrame({ sender, target: sender, padding: 0 }));
    if (i % 1000 === 999) bench.exchange();
  }
  expect(bench.stack.ethernet.list()).toEqual([]);
  expect(bench.pool.inUse).toBe(0);
});

test('asking for more neighbours than the table holds drops what waited longest, counted, within one drain', () => {
  const bench = stackOnEthernet({ options: { neighborsMax: 32, udpSocketsMax: 200 } });
  for (let i = 0; i < 100; i++) connected(bench, `10.0.0.${100 + i}`).send(i);
  const asked = arpOf(bench.exchange());
  expect(asked.length).toBe(32);
  expect(bench.drops()).toEqual({ NEIGHBOR_TABLE_FULL: 68 });
  expect(bench.pool.inUse).toBe(32);
  expect(firsts(bench.answer('10.0.0.199'))).toEqual([99]);
  bench.stack.close();
  expect(bench.pool.inUse).toBe(0);
});

test('a table full of PERMANENT neighbours has no room: the packet is dropped and counted', () => {
  const bench = stackOnEthernet({ options: { neighborsMax: 2 } });
  for (const address of ['10.0.0.8', '10.0.0.9'])
    bench.stack.ethernet.addNeighbor(bench.face, address, OTHER);
  expect(() => bench.stack.ethernet.addNeighbor(bench.face, '10.0.0.10', OTHER)).toThrow(/room/);
  connected(bench).send(1);
  expect(bench.exchange()).toEqual([]);
  expect(bench.drops()).toEqual({ NEIGHBOR_TABLE_FULL: 1 });
});

test('what cannot be owned cannot wait: a pool without a slot drops it, and asks all the same', () => {
  const bench = stackOnEthernet({ pool: { smallBytes: 4096, mediumBytes: 2048, largeBytes: 0 } });
  const held = [];
  for (let p = bench.pool.allocate(100); p !== undefined; p = bench.pool.allocate(100)) held.push(p);
  bench.exchange(etherFrame({}, icmpFrame({ src: '10.0.0.7' }, octets(32))));
  expect(bench.drops()).toEqual({ NO_BUFFER: 1 });
  for (const packet of held) packet.release();
  expect(bench.pool.inUse).toBe(0);
  // The request found no slot, either; the next one does.
  expect(arpOf(bench.pass(1000)).map(({ target }) => target)).toEqual(['10.0.0.7']);
});

test('a partial checksum in front of an Ethernet header is trusted as on a TUN', () => {
  const bench = stackOnEthernet();
  bench.exchange(arpFrame());
  const socket = bench.stack.udpSocket({});
  socket.bind('0.0.0.0', 7);
  const frame = etherFrame({}, udpFrame({ checksum: 0x1234 }, octets(8)));
  bench.link.inject(frame, { checksum: CHECKSUM_PARTIAL, checksumStart: 34, checksumAt: 40 });
  bench.exchange();
  expect(socket.receive()?.length).toBe(8);
  expect(bench.drops()).toEqual({});
});

// R1122.28
test('off the link the gateway is asked for, on the link the host itself', () => {
  const bench = stackOnEthernet();
  connected(bench, '192.0.2.1').send(1);
  expect(arpOf(bench.exchange()).map(({ target }) => target)).toEqual(['10.0.0.1']);
  connected(bench, '10.0.0.9').send(2);
  expect(arpOf(bench.exchange()).map(({ target }) => target)).toEqual(['10.0.0.9']);
});

test('we ask by the address that is in the network of whom we ask', () => {
  const bench = stackOnEthernet();
  bench.stack.addAddress(bench.face, '172.16.0.2/16');
  bench.pass(3000);
  connected(bench, '172.16.9.9').send(1);
  expect(arpOf(bench.exchange())).toMatchObject([{ sender: '172.16.0.2', target: '172.16.9.9' }]);
});

test('a link without stations has no neighbours', () => {
  const bench = stackWith();
  const socket = bench.stack.udpSocket({});
  socket.connect('10.0.0.1', 7);
  socket.send(octets(4));
  expect(bench.exchange().length).toBe(1);
  expect(bench.stack.ethernet.list()).toEqual([]);
});
