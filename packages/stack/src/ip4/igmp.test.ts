// IGMPv2, the host's side (RFC 2236), against a querier that is the test.

import { fc, test as property } from '@fast-check/vitest';
import { expect, test } from 'vitest';
import type { UdpSocket } from '../socket/udp-socket.ts';
import { type Bench, ip, ip4Frame, octets, stackWith } from '../testing/index.ts';
import { rd32 } from '../wire/bytes.ts';
import { fold, sumBytes } from '../wire/checksum.ts';
import * as igmp from '../wire/igmp.ts';
import { checkIpv4, IPV4_OK } from '../wire/ipv4.ts';

const GROUP = '239.1.2.3';
const [REPORT, V1_REPORT, LEAVE] = [igmp.IGMP_V2_REPORT, igmp.IGMP_V1_REPORT, igmp.IGMP_LEAVE];

function message(
  type: number,
  tenths: number,
  group: string,
  fields: { src?: string; dst?: string } = {},
): Uint8Array {
  const octets = new Uint8Array(8);
  igmp.writeIgmp(octets, 0, type, tenths, group === '' ? 0 : ip(group));
  const dst = fields.dst ?? (group === '' ? '224.0.0.1' : group);
  return ip4Frame(
    { protocol: 2, ttl: 1, dst, src: fields.src ?? '10.0.0.1', options: [148, 4, 0, 0] },
    octets,
  );
}

const query = (tenths = 100, group = ''): Uint8Array => message(igmp.IGMP_QUERY, tenths, group);

/** Advances the clock to this moment, in steps, and answers the messages that left, as [ms, type, group]. */
function over(bench: Bench, ms: number, step = 100): [number, number, number][] {
  const all: [number, number, number][] = [];
  for (let at = 0; at <= ms; at += step) {
    if (at > 0) bench.clock.advanceMs(step);
    while (bench.stack.pump());
    for (const frame of bench.link.take()) all.push([at, frame[24], rd32(frame, 28)]);
  }
  return all;
}

function joined(...groups: string[]): { bench: Bench; socket: UdpSocket } {
  const bench = stackWith();
  const socket = bench.stack.udpSocket({});
  socket.bind('0.0.0.0', 7);
  for (const group of groups) socket.addMembership(group);
  return { bench, socket };
}

/** Joined long ago: no unsolicited report is owed any more. */
function settled(...groups: string[]): { bench: Bench; socket: UdpSocket } {
  const made = joined(...groups);
  over(made.bench, 11_000);
  return made;
}

function arrives(bench: Bench, ...frames: Uint8Array[]): void {
  for (const frame of frames) bench.link.inject(frame);
}

test('a report is well formed: TTL 1, router alert, to the group itself (RFC 2236 2, 9)', () => {
  const { bench } = joined(GROUP);
  while (bench.stack.pump());
  const [frame, ...none] = bench.link.take();
  expect([checkIpv4(frame, 0, frame.length), none.length, frame.length]).toEqual([IPV4_OK, 0, 32]);
  expect([...frame.subarray(0, 2), frame[8], frame[9]]).toEqual([0x46, 0xc0, 1, 2]);
  expect([rd32(frame, 12), rd32(frame, 16)]).toEqual([ip('10.0.0.2'), ip(GROUP)]);
  expect([...frame.subarray(20, 24)]).toEqual([148, 4, 0, 0]);
  expect([frame[24], frame[25], rd32(frame, 28)]).toEqual([REPORT, 0, ip(GROUP)]);
  expect(fold(sumBytes(frame, 24, 8))).toBe(0xffff);
});

test('joining is reported at once and once more within ten seconds (RFC 2236 3, 8.10)', () => {
  const { bench } = joined(GROUP);
  const reports = over(bench, 30_000);
  expect(reports.map(([, type]) => type)).toEqual([REPORT, REPORT]);
  expect(reports[0][0]).toBe(0);
  expect(reports[1][0]).toBeLessThanOrEqual(10_000);
});

test('leaving is told to all routers, once, by the last holder', () => {
  const { bench, socket } = settled(GROUP);
  const other = bench.stack.udpSocket({});
  other.addMembership(GROUP);
  socket.close();
  expect(over(bench, 1000)).toEqual([]);
  other.dropMembership(GROUP);
  while (bench.stack.pump());
  const [frame] = bench.link.take();
  expect([frame[8], rd32(frame, 16), frame[24], rd32(frame, 28)]).toEqual([
    1,
    igmp.ALL_ROUTERS,
    LEAVE,
    ip(GROUP),
  ]);
  expect(over(bench, 30_000)).toEqual([]);
});

property.prop([fc.integer({ min: 1, max: 255 }), fc.integer({ min: 1, max: 8 })])(
  'a general query is answered for each group once, within what it allows',
  (tenths, count) => {
    const groups = Array.from({ length: count }, (_, i) => `239.9.9.${i}`);
    const { bench } = settled(...groups);
    arrives(bench, query(tenths));
    const reports = over(bench, 26_000);
    expect(reports).toHaveLength(count);
    expect(new Set(reports.map(([, , group]) => group))).toEqual(new Set(groups.map(ip)));
    expect(reports.every(([ms, type]) => type === REPORT && ms <= tenths * 100 + 100)).toBe(true);
  },
);

