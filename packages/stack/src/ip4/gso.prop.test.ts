// Segmentation in software: the pieces of a super-segment are the stream it carried, each a segment that TCP may take.

import { fc, test as property } from '@fast-check/vitest';
import { describe, expect, test } from 'vitest';
import { FEATURE_CHECKSUM, FEATURE_TSO_ECN, FEATURE_TSO4, FEATURE_USO } from '../contract/link.ts';
import { CHECKSUM_PARTIAL, CHECKSUM_VALID, GSO_TCPV4, GSO_UDP_L4 } from '../contract/packet.ts';
import { ip, ip4Frame, octets, readFrame, routerWith } from '../testing/index.ts';
import type { Marks } from '../testing/test-link.ts';
import { rd16, rd32, wr16 } from '../wire/bytes.ts';
import { fold, pseudoHeaderSum, sumBytes } from '../wire/checksum.ts';
import * as ipv4 from '../wire/ipv4.ts';
import { writeTcp } from '../wire/tcp.ts';
import { writeUdp } from '../wire/udp.ts';

const [SRC, DST] = ['10.0.0.1', '10.0.1.9'];
const DF = 0x4000;

interface Super {
  readonly text: Uint8Array;
  readonly flags: number;
  readonly seq: number;
  readonly id: number;
  /** Words of TCP options, NOPs. */
  readonly words: number;
  readonly ipFlags?: number;
  readonly ipOptions?: readonly number[];
}

/** A datagram of TCP whose checksum field holds the pseudo-header's sum, as a device hands it up. */
function superFrame({ text, flags, seq, id, words, ipFlags = DF, ipOptions = [] }: Super): Uint8Array {
  const header = 20 + 4 * words;
  const segment = new Uint8Array(header + text.length).fill(1, 20, header);
  const sum = fold(pseudoHeaderSum(ip(SRC), ip(DST), ipv4.PROTO_TCP, segment.length));
  writeTcp(segment, 0, 1000, 2000, seq, 7, header, flags, 512, sum, 0);
  segment.set(text, header);
  return ip4Frame({ src: SRC, dst: DST, id, flags: ipFlags, protocol: 6, options: ipOptions }, segment);
}

function marks(frame: Uint8Array, gsoSize: number): Marks {
  const start = (frame[0] & 15) * 4;
  return {
    checksum: CHECKSUM_PARTIAL,
    checksumStart: start,
    checksumAt: start + 16,
    gsoType: GSO_TCPV4,
    gsoSize,
  };
}

/** What is wrong with the pieces, or '' and the stream they carry. */
function read(pieces: readonly Uint8Array[], first: Super, gsoSize: number): { wrong: string; text: Buffer } {
  const parts: Uint8Array[] = [];
  let done = 0;
  let wrong = '';
  for (const [i, b] of pieces.entries()) {
    const header = (b[0] & 15) * 4;
    const text = b.subarray(header + (b[header + 12] >> 4) * 4);
    const sum =
      pseudoHeaderSum(ip(SRC), ip(DST), 6, b.length - header) + sumBytes(b, header, b.length - header);
    const last = i === pieces.length - 1;
    const flags = (i === 0 ? first.flags : first.flags & ~128) & (last ? 255 : ~9);
    if (ipv4.checkIpv4(b, 0, b.length) !== ipv4.IPV4_OK || rd16(b, 2) !== b.length)
      wrong ||= `header of ${i}`;
    // RFC 6864 4.1: what is atomic and says 0 counts nothing.
    const counts = first.id !== 0 || first.ipFlags === 0;
    if (rd16(b, 4) !== (counts ? (first.id + i) & 0xffff : 0)) wrong ||= `identification of ${i}`;
    if (b[8] !== 63 || rd16(b, 6) !== (first.ipFlags ?? DF)) wrong ||= `TTL or DF of ${i}`;
    if (fold(sum) !== 0xffff) wrong ||= `checksum of ${i}`;
    if (rd32(b, header + 4) !== ((first.seq + done) | 0)) wrong ||= `sequence number of ${i}`;
    if (b[header + 13] !== flags) wrong ||= `flags of ${i}`;
    if (last ? text.length > gsoSize : text.length !== gsoSize) wrong ||= `length of ${i}`;
    done += text.length;
    parts.push(text);
  }
  return { wrong, text: Buffer.concat(parts) };
}

