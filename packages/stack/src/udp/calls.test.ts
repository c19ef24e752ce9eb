// The verbs of a UDP socket: bind, connect, send, close, and what each refuses.

import { fc, test as prop } from '@fast-check/vitest';
import { expect, test } from 'vitest';
import type { UdpSocket } from '../socket/udp-socket.ts';
import { type Bench, collect, icmpFrame, octets, stackWith, udpFrame } from '../testing/index.ts';

const one = octets(1);

function codeOf(act: () => unknown): string {
  try {
    act();
  } catch (error) {
    return (error as { code: string }).code;
  }
  return 'OK';
}

function bound(bench: Bench, address = '0.0.0.0', port = 7): UdpSocket {
  const socket = bench.stack.udpSocket({});
  socket.bind(address, port);
  return socket;
}

// bind

test.each([
  ['0.0.0.0', '0.0.0.0', 'EADDRINUSE'],
  ['0.0.0.0', '10.0.0.2', 'EADDRINUSE'],
  ['10.0.0.2', '0.0.0.0', 'EADDRINUSE'],
  ['10.0.0.2', '10.0.0.2', 'EADDRINUSE'],
  ['10.0.0.2', '10.0.0.9', 'OK'],
  ['10.0.0.2', '127.0.0.1', 'OK'],
])('with a socket on %s:7, binding to %s:7 is %s', (first, second, expected) => {
  const bench = stackWith();
  bench.stack.addAddress(bench.face, '10.0.0.9/24');
  const holder = bound(bench, first);
  expect(codeOf(() => bound(bench, second))).toBe(expected);
  holder.close();
  if (expected !== 'OK') expect(codeOf(() => bound(bench, second))).toBe('OK');
});

// R1122.6
test('binding twice, to a foreign address, to no address and to no port are refused', () => {
  const bench = stackWith();
  const socket = bound(bench);
  expect(codeOf(() => socket.bind('0.0.0.0', 8))).toBe('EINVAL');
  expect(codeOf(() => bound(bench, '10.0.0.3'))).toBe('EADDRNOTAVAIL');
  expect(codeOf(() => bound(bench, '10.0.0'))).toBe('EINVAL');
  for (const port of [-1, 65_536, 1.5, Number.NaN]) {
    expect(codeOf(() => bound(bench, '0.0.0.0', port))).toBe('ERR_SOCKET_BAD_PORT');
  }
});

test('a refused bind holds no path and no port', () => {
  const bench = stackWith();
  bound(bench);
  const paths = bench.stack.pathCount;
  for (let i = 0; i < 10; i++) codeOf(() => bound(bench));
  expect(bench.stack.pathCount).toBe(paths);
});

test('ports that nobody chose come from the ephemeral range, each once, until all are taken', () => {
  const options = { ephemeralPortFirst: 40_000, ephemeralPortLast: 40_099, udpSocketsMax: 200 };
  const bench = stackWith({ options });
  const ports = Array.from({ length: 100 }, () => bound(bench, '0.0.0.0', 0).address().port);
  expect(new Set(ports).size).toBe(100);
  expect([Math.min(...ports), Math.max(...ports)]).toEqual([40_000, 40_099]);
  expect(codeOf(() => bound(bench, '0.0.0.0', 0))).toBe('EADDRINUSE');
  expect(ports.slice(0, 5)).not.toEqual([40_000, 40_001, 40_002, 40_003, 40_004]);
});

test('more sockets than the options allow are EMFILE, and a closed one makes room', () => {
  const bench = stackWith({ options: { udpSocketsMax: 2 } });
  const first = bound(bench, '0.0.0.0', 1);
  bound(bench, '0.0.0.0', 2);
  expect(codeOf(() => bound(bench, '0.0.0.0', 3))).toBe('EMFILE');
  first.close();
  expect(codeOf(() => bound(bench, '0.0.0.0', 3))).toBe('OK');
});

const step = fc.record({
  close: fc.boolean(),
  address: fc.constantFrom('0.0.0.0', '10.0.0.2', '127.0.0.1'),
  port: fc.integer({ min: 0, max: 4 }),
  which: fc.nat(),
});

prop.prop([fc.array(step, { maxLength: 40, size: 'max' })])(
  'bind agrees with a list of who has what',
  (script) => {
    const bench = stackWith();
    const held: { socket: UdpSocket; address: string; port: number }[] = [];
    for (const { close, address, port, which } of script) {
      if (close && held.length > 0) held.splice(which % held.length, 1)[0].socket.close();
      else {
        const clash = held.some(
          (other) =>
            port !== 0 &&
            other.port === port &&
            (other.address === address || [address, other.address].includes('0.0.0.0')),
        );
        const socket = bench.stack.udpSocket({});
        expect(codeOf(() => socket.bind(address, port))).toBe(clash ? 'EADDRINUSE' : 'OK');
        if (!clash) held.push({ socket, address, port: socket.address().port });
      }
    }
  },
);

