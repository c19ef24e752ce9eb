// IPv4 input: each reason for which a datagram is not taken, and that nothing answers it.

import { expect, test } from 'vitest';
import { ACCEPT, DROP, INPUT, PREROUTING, REPEAT, STOLEN } from '../contract/hook.ts';
import type { Packet } from '../contract/packet.ts';
import type { ReasonName } from '../contract/reasons.ts';
import { type Bench, icmpFrame, ip4Frame, octets, stackWith } from '../testing/index.ts';
import { wr16 } from '../wire/bytes.ts';
import { setIpv4Checksum } from '../wire/ipv4.ts';

/** A good echo request with something changed, checksum repaired. */
function changed(change: (frame: Uint8Array) => void): Uint8Array {
  const frame = icmpFrame({}, octets(56));
  change(frame);
  if ((frame[0] & 15) >= 5) setIpv4Checksum(frame, 0);
  return frame;
}

const good = icmpFrame({}, octets(56));
const rows: readonly (readonly [string, ReasonName, Uint8Array])[] = [
  ['no octets', 'IP_TRUNCATED', new Uint8Array(0)],
  ['one octet', 'IP_TRUNCATED', good.slice(0, 1)],
  ['19 octets', 'IP_TRUNCATED', good.slice(0, 19)],
  ['a header and nothing of what its total length says', 'IP_TRUNCATED', good.slice(0, 20)],
  ['one octet less than its total length', 'IP_TRUNCATED', good.slice(0, good.length - 1)],
  ['version 6', 'IP_BAD_VERSION', changed((f) => (f[0] = 0x65))],
  ['version 6, one octet', 'IP_BAD_VERSION', Uint8Array.of(0x60)],
  ['version 0', 'IP_BAD_VERSION', changed((f) => (f[0] = 0x05))],
  ['a header of 16 octets', 'IP_BAD_HEADER', changed((f) => (f[0] = 0x44))],
  ['a header of no octets', 'IP_BAD_HEADER', changed((f) => (f[0] = 0x40))],
  ['a header beyond the packet', 'IP_BAD_HEADER', changed((f) => (f[0] = 0x4f)).slice(0, 40)],
  ['a total length below the header length', 'IP_BAD_TOTAL_LENGTH', changed((f) => wr16(f, 2, 19))],
  ['total length 0', 'IP_BAD_TOTAL_LENGTH', changed((f) => wr16(f, 2, 0))],
  ['a wrong header checksum', 'IP_BAD_CHECKSUM', good.map((octet, i) => (i === 10 ? octet ^ 1 : octet))],
  ['a loose source route', 'IP_SOURCE_ROUTE', icmpFrame({ options: [131, 7, 4, 10, 0, 0, 9] }, octets(8))],
  [
    'a strict source route',
    'IP_SOURCE_ROUTE',
    icmpFrame({ options: [1, 137, 7, 4, 10, 0, 0, 9] }, octets(8)),
  ],
  ['source 0.0.0.0', 'IP_MARTIAN_SOURCE', icmpFrame({ src: '0.0.0.0' }, octets(8))],
  ['source 0.1.2.3', 'IP_MARTIAN_SOURCE', icmpFrame({ src: '0.1.2.3' }, octets(8))],
  ['source 127.0.0.1 by a wire', 'IP_MARTIAN_SOURCE', icmpFrame({ src: '127.0.0.1' }, octets(8))],
  ['a multicast source', 'IP_MARTIAN_SOURCE', icmpFrame({ src: '224.0.0.1' }, octets(8))],
  ['a reserved source', 'IP_MARTIAN_SOURCE', icmpFrame({ src: '240.0.0.1' }, octets(8))],
  ['source 255.255.255.255', 'IP_MARTIAN_SOURCE', icmpFrame({ src: '255.255.255.255' }, octets(8))],
  ['our own address as source (land)', 'IP_MARTIAN_SOURCE', icmpFrame({ src: '10.0.0.2' }, octets(8))],
  [
    'the broadcast of our network as source',
    'IP_MARTIAN_SOURCE',
    icmpFrame({ src: '10.0.0.255' }, octets(8)),
  ],
  [
    'the all-zeros form of our network as source',
    'IP_MARTIAN_SOURCE',
    icmpFrame({ src: '10.0.0.0' }, octets(8)),
  ],
  ['destination 127.0.0.1 by a wire', 'IP_MARTIAN_DESTINATION', icmpFrame({ dst: '127.0.0.1' }, octets(8))],
  ['destination 0.0.0.0', 'IP_MARTIAN_DESTINATION', icmpFrame({ dst: '0.0.0.0' }, octets(8))],
  ['somebody else', 'IP_NOT_LOCAL', icmpFrame({ dst: '10.0.0.3' }, octets(8))],
  ['a reserved destination', 'IP_NOT_LOCAL', icmpFrame({ dst: '240.0.0.1' }, octets(8))],
  ['limited broadcast (smurf)', 'IP_BROADCAST', icmpFrame({ dst: '255.255.255.255' }, octets(8))],
  ['directed broadcast (smurf)', 'IP_BROADCAST', icmpFrame({ dst: '10.0.0.255' }, octets(8))],
  ['the all-zeros broadcast', 'IP_BROADCAST', icmpFrame({ dst: '10.0.0.0' }, octets(8))],
  ['multicast', 'IP_MULTICAST', icmpFrame({ dst: '224.0.0.1' }, octets(8))],
  ['a fragment that ends beyond 65,535', 'IP_FRAGMENT_BEYOND', icmpFrame({ flags: 0x1fff }, octets(56))],
  ['an empty first fragment', 'IP_FRAGMENT_EMPTY', ip4Frame({ flags: 0x2000 }, new Uint8Array(0))],
  ['an empty last fragment', 'IP_FRAGMENT_EMPTY', ip4Frame({ flags: 0x0001 }, new Uint8Array(0))],
  [
    'a fragment of 9 octets that is not the last',
    'IP_FRAGMENT_RAGGED',
    icmpFrame({ flags: 0x2000 }, octets(1)),
  ],
  ['16 octets of TCP', 'IP_FRAGMENT_TINY', ip4Frame({ flags: 0x2000, protocol: 6 }, octets(16))],
  ['TCP from its ninth octet on', 'IP_FRAGMENT_TINY', ip4Frame({ flags: 0x0001, protocol: 6 }, octets(30))],
];

