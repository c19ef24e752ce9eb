// The router in a stack: RFC 1812 4 and 5. What goes on, what is told about, what ends here, and that nothing leaks.

import { fc, test as property } from '@fast-check/vitest';
import { expect, test } from 'vitest';
import { ACCEPT, DROP, FORWARD, INPUT, OUTPUT, POSTROUTING, PREROUTING } from '../contract/hook.ts';
import type { ReasonName } from '../contract/reasons.ts';
import {
  copiedOptions,
  icmpFrame,
  ip4Frame,
  octets,
  readFrame,
  routerWith,
  stackWith,
  udpFrame,
} from '../testing/index.ts';
import { rd16, wr16 } from '../wire/bytes.ts';
import { complement, sumBytes } from '../wire/checksum.ts';
import { setIpv4Checksum } from '../wire/ipv4.ts';

const FAR = '10.0.1.9';
const DF = 0x4000;

/** From a host on the left to one on the right. */
const through = { src: '10.0.0.1', dst: FAR };

// R791.3, R1812.1
property.prop([
  fc.record({
    ttl: fc.integer({ min: 2, max: 255 }),
    tos: fc.integer({ min: 0, max: 255 }),
    id: fc.integer({ min: 0, max: 0xffff }),
    protocol: fc.integer({ min: 0, max: 255 }),
    flags: fc.constantFrom(0, DF, 0x2000, 0x2001, 0x0007),
    words: fc.array(fc.constantFrom([1, 1, 1, 1], [7, 3, 4, 1], [148, 4, 0, 0]), { maxLength: 10 }),
  }),
  fc.uint8Array({ maxLength: 1400 }),
])(
  'a datagram goes on as it came, one hop older, with the checksum that adding it up anew gives',
  (f, data) => {
    const router = routerWith();
    const frame = ip4Frame({ ...through, ...f, options: f.words.flat() }, data);
    const { left, right } = router.fromLeft(frame);
    const expected = Uint8Array.from(frame);
    expected[8] = f.ttl - 1;
    setIpv4Checksum(expected, 0);
    expect([left, right]).toEqual([[], [expected]]);
    expect(router.pool.inUse).toBe(0);
  },
);

// R1812.1
property.prop([fc.uint8Array({ minLength: 20, maxLength: 20 }), fc.integer({ min: 2, max: 255 })])(
  'whatever a header says, its checksum is right after the hop',
  (header, ttl) => {
    const frame = Uint8Array.from(header);
    frame[0] = 0x45;
    wr16(frame, 2, 20);
    frame.set([10, 0, 0, 1, 10, 0, 1, 9], 12);
    frame[6] &= 0xc0;
    frame[7] = 0;
    frame[8] = ttl;
    setIpv4Checksum(frame, 0);
    const { right } = routerWith().fromLeft(frame);
    expect(right.map((one) => [one[8], complement(sumBytes(one, 0, 20))])).toEqual([[ttl - 1, 0]]);
  },
);

// R791.3
test.each([0, 1])(
  'a datagram with TTL %i ends here; its sender hears so from the side it came in by',
  (ttl) => {
    const router = routerWith();
    const frame = udpFrame({ ...through, ttl }, octets(30));
    const { left, right } = router.fromLeft(frame);
    const [answer] = left.map(readFrame);
    expect([answer.src, answer.dst, answer.type, answer.code]).toEqual(['10.0.0.2', '10.0.0.1', 11, 0]);
    expect([...answer.payload]).toEqual([...frame]);
    expect([left.length, right]).toEqual([1, []]);
    expect(router.stack.stats.drops()).toEqual({ TTL_EXCEEDED: 1 });
    expect(router.stack.stats.get('IcmpOutTimeExcds')).toBe(1);
    expect(router.stack.stats.get('IpForwDatagrams')).toBe(0);
  },
);

test('of several addresses the one in the network of the sender tells about the hop', () => {
  const router = routerWith();
  router.stack.addAddress(router.leftFace, '172.16.0.2/16');
  const { left } = router.fromLeft(udpFrame({ src: '172.16.3.4', dst: FAR, ttl: 1 }, octets(8)));
  expect(left.map(readFrame).map(({ src }) => src)).toEqual(['172.16.0.2']);
});