// connect

test('connecting again to the same peer is no conflict with oneself', () => {
  const bench = stackWith();
  const socket = bound(bench);
  socket.connect('10.0.0.1', 4000);
  socket.connect('10.0.0.1', 4000);
  bench.exchange(udpFrame({}, one));
  expect(collect(socket)).toHaveLength(1);
  socket.disconnect();
  socket.close();
  expect(codeOf(() => bound(bench))).toBe('OK');
});

test('a socket connected anew hears the new peer and no longer the old one', () => {
  const bench = stackWith();
  const socket = bound(bench);
  socket.connect('10.0.0.1', 4000);
  socket.connect('10.0.0.9', 4000);
  bench.exchange(udpFrame({}, one), udpFrame({ src: '10.0.0.9' }, octets(2)));
  expect(collect(socket).map(({ data }) => data.length)).toEqual([2]);
  expect(socket.remoteAddress()).toEqual({ address: '10.0.0.9', port: 4000 });
});

test('connect chooses the address that speaks, and names it', () => {
  const bench = stackWith();
  const socket = bench.stack.udpSocket({});
  socket.connect('8.8.8.8', 53);
  expect(socket.address().address).toBe('10.0.0.2');
  socket.disconnect();
  expect(socket.address().address).toBe('0.0.0.0');
  expect(codeOf(() => socket.disconnect())).toBe('ENOTCONN');
  expect(codeOf(() => socket.remoteAddress())).toBe('ENOTCONN');
});

// send

test.each([
  ['8.8.8.8', 'ENETUNREACH'],
  ['10.0.0.255', 'EACCES'],
  ['10.0.0.0', 'EACCES'],
  ['255.255.255.255', 'EACCES'],
  ['224.0.0.1', 'ENETUNREACH'],
  ['0.0.0.0', 'ENETUNREACH'],
  ['nowhere', 'EINVAL'],
])('sending or connecting to %s is %s', (address, code) => {
  const bench = stackWith();
  bench.stack.removeRoute('0.0.0.0/0');
  bench.stack.addRoute('0.0.0.0/1', bench.face, '10.0.0.1');
  bench.stack.removeRoute('0.0.0.0/1');
  if (address === '255.255.255.255') bench.stack.addRoute('0.0.0.0/0', bench.face, '10.0.0.1');
  expect(codeOf(() => bench.stack.udpSocket({}).sendTo(one, 0, 1, address, 9))).toBe(code);
  expect(codeOf(() => bench.stack.udpSocket({}).connect(address, 9))).toBe(code);
  expect(bench.exchange()).toEqual([]);
  expect(bench.pool.inUse).toBe(0);
});

// R1122.32
test('what no datagram can hold is EMSGSIZE, and with dontFragment what the path does not take, to the octet', () => {
  const bench = stackWith({ mtu: 1000 });
  const socket = bench.stack.udpSocket({});
  const data = octets(66_000);
  expect(codeOf(() => socket.sendTo(data, 0, 972, '10.0.0.1', 9))).toBe('OK');
  expect(codeOf(() => socket.sendTo(data, 0, 65_508, '10.0.0.1', 9))).toBe('EMSGSIZE');
  socket.dontFragment = true;
  for (const length of [973, 65_507, 65_508]) {
    expect(codeOf(() => socket.sendTo(data, 0, length, '10.0.0.1', 9))).toBe('EMSGSIZE');
  }
  expect(bench.exchange().map(({ total }) => total)).toEqual([1000]);
});

test('loopback takes the largest datagram there is', () => {
  const bench = stackWith();
  const socket = bound(bench);
  const lengths: number[] = [];
  const server = bench.stack.udpSocket({
    readable: (s) => lengths.push(...collect(s).map(({ data }) => data.length)),
  });
  server.bind('127.0.0.1', 9);
  socket.sendTo(octets(65_507), 0, 65_507, '127.0.0.1', 9);
  bench.exchange();
  expect(lengths).toEqual([65_507]);
});