test('a query about one group is answered for that group alone', () => {
  const { bench } = settled(GROUP, '239.7.7.7');
  arrives(bench, query(10, GROUP), query(10, '239.8.8.8'));
  expect(over(bench, 5000).map(([, , group]) => group)).toEqual([ip(GROUP)]);
});

test('a second query puts no answer off, and one in more haste brings it forward (RFC 2236 3)', () => {
  const { bench } = settled(GROUP);
  arrives(bench, query(250));
  over(bench, 100);
  for (let i = 0; i < 3; i++) {
    arrives(bench, query(250));
    over(bench, 100);
  }
  arrives(bench, query(1, GROUP));
  expect(over(bench, 300)).toHaveLength(1);
  expect(over(bench, 30_000)).toEqual([]);
});

test('however often a querier asks, each group is answered for in the time of the first query', () => {
  const groups = Array.from({ length: 20 }, (_, i) => `239.9.9.${i}`);
  const { bench } = settled(...groups);
  const reported = new Set<number>();
  for (let second = 0; second < 10; second++) {
    arrives(bench, query(100));
    for (const [, , group] of over(bench, 1000)) reported.add(group);
  }
  expect(reported).toEqual(new Set(groups.map(ip)));
});

test('what a neighbour reports we need not, and do not say that we leave (RFC 2236 3, 6)', () => {
  const { bench, socket } = settled(GROUP);
  arrives(bench, query(100), message(REPORT, 0, GROUP, { src: '10.0.0.9' }));
  expect(over(bench, 20_000)).toEqual([]);
  socket.dropMembership(GROUP);
  expect(over(bench, 1000)).toEqual([]);
});

test('a report from elsewhere silences nobody (RFC 2236 10)', () => {
  const { bench } = settled(GROUP);
  arrives(bench, query(10), message(REPORT, 0, GROUP, { src: '192.0.2.9' }));
  expect(over(bench, 5000)).toHaveLength(1);
});

test('to a router of version 1 its reports go, within ten seconds, and no leave, for 400 seconds (RFC 2236 4)', () => {
  const { bench, socket } = settled(GROUP, '239.7.7.7');
  arrives(bench, query(0));
  expect(over(bench, 10_100).map(([, type]) => type)).toEqual([V1_REPORT, V1_REPORT]);
  socket.dropMembership('239.7.7.7');
  expect(over(bench, 1000)).toEqual([]);
  over(bench, 400_000, 10_000);
  arrives(bench, query(10));
  expect(over(bench, 2000).map(([, type]) => type)).toEqual([REPORT]);
});

test('224.0.0.1 is always heard and never reported, nor is it left', () => {
  const { bench, socket } = joined();
  arrives(bench, query(10));
  socket.addMembership('224.0.0.1');
  socket.dropMembership('224.0.0.1');
  expect(over(bench, 20_000)).toEqual([]);
  expect(bench.stack.stats.drops()).toEqual({});
});

test('a query without a source is answered: a switch asks so (RFC 4541 2.1.1)', () => {
  const { bench } = settled(GROUP);
  arrives(bench, message(igmp.IGMP_QUERY, 10, '', { src: '0.0.0.0' }));
  expect(over(bench, 2000)).toHaveLength(1);
});

test.each([
  [
    'seven octets',
    'IGMP_BAD',
    (frame: Uint8Array) => ip4Frame({ protocol: 2, dst: '224.0.0.1' }, frame.slice(24, 31)),
  ],
  [
    'a wrong checksum',
    'IGMP_BAD',
    (f: Uint8Array) =>
      ip4Frame(
        { protocol: 2, dst: '224.0.0.1' },
        f.slice(24).map((o, i) => (i === 2 ? o ^ 1 : o)),
      ),
  ],
  ['another type', 'IGMP_UNKNOWN_TYPE', () => message(0x22, 0, '', { dst: '224.0.0.1' })],
])('%s: %s, and no answer', (_what, reason, change) => {
  const { bench } = settled(GROUP);
  arrives(bench, change(query(1)));
  expect(over(bench, 2000)).toEqual([]);
  expect(bench.stack.stats.drops()).toEqual({ [reason]: 1 });
  expect(bench.pool.inUse).toBe(0);
});

test('IGMP to one host is no protocol of ours', () => {
  const { bench } = settled(GROUP);
  bench.exchange(ip4Frame({ protocol: 2 }, octets(8)));
  expect(bench.stack.stats.drops()).toEqual({ IP_UNKNOWN_PROTOCOL: 1 });
});

test('a link that is full or down loses reports, and no memory', () => {
  const { bench, socket } = joined();
  bench.link.room = 0;
  socket.addMembership(GROUP);
  expect(over(bench, 20_000)).toEqual([]);
  bench.link.setUp(false);
  socket.dropMembership(GROUP);
  expect(over(bench, 1000)).toEqual([]);
  expect(bench.pool.inUse).toBe(0);
});