property.prop([
  fc.record({
    text: fc
      .integer({ min: 1, max: 20_000 })
      .map((length) => Uint8Array.from({ length }, (_, i) => (i * 7) ^ (i >> 8))),
    flags: fc.integer({ min: 0, max: 255 }).map((flags) => (flags | 16) & ~6),
    seq: fc.oneof(fc.integer(), fc.constantFrom(-1, -5000, 0x7fff_ffff)),
    id: fc.constantFrom(0, 1, 0xffff, 0xfffe),
    words: fc.integer({ min: 0, max: 10 }),
    ipFlags: fc.constantFrom(0, DF),
    ipOptions: fc.constantFrom([], [148, 4, 0, 0]),
  }),
  fc.integer({ min: 100, max: 1396 }),
])(
  'the pieces are the stream, in order, with right numbers, flags, identifications and checksums',
  (one, gsoSize) => {
    const router = routerWith();
    const frame = superFrame(one);
    router.left.inject(frame, marks(frame, gsoSize));
    const { left, right } = router.settle();
    const { wrong, text } = read(right, one, gsoSize);
    expect([left, wrong, right.length]).toEqual([[], '', Math.ceil(one.text.length / gsoSize)]);
    expect(text.equals(one.text)).toBe(true);
    expect(router.stack.stats.drops()).toEqual({});
    expect(router.stack.stats.get('IpForwDatagrams')).toBe(1);
    expect(router.pool.inUse).toBe(0);
  },
);

property.prop([fc.array(fc.integer({ min: 0, max: 4 }), { minLength: 1, maxLength: 12 })])(
  'a link with little room takes the pieces in order as it has room, however much of it each time',
  (rooms) => {
    const router = routerWith();
    const one: Super = { text: octets(4000), flags: 0x98, seq: -1000, id: 9, words: 3 };
    const frame = superFrame(one);
    router.right.room = 1;
    router.left.inject(frame, marks(frame, 400));
    const pieces = [...router.settle().right];
    for (const room of [...rooms, 100]) {
      router.right.makeRoom(room);
      pieces.push(...router.settle().right);
    }
    const { wrong, text } = read(pieces, one, 400);
    expect([wrong, pieces.length]).toEqual(['', 10]);
    expect(text.equals(one.text)).toBe(true);
    expect(router.pool.inUse).toBe(0);
  },
);

const big: Super = { text: octets(5000), flags: 0x18, seq: 1, id: 0, words: 0 };

test('a link that segments is given the super-segment as it is', () => {
  const router = routerWith();
  router.right.features = FEATURE_CHECKSUM | FEATURE_TSO4;
  const frame = superFrame(big);
  router.left.inject(frame, marks(frame, 1448));
  expect(router.settle().right.map((one) => one.length)).toEqual([frame.length]);
});

test('a super-segment whose pieces the next link does not take is told about, with the MTU (RFC 1191 4)', () => {
  const router = routerWith();
  router.right.setMtu(1400);
  for (const features of [0, FEATURE_CHECKSUM | FEATURE_TSO4]) {
    router.right.features = features;
    const frame = superFrame(big);
    router.left.inject(frame, marks(frame, 1361));
    const { left, right } = router.settle();
    expect(left.map(readFrame).map(({ type, code, word6 }) => [type, code, word6])).toEqual([[3, 4, 1400]]);
    expect(right).toEqual([]);
    router.left.inject(superFrame(big), marks(frame, 1360));
    expect(router.settle().right.length).toBeGreaterThan(0);
  }
});

test.each([0, FEATURE_CHECKSUM | FEATURE_TSO4])(
  'without DF its text is cut to what the link takes (features %i)',
  (features) => {
    const router = routerWith();
    router.right.setMtu(600);
    router.right.features = features;
    const one = { ...big, ipFlags: 0 };
    const frame = superFrame(one);
    router.left.inject(frame, marks(frame, 1448));
    const { right } = router.settle();
    if (features === 0) {
      expect(read(right, one, 560)).toEqual({ wrong: '', text: Buffer.from(big.text) });
    } else expect(right).toHaveLength(1);
    expect(router.stack.stats.drops()).toEqual({});
  },
);

test('what is marked as a super-segment and is none is dropped', () => {
  const router = routerWith();
  const udp = ip4Frame({ src: SRC, dst: DST, protocol: 17 }, octets(3000));
  const short = superFrame(big).slice(0, 1000);
  wr16(short, 2, short.length);
  short[32] = 0x10;
  ipv4.setIpv4Checksum(short, 0);
  for (const frame of [udp, short]) router.left.inject(frame, marks(frame, 500));
  router.left.inject(udp, { gsoType: GSO_UDP_L4, gsoSize: 500 });
  router.left.inject(superFrame(big), marks(superFrame(big), 0));
  expect(router.settle().right).toEqual([]);
  expect(router.stack.stats.drops()).toEqual({ LINK_MARKS: 4 });
  expect(router.pool.inUse).toBe(0);
});