test('a full send queue answers false, counts it, and tells when half of it has gone', () => {
  const bench = stackWith();
  let writable = 0;
  const socket = bench.stack.udpSocket({ writable: () => writable++ });
  socket.sendBuffer = 10 * (108 + 256);
  bench.link.room = 0;
  let taken = 0;
  while (socket.sendTo(octets(100), 0, 100, '10.0.0.1', 9)) taken++;
  expect(taken).toBe(10);
  expect(bench.stack.stats.get('UdpSndbufErrors')).toBe(1);
  bench.link.makeRoom(4);
  expect(bench.exchange()).toHaveLength(4);
  expect(writable).toBe(0);
  bench.link.makeRoom(1);
  bench.exchange();
  expect(writable).toBe(1);
  expect(socket.sendTo(octets(100), 0, 100, '10.0.0.1', 9)).toBe(true);
  bench.link.makeRoom(100);
  expect(bench.exchange()).toHaveLength(6);
  expect([writable, socket.queuedBytes, bench.pool.inUse]).toEqual([1, 0, 0]);
});

test('without a slot for the datagram send is ENOBUFS', () => {
  const bench = stackWith({ pool: { smallBytes: 256, mediumBytes: 0, largeBytes: 0 } });
  const socket = bench.stack.udpSocket({});
  expect(codeOf(() => socket.sendTo(one, 0, 1, '10.0.0.1', 9))).toBe('OK');
  expect(codeOf(() => socket.sendTo(one, 0, 1, '10.0.0.1', 9))).toBe('ENOBUFS');
  expect(bench.exchange()).toHaveLength(1);
});

test('the data may change as soon as send has returned', () => {
  const bench = stackWith();
  const data = octets(4);
  bench.stack.udpSocket({}).sendTo(data, 1, 2, '10.0.0.1', 9);
  data.fill(99);
  expect([...bench.exchange()[0].payload]).toEqual([1, 2]);
});

// R1122.42
prop.prop([fc.uint8Array({ maxLength: 1472, size: 'max' }), fc.integer({ min: 1, max: 65_535 })])(
  'a datagram goes out as it was given, with a right checksum that is never zero',
  (data, port) => {
    const bench = stackWith();
    bench.stack.udpSocket({}).sendTo(data, 0, data.length, '10.0.0.1', port);
    const [sent] = bench.exchange();
    expect(sent.payload).toEqual(data);
    expect(sent.dport).toBe(port);
  },
);

// R1122.43
test('a checksum that comes out as zero is sent as 0xffff (RFC 768)', () => {
  const bench = stackWith();
  const socket = bound(bench, '10.0.0.2', 5000);
  const probe = (word: number): number => {
    socket.sendTo(Uint8Array.of(word >> 8, word & 255), 0, 2, '10.0.0.1', 9);
    return bench.exchange()[0].checksum;
  };
  // One's complement: adding the checksum of the same datagram over a zero word makes the sum 0xffff, the checksum 0.
  expect(probe(probe(0))).toBe(0xffff);
});

test('arguments out of range are refused', () => {
  const bench = stackWith();
  const socket = bound(bench);
  expect(codeOf(() => socket.sendTo(one, 0, 2, '10.0.0.1', 9))).toBe('ERR_INVALID_ARG_VALUE');
  expect(codeOf(() => socket.sendTo(one, -1, 1, '10.0.0.1', 9))).toBe('ERR_INVALID_ARG_VALUE');
  expect(codeOf(() => socket.sendTo(one, 0, 1, '10.0.0.1', 0))).toBe('ERR_SOCKET_BAD_PORT');
  expect(codeOf(() => socket.send(one))).toBe('EDESTADDRREQ');
  socket.connect('10.0.0.1', 9);
  expect(codeOf(() => socket.sendTo(one, 0, 1, '10.0.0.1', 9))).toBe('EISCONN');
});

test('after an address went, an unbound sender speaks with another', () => {
  const bench = stackWith();
  const socket = bench.stack.udpSocket({});
  const peer = 0x0a00_0001;
  bench.stack.addAddress(bench.face, '10.0.0.9/24');
  socket.sendTo(one, 0, 1, peer, 9);
  bench.stack.removeAddress(bench.face, '10.0.0.2/24');
  bench.stack.pump();
  socket.sendTo(one, 0, 1, peer, 9);
  expect(bench.exchange().map(({ src }) => src)).toEqual(['10.0.0.2', '10.0.0.9']);
});

// close