// R791.1, R791.2, R1122.1, R1122.2, R1122.3, R1122.4, R1122.26, R1122.45
test.each(rows)('%s: %s, and no answer', (_what, reason, frame) => {
  const bench = stackWith();
  bench.stack.udpSocket({}).bind('0.0.0.0', 7);
  expect(bench.exchange(frame)).toEqual([]);
  expect(bench.stack.stats.drops()).toEqual({ [reason]: 1 });
  expect(bench.stack.stats.get('IpInReceives')).toBe(1);
  expect(bench.stack.stats.get('IpInDelivers')).toBe(0);
  expect(bench.pool.inUse).toBe(0);
  expect(bench.stack.pathCount).toBe(1);
});

// R1122.18
test('an unknown protocol is answered: protocol unreachable', () => {
  const bench = stackWith();
  const frame = ip4Frame({ protocol: 47 }, octets(30));
  const [answer] = bench.exchange(frame);
  expect([answer.type, answer.code, answer.dst]).toEqual([3, 2, '10.0.0.1']);
  expect([...answer.payload]).toEqual([...frame]);
  expect(bench.stack.stats.drops()).toEqual({ IP_UNKNOWN_PROTOCOL: 1 });
});

// R1122.12
test('options that mean nothing to us are walked over', () => {
  const bench = stackWith();
  const options = [
    Array.from({ length: 40 }, () => 1),
    [7, 39, 40, ...new Array<number>(36).fill(9), 0],
    [68, 8, 5, 0, 0, 0, 0, 0],
    [0, 7, 0, 0],
  ];
  for (const one of options) {
    expect(bench.exchange(icmpFrame({ options: one }, octets(8)))).toHaveLength(1);
  }
  expect(bench.stack.stats.drops()).toEqual({});
});

