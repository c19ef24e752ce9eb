// Fragments that arrive: each rule of RFC 791 3.2, RFC 815, RFC 1122 3.3.2, RFC 1858, RFC 3168 5.3, RFC 5722.

import { expect, test } from 'vitest';
import { ACCEPT, DROP, INPUT, PREROUTING } from '../contract/hook.ts';
import type { ReasonName } from '../contract/reasons.ts';
import {
  type Bench,
  type BenchOptions,
  cutAt,
  cutTo,
  icmpFrame,
  ip4Frame,
  octets,
  PEER,
  stackWith,
  tcpFrame,
  US,
  udpFrame,
} from '../testing/index.ts';

interface Hearing extends Bench {
  /** What the socket on port 7 read. */
  readonly heard: Uint8Array[];
  readonly waiting: () => number;
}

function hearing(config: BenchOptions = {}): Hearing {
  const bench = stackWith(config);
  const heard: Uint8Array[] = [];
  bench.stack
    .udpSocket({
      readable(s) {
        for (let d = s.receive(); d !== undefined; d = s.receive())
          heard.push(d.bytes.slice(d.offset, d.offset + d.length));
      },
    })
    .bind('0.0.0.0', 7);
  return { ...bench, heard, waiting: () => bench.pool.inUse };
}

const datagram = udpFrame({ id: 9 }, octets(40));
const [first, middle, last] = cutAt(datagram, [16, 32]);

test.each([
  ['in order', [first, middle, last]],
  ['backwards', [last, middle, first]],
  ['the last first', [last, first, middle]],
  ['twice each but the last', [first, first, middle, middle, last]],
  ['twice, the last first', [last, last, middle, middle, first]],
])('three fragments %s are one datagram', (_name, frames) => {
  const bench = hearing();
  expect(bench.exchange(...frames)).toEqual([]);
  expect(bench.heard).toEqual([octets(40)]);
  const { stats } = bench.stack;
  expect([stats.get('IpReasmReqds'), stats.get('IpReasmOKs'), stats.get('IpReasmFails')]).toEqual([
    frames.length,
    1,
    0,
  ]);
  expect(stats.get('IpInDelivers')).toBe(1);
  expect(stats.reason('IP_FRAGMENT_DUPLICATE')).toBe(frames.length - 3);
  expect(bench.waiting()).toBe(0);
});

test('fragments that come in pumps of their own leave the slab and wait', () => {
  const bench = hearing();
  for (const frame of [last, first, middle]) {
    expect(bench.heard).toEqual([]);
    bench.exchange(frame);
    bench.clock.advanceMs(29_000 / 3);
  }
  expect(bench.heard).toEqual([octets(40)]);
  expect(bench.waiting()).toBe(0);
});

// R791.5
test.each<[string, Partial<Parameters<typeof udpFrame>[0]>]>([
  ['identification', { id: 10 }],
  ['source', { src: '10.0.0.7' }],
  ['destination', { dst: '10.0.0.3' }],
])('fragments of another %s are of another datagram', (_name, fields) => {
  const bench = hearing();
  bench.stack.addAddress(bench.face, '10.0.0.3/32');
  const other = cutAt(udpFrame({ id: 9, ...fields }, octets(40, 100)), [16, 32]);
  bench.exchange(first, other[0], other[1], middle, last, other[2]);
  expect(bench.heard).toEqual([octets(40), octets(40, 100)]);
});

// R791.5
test('fragments of another protocol are of another datagram', () => {
  const bench = hearing();
  const ping = cutAt(icmpFrame({ id: 9 }, octets(40)), [16, 32]);
  const [reply] = bench.exchange(first, ping[1], ping[0], middle, last, ping[2]);
  expect(bench.heard).toHaveLength(1);
  expect([reply.type, [...reply.payload]]).toEqual([0, [...octets(40)]]);
});

