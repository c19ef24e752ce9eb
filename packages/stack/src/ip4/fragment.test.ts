// Datagrams that are larger than their path: cut by RFC 791 3.2, DF and identification by RFC 1191 and RFC 6864.

import { fc, test as property } from '@fast-check/vitest';
import { expect, test } from 'vitest';
import { Context } from '../context.ts';
import { ACCEPT, POSTROUTING } from '../contract/hook.ts';
import { FEATURE_CHECKSUM, TAKEN } from '../contract/link.ts';
import type { Packet } from '../contract/packet.ts';
import { PacketPool } from '../contract/packet-pool.ts';
import type { Interface } from '../ip/interface.ts';
import { DEFAULT_OPTIONS } from '../options.ts';
import {
  type Bench,
  copiedOptions,
  cutTo,
  icmpFrame,
  ip4Frame,
  octets,
  SeededEntropy,
  stackWith,
  TestLink,
  udpFrame,
} from '../testing/index.ts';
import { rd16 } from '../wire/bytes.ts';
import * as ipv4 from '../wire/ipv4.ts';
import { Fragmenter } from './fragment.ts';

const DF = 0x4000;
const MF = 0x2000;

/** Pumps until there is nothing left to do, and answers the frames as they are: fragments have no whole transport header. */
function frames(bench: Bench, ...arriving: Uint8Array[]): Uint8Array[] {
  for (const frame of arriving) bench.link.inject(frame);
  while (bench.stack.pump() || bench.link.backlog);
  return bench.link.take();
}

const flagsOf = (frame: Uint8Array): number => rd16(frame, 6) & 0xe000;
const idOf = (frame: Uint8Array): number => rd16(frame, 4);

/** Puts fragments of one datagram together, and fails when they are not a tiling of it. */
function joined(fragments: readonly Uint8Array[], mtu: number): Uint8Array {
  const parts: Uint8Array[] = [];
  let next = 0;
  for (const [i, frame] of fragments.entries()) {
    const last = i === fragments.length - 1;
    if (ipv4.checkIpv4(frame, 0, frame.length) !== ipv4.IPV4_OK) throw new Error('a broken header left');
    if (frame.length > mtu || rd16(frame, 2) !== frame.length) throw new Error('too long');
    if (idOf(frame) !== idOf(fragments[0])) throw new Error('not of one datagram');
    if (flagsOf(frame) !== (last ? 0 : MF)) throw new Error('flags');
    if (ipv4.ipv4FragmentOffset(frame, 0) !== next) throw new Error('a hole or an overlap');
    const part = frame.slice(ipv4.ipv4HeaderLength(frame, 0));
    if (!last && (part.length % 8 !== 0 || part.length === 0)) throw new Error('not cut at eight octets');
    next += part.length;
    parts.push(part);
  }
  return new Uint8Array(Buffer.concat(parts));
}

test('a UDP datagram that fits goes with DF; one octet more goes in two fragments, without', () => {
  const bench = stackWith();
  const socket = bench.stack.udpSocket({});
  socket.sendTo(octets(1472), 0, 1472, '8.8.8.8', 53);
  const [whole, ...none] = frames(bench);
  expect([whole.length, flagsOf(whole), idOf(whole), none.length]).toEqual([1500, DF, 0, 0]);
  socket.sendTo(octets(1473), 0, 1473, '8.8.8.8', 53);
  const two = frames(bench);
  expect(two.map((frame) => [frame.length, rd16(frame, 6)])).toEqual([
    [1500, MF],
    [21, 185],
  ]);
  expect(joined(two, 1500).slice(8)).toEqual(octets(1473));
  const { stats } = bench.stack;
  expect([stats.get('IpFragOKs'), stats.get('IpFragCreates'), stats.get('IpOutRequests')]).toEqual([1, 2, 2]);
  expect(stats.get('IpExtOutOctets')).toBe(3021);
  expect(stats.drops()).toEqual({});
  expect(bench.pool.inUse).toBe(0);
});

test('datagrams that are fragmented have identifications of their own, and a peer cannot tell the first (RFC 6864 4.3)', () => {
  const firsts = new Set<number>();
  for (let seed = 0; seed < 20; seed++) {
    const bench = stackWith({ seed });
    const socket = bench.stack.udpSocket({});
    const ids = new Set<number>();
    for (let i = 0; i < 50; i++) {
      socket.sendTo(octets(2000), 0, 2000, '8.8.8.8', 53);
      for (const frame of frames(bench)) ids.add(idOf(frame));
    }
    expect(ids.size).toBe(50);
    firsts.add([...ids][0]);
  }
  expect(firsts.size).toBeGreaterThan(15);
});