// R791.2
test('what a link padded behind the datagram is trimmed', () => {
  const bench = stackWith();
  const padded = new Uint8Array(60).fill(0xee);
  padded.set(icmpFrame({}, octets(3)));
  const [answer] = bench.exchange(padded);
  expect([...answer.payload]).toEqual([0, 1, 2]);
});

// R1122.5
test('any other address in 127/8 is ours over loopback, and nothing of it goes out by a wire', () => {
  const bench = stackWith();
  const got: string[] = [];
  const socket = bench.stack.echoSocket({
    readable(s) {
      for (let d = s.receive(); d !== undefined; d = s.receive()) got.push(d.addressText);
    },
  });
  socket.send('127.9.9.9', 1, octets(8));
  socket.send('10.0.0.2', 2, octets(8));
  expect(bench.exchange()).toEqual([]);
  expect(got).toEqual(['127.9.9.9', '10.0.0.2']);
  expect(bench.pool.inUse).toBe(0);
});

test('on a /31 both addresses are hosts (RFC 3021)', () => {
  const bench = stackWith({ address: '10.0.0.2/31' });
  expect(bench.exchange(icmpFrame({ src: '10.0.0.3' }, octets(8)))).toHaveLength(1);
});

test('after an address went, datagrams to it are for somebody else', () => {
  const bench = stackWith();
  bench.stack.addAddress(bench.face, '10.0.0.9/24');
  bench.stack.udpSocket({}).connect('10.0.0.1', 4000);
  expect(bench.exchange(icmpFrame({ dst: '10.0.0.9' }, octets(8)))).toHaveLength(1);
  bench.stack.removeAddress(bench.face, '10.0.0.2/24');
  expect(bench.exchange(icmpFrame({}, octets(8)))).toHaveLength(0);
  expect(bench.exchange(icmpFrame({ dst: '10.0.0.9' }, octets(8)))).toHaveLength(1);
  expect(bench.stack.stats.drops()).toEqual({ IP_NOT_LOCAL: 1 });
});

function hooked(point: number, verdict: number): Bench & { readonly seen: Packet[] } {
  const bench = stackWith();
  const seen: Packet[] = [];
  bench.stack.hooks.add(point, {
    verdict(packet) {
      seen.push(packet);
      if (verdict === STOLEN) packet.release();
      return verdict;
    },
  });
  return { ...bench, seen };
}

test.each([
  [PREROUTING, DROP],
  [INPUT, DROP],
  [PREROUTING, REPEAT],
])('at point %i verdict %i ends as HOOK_DROP', (point, verdict) => {
  const bench = hooked(point, verdict);
  expect(bench.exchange(icmpFrame({}, octets(8)))).toEqual([]);
  expect(bench.stack.stats.drops()).toEqual({ HOOK_DROP: 1 });
  expect(bench.pool.inUse).toBe(0);
});

test.each([PREROUTING, INPUT])('at point %i a stolen packet is the hook’s own affair', (point) => {
  const bench = hooked(point, STOLEN);
  expect(bench.exchange(icmpFrame({}, octets(8)))).toEqual([]);
  expect(bench.stack.stats.drops()).toEqual({});
  expect(bench.pool.inUse).toBe(0);
});

test('INPUT sees only what is for us, PREROUTING all that is well formed', () => {
  const bench = hooked(INPUT, ACCEPT);
  let before = 0;
  bench.stack.hooks.add(PREROUTING, {
    verdict() {
      before++;
      return ACCEPT;
    },
  });
  bench.exchange(icmpFrame({ dst: '10.0.0.3' }, octets(8)), icmpFrame({}, octets(8)), good.slice(0, 30));
  expect([before, bench.seen.length]).toEqual([2, 1]);
});