test('a TTL of 1 is enough for the router itself', () => {
  const { left } = routerWith().fromLeft(icmpFrame({ src: '10.0.0.1', dst: '10.0.1.2', ttl: 1 }, octets(8)));
  expect(left.map(readFrame).map(({ src, type }) => [src, type])).toEqual([['10.0.1.2', 0]]);
});

test('where no route leads the sender hears: network unreachable', () => {
  const router = routerWith();
  const { left, right } = router.fromLeft(udpFrame({ ...through, dst: '8.8.8.8' }, octets(8)));
  const [answer] = left.map(readFrame);
  expect([answer.src, answer.type, answer.code, right]).toEqual(['10.0.0.2', 3, 0, []]);
  expect(router.stack.stats.drops()).toEqual({ FORWARD_NO_ROUTE: 1 });
  expect(router.stack.stats.get('IpExtInNoRoutes')).toBe(1);
});

// R791.6
test('with DF, what the next link does not take is told about with the MTU that would do (RFC 1191 4)', () => {
  const router = routerWith();
  router.right.setMtu(1400);
  const big = udpFrame({ ...through, flags: DF }, octets(1373));
  const { left, right } = router.fromLeft(big, udpFrame({ ...through, flags: DF }, octets(1372)));
  expect(right.map((frame) => frame.length)).toEqual([1400]);
  const [answer] = left.map(readFrame);
  expect([answer.src, answer.type, answer.code, answer.word4, answer.word6]).toEqual([
    '10.0.0.2',
    3,
    4,
    0,
    1400,
  ]);
  // The quote is of what was sent: its TTL is not touched.
  expect([...answer.payload]).toEqual([...big.subarray(0, answer.payload.length)]);
  expect(router.stack.stats.drops()).toEqual({ FORWARD_TOO_BIG: 1 });
  expect([router.stack.stats.get('IpFragFails'), router.stack.stats.get('IpForwDatagrams')]).toEqual([1, 1]);
});

test('without DF it goes in fragments, the options that are to be copied in each (RFC 791 3.1)', () => {
  const router = routerWith();
  router.right.setMtu(576);
  const options = [148, 4, 0, 0, 7, 7, 8, 1, 2, 3, 4, 0];
  const frame = ip4Frame({ ...through, id: 77, options }, octets(1400));
  const { left, right } = router.fromLeft(frame);
  expect(left).toEqual([]);
  const parts = right.map((one) => one.subarray((one[0] & 15) * 4));
  expect(Buffer.concat(parts)).toEqual(Buffer.from(frame.subarray(32)));
  expect(right.map((one) => [...one.subarray(20, (one[0] & 15) * 4)])).toEqual([
    options,
    ...right.slice(1).map(() => copiedOptions(Uint8Array.from(options))),
  ]);
  expect(right.every((one) => one.length <= 576 && one[8] === 63 && rd16(one, 4) === 77)).toBe(true);
  expect(right.every((one) => complement(sumBytes(one, 0, (one[0] & 15) * 4)) === 0)).toBe(true);
  expect(router.stack.stats.nstat()).toMatchObject({
    IpForwDatagrams: 1,
    IpFragOKs: 1,
    IpFragCreates: right.length,
    IpOutRequests: 0,
    IpReasmReqds: 0,
  });
});

test('fragments go on one by one: a router puts nothing together (RFC 1812 4.2.2.7)', () => {
  const router = routerWith();
  const later = ip4Frame({ ...through, flags: 0x0010, protocol: 17 }, octets(16));
  expect(router.fromLeft(later).right).toHaveLength(1);
  expect(router.stack.stats.get('IpReasmReqds')).toBe(0);
});

