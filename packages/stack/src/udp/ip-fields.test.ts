// What a UDP application says and sees of the header below its own: RFC 1122 3.2.1.6, 3.2.1.7, 4.1.3.2, 4.1.3.5, 4.1.4.

import { fc, test as property } from '@fast-check/vitest';
import { expect, test } from 'vitest';
import type { Datagram } from '../socket/datagram.ts';
import type { UdpSocket } from '../socket/udp-socket.ts';
import { ip, octets, stackWith, udpFrame } from '../testing/index.ts';

const RECORD_ROUTE = [7, 7, 4, 0, 0, 0, 0, 0];

function first(socket: UdpSocket): Datagram {
  const datagram = socket.receive();
  expect(datagram).toBeDefined();
  return datagram as Datagram;
}

// R1122.9
test('the TOS of each datagram is what the socket says when it is sent', () => {
  const bench = stackWith();
  const socket = bench.stack.udpSocket({});
  socket.bind('0.0.0.0', 7);
  const tos = [0, 0xb8, 255].map((value) => {
    socket.tos = value;
    socket.sendTo(octets(4), 0, 4, '10.0.0.1', 9);
    bench.stack.pump();
    return bench.link.take()[0][1];
  });
  expect(tos).toEqual([0, 0xb8, 255]);
  for (const value of [-1, 256, 1.5]) expect(() => Object.assign(socket, { tos: value })).toThrow();
  expect(socket.tos).toBe(255);
});

// R1122.11
test('the TTL of each datagram is what the socket says, and never 0', () => {
  const bench = stackWith();
  const socket = bench.stack.udpSocket({});
  const ttls = [1, 64, 255].map((value) => {
    socket.ttl = value;
    socket.sendTo(octets(4), 0, 4, '10.0.0.1', 9);
    bench.stack.pump();
    return bench.link.take()[0][8];
  });
  expect(ttls).toEqual([1, 64, 255]);
  for (const value of [0, 256]) expect(() => Object.assign(socket, { ttl: value })).toThrow();
});

// R1122.40, R1122.12
property.prop([
  fc.array(fc.constantFrom([1], [0x88, 4, 1, 2], [0x94, 4, 0, 0], RECORD_ROUTE), { maxLength: 4 }),
])('the options of a datagram reach the application as they came, at once and from the queue', (list) => {
  const bench = stackWith();
  const options = list.flat();
  const padded = [...options, ...new Array<number>((4 - (options.length & 3)) & 3).fill(0)];
  const seen: number[][] = [];
  let reads = true;
  const socket = bench.stack.udpSocket({
    readable: (s) => {
      if (reads) seen.push([...first(s).ipOptions]);
    },
  });
  socket.bind('0.0.0.0', 7);
  bench.exchange(udpFrame({ options }, octets(4)));
  reads = false;
  bench.exchange(udpFrame({ options }, octets(4)));
  seen.push([...first(socket).ipOptions]);
  expect(seen).toEqual([padded, padded]);
});

// R1122.33, R1122.44
test('a reply comes from the address that was asked, whichever of ours a route would choose', () => {
  const bench = stackWith();
  bench.stack.addAddress(bench.face, '10.0.0.7/24');
  bench.stack.addAddress(bench.face, '192.0.2.2/24');
  const asked: number[] = [];
  const socket = bench.stack.udpSocket({
    readable(s) {
      for (let d = s.receive(); d !== undefined; d = s.receive()) {
        asked.push(d.localAddress);
        s.reply(d, d.bytes, d.offset, d.length);
      }
    },
  });
  socket.bind('0.0.0.0', 7);
  const order = ['10.0.0.7', '10.0.0.2', '192.0.2.2', '10.0.0.7'];
  const replies = order.flatMap((dst) => bench.exchange(udpFrame({ dst }, octets(4))));
  expect(replies.map(({ src }) => src)).toEqual(order);
  expect(asked).toEqual(order.map(ip));
});

// R1122.44
test('what was sent to all is answered from the address that a route chooses, and a bound socket speaks as it is bound', () => {
  const bench = stackWith();
  bench.stack.addAddress(bench.face, '10.0.0.7/24');
  const answer = (s: UdpSocket): void => {
    for (let d = s.receive(); d !== undefined; d = s.receive()) s.reply(d, d.bytes, d.offset, d.length);
  };
  bench.stack.udpSocket({ readable: answer }).bind('0.0.0.0', 7);
  bench.stack.udpSocket({ readable: answer }).bind('10.0.0.7', 8);
  expect(bench.exchange(udpFrame({ dst: '10.0.0.255' }, octets(4))).map(({ src }) => src)).toEqual([
    '10.0.0.2',
  ]);
  const frame = udpFrame({ dst: '10.0.0.7', dport: 8 }, octets(4));
  expect(bench.exchange(frame).map(({ src }) => src)).toEqual(['10.0.0.7']);
});
