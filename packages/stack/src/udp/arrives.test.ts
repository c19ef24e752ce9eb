// Datagrams that arrive: RFC 768, RFC 1122 4.1.3.

import { fc, test as prop } from '@fast-check/vitest';
import { expect, test } from 'vitest';
import { CHECKSUM_PARTIAL, CHECKSUM_VALID, GSO_UDP_L4 } from '../contract/packet.ts';
import type { ReasonName } from '../contract/reasons.ts';
import type { BenchOptions } from '../testing/index.ts';
import {
  type Bench,
  type Collected,
  collect,
  ip4Frame,
  octets,
  stackWith,
  udpFrame,
} from '../testing/index.ts';

interface Listening extends Bench {
  readonly heard: Collected[];
}

function listening(config: BenchOptions = {}): Listening {
  const bench = stackWith(config);
  const heard: Collected[] = [];
  bench.stack.udpSocket({ readable: (s) => heard.push(...collect(s)) }).bind('0.0.0.0', 7);
  return { ...bench, heard };
}

const cutTo = (length: number): Uint8Array => ip4Frame({}, udpFrame({}, octets(8)).slice(20, 20 + length));

const bad: readonly (readonly [string, ReasonName, Uint8Array])[] = [
  ['no octets', 'UDP_TRUNCATED', cutTo(0)],
  ['seven octets', 'UDP_TRUNCATED', cutTo(7)],
  ['a length beyond the datagram', 'UDP_TRUNCATED', udpFrame({ length: 17 }, octets(8))],
  ['length 65,535', 'UDP_TRUNCATED', udpFrame({ length: 65_535 }, octets(8))],
  ['length 0', 'UDP_BAD_LENGTH', udpFrame({ length: 0 }, octets(8))],
  ['length 7', 'UDP_BAD_LENGTH', udpFrame({ length: 7 }, octets(8))],
  ['a wrong checksum', 'UDP_BAD_CHECKSUM', udpFrame({ checksum: 1 }, octets(8))],
  ['destination port 0', 'UDP_PORT_ZERO', udpFrame({ dport: 0 }, octets(8))],
];

// R768.1, R1122.42
test.each(bad)('%s is dropped in silence: %s', (_what, reason, frame) => {
  const bench = listening();
  expect(bench.exchange(frame)).toEqual([]);
  expect(bench.heard).toEqual([]);
  expect(bench.stack.stats.drops()).toEqual({ [reason]: 1 });
  expect(bench.stack.stats.get('UdpInErrors')).toBe(1);
  expect(bench.pool.inUse).toBe(0);
});

const partial = { checksum: CHECKSUM_PARTIAL, checksumStart: 20, checksumAt: 26 };

test('a super-datagram is the datagrams that it stands for, the last shorter', () => {
  const bench = listening();
  const text = octets(1000);
  bench.exchangeMarked(udpFrame({}, text), { ...partial, gsoType: GSO_UDP_L4, gsoSize: 300 });
  const parts = [0, 300, 600, 900].map((at) => [...text.subarray(at, at + 300)]);
  expect(bench.heard).toEqual(parts.map((data) => ({ from: '10.0.0.1:4000', data })));
  expect([bench.stack.stats.get('UdpInDatagrams'), bench.pool.inUse]).toEqual([4, 0]);
});

test('each of its datagrams is told about when nobody has the port', () => {
  const bench = listening();
  const marks = { ...partial, gsoType: GSO_UDP_L4, gsoSize: 300 };
  const sent = bench.exchangeMarked(udpFrame({ dport: 9 }, octets(700)), marks);
  expect(sent).toHaveLength(3);
  expect(bench.stack.stats.drops()).toEqual({ UDP_NO_PORT: 3 });
});