test('a socket with dontFragment refuses what the path does not take whole: EMSGSIZE', () => {
  const bench = stackWith();
  const socket = bench.stack.udpSocket({});
  expect(socket.dontFragment).toBe(false);
  socket.dontFragment = true;
  socket.sendTo(octets(1472), 0, 1472, '8.8.8.8', 53);
  expect(() => socket.sendTo(octets(1473), 0, 1473, '8.8.8.8', 53)).toThrow('EMSGSIZE');
  const ping = bench.stack.echoSocket({});
  ping.dontFragment = true;
  ping.send('8.8.8.8', 1, octets(1472));
  expect(() => ping.send('8.8.8.8', 1, octets(1473))).toThrow('EMSGSIZE');
  expect(frames(bench).map(flagsOf)).toEqual([DF, DF]);
});

test('65,507 octets go, one more is EMSGSIZE, for UDP and for pings', () => {
  const bench = stackWith();
  const socket = bench.stack.udpSocket({});
  const ping = bench.stack.echoSocket({});
  const most = octets(65_507);
  socket.sendTo(most, 0, most.length, '8.8.8.8', 53);
  expect(joined(frames(bench), 1500).slice(8)).toEqual(most);
  ping.send('8.8.8.8', 1, most);
  expect(joined(frames(bench), 1500).slice(8)).toEqual(most);
  const more = octets(65_508);
  expect(() => socket.sendTo(more, 0, more.length, '8.8.8.8', 53)).toThrow('EMSGSIZE');
  expect(() => ping.send('8.8.8.8', 1, more)).toThrow('EMSGSIZE');
  expect(bench.pool.inUse).toBe(0);
});

// R1191.1
test('what a router taught of the path decides how a datagram is cut (RFC 1191)', () => {
  const bench = stackWith();
  const socket = bench.stack.udpSocket({});
  socket.connect('8.8.8.8', 53);
  socket.send(octets(1472));
  const [sent] = frames(bench);
  frames(bench, icmpFrame({ type: 3, code: 4, word4: 0, word6: 1000 }, sent.slice(0, 28)));
  expect(() => socket.send(octets(1472))).toThrow('EMSGSIZE');
  socket.send(octets(1472));
  expect(frames(bench).map((frame) => frame.length)).toEqual([996, 524]);
  socket.send(octets(972));
  expect(frames(bench).map((frame) => [frame.length, flagsOf(frame)])).toEqual([[1000, DF]]);
});

test('a router that says an MTU below the least we believe may cut what we send: no DF, and an identification', () => {
  const bench = stackWith();
  const socket = bench.stack.udpSocket({});
  socket.connect('8.8.8.8', 53);
  socket.send(octets(600));
  const [sent] = frames(bench);
  frames(bench, icmpFrame({ type: 3, code: 4, word4: 0, word6: 296 }, sent.slice(0, 28)));
  expect(() => socket.send(octets(1))).toThrow('EMSGSIZE');
  socket.send(octets(524));
  socket.send(octets(524));
  const [one, two] = frames(bench);
  expect([one.length, flagsOf(one), flagsOf(two)]).toEqual([552, 0, 0]);
  expect(idOf(one)).not.toBe(idOf(two));
  socket.dontFragment = true;
  socket.send(octets(524));
  expect(frames(bench).map(flagsOf)).toEqual([DF]);
  socket.dontFragment = false;
  bench.clock.advanceMs(600_000);
  bench.stack.pump();
  socket.send(octets(600));
  expect(frames(bench).map((frame) => [frame.length, flagsOf(frame)])).toEqual([[628, DF]]);
});

test('a link below the least we believe: what a router says of a smaller MTU still ends DF', () => {
  const bench = stackWith({ mtu: 500 });
  const socket = bench.stack.udpSocket({});
  socket.connect('8.8.8.8', 53);
  socket.send(octets(472));
  const [sent] = frames(bench);
  expect(flagsOf(sent)).toBe(DF);
  frames(bench, icmpFrame({ type: 3, code: 4, word4: 0, word6: 400 }, sent.slice(0, 28)));
  expect(() => socket.send(octets(1))).toThrow('EMSGSIZE');
  socket.send(octets(472));
  expect(frames(bench).map((frame) => [frame.length, flagsOf(frame)])).toEqual([[500, 0]]);
});