test('the whole has the header of the first fragment, its length, no flags, and a right checksum; INPUT sees it, once', () => {
  const bench = hearing();
  const seen: number[][] = [];
  const options = [148, 4, 0, 0, 7, 7, 4, 0, 0, 0, 0, 1];
  const fragments = cutAt(udpFrame({ id: 9, options, tos: 0x28, ttl: 3 }, octets(40)), [16, 32]);
  for (const point of [PREROUTING, INPUT]) {
    bench.stack.hooks.add(point, {
      verdict(packet) {
        seen.push([point, packet.length, ...packet.bytes.subarray(packet.network, packet.network + 12)]);
        return ACCEPT;
      },
    });
  }
  // The first one came another way: its TTL is another.
  fragments[0].set(
    ip4Frame({ id: 9, options, tos: 0x28, ttl: 77, flags: 0x2000 }, octets(16)).subarray(0, 32),
  );
  bench.exchange(...fragments.toReversed());
  const whole = ip4Frame({ id: 9, options, tos: 0x28, ttl: 77 }, octets(48));
  expect(seen.map(([point, length]) => [point, length])).toEqual([
    [PREROUTING, fragments[2].length],
    [PREROUTING, fragments[1].length],
    [PREROUTING, fragments[0].length],
    [INPUT, 80],
  ]);
  expect(seen[3].slice(2)).toEqual([...whole.subarray(0, 12)]);
  expect(bench.heard).toEqual([octets(40)]);
});

test('what INPUT drops is a whole datagram', () => {
  const bench = hearing();
  bench.stack.hooks.add(INPUT, { verdict: () => DROP });
  bench.exchange(first, middle, last);
  expect(bench.stack.stats.drops()).toEqual({ HOOK_DROP: 1 });
  expect(bench.waiting()).toBe(0);
});

// R1122.27
test('an echo request in fragments is answered whole; what the link does not take leaves in fragments', () => {
  const bench = stackWith();
  const request = icmpFrame({ id: 3 }, octets(60_000));
  for (const frame of cutTo(request, 1500)) bench.link.inject(frame);
  while (bench.stack.pump() || bench.link.backlog);
  const reply = bench.link.take();
  expect(reply).toHaveLength(cutTo(request, 1500).length);
  const other = stackWith({ address: '10.0.0.1/24' });
  const got: number[] = [];
  const socket = other.stack.echoSocket({ readable: (s) => got.push(s.receive()?.length ?? -1) }, 0x1234);
  for (const frame of reply) other.link.inject(frame);
  while (other.stack.pump() || other.link.backlog);
  expect(got).toEqual([60_000]);
  socket.close();
  expect([bench.pool.inUse, other.pool.inUse]).toEqual([0, 0]);
});

test('a port unreachable about a datagram in fragments quotes the whole of it', () => {
  const bench = stackWith();
  const [error] = bench.exchange(...cutTo(udpFrame({ id: 4, dport: 9 }, octets(3000)), 1500));
  expect([error.type, error.code, error.payload.length]).toEqual([3, 3, 548]);
  expect([...error.payload.subarray(2, 4)]).toEqual([3028 >> 8, 3028 & 255]);
});

test('a connected socket hears fragments of its peer, and of nobody else', () => {
  const bench = stackWith();
  const heard: number[] = [];
  const socket = bench.stack.udpSocket({ readable: (s) => heard.push(s.receive()?.length ?? -1) });
  socket.bind('10.0.0.2', 7);
  socket.connect(PEER, 4000);
  bench.exchange(...cutAt(udpFrame({ id: 9 }, octets(40)), [16]));
  expect(heard).toEqual([40]);
  const [error] = bench.exchange(...cutAt(udpFrame({ id: 9, src: '10.0.0.7' }, octets(41)), [16]));
  expect([heard.length, error.type, error.code]).toEqual([1, 3, 3]);
});

// RFC 1122 3.3.2: the timer

// R1122.31
test('after 30 s the sender of a first fragment hears: time exceeded, code 1, with that fragment quoted', () => {
  const bench = hearing();
  bench.exchange(first, last);
  bench.clock.advanceMs(29_999);
  expect(bench.exchange()).toEqual([]);
  bench.clock.advanceMs(1);
  const [error, ...more] = bench.exchange();
  expect([error.type, error.code, error.word4, error.word6, error.src, error.dst]).toEqual([
    11,
    1,
    0,
    0,
    US,
    PEER,
  ]);
  expect([...error.payload]).toEqual([...first]);
  expect(more).toEqual([]);
  const { stats } = bench.stack;
  expect(stats.drops()).toEqual({ IP_REASSEMBLY_TIMEOUT: 2 });
  expect([stats.get('IpReasmTimeout'), stats.get('IpReasmFails'), stats.get('IcmpOutTimeExcds')]).toEqual([
    1, 1, 1,
  ]);
  expect(bench.waiting()).toBe(0);
});