// R1812.1
test.each<readonly [string, ReasonName, object]>([
  ['the broadcast of the other network', 'UDP_NO_LISTENER', { dst: '10.0.1.255' }],
  ['limited broadcast', 'UDP_NO_LISTENER', { dst: '255.255.255.255' }],
  ['a group', 'IP_MULTICAST', { dst: '239.1.2.3' }],
  ['a link-local destination', 'FORWARD_LINK_LOCAL', { dst: '169.254.1.1' }],
  ['a link-local source', 'FORWARD_LINK_LOCAL', { src: '169.254.1.1' }],
  ['a source on network 0', 'IP_MARTIAN_SOURCE', { src: '0.0.0.7' }],
  ['a source on network 127', 'IP_MARTIAN_SOURCE', { src: '127.0.0.1' }],
  ['a group as source', 'IP_MARTIAN_SOURCE', { src: '224.0.0.5' }],
  ['broadcast as source', 'IP_MARTIAN_SOURCE', { src: '255.255.255.255' }],
  ['the broadcast of a network of ours as source', 'IP_MARTIAN_SOURCE', { src: '10.0.0.255' }],
  ['our own address as source', 'IP_MARTIAN_SOURCE', { src: '10.0.1.2' }],
  ['a destination on network 127', 'IP_MARTIAN_DESTINATION', { dst: '127.0.0.1' }],
  ['a destination on network 0', 'IP_MARTIAN_DESTINATION', { dst: '0.0.0.0' }],
  ['a loose source route', 'IP_SOURCE_ROUTE', { options: [131, 7, 4, 10, 0, 1, 9] }],
  ['a strict source route', 'IP_SOURCE_ROUTE', { options: [137, 7, 4, 10, 0, 1, 9] }],
])('%s: %s, nothing goes on, and nobody is told (RFC 1812 5.3)', (_what, reason, fields) => {
  const router = routerWith();
  router.stack.addRoute('0.0.0.0/0', router.rightFace, '10.0.1.1');
  const { left, right } = router.fromLeft(udpFrame({ ...through, ...fields }, octets(8)));
  expect([left, right]).toEqual([[], []]);
  expect(router.stack.stats.drops()).toEqual({ [reason]: 1 });
  expect(router.pool.inUse).toBe(0);
});

test('bad options are told about, and the datagram does not go on', () => {
  const router = routerWith();
  const { left, right } = router.fromLeft(udpFrame({ ...through, options: [7, 99, 4, 0] }, octets(8)));
  expect([left.map(readFrame).map(({ src, type }) => [src, type]), right]).toEqual([[['10.0.0.2', 12]], []]);
});

test('about an ICMP error that cannot go on nobody is told, about an echo request somebody is', () => {
  const router = routerWith();
  const error = icmpFrame({ ...through, type: 3, ttl: 1 }, octets(28));
  expect(router.fromLeft(error).left).toEqual([]);
  expect(router.fromLeft(icmpFrame({ ...through, ttl: 1 }, octets(28))).left).toHaveLength(1);
});

// R1122.20
test('what has to leave by the link it came by does so, and no redirect is sent', () => {
  const router = routerWith();
  router.stack.addRoute('192.0.2.0/24', router.leftFace, '10.0.0.77');
  const { left, right } = router.fromLeft(udpFrame({ ...through, dst: '192.0.2.1' }, octets(8)));
  expect([left.map(readFrame).map(({ dst, ttl }) => [dst, ttl]), right]).toEqual([[['192.0.2.1', 63]], []]);
});

test('what goes through passes PREROUTING, FORWARD and POSTROUTING, one hop older from FORWARD on', () => {
  const router = routerWith();
  const seen: [number, number][] = [];
  for (const point of [PREROUTING, INPUT, FORWARD, OUTPUT, POSTROUTING]) {
    router.stack.hooks.add(point, {
      verdict({ bytes, network }) {
        seen.push([point, bytes[network + 8]]);
        return ACCEPT;
      },
    });
  }
  router.fromLeft(udpFrame({ ...through, ttl: 9 }, octets(8)));
  expect(seen).toEqual([
    [PREROUTING, 9],
    [FORWARD, 8],
    [POSTROUTING, 8],
  ]);
});

test.each([FORWARD, POSTROUTING])('what a hook at point %i drops does not go on', (point) => {
  const router = routerWith();
  router.stack.hooks.add(point, { verdict: () => DROP });
  expect(router.fromLeft(udpFrame(through, octets(8))).right).toEqual([]);
  expect(router.stack.stats.drops()).toEqual({ HOOK_DROP: 1 });
  expect(router.stack.stats.get('IpForwDatagrams')).toBe(point === FORWARD ? 0 : 1);
  expect(router.pool.inUse).toBe(0);
});