test.each([
  // RFC 1191 section 7: the largest plateau below the length that was too large.
  [1400, 1006],
  [1472, 1492],
  [900, 552],
])('a router of old says no MTU: after %i octets of payload the path takes %i', (length, expected) => {
  const bench = stackWith();
  const socket = bench.stack.udpSocket({});
  socket.connect('8.8.8.8', 53);
  socket.send(octets(length));
  const [sent] = frames(bench);
  frames(bench, icmpFrame({ type: 3, code: 4, word4: 0, word6: 0 }, sent.slice(0, 28)));
  expect(() => socket.send(octets(1))).toThrow('EMSGSIZE');
  socket.dontFragment = true;
  expect(() => socket.send(octets(expected - 27))).toThrow('EMSGSIZE');
  socket.send(octets(expected - 28));
  expect(frames(bench).map((frame) => frame.length)).toEqual([expected]);
});

test('a quoted length above what was ever sent counts as what the path took (RFC 1191 section 5)', () => {
  const bench = stackWith();
  const socket = bench.stack.udpSocket({});
  socket.connect('8.8.8.8', 53);
  socket.send(octets(1472));
  const quoted = frames(bench)[0].slice(0, 28);
  quoted[2] = 0xff;
  frames(bench, icmpFrame({ type: 3, code: 4, word4: 0, word6: 0 }, quoted));
  expect(() => socket.send(octets(1))).toThrow('EMSGSIZE');
  socket.send(octets(1465));
  expect(frames(bench).map((frame) => frame.length)).toEqual([1492, 21]);
});

test('an echo reply larger than the link goes in fragments, though the request said DF', () => {
  const bench = stackWith();
  bench.link.setMtu(600);
  const answers = frames(bench, icmpFrame({ flags: DF, id: 0 }, octets(1000)));
  expect(answers.map((frame) => frame.length)).toEqual([596, 452]);
  expect(joined(answers, 600).slice(8)).toEqual(octets(1000));
  expect(bench.stack.stats.drops()).toEqual({});
  expect(bench.pool.inUse).toBe(0);
});

test('replies that are cut have identifications of their own, whatever the request had', () => {
  const bench = stackWith();
  bench.link.setMtu(600);
  const request = icmpFrame({ flags: DF, id: 0 }, octets(1000));
  const ids = new Set(frames(bench, request, request, request).map(idOf));
  expect(ids.size).toBe(3);
});

test('an echo reply to a peer whose path is known to be narrow goes in fragments that fit', () => {
  const bench = stackWith();
  const socket = bench.stack.udpSocket({});
  socket.connect('8.8.8.8', 53);
  socket.send(octets(1472));
  const [sent] = frames(bench);
  frames(bench, icmpFrame({ type: 3, code: 4, word4: 0, word6: 1000 }, sent.slice(0, 28)));
  const answers = frames(bench, icmpFrame({ src: '8.8.8.8', flags: DF }, octets(1400)));
  expect(joined(answers, 1000).slice(8)).toEqual(octets(1400));
  expect(frames(bench, icmpFrame({ src: '8.8.8.9', flags: DF }, octets(1400)))).toHaveLength(1);
});

test('an ICMP error larger than the link goes in fragments', () => {
  const bench = stackWith();
  bench.link.setMtu(300);
  const error = frames(bench, udpFrame({ dport: 9 }, octets(800)));
  expect(error).toHaveLength(2);
  expect(joined(error, 300).length).toBe(576 - 20);
});

test('the checksum is complete before a datagram is cut, even for a device that would complete it', () => {
  const bench = stackWith();
  bench.link.features = FEATURE_CHECKSUM;
  const to = stackWith({ address: '8.8.8.8/24' });
  const heard: number[] = [];
  to.stack.udpSocket({ readable: (s) => heard.push(s.receive()?.length ?? -1) }).bind('0.0.0.0', 53);
  bench.stack.udpSocket({}).sendTo(octets(4000), 0, 4000, '8.8.8.8', 53);
  frames(to, ...frames(bench));
  expect(heard).toEqual([4000]);
  expect(to.stack.stats.drops()).toEqual({});
});

test('POSTROUTING sees the datagram before it is cut, once', () => {
  const bench = stackWith();
  const seen: number[] = [];
  bench.stack.hooks.add(POSTROUTING, {
    verdict(packet) {
      seen.push(packet.length);
      return ACCEPT;
    },
  });
  bench.stack.udpSocket({}).sendTo(octets(4000), 0, 4000, '8.8.8.8', 53);
  expect(frames(bench)).toHaveLength(3);
  expect(seen).toEqual([4028]);
});

