// Receive offload in software: what is put together is the stream that came, and what is cut again are the octets that came.

import { fc, test as property } from '@fast-check/vitest';
import { describe, expect, test } from 'vitest';
import { FEATURE_CHECKSUM, FEATURE_TSO_ECN, FEATURE_TSO4, FEATURE_USO } from '../contract/link.ts';
import { ip, ip4Frame, octets, type RouterBench, routerWith } from '../testing/index.ts';
import { rd16, wr16 } from '../wire/bytes.ts';
import { complement, fold, pseudoHeaderSum, sumBytes } from '../wire/checksum.ts';
import * as ipv4 from '../wire/ipv4.ts';
import {
  TCP_ACK,
  TCP_CWR,
  TCP_ECE,
  TCP_FIN,
  TCP_PSH,
  TCP_RST,
  TCP_SYN,
  TCP_URG,
  writeTcp,
} from '../wire/tcp.ts';

const [SRC, DST] = ['10.0.0.1', '10.0.1.9'];
const DF = 0x4000;
const SUPER = FEATURE_CHECKSUM | FEATURE_TSO4 | FEATURE_TSO_ECN | FEATURE_USO;

interface One {
  readonly seq: number;
  readonly text: Uint8Array;
  readonly flags?: number;
  readonly id?: number;
  readonly ipFlags?: number;
  readonly tos?: number;
  readonly ttl?: number;
  readonly window?: number;
  readonly ack?: number;
  readonly port?: number;
  /** Octets of TCP options, a multiple of 4. */
  readonly options?: readonly number[];
  readonly ipOptions?: readonly number[];
  readonly src?: string;
  readonly reserved?: number;
  readonly padding?: number;
}

/** A whole datagram of TCP, with right checksums. */
function frame(one: One): Uint8Array {
  const { text, options = [], src = SRC } = one;
  const header = 20 + options.length;
  const segment = new Uint8Array(header + text.length);
  const flags = one.flags ?? TCP_ACK;
  writeTcp(segment, 0, 1000, one.port ?? 2000, one.seq, one.ack ?? 7, header, flags, one.window ?? 512, 0, 0);
  segment[12] |= one.reserved ?? 0;
  segment.set(options, 20);
  segment.set(text, header);
  const sum = pseudoHeaderSum(ip(src), ip(DST), 6, segment.length) + sumBytes(segment, 0, segment.length);
  const checksum = complement(sum);
  // Of the two zeros the one that is sent here (RFC 768; for TCP both mean the same).
  wr16(segment, 16, checksum === 0 ? 0xffff : checksum);
  const b = ip4Frame(
    {
      src,
      dst: DST,
      id: one.id ?? 0,
      flags: one.ipFlags ?? DF,
      protocol: 6,
      ttl: one.ttl ?? 64,
      options: one.ipOptions ?? [],
    },
    segment,
  );
  b[1] = one.tos ?? 0;
  ipv4.setIpv4Checksum(b, 0);
  if (one.padding === undefined) return b;
  const padded = new Uint8Array(b.length + one.padding);
  padded.set(b);
  return padded;
}

/** Segments of one flow, one behind the other. */
function flow(sizes: readonly number[], first: Partial<One> = {}, last: Partial<One> = {}): Uint8Array[] {
  let seq = first.seq ?? -2000;
  return sizes.map((size, i) => {
    const text = Uint8Array.from({ length: size }, (_, k) => (k * 7 + i) ^ (k >> 8));
    const id = first.id === undefined || first.id === 0 ? 0 : (first.id + i) & 0xffff;
    const one = { ...first, seq, text, id, ...(i === sizes.length - 1 ? last : {}) };
    seq = (seq + size) | 0;
    return frame(one);
  });
}

/** Octets of text in each packet that a link that takes super-segments is given. */
function merged(frames: readonly Uint8Array[], router: RouterBench = routerWith()): number[] {
  router.right.features = SUPER;
  const { right } = router.fromLeft(...frames);
  expect(router.pool.inUse).toBe(0);
  return right.map((b) => b.length - (b[0] & 15) * 4 - (b[(b[0] & 15) * 4 + 12] >> 4) * 4);
}