test.each([
  ['nobody vouches for its checksum', octets(8), { gsoSize: 4 }],
  ['it says no size', octets(8), { ...partial, gsoSize: 0 }],
  ['it has more than 128 datagrams', octets(129), { ...partial, gsoSize: 1 }],
])('a super-datagram is dropped when %s: UDP_GSO', (_, text, marks) => {
  const bench = listening();
  bench.exchangeMarked(udpFrame({}, text), { ...marks, gsoType: GSO_UDP_L4 });
  expect(bench.stack.stats.drops()).toEqual({ UDP_GSO: 1 });
  expect([bench.heard, bench.pool.inUse]).toEqual([[], 0]);
});

// R1122.43
test('a datagram without a checksum is taken', () => {
  const bench = listening();
  bench.exchange(udpFrame({ checksum: 0 }, octets(3)));
  expect(bench.heard).toEqual([{ from: '10.0.0.1:4000', data: [0, 1, 2] }]);
});

test('a datagram that the device vouches for, or whose checksum is partial, is taken unread', () => {
  const bench = listening();
  const frame = udpFrame({ checksum: 77 }, octets(3));
  bench.exchangeMarked(frame, { checksum: CHECKSUM_VALID });
  bench.exchangeMarked(frame, { checksum: CHECKSUM_PARTIAL, checksumStart: 20, checksumAt: 26 });
  expect(bench.heard).toHaveLength(2);
});

test('an empty datagram is a datagram', () => {
  const bench = listening();
  bench.exchange(udpFrame({}, new Uint8Array(0)));
  expect(bench.heard).toEqual([{ from: '10.0.0.1:4000', data: [] }]);
});

// R768.1
prop.prop([
  fc.uint8Array({ maxLength: 200, size: 'max' }),
  fc.uint8Array({ minLength: 1, maxLength: 20, size: 'max' }),
])('what lies behind the UDP length is trimmed, and is not summed', (payload, surplus) => {
  const bench = listening();
  const inner = udpFrame({}, payload).slice(20);
  bench.exchange(ip4Frame({}, Uint8Array.from([...inner, ...surplus])));
  expect(bench.heard.map(({ data }) => data)).toEqual([[...payload]]);
});

// R1122.42
prop.prop([
  fc.uint8Array({ minLength: 1, maxLength: 200, size: 'max' }),
  fc.nat(),
  fc.integer({ min: 1, max: 255 }),
])('any octet that changed under way is found out by the checksum', (payload, place, flip) => {
  const bench = listening();
  const frame = udpFrame({}, payload);
  // Behind the length field: that has reasons of its own.
  const at = 28 + (place % payload.length);
  frame[at] ^= flip;
  bench.exchange(frame);
  expect(bench.stack.stats.drops()).toEqual({ UDP_BAD_CHECKSUM: 1 });
  expect(bench.heard).toEqual([]);
});

test('what a socket reads in its own turn is not limited: it never leaves the slab', () => {
  const bench = stackWith();
  let read = 0;
  const socket = bench.stack.udpSocket({
    readable(s) {
      while (s.receive() !== undefined) read++;
    },
  });
  socket.bind('0.0.0.0', 7);
  socket.receiveBuffer = 1;
  bench.exchange(...Array.from({ length: 200 }, () => udpFrame({}, octets(1400))));
  expect([read, bench.stack.stats.drops()]).toEqual([200, {}]);
});

test('a reply to port 0, or to nowhere, answers false and throws nothing', () => {
  const bench = stackWith();
  const answers: boolean[] = [];
  const socket = bench.stack.udpSocket({
    readable(s) {
      for (let d = s.receive(); d !== undefined; d = s.receive()) {
        answers.push(s.reply(d, d.bytes, d.offset, d.length));
      }
    },
  });
  socket.bind('0.0.0.0', 7);
  bench.stack.removeRoute('0.0.0.0/0');
  bench.exchange(
    udpFrame({ sport: 0 }, octets(1)),
    udpFrame({ src: '198.51.100.1' }, octets(1)),
    udpFrame({}, octets(1)),
  );
  expect(answers).toEqual([false, false, true]);
});