property.prop([
  fc.array(fc.integer({ min: 1, max: 7 }), { maxLength: 12 }),
  fc.integer({ min: 1, max: 6000 }),
])(
  'a link that gets full in the middle of a datagram gets the rest when there is room, in order, and before all others',
  (rooms, length) => {
    const bench = stackWith();
    const [first, second] = [bench.stack.udpSocket({}), bench.stack.udpSocket({})];
    const payload = octets(length);
    bench.link.room = 1;
    first.sendTo(payload, 0, length, '8.8.8.8', 53);
    first.sendTo(payload, 0, length, '8.8.8.8', 54);
    second.sendTo(payload, 0, length, '8.8.8.8', 55);
    bench.stack.pump();
    for (const room of rooms) {
      bench.link.makeRoom(room);
      bench.stack.pump();
    }
    bench.link.makeRoom(1000);
    const all = frames(bench);
    const groups = new Map<number, Uint8Array[]>();
    for (const frame of all) groups.set(idOf(frame), [...(groups.get(idOf(frame)) ?? []), frame]);
    if (length <= 1472) expect(all).toHaveLength(3);
    else {
      const datagrams = [...groups.values()].map((group) => joined(group, 1500));
      expect(datagrams.map((d) => d.slice(8))).toEqual([payload, payload, payload]);
      // Fragments of one datagram stand together.
      expect(all.filter((frame, i) => i > 0 && idOf(frame) !== idOf(all[i - 1]))).toHaveLength(2);
    }
    expect(bench.stack.stats.drops()).toEqual({});
    expect(bench.pool.inUse).toBe(0);
  },
);

test('an answer that a link takes half of goes on when there is room, though it lay in the slab', () => {
  const bench = stackWith();
  bench.link.setMtu(600);
  bench.link.room = 2;
  const half = frames(bench, icmpFrame({}, octets(2000)));
  expect(half).toHaveLength(2);
  expect(bench.pool.lent).toBe(0);
  bench.link.makeRoom(10);
  expect(joined([...half, ...frames(bench)], 600).slice(8)).toEqual(octets(2000));
  expect(bench.pool.inUse).toBe(0);
});

test('of large answers to a full link none waits: at most one datagram is half-sent on each', () => {
  const bench = stackWith();
  bench.link.setMtu(600);
  bench.link.room = 1;
  const pings = [1, 2, 3].map((word6) => icmpFrame({ word6 }, octets(2000)));
  expect(frames(bench, ...pings)).toHaveLength(1);
  expect(bench.stack.stats.drops()).toEqual({ LINK_FULL: 2 });
  bench.link.makeRoom(10);
  expect(frames(bench)).toHaveLength(3);
  expect(bench.pool.inUse).toBe(0);
});

test('the last fragment may fill the link to the octet, though that is no multiple of eight', () => {
  expect(cut(ip4Frame({}, octets(976 + 983)), 1003).map((frame) => frame.length)).toEqual([996, 1003]);
});

test('a datagram that waits half-sent is dropped when the stack closes', () => {
  const bench = stackWith();
  bench.link.room = 2;
  bench.stack.udpSocket({}).sendTo(octets(5000), 0, 5000, '8.8.8.8', 53);
  expect(frames(bench)).toHaveLength(2);
  bench.stack.close();
  expect(bench.stack.stats.reason('SEND_CLOSED')).toBe(1);
  expect(bench.pool.inUse).toBe(0);
});

test('a link that goes down in the middle takes nothing more, and nobody waits for it', () => {
  const bench = stackWith();
  bench.link.room = 2;
  bench.stack.udpSocket({}).sendTo(octets(5000), 0, 5000, '8.8.8.8', 53);
  expect(frames(bench)).toHaveLength(2);
  bench.link.setUp(false);
  expect(frames(bench)).toEqual([]);
  expect(bench.stack.stats.drops()).toEqual({ LINK_DOWN: 2 });
  expect(bench.pool.inUse).toBe(0);
});

test('without a slot for a fragment the datagram ends there: FRAGMENT_NO_BUFFER', () => {
  const bench = stackWith({ pool: { smallBytes: 0, mediumBytes: 0, largeBytes: 66_048 } });
  bench.stack.udpSocket({}).sendTo(octets(5000), 0, 5000, '8.8.8.8', 53);
  expect(frames(bench)).toEqual([]);
  expect(bench.stack.stats.drops()).toEqual({ FRAGMENT_NO_BUFFER: 1 });
  expect(bench.stack.stats.get('IpFragFails')).toBe(1);
  expect(bench.pool.inUse).toBe(0);
});