/** The same, one hop on: TTL and header checksum. */
function hop(b: Uint8Array): Uint8Array {
  const on = b.slice(0, rd16(b, 2));
  ipv4.setIpv4Ttl(on, 0, on[8] - 1);
  return on;
}

const hex = (frames: readonly Uint8Array[]): string[] => frames.map((b) => Buffer.from(b).toString('hex'));

const timestamps = [1, 1, 8, 10, 0, 0, 0, 9, 0, 0, 0, 8];

describe('what is put together', () => {
  test('segments in order of one flow, with a shorter last one, are one super-segment', () => {
    const router = routerWith();
    router.right.features = SUPER;
    const { right } = router.fromLeft(...flow([1448, 1448, 1448, 700], { options: timestamps }));
    expect(right.map((b) => b.length)).toEqual([52 + 3 * 1448 + 700]);
    // The sum over it is left to whoever cuts it: the field holds that of the pseudo-header.
    const [b] = right;
    expect(rd16(b, 36)).toBe(fold(pseudoHeaderSum(ip(SRC), ip(DST), 6, b.length - 20)));
    expect(ipv4.checkIpv4(b, 0, b.length)).toBe(ipv4.IPV4_OK);
    expect(router.stack.stats.get('IpForwDatagrams')).toBe(1);
  });

  test.each([
    ['identifications that count', [{ id: 9 }, {}], [300]],
    ['identifications that wrap', [{ id: 0xffff }, { id: 0 }], [200]],
    ['ECE on all', [{ flags: TCP_ACK | TCP_ECE }, {}], [300]],
    ['a mark of congestion on all', [{ tos: 3 }, {}], [300]],
    ['PSH on the last', [{}, { flags: TCP_ACK | TCP_PSH }], [300]],
    ['FIN on the last', [{}, { flags: TCP_ACK | TCP_PSH | TCP_FIN }], [300]],
    ['a sequence number that wraps', [{ seq: 0x7fff_ff80 }, {}], [300]],
  ])('%s', (_, [first, last], expected) => {
    const sizes = expected[0] === 200 ? [100, 100] : [100, 100, 100];
    expect(merged(flow(sizes, first, last))).toEqual(expected);
  });

  test('CWR on the first: it is said once (RFC 3168 6.1.2)', () => {
    const [first, ...rest] = flow([100, 100, 100]);
    first[33] |= TCP_CWR;
    const sum = pseudoHeaderSum(ip(SRC), ip(DST), 6, 120);
    wr16(first, 36, 0);
    wr16(first, 36, complement(sum + sumBytes(first, 20, 120)));
    expect(merged([first, ...rest])).toEqual([300]);
    expect(merged([rest[0], first])).toEqual([100, 100]);
  });

  test('it ends with what is shorter, and with PSH', () => {
    expect(merged(flow([100, 100, 60, 60, 100]))).toEqual([260, 60, 100]);
    const pushed = flow([100, 100], {}, { flags: TCP_ACK | TCP_PSH });
    expect(merged([...pushed, ...flow([100, 100], { seq: -1800 })])).toEqual([200, 200]);
  });

  test('it is no longer than a datagram can be', () => {
    const sizes = merged(flow(Array.from({ length: 60 }, () => 1460)));
    expect(sizes).toEqual([44 * 1460, 16 * 1460]);
  });
});

