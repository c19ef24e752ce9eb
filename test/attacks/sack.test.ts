// SACK in the hands of an attacker: blocks that cannot be, blocks that lie, and holes without end over a full send buffer of
// crumbs (CVE-2019-11477, -11478, -11479). RFC 2018 sections 5 and 8. Work is counted, not timed.

import { fc, test as property } from '@fast-check/vitest';
import { add, setChecks } from '@tunstack/stack/base';
import { FEATURE_TSO4 } from '@tunstack/stack/contract';
import { describe, expect, test } from 'vitest';
import type { RangePool, SentRange } from '../../packages/stack/src/tcp/buffers/sent-range.ts';
import type { SentRanges } from '../../packages/stack/src/tcp/buffers/sent-ranges.ts';
import {
  Ordeal,
  type Sent,
  type TcpBench,
  type TcpBenchOptions,
  tcpIn,
} from '../../packages/stack/src/testing/index.ts';

const MSS = 1000;
const SACK = 5;

const word = (value: number): number[] => [
  value >>> 24,
  (value >>> 16) & 255,
  (value >>> 8) & 255,
  value & 255,
];

/** An option with these blocks, relative to our ISS, behind two NOPs. */
function blocks(tcp: TcpBench, ...edges: readonly (readonly [number, number])[]): number[] {
  const octets = edges.flat().flatMap((edge) => word(add(tcp.iss, edge)));
  return [1, 1, SACK, 2 + octets.length, ...octets];
}

/** Twelve segments are under way to a peer that may SACK. Octet n of the stream is n modulo 251. */
function underWay(config: TcpBenchOptions = {}): { tcp: TcpBench; ordeal: Ordeal; sent: Sent[] } {
  const tcp = tcpIn('ESTABLISHED', { mss: MSS, sack: true, windowScale: 4, ...config });
  const ordeal = new Ordeal(tcp.bench);
  tcp.app.send(Uint8Array.from({ length: 12 * MSS }, (_, i) => i % 251));
  return { tcp, ordeal, sent: tcp.pump() };
}

/** Edges around those of what is under way, and anywhere. */
const EDGE = fc.oneof(
  fc.integer({ min: -3, max: 14 }).map((n) => 1 + n * MSS),
  fc.integer({ min: -2000, max: 14_000 }),
  fc.integer(),
);
const BLOCKS = fc.array(fc.tuple(EDGE, EDGE), { minLength: 1, maxLength: 4 });

describe('blocks that cannot be', () => {
  // [hostile 20]
  property.prop([BLOCKS, fc.integer({ min: 1, max: 5 })])(
    'inverted, empty, or of what was never sent: nothing is marked, nothing is sent, nothing else changes',
    (edges, times) => {
      const { tcp, ordeal } = underWay();
      const end = tcp.sndNxt;
      const wrong = edges.filter(([left, right]) => ((right - left) | 0) <= 0 || ((right - end) | 0) > 0);
      const { cwnd, ssthresh } = tcp.app.status();
      for (const pair of wrong) {
        const frame = tcp.frame({ ack: 1, options: blocks(tcp, pair) });
        const sent = ordeal.withstand(new Array<Uint8Array>(times).fill(frame), {
          reasons: [],
          mayPass: true,
        });
        expect(sent).toEqual([]);
      }
      const { sent } = tcp.known;
      expect([sent.sackedOctets, sent.lostOctets, tcp.sndUna]).toEqual([0, 0, 1]);
      expect([tcp.app.status().cwnd, tcp.app.status().ssthresh]).toEqual([cwnd, ssthresh]);
      expect(tcp.stack.stats.get('TcpExtTCPSACKDiscard')).toBe(times * wrong.length);
      tcp.acks();
      ordeal.serve();
      tcp.end();
    },
  );

  // [hostile 20]
  property.prop([
    fc.oneof(fc.integer({ min: 2, max: 40 }), fc.integer({ min: 0, max: 255 })),
    fc.integer({ min: 1, max: 4 }),
  ])(
    'of good blocks in an option of a wrong length, odd, of no block, or past the header, none counts',
    (length, count) => {
      const { tcp, ordeal } = underWay();
      const edges = Array.from(
        { length: count },
        (_, i) => [1 + (1 + 2 * i) * MSS, 1 + (2 + 2 * i) * MSS] as const,
      );
      const options = blocks(tcp, ...edges);
      options[3] = length;
      tcp.batch(tcp.frame({ ack: 1, options }));
      const whole = length >= 10 && (length - 2) % 8 === 0 && length <= 2 + 8 * count;
      expect(tcp.known.sent.sackedOctets).toBe(whole ? ((length - 2) / 8) * MSS : 0);
      expect(tcp.sndUna).toBe(1);
      ordeal.serve();
      tcp.acks();
      tcp.end();
    },
  );
});