test('what was sent before close still goes, and every call after it is EBADF', () => {
  const bench = stackWith();
  const socket = bound(bench);
  socket.sendTo(one, 0, 1, '10.0.0.1', 9);
  socket.close();
  socket.close();
  expect(bench.exchange()).toHaveLength(1);
  for (const act of [
    () => socket.bind(),
    () => socket.connect('10.0.0.1', 9),
    () => socket.sendTo(one, 0, 1, '10.0.0.1', 9),
    () => socket.send(one),
    () => socket.disconnect(),
    () => socket.address(),
  ]) {
    expect(codeOf(act)).toBe('EBADF');
  }
  expect(socket.receive()).toBeUndefined();
  expect(bench.pool.inUse).toBe(0);
});

test('what waited to be received is dropped by close, and the port is free', () => {
  const bench = stackWith();
  const socket = bound(bench);
  bench.exchange(udpFrame({}, one), udpFrame({}, one));
  socket.receive();
  socket.close();
  expect(bench.stack.stats.drops()).toEqual({ SOCKET_CLOSED: 1 });
  expect(bench.pool.inUse).toBe(0);
  expect(bench.exchange(udpFrame({}, one))[0].code).toBe(3);
});

test('a socket closed by another’s handler before its turn hears nothing', () => {
  const bench = stackWith();
  const heard: string[] = [];
  const second = bench.stack.udpSocket({ readable: () => heard.push('second') });
  const first = bench.stack.udpSocket({ readable: () => second.close() });
  first.bind('0.0.0.0', 7);
  second.bind('0.0.0.0', 8);
  bench.exchange(udpFrame({}, one), udpFrame({ dport: 8 }, one));
  first.close();
  expect(heard).toEqual([]);
  expect(bench.pool.inUse).toBe(0);
});

test('sockets that are closed with datagrams unsent are bounded, and all they sent goes or is refused', () => {
  const bench = stackWith({ options: { udpSocketsMax: 2, echoSocketsMax: 2 } });
  bench.link.room = 0;
  let taken = 0;
  for (let i = 0; i < 50; i++) {
    const socket = bench.stack.udpSocket({});
    if (codeOf(() => socket.sendTo(one, 0, 1, '10.0.0.1', 9)) === 'OK') taken++;
    socket.close();
    if (i % 3 === 0) bench.exchange();
  }
  expect(taken).toBe(4);
  bench.link.makeRoom(1000);
  expect(bench.exchange()).toHaveLength(taken);
  expect(bench.pool.inUse).toBe(0);
});

test('a mark is never lost: sockets that took the place of closed ones hear of what arrives', () => {
  const bench = stackWith({ options: { udpSocketsMax: 1, echoSocketsMax: 1 } });
  const old = bench.stack.udpSocket({ writable: () => {} });
  const ping = bench.stack.echoSocket({}, 5);
  const send = (): boolean => old.sendTo(octets(100), 0, 100, '10.0.0.1', 9);
  old.sendBuffer = 1;
  send();
  send();
  ping.send('10.0.0.1', 1, one);
  // The drain of this pump marks `old` writable; the mark waits for the next.
  bench.stack.pump();
  old.close();
  ping.close();
  const heard: string[] = [];
  bench.stack.udpSocket({ readable: () => heard.push('udp') }).bind('0.0.0.0', 7);
  bench.stack.echoSocket({ readable: () => heard.push('echo') }, 6);
  bench.exchange(udpFrame({}, one), Uint8Array.from(echoReply(6)));
  expect(heard.sort()).toEqual(['echo', 'udp']);
});

function echoReply(word4: number): Uint8Array {
  return icmpFrame({ type: 0, word4 }, one);
}

test('closing the stack drops what waits to be sent, by blocked and by closed sockets too', () => {
  const bench = stackWith();
  bench.link.room = 0;
  const [first, second] = [bench.stack.udpSocket({}), bench.stack.udpSocket({})];
  first.sendTo(one, 0, 1, '10.0.0.1', 9);
  bench.exchange();
  first.close();
  second.sendTo(one, 0, 1, '10.0.0.1', 9);
  bench.stack.close();
  expect(bench.stack.stats.drops()).toEqual({ SEND_CLOSED: 2 });
  expect(bench.pool.inUse).toBe(0);
  expect(bench.stack.pump()).toBe(false);
});

test('a handler may close the whole stack, answers of its batch and all', () => {
  const bench = stackWith();
  const socket = bench.stack.udpSocket({
    readable(s) {
      s.sendTo(one, 0, 1, '10.0.0.1', 9);
      bench.stack.close();
    },
  });
  socket.bind('0.0.0.0', 7);
  bench.exchange(icmpFrame({}, one), udpFrame({}, one), udpFrame({}, one));
  expect(bench.pool.inUse).toBe(0);
});