describe('what is refused', () => {
  test.each<[string, Partial<One>]>([
    ['a gap', { seq: 5000 }],
    ['a repetition', { seq: -2000 }],
    ['another acknowledgment', { ack: 8 }],
    ['another window', { window: 513 }],
    ['other timestamps', { options: [...timestamps.slice(0, 11), 9] }],
    ['fewer options', { options: [] }],
    ['more options', { options: [...timestamps, 1, 1, 1, 1] }],
    ['another port', { port: 2001 }],
    ['another sender', { src: '10.0.0.7' }],
    ['another TTL', { ttl: 63 }],
    ['another DiffServ field', { tos: 0x10 }],
    ['a mark of congestion that the others have not', { tos: 3 }],
    ['DF that the others have not', { ipFlags: 0 }],
    ['a fragment', { ipFlags: 0x2000 }],
    ['options of IP', { ipOptions: [1, 1, 1, 1] }],
    ['another identification', { id: 77 }],
    ['URG', { flags: TCP_ACK | TCP_URG }],
    ['RST', { flags: TCP_ACK | TCP_RST }],
    ['SYN', { flags: TCP_ACK | TCP_SYN }],
    ['ECE that the others have not', { flags: TCP_ACK | TCP_ECE }],
    ['CWR', { flags: TCP_ACK | TCP_CWR }],
    ['no ACK', { flags: 0 }],
    ['reserved bits', { reserved: 1 }],
    ['octets behind its end', { padding: 4 }],
    ['more text', { text: octets(101) }],
    ['no text', { text: octets(0) }],
  ])('%s', (_, last) => {
    const frames = flow([100, 100, 100], { options: timestamps }, last);
    expect(merged(frames)).toEqual([200, last.text?.length ?? 100]);
    // Nor does anything begin with it that others are put behind.
    expect(merged([frames[2], ...flow([100], { options: timestamps, seq: last.seq ?? -1800 })])).toHaveLength(
      2,
    );
  });

  test('a wrong checksum, of TCP or of IP: it goes on alone, to whoever judges it', () => {
    const frames = flow([100, 100, 100]);
    frames[1][90] ^= 1;
    expect(merged(frames)).toEqual([100, 100, 100]);
    const broken = flow([100, 100, 100]);
    broken[1][10] ^= 1;
    const router = routerWith();
    expect(merged(broken, router)).toEqual([100, 100]);
    expect(router.stack.stats.drops()).toEqual({ IP_BAD_CHECKSUM: 1 });
  });

  test('what another flow came between: the order of arrival is kept', () => {
    const [a, b] = [flow([100, 100]), flow([50, 50], { port: 3000 })];
    expect(merged([a[0], b[0], a[1], b[1]])).toEqual([100, 50, 100, 50]);
    expect(merged([...a, ...b])).toEqual([200, 100]);
  });

  test('all, where the option says so', () => {
    expect(merged(flow([100, 100]), routerWith({ gro: false }))).toEqual([100, 100]);
  });

  test('what comes with the next batch', () => {
    const router = routerWith({ batchPackets: 2 });
    expect(merged(flow([100, 100, 100]), router)).toEqual([200, 100]);
  });
});

const segment = fc.record({
  size: fc.constantFrom(100, 100, 100, 100, 37, 1),
  // Most continue; some are of another flow, out of place, or say something else.
  what: fc.constantFrom(
    'next',
    'next',
    'next',
    'next',
    'next',
    'gap',
    'again',
    'push',
    'fin',
    'ece',
    'cwr',
    'ce',
    'other',
    'ack',
    'bad',
  ),
});

property.prop([
  fc.array(segment, { minLength: 1, maxLength: 40 }),
  fc.constantFrom(0, 1, 0xfff0),
  fc.constantFrom(0, DF),
  fc.constantFrom([], timestamps),
])(
  'GSO(GRO(x)) = x: behind a link that segments nothing the octets are those that came, in their order',
  (plan, id, ipFlags, options) => {
    let seq = 0x7fff_fe00;
    const frames = plan.map(({ size, what }, i) => {
      const at = what === 'gap' ? seq + 1000 : what === 'again' ? seq - size : seq;
      if (what !== 'other') seq = (at + size) | 0;
      const flags =
        TCP_ACK | ({ push: TCP_PSH, fin: TCP_FIN, ece: TCP_ECE, cwr: TCP_CWR }[what as 'push'] ?? 0);
      const b = frame({
        seq: at | 0,
        text: octets(size, i),
        flags,
        id: id === 0 && ipFlags === DF ? 0 : (id + i) & 0xffff,
        ipFlags,
        options,
        tos: what === 'ce' ? 3 : 2,
        ack: what === 'ack' ? 8 : 7,
        port: what === 'other' ? 2001 : 2000,
      });
      if (what === 'bad') b[b.length - 1] ^= 0x55;
      return b;
    });
    const cut = routerWith();
    expect(hex(cut.fromLeft(...frames).right)).toEqual(hex(frames.map(hop)));
    expect(cut.pool.inUse).toBe(0);
    // And with a device that would segment, fewer leave where there was something to put together.
    expect(merged(frames).length).toBeLessThanOrEqual(frames.length);
  },
);