// R815.2, R1122.31
test('without the first fragment nobody hears, and later ones do not prolong the wait', () => {
  const bench = hearing();
  bench.exchange(last);
  bench.clock.advanceMs(20_000);
  bench.exchange(middle);
  bench.clock.advanceMs(10_000);
  expect(bench.exchange()).toEqual([]);
  expect(bench.stack.stats.drops()).toEqual({ IP_REASSEMBLY_TIMEOUT: 2 });
  expect(bench.waiting()).toBe(0);
});

test('the stack asks for the pump that its fragments need, and for none when nothing waits', () => {
  const bench = hearing();
  bench.exchange(first);
  expect(bench.stack.msUntilNext(bench.clock.nowMs())).toBe(30_000);
  bench.exchange(middle, last);
  expect(bench.stack.msUntilNext(bench.clock.nowMs())).toBe(-1);
});

// RFC 5722, teardrop: overlaps

test.each([
  ['inside the first', [first, cutAt(datagram, [8, 16])[1]]],
  ['the same place, longer', [first, cutAt(datagram, [24])[0]]],
  ['the same place, shorter', [first, cutAt(datagram, [8])[0]]],
  ['across two', [first, middle, cutAt(datagram, [8, 24])[1]]],
  ['around one', [middle, cutAt(datagram, [8, 40])[1]]],
  ['over the last', [last, cutAt(datagram, [24, 40])[1]]],
  ['the same place, other octets', [first, cutAt(udpFrame({ id: 9 }, octets(40, 1)), [16, 32])[0]]],
  ['the last, with others to come', [last, cutAt(udpFrame({ id: 9 }, octets(64)), [32, 48])[1]]],
  ['beyond the last', [last, cutAt(udpFrame({ id: 9 }, octets(80)), [56, 72])[1]]],
  ['two ends', [last, cutAt(udpFrame({ id: 9 }, octets(60)), [48])[1]]],
  ['an end before what came', [cutAt(udpFrame({ id: 9 }, octets(60)), [48, 56])[1], last]],
])('an overlap ends the datagram: %s', (_name, frames) => {
  const bench = hearing();
  bench.exchange(...frames);
  const { stats } = bench.stack;
  expect(stats.drops()).toEqual({ IP_FRAGMENT_OVERLAP: frames.length });
  expect([stats.get('IpReasmFails'), stats.get('IpExtReasmOverlaps')]).toEqual([1, 1]);
  expect(bench.waiting()).toBe(0);
  bench.exchange(first, middle, last);
  expect(bench.heard).toEqual([octets(40)]);
});

// What can be part of no datagram ends the one that it names

const broken: readonly (readonly [string, ReasonName, Uint8Array])[] = [
  ['of nothing', 'IP_FRAGMENT_EMPTY', ip4Frame({ id: 9, flags: 0x2000 }, octets(0))],
  ['of nine octets, not the last', 'IP_FRAGMENT_RAGGED', ip4Frame({ id: 9, flags: 0x2004 }, octets(9))],
  ['beyond 65,535', 'IP_FRAGMENT_BEYOND', ip4Frame({ id: 9, flags: 0x1ffe }, octets(30))],
];

test.each(broken)('a fragment %s ends its datagram, and no other', (_name, reason, frame) => {
  const bench = hearing();
  const other = cutAt(udpFrame({ id: 10 }, octets(40, 50)), [16]);
  bench.exchange(first, other[0], frame, other[1]);
  expect(bench.stack.stats.drops()).toEqual({ [reason]: 2 });
  expect(bench.stack.stats.get('IpReasmFails')).toBe(1);
  expect(bench.heard).toEqual([octets(40, 50)]);
  expect(bench.waiting()).toBe(0);
});