test('without forwarding nothing leaks, whatever the destination, and nobody is told', () => {
  const router = routerWith({ forwarding: false });
  router.stack.addRoute('0.0.0.0/0', router.rightFace, '10.0.1.1');
  const destinations = [FAR, '10.0.1.1', '8.8.8.8', '10.0.0.77', '192.168.1.1'];
  for (const ttl of [1, 2, 64]) {
    const { left, right } = router.fromLeft(
      ...destinations.map((dst) => udpFrame({ ...through, dst, ttl }, octets(8))),
    );
    expect([left, right]).toEqual([[], []]);
  }
  expect(router.stack.stats.drops()).toEqual({ IP_NOT_LOCAL: 15 });
  expect(router.stack.stats.get('IpInAddrErrors')).toBe(15);
});

test('our own addresses on the other side are ours without forwarding, too (weak host, RFC 1122 3.3.4.2)', () => {
  const router = routerWith({ forwarding: false });
  const { left } = router.fromLeft(icmpFrame({ src: '10.0.0.1', dst: '10.0.1.2' }, octets(8)));
  expect(left).toHaveLength(1);
});

test('what a full link does not take is dropped and counted: a router keeps no queue of its own', () => {
  const router = routerWith();
  router.right.room = 3;
  const frames = Array.from({ length: 10 }, (_, i) => udpFrame({ ...through, id: i }, octets(8)));
  expect(router.fromLeft(...frames).right).toHaveLength(3);
  expect(router.stack.stats.drops()).toEqual({ LINK_FULL: 7 });
  expect(router.pool.inUse).toBe(0);
});

test('a batch of more than the limit loses what is above it', () => {
  const router = routerWith({ forwardQueueMax: 4 });
  const frames = Array.from({ length: 10 }, () => udpFrame(through, octets(8)));
  expect(router.fromLeft(...frames).right).toHaveLength(4);
  expect(router.stack.stats.drops()).toEqual({ FORWARD_QUEUE_FULL: 6 });
  expect(router.stack.stats.get('IpForwDatagrams')).toBe(4);
});

test('a link that is down takes nothing', () => {
  const router = routerWith();
  router.right.setUp(false);
  expect(router.fromLeft(udpFrame(through, octets(8))).right).toEqual([]);
  expect(router.stack.stats.drops()).toEqual({ LINK_DOWN: 1 });
});

test('a stack that is closed by a handler in the middle of a batch keeps none of it', () => {
  const router = routerWith();
  const socket = router.stack.udpSocket({
    readable() {
      router.stack.close();
      throw new Error('the handler');
    },
  });
  socket.bind('0.0.0.0', 7);
  const own = udpFrame({ src: '10.0.0.1', dst: '10.0.0.2' }, octets(8));
  expect(() => router.fromLeft(udpFrame(through, octets(8)), own)).toThrow('the handler');
  expect(router.pool.inUse).toBe(0);
});

test('datagrams to three links go out by the one with the longest prefix', () => {
  const router = routerWith();
  router.stack.addRoute('10.0.0.0/8', router.leftFace, '10.0.0.1');
  router.stack.addRoute('10.7.0.0/16', router.rightFace, '10.0.1.1');
  const { left, right } = router.fromLeft(
    udpFrame({ ...through, dst: '10.7.1.1' }, octets(8)),
    udpFrame({ ...through, dst: '10.8.1.1' }, octets(8)),
  );
  expect([left.map(readFrame)[0].dst, right.map(readFrame)[0].dst]).toEqual(['10.8.1.1', '10.7.1.1']);
});

test('stacks of one process do not see each other, with the same addresses and one pool', () => {
  const [a, b] = [stackWith({ seed: 1 }), stackWith({ seed: 2 })];
  const heard: string[] = [];
  for (const [name, bench] of [
    ['a', a],
    ['b', b],
  ] as const) {
    bench.stack
      .udpSocket({ readable: (s) => heard.push(`${name}${s.receive()?.length}`) })
      .bind('0.0.0.0', 7);
  }
  expect(a.exchange(udpFrame({}, octets(8)), icmpFrame({ dst: '127.0.0.1' }, octets(8)))).toEqual([]);
  b.exchange();
  expect(heard).toEqual(['a8']);
  expect(b.stack.stats.get('IpInReceives')).toBe(0);
  expect(b.stack.routes()).not.toBe(a.stack.routes());
  a.stack.close();
  expect(b.exchange(icmpFrame({}, octets(8)))).toHaveLength(1);
});