test('the receive queue is counted in octets and overhead, and what does not fit is counted', () => {
  const bench = stackWith();
  const socket = bench.stack.udpSocket({});
  socket.bind('0.0.0.0', 7);
  socket.receiveBuffer = 4 * (100 + 256);
  bench.exchange(...Array.from({ length: 10 }, () => udpFrame({}, octets(100))));
  expect(bench.stack.stats.drops()).toEqual({ UDP_RECEIVE_FULL: 6 });
  expect(collect(socket)).toHaveLength(4);
  expect([bench.stack.stats.get('UdpRcvbufErrors'), bench.stack.stats.get('UdpInDatagrams')]).toEqual([6, 4]);
  bench.exchange(udpFrame({}, octets(100)));
  expect(collect(socket)).toHaveLength(1);
  expect(bench.pool.inUse).toBe(0);
});

test('an empty queue takes one datagram of any size', () => {
  const bench = stackWith();
  const socket = bench.stack.udpSocket({});
  socket.bind('0.0.0.0', 7);
  socket.receiveBuffer = 1;
  bench.exchange(udpFrame({}, octets(1000)), udpFrame({}, octets(1)));
  expect(collect(socket)).toHaveLength(1);
});

test('datagrams that are left in the queue keep their octets when the slab is used again', () => {
  const bench = stackWith();
  const socket = bench.stack.udpSocket({});
  socket.bind('0.0.0.0', 7);
  bench.exchange(udpFrame({}, octets(50)));
  bench.exchange(udpFrame({}, octets(50, 100)));
  expect(bench.pool.lent).toBe(0);
  expect(collect(socket).map(({ data }) => data[0])).toEqual([0, 100]);
});

test('what is left in the slab and finds no slot is dropped: NO_BUFFER', () => {
  const bench = stackWith({ pool: { smallBytes: 256, mediumBytes: 0, largeBytes: 0 } });
  const socket = bench.stack.udpSocket({});
  socket.bind('0.0.0.0', 7);
  bench.exchange(udpFrame({}, octets(50)), udpFrame({}, octets(51)));
  expect(bench.stack.stats.drops()).toEqual({ NO_BUFFER: 1 });
  expect(collect(socket)).toHaveLength(1);
  bench.exchange(udpFrame({}, octets(52)));
  expect(collect(socket)).toHaveLength(1);
  expect(bench.pool.inUse).toBe(0);
});

test('a socket bound to one address hears only what comes to it', () => {
  const bench = stackWith();
  bench.stack.addAddress(bench.face, '10.0.0.9/24');
  const heard: string[] = [];
  for (const address of ['10.0.0.2', '10.0.0.9']) {
    bench.stack.udpSocket({ readable: (s) => heard.push(...collect(s).map(() => address)) }).bind(address, 7);
  }
  bench.exchange(udpFrame({ dst: '10.0.0.9' }, octets(1)), udpFrame({}, octets(1)));
  expect(heard.sort()).toEqual(['10.0.0.2', '10.0.0.9']);
});

test('a connected socket hears only its peer: others find the port closed', () => {
  const bench = stackWith();
  const socket = bench.stack.udpSocket({});
  socket.bind('0.0.0.0', 7);
  socket.connect('10.0.0.1', 4000);
  const others = [{ sport: 4001 }, { src: '10.0.0.9' }].map((fields) => udpFrame(fields, octets(1)));
  expect(bench.exchange(udpFrame({}, octets(2)), ...others).map(({ code }) => code)).toEqual([3, 3]);
  expect(collect(socket).map(({ data }) => data.length)).toEqual([2]);
  socket.disconnect();
  expect(bench.exchange(...others)).toEqual([]);
  expect(collect(socket)).toHaveLength(2);
});

test('a datagram from port 0 has a sender that cannot be answered', () => {
  const bench = listening();
  bench.exchange(udpFrame({ sport: 0 }, octets(1)));
  expect(bench.heard).toEqual([{ from: '10.0.0.1:0', data: [0] }]);
});

test('strangers leave no path behind', () => {
  const bench = listening();
  const paths = bench.stack.pathCount;
  for (let i = 1; i < 200; i++) bench.exchange(udpFrame({ src: `11.0.0.${i}` }, octets(1)));
  expect(bench.stack.pathCount).toBe(paths);
});