/** A super-datagram as a device hands it up. */
function superDatagram(length: number, ipFlags = DF): Uint8Array {
  const datagram = new Uint8Array(8 + length);
  const sum = fold(pseudoHeaderSum(ip(SRC), ip(DST), ipv4.PROTO_UDP, datagram.length));
  writeUdp(datagram, 0, 1000, 2000, datagram.length, sum);
  datagram.set(octets(length), 8);
  return ip4Frame({ src: SRC, dst: DST, id: 9, flags: ipFlags, protocol: 17 }, datagram);
}

const udpMarks = (gsoSize: number): Marks => {
  return { checksum: CHECKSUM_PARTIAL, checksumStart: 20, checksumAt: 26, gsoType: GSO_UDP_L4, gsoSize };
};

property.prop([fc.integer({ min: 1, max: 9000 }), fc.integer({ min: 80, max: 1472 })])(
  'a super-datagram leaves as its datagrams, each with its length, identification and checksum',
  (length, gsoSize) => {
    const router = routerWith();
    router.left.inject(superDatagram(length), udpMarks(gsoSize));
    const { right } = router.settle();
    const texts = right.map((b, i) => {
      const sum = pseudoHeaderSum(ip(SRC), ip(DST), 17, b.length - 20) + sumBytes(b, 20, b.length - 20);
      const said = [ipv4.checkIpv4(b, 0, b.length), rd16(b, 2), rd16(b, 4), rd16(b, 24), fold(sum)];
      expect(said).toEqual([ipv4.IPV4_OK, b.length, 9 + i, b.length - 20, 0xffff]);
      return b.subarray(28);
    });
    expect(texts.map((one) => one.length).slice(0, -1)).toEqual(texts.slice(1).map(() => gsoSize));
    expect(Buffer.concat(texts).equals(octets(length))).toBe(true);
    expect([router.stack.stats.drops(), router.pool.inUse]).toEqual([{}, 0]);
  },
);

describe('a super-datagram whose datagrams the next link does not take', () => {
  test('is told about with DF', () => {
    const router = routerWith();
    router.right.setMtu(600);
    router.left.inject(superDatagram(3000), udpMarks(1000));
    const { left, right } = router.settle();
    expect(left.map(readFrame).map(({ type, code, word6 }) => [type, code, word6])).toEqual([[3, 4, 600]]);
    expect(right).toEqual([]);
  });

  test('leaves as fragments of them without, whatever the link would segment', () => {
    const router = routerWith();
    router.right.setMtu(600);
    router.right.features = FEATURE_CHECKSUM | FEATURE_USO;
    router.left.inject(superDatagram(2000, 0), udpMarks(1000));
    const { right } = router.settle();
    expect(right.map((b) => [b.length - 20, rd16(b, 4), rd16(b, 6)])).toEqual([
      [576, 9, 0x2000],
      [432, 9, 72],
      [576, 10, 0x2000],
      [432, 10, 72],
    ]);
    expect([router.stack.stats.drops(), router.pool.inUse]).toEqual([{}, 0]);
  });
});

test('a link that segments UDP is given the super-datagram as it is', () => {
  const router = routerWith();
  router.right.features = FEATURE_CHECKSUM | FEATURE_USO;
  router.left.inject(superDatagram(5000), udpMarks(1000));
  expect(router.settle().right.map((b) => b.length)).toEqual([5028]);
});

test('a super-segment with CWR goes whole only to a link that says it once (RFC 3168 6.1.2); ECE is on all', () => {
  const flagsOf = (features: number): number[] => {
    const router = routerWith();
    router.right.features = features;
    const one = { ...big, text: octets(3000), flags: 0xd0 };
    router.left.inject(superFrame(one), marks(superFrame(one), 1000));
    return router.settle().right.map((b) => b[33]);
  };
  expect(flagsOf(FEATURE_CHECKSUM | FEATURE_TSO4)).toEqual([0xd0, 0x50, 0x50]);
  expect(flagsOf(FEATURE_CHECKSUM | FEATURE_TSO4 | FEATURE_TSO_ECN)).toEqual([0xd0]);
});

test('a super-segment that was verified leaves with a partial checksum; one that nobody vouches for is dropped', () => {
  const router = routerWith();
  const broken = superFrame(big);
  broken[36] ^= 1;
  const gso = { gsoType: GSO_TCPV4, gsoSize: 1000 };
  router.left.inject(broken, { ...gso, checksum: CHECKSUM_VALID });
  expect(read(router.settle().right, big, 1000).wrong).toBe('');
  router.left.inject(superFrame(big), gso);
  expect([router.settle().right, router.stack.stats.drops()]).toEqual([[], { LINK_MARKS: 1 }]);
});

test('a stack that closes keeps no piece', () => {
  const router = routerWith();
  router.right.room = 1;
  router.left.inject(superFrame(big), marks(superFrame(big), 500));
  router.settle();
  expect(router.pool.inUse).toBe(1);
  router.stack.close();
  expect(router.pool.inUse).toBe(0);
});