describe('blocks that lie', () => {
  /** The peer got what was not lost, and acknowledges in earnest from now on: what its application reads in the end. */
  function comesThrough(
    tcp: TcpBench,
    lost: ReadonlySet<number>,
    before: readonly Sent[],
  ): (number | undefined)[] {
    const got = new Array<number | undefined>(12 * MSS).fill(undefined);
    const take = ({ seq, payload }: Sent): void => {
      for (const [i, octet] of payload.entries()) got[seq - 1 + i] = octet;
    };
    before.filter((_, n) => !lost.has(n)).forEach(take);
    for (let round = 0; round < 200 && tcp.known.outstanding > 0; round++) {
      const contiguous = got.indexOf(undefined);
      const ack = Math.max(tcp.sndUna, 1 + (contiguous < 0 ? got.length : contiguous));
      tcp.acks(ack).forEach(take);
      tcp.run(400).forEach(take);
    }
    return got;
  }

  // [hostile 20]
  property.prop([
    fc.array(fc.tuple(BLOCKS, fc.integer({ min: 0, max: 300 })), { minLength: 1, maxLength: 8 }),
    fc.uniqueArray(fc.integer({ min: 0, max: 9 }), { maxLength: 10 }),
  ])(
    'whatever a peer says it has, all of it goes again until it is acknowledged: the stream arrives whole',
    (lies, lost) => {
      const { tcp, ordeal, sent } = underWay();
      for (const [edges, ms] of lies) {
        sent.push(...tcp.segment({ ack: 1, options: blocks(tcp, ...edges) }));
        sent.push(...tcp.run(ms));
        expect(tcp.known.sent.sackedOctets).toBeLessThanOrEqual(tcp.known.outstanding);
      }
      expect(comesThrough(tcp, new Set(lost), sent)).toEqual(
        Array.from({ length: 12 * MSS }, (_, i) => i % 251),
      );
      expect(tcp.known.sent.empty).toBe(true);
      ordeal.serve();
      tcp.end();
    },
  );
});

/** What the scoreboard of a connection is asked: ranges looked at, by place and by order of leaving. */
class Looks {
  count = 0;

  constructor(sent: SentRanges) {
    for (let place = 0; place < sent.count; place++) this.watch(sent.at(place));
    const { pool } = sent as unknown as { readonly pool: RangePool };
    const at = sent.at.bind(sent);
    const take = pool.take.bind(pool);
    sent.at = (place) => {
      this.count++;
      return at(place);
    };
    pool.take = () => this.watch(take());
  }

  /** Reads of `newer` are steps along the order of leaving. */
  private watch(range: SentRange): SentRange {
    if (Object.getOwnPropertyDescriptor(range, 'newer')?.get !== undefined) return range;
    let { newer } = range;
    Object.defineProperty(range, 'newer', {
      get: () => {
        this.count++;
        return newer;
      },
      set: (next: SentRange | undefined) => {
        newer = next;
      },
    });
    return range;
  }
}

const CRUMB = 48;
const FULL_BUFFER = 4 << 20;
const RANGES_MAX = 16_384;

/** A full send buffer is under way in crumbs, as super-segments that the device cuts, or one by one. */
function crumbs(tso: boolean): TcpBench {
  const tcp = tcpIn('ESTABLISHED', {
    mss: CRUMB,
    sack: true,
    windowScale: 8,
    options: { tcpCongestion: 'reno', tcpSendBytes: FULL_BUFFER, tcpSendBytesMax: FULL_BUFFER },
  });
  if (tso) tcp.link.features = FEATURE_TSO4;
  tcp.app.send(Uint8Array.of(1));
  tcp.pump();
  tcp.run(50);
  tcp.acks();
  expect(tcp.app.send(new Uint8Array(FULL_BUFFER))).toBe(FULL_BUFFER);
  // As if the peer had opened the window by years of good behaviour.
  Object.assign(tcp.known.controller as object, { cwnd: FULL_BUFFER });
  tcp.known.cwnd = FULL_BUFFER;
  for (let i = 0; i < 4; i++) tcp.pump();
  tcp.run(50);
  return tcp;
}

/** Looks that an acknowledgment of four blocks may cost: a search each, the cuts, and what is marked and sent again for it. */
const LOOKS_MAX = 400;
/** So many acknowledgments make more holes than there may be ranges. */
const ACKS = 4000;

describe('crumbs and holes (CVE-2019-11477, -11478, -11479)', () => {
  // [hostile 21]
  test.each([
    ['of super-segments that a device cuts', true, false, LOOKS_MAX],
    ['of segments', false, false, LOOKS_MAX],
    // RACK waits for what may only be late, and looks at it again each time (RFC 8985 6.2 step 5): bounded by the ranges.
    ['from the end, to who has seen reordering', true, true, LOOKS_MAX + RANGES_MAX],
  ] as const)(
    'every second segment of a full buffer is SACKed, %s: ranges, looks and memory are bounded, and others are served',
    (_what, tso, late, looksMax) => {
      // The laws that are asserted after every pump look at each range: they are no part of the work.
      setChecks(false);
      try {
        const tcp = crumbs(tso);
        const ordeal = new Ordeal(tcp.bench);
        const { sent, loss } = tcp.known;
        const looks = new Looks(sent);
        expect(tcp.known.outstanding).toBeGreaterThan(FULL_BUFFER - 2 * CRUMB);
        if (late && loss !== undefined) loss.reorderingSeen = true;
        const base = tcp.sndUna;
        const last = Math.floor(tcp.known.outstanding / CRUMB) - 8;
        let [worst, most] = [0, 0];
        for (let i = 0; i < ACKS; i++) {
          const n = late ? last - 8 * i : 1 + 8 * i;
          const edges = [6, 4, 2, 0].map((k): [number, number] => [
            base + (n + k) * CRUMB,
            base + (n + k + 1) * CRUMB,
          ]);
          const before = looks.count;
          tcp.batch(tcp.frame({ ack: base, options: blocks(tcp, ...edges) }));
          worst = Math.max(worst, looks.count - before);
          most = Math.max(most, sent.count);
        }
        expect(most).toBe(RANGES_MAX);
        expect(worst).toBeLessThanOrEqual(looksMax);
        ordeal.serve();
        expect(tcp.bench.pool.chunks.inUseBytes).toBeLessThanOrEqual(FULL_BUFFER + (1 << 17));
        expect(tcp.bench.pool.inUse).toBe(0);
        tcp.acks(tcp.sndNxt);
        expect([sent.empty, tcp.bench.pool.chunks.inUseBytes]).toEqual([true, 0]);
        tcp.end();
      } finally {
        setChecks(true);
      }
    },
    60_000,
  );
});