// R791.7, R1122.30
test('the largest datagram is 65,535 octets, options included', () => {
  const bench = hearing({ options: { udpReceiveBytes: 1 << 20 } });
  bench.exchange(...cutTo(udpFrame({ id: 1 }, octets(65_507)), 1500));
  expect(bench.heard.map((data) => data.length)).toEqual([65_507]);
  // Four octets of options in the first header make it one that no length field can tell.
  const fragments = cutTo(udpFrame({ id: 2 }, octets(65_507)), 1500);
  fragments[0] = cutAt(udpFrame({ id: 2, options: [1, 1, 1, 1] }, octets(65_503)), [1480])[0];
  bench.exchange(...fragments);
  expect(bench.heard).toHaveLength(1);
  expect(Object.keys(bench.stack.stats.drops())).toEqual(['IP_FRAGMENT_BEYOND']);
  expect(bench.waiting()).toBe(0);
});

// R1858.1
test('a TCP header is never split (RFC 1858): the connection is opened by fragments that leave it whole', () => {
  const bench = stackWith();
  bench.stack.tcpListener({}).listen('0.0.0.0', 80);
  const data = tcpFrame({ dport: 80, flags: 2, id: 9 }, octets(40));
  for (const frames of [cutAt(data, [8]), cutAt(data, [16]), cutAt(data, [8, 16, 24])]) {
    expect(bench.exchange(...frames)).toEqual([]);
  }
  expect(Object.keys(bench.stack.stats.drops()).sort()).toEqual(['IP_FRAGMENT_TINY']);
  expect(bench.exchange(...cutAt(data, [24]))).toHaveLength(1);
});

// RFC 3168 5.3: ECN

const NOT_ECT = 0;
const ECT1 = 1;
const ECT0 = 2;
const CE = 3;

test.each([
  [[NOT_ECT, NOT_ECT, NOT_ECT], NOT_ECT],
  [[ECT0, ECT0, ECT0], ECT0],
  [[ECT1, ECT1, ECT1], ECT1],
  [[CE, CE, CE], CE],
  [[ECT0, CE, ECT0], CE],
  [[CE, ECT1, ECT1], CE],
  [[ECT0, ECT1, ECT0], ECT0],
  [[ECT0, ECT1, CE], CE],
  [[NOT_ECT, CE, CE], -1],
  [[CE, CE, NOT_ECT], -1],
  [[NOT_ECT, ECT0, ECT0], -1],
  [[ECT1, NOT_ECT, ECT1], -1],
])('fragments with ECN codepoints %j make a datagram with %i (-1: none)', (codepoints, expected) => {
  const bench = hearing();
  const seen: number[] = [];
  bench.stack.hooks.add(INPUT, {
    verdict(packet) {
      seen.push(packet.bytes[packet.network + 1]);
      return ACCEPT;
    },
  });
  const frames = codepoints.map(
    (ecn, i) => cutAt(udpFrame({ id: 9, tos: 0x20 | ecn }, octets(40)), [16, 32])[i],
  );
  bench.exchange(...frames);
  expect(seen).toEqual(expected < 0 ? [] : [0x20 | expected]);
  expect(bench.stack.stats.drops()).toEqual(expected < 0 ? { IP_FRAGMENT_ECN: 3 } : {});
  expect(bench.waiting()).toBe(0);
});

test('the codepoints of one datagram say nothing of the next', () => {
  const bench = hearing();
  for (const ecn of [CE, NOT_ECT, ECT0, NOT_ECT])
    bench.exchange(...cutAt(udpFrame({ tos: ecn }, octets(40)), [16]));
  expect(bench.heard).toHaveLength(4);
  expect(bench.stack.stats.drops()).toEqual({});
});

// Limits

test('one datagram more than may wait, and the oldest goes, in silence', () => {
  const bench = hearing({ options: { reassemblyDatagramsMax: 3 } });
  const streams = [1, 2, 3, 4].map((id) => cutAt(udpFrame({ id }, octets(40, id)), [16]));
  for (const [one] of streams) bench.exchange(one);
  expect(bench.stack.stats.drops()).toEqual({ IP_REASSEMBLY_FULL: 1 });
  for (const [, two] of streams.toReversed()) bench.exchange(two);
  expect(bench.heard).toEqual([octets(40, 4), octets(40, 3), octets(40, 2)]);
});