test('a forwarded datagram that may be cut leaves in fragments with its own identification (RFC 1812 4.2.2.7)', () => {
  const bench = stackWith({ options: { forwarding: true }, mtu: 600 });
  const near = new TestLink(bench.pool, 'near0');
  bench.stack.addLink(near, '10.1.0.1/24');
  const fields = { src: '10.1.0.9', dst: '10.0.0.1' };
  near.inject(udpFrame({ ...fields, id: 77, options: [148, 4, 0, 0] }, octets(1400)));
  const sent = frames(bench);
  expect(sent.map((frame) => [idOf(frame), frame[8], frame.length])).toEqual([
    [77, 63, 600],
    [77, 63, 600],
    [77, 63, 280],
  ]);
  expect(joined(sent, 600).slice(8)).toEqual(octets(1400));
  near.inject(udpFrame({ ...fields, flags: DF }, octets(1400)));
  expect(frames(bench)).toEqual([]);
  const [error] = near.take();
  expect([error[20], error[21], rd16(error, 26)]).toEqual([3, 4, 600]);
  expect(bench.pool.inUse).toBe(0);
});

/** Cuts a datagram by the Fragmenter alone. */
function cut(frame: Uint8Array, mtu: number, pieces = 0): Uint8Array[] {
  const pool = new PacketPool();
  const context = new Context(DEFAULT_OPTIONS, pool, new SeededEntropy(1));
  const sent: Uint8Array[] = [];
  const transmit = (packet: Packet): number => {
    const copy = new Uint8Array(packet.length);
    packet.copyTo(copy, 0);
    sent.push(copy);
    packet.release();
    return TAKEN;
  };
  const face = { full: false, transmit } as unknown as Interface;
  const packet = pool.allocate(frame.length) as Packet;
  const arena = pool.arenas.register(new Uint8Array((frame.length + 3) & ~3));
  arena.bytes.set(frame);
  // The last octets of the datagram lie elsewhere.
  const linear = frame.length - 3 * pieces;
  packet.bytes.set(frame.subarray(0, linear), packet.put(linear));
  for (let i = 0; i < pieces; i++) packet.append(arena.id, linear + 3 * i, 3);
  packet.network = packet.head;
  expect(new Fragmenter(context).send(packet, face, 0, mtu)).toBe(TAKEN);
  expect(pool.inUse).toBe(0);
  return sent;
}

const someOptions = fc
  .array(fc.constantFrom([1], [148, 4, 0, 0], [7, 7, 4, 0, 0, 0, 0], [130, 3, 9], [68, 6, 5, 0, 0, 0]), {
    maxLength: 5,
  })
  .map((list) => list.flat());

// R791.8
property.prop([
  someOptions,
  fc.integer({ min: 0, max: 4000 }),
  fc.integer({ min: 68, max: 1500 }),
  fc.integer({ min: 0, max: 3 }),
])(
  'the first fragment has all options, the others those with the copied bit (RFC 791 3.1); pieces are cut as well',
  (options, length, mtu, pieces) => {
    const frame = ip4Frame({ options, id: 77 }, octets(length + 9));
    if (frame.length <= mtu) return;
    const fragments = cut(frame, mtu, pieces);
    expect(joined(fragments, mtu)).toEqual(octets(length + 9));
    const all = frame.subarray(20, (frame[0] & 15) * 4);
    for (const [i, fragment] of fragments.entries()) {
      const got = [...fragment.subarray(20, (fragment[0] & 15) * 4)];
      expect(got).toEqual(i === 0 ? [...all] : copiedOptions(all));
    }
    expect(new Set(fragments.map(idOf))).toEqual(new Set([77]));
  },
);

property.prop([fc.integer({ min: 68, max: 1500 }), fc.integer({ min: 68, max: 700 })])(
  'a fragment is cut further as a router does: places and MF are inherited',
  (first, second) => {
    const frame = ip4Frame({ id: 5 }, octets(3000));
    const twice = cutTo(frame, first).flatMap((one) => (one.length > second ? cut(one, second) : [one]));
    expect(joined(twice, Math.max(first, second))).toEqual(octets(3000));
    const middle = ip4Frame({ id: 5, flags: MF | 100 }, octets(800));
    expect(cut(middle, 100).every((one) => flagsOf(one) === MF)).toBe(true);
  },
);

// R791.6
test('with DF nothing is cut, nor where a link has no room for eight octets: TOO_BIG', () => {
  expect(cut(ip4Frame({ flags: DF }, octets(1000)), 500)).toEqual([]);
  expect(cut(ip4Frame({}, octets(1000)), 27)).toEqual([]);
});