test('in one batch, too, it is the oldest that goes', () => {
  const bench = hearing({ options: { reassemblyDatagramsMax: 3 } });
  const streams = [5, 4, 3, 2, 1].map((id) => cutAt(udpFrame({ id }, octets(40, id)), [16]));
  bench.exchange(...streams.map(([one]) => one), ...streams.map(([, two]) => two));
  // The second halves of those that went begin anew, and push out the oldest in turn.
  expect(bench.heard.length).toBeLessThanOrEqual(3);
  const late = hearing({ options: { reassemblyDatagramsMax: 3 } });
  late.exchange(...streams.map(([one]) => one), streams[4][1], streams[3][1], streams[2][1]);
  expect(late.heard).toEqual([octets(40, 1), octets(40, 2), octets(40, 3)]);
});

test('fragments pay for the slots they hold, not for what they claim', () => {
  const bench = hearing({ options: { reassemblyBytes: 4 * 256 } });
  const big = cutTo(udpFrame({ id: 1 }, octets(60_000)), 68);
  bench.exchange(...big.slice(0, 4));
  expect(bench.stack.stats.drops()).toEqual({});
  expect(bench.waiting()).toBe(4);
  // A fifth is more than all that may wait: nothing older is left to go, so the datagram does.
  bench.exchange(big[4]);
  expect(bench.stack.stats.drops()).toEqual({ IP_REASSEMBLY_FULL: 5 });
  expect(bench.stack.stats.get('IpReasmFails')).toBe(1);
  expect(bench.waiting()).toBe(0);
});

test('a newcomer is paid for by the oldest, and becomes whole', () => {
  const bench = hearing({ options: { reassemblyBytes: 4 * 256 } });
  const [one, two] = [1, 2].map((id) => cutAt(udpFrame({ id }, octets(40, id)), [8, 16, 24]));
  bench.exchange(one[0], one[1], two[0], two[1], two[2], two[3]);
  expect(bench.heard).toEqual([octets(40, 2)]);
  expect(bench.stack.stats.drops()).toEqual({ IP_REASSEMBLY_FULL: 2 });
  // What is left of the first one is no longer part of anything.
  bench.exchange(one[2], one[3]);
  expect(bench.heard).toHaveLength(1);
});

test('more fragments of one datagram than may be end it', () => {
  const bench = hearing({ options: { reassemblyFragmentsMax: 10 } });
  const big = cutTo(udpFrame({ id: 1 }, octets(1000)), 68);
  bench.exchange(...big.slice(0, 11));
  expect(bench.stack.stats.drops()).toEqual({ IP_REASSEMBLY_FULL: 11 });
  expect(bench.waiting()).toBe(0);
});

test('without a slot to wait in a fragment is dropped, without one for the whole the datagram', () => {
  const none = hearing({ pool: { smallBytes: 0, mediumBytes: 0, largeBytes: 0 } });
  none.exchange(first, middle, last);
  expect(none.stack.stats.drops()).toEqual({ IP_REASSEMBLY_NO_BUFFER: 3 });
  expect(none.stack.msUntilNext(none.clock.nowMs())).toBe(-1);
  const few = hearing({ pool: { smallBytes: 3 * 256, mediumBytes: 0, largeBytes: 0 } });
  few.exchange(first, middle, last);
  expect(few.stack.stats.drops()).toEqual({ IP_REASSEMBLY_NO_BUFFER: 3 });
  expect(few.stack.stats.get('IpReasmFails')).toBe(1);
  expect([none.waiting(), few.waiting()]).toEqual([0, 0]);
});

test('a stack that closes lets go of its fragments', () => {
  const bench = hearing();
  bench.exchange(first, middle);
  bench.stack.close();
  expect(bench.stack.stats.drops()).toEqual({ STACK_CLOSED: 2 });
  expect(bench.waiting()).toBe(0);
});
