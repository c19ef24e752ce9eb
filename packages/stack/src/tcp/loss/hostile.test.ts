// A peer with segments of 48 octets that SACKs every second one: [hostile 21], CVE-2019-11477 and its kin. Memory and work stay bounded.

import { describe, expect, test } from 'vitest';
import { add } from '../../base/int.ts';
import { type Sent, type TcpBench, tcpIn } from '../../testing/tcp-bench.ts';
import { wr32 } from '../../wire/bytes.ts';
import { RangePool } from '../buffers/sent-range.ts';
import { SentRanges } from '../buffers/sent-ranges.ts';
import type { Connections } from '../connections.ts';
import type { Segment } from '../segment.ts';
import type { Tcb } from '../tcb.ts';
import { Delivery } from './delivery.ts';
import { LossRecord } from './record.ts';
import { sackArrives } from './sack.ts';
import { sackOption } from './testing/flight.ts';

const MSS = 48;
const RANGES_MAX = 16_384;

/** Text beyond a megabyte is under way, in crumbs. */
function crumbs(octets: number, tcpTailLossProbe = false): { bench: TcpBench; segments: number } {
  const bench = tcpIn('ESTABLISHED', {
    mss: MSS,
    sack: true,
    windowScale: 8,
    options: { tcpCongestion: 'reno', tcpSendBytes: 4 << 20, tcpTailLossProbe },
  });
  bench.app.send(new Uint8Array(octets));
  bench.pump();
  Object.assign(bench.known.controller!, { cwnd: octets });
  bench.known.cwnd = octets;
  // Before a loss probe would go.
  bench.run(tcpTailLossProbe ? 1 : 100);
  bench.acks(1 + MSS);
  return { bench, segments: Math.ceil(octets / MSS) };
}

/** The peer SACKs every second segment of [from, to), four blocks an acknowledgment; what we send meanwhile. */
function everySecond(bench: TcpBench, from: number, to: number): Sent[] {
  const frames: Uint8Array[] = [];
  const sent: Sent[] = [];
  const flush = (): void => {
    sent.push(...bench.batch(...frames.splice(0)));
  };
  for (let n = from; n < to; n += 8) {
    const blocks = [6, 4, 2, 0].map((i): [number, number] => [1 + (n + i) * MSS, 1 + (n + i + 1) * MSS]);
    frames.push(bench.frame({ ack: 1 + MSS, options: sackOption(bench, blocks) }));
    if (frames.length === 256) flush();
  }
  flush();
  return sent;
}

describe('[hostile 21] crumbs and holes', () => {
  test('more ranges than may be: none is made beyond, every segment is one that fits, and all of it arrives in the end', () => {
    const { bench, segments } = crumbs(1 << 20);
    const { sent } = bench.known;
    expect(segments).toBeGreaterThan(RANGES_MAX + 1000);
    expect([bench.known.outstanding, sent.count]).toEqual([(1 << 20) - MSS, RANGES_MAX]);
    const left = everySecond(bench, 2, RANGES_MAX - 100);
    expect(sent.count).toBeLessThanOrEqual(RANGES_MAX);
    expect(sent.sackedOctets).toBeGreaterThan(7000 * MSS);
    for (let i = 0; i < 40; i++) left.push(...bench.run(100));
    // What was resent arrives, and so does what was SACKed; then the rest is told of in one.
    left.push(
      ...bench.segment({
        ack: 1 + MSS,
        options: sackOption(bench, [[1 + 3 * MSS, 1 + (RANGES_MAX - 200) * MSS]]),
      }),
    );
    for (let i = 0; i < 40; i++) left.push(...bench.run(100));
    expect(sent.count).toBeLessThanOrEqual(RANGES_MAX);
    const sizes = new Set(left.map(({ payload }) => payload.length));
    expect(Math.max(...sizes)).toBe(MSS);
    for (let ack = bench.sndUna; bench.known.outstanding > 0; ack += 4000 * MSS) {
      for (const { payload } of bench.acks(Math.min(ack, bench.sndNxt)))
        expect(payload.length).toBeLessThanOrEqual(MSS);
    }
    expect(sent.empty).toBe(true);
    bench.end();
  }, 60_000);

  test('what joined the last range, as there was no room for more, goes again in segments that fit', () => {
    const { bench } = crumbs((RANGES_MAX + 100) * MSS);
    const { sent } = bench.known;
    bench.run(100);
    everySecond(bench, 2, RANGES_MAX - 20);
    for (let i = 0; i < 3; i++) bench.run(10);
    expect(sent.at(1).retransmits).toBe(0);
    const hole = sent.at(2);
    expect([hole.sacked, hole.lost, hole.retransmits]).toEqual([false, false, 1]);
    bench.run(70);
    // One hole was filled by what was resent: all that left before that is lost, the last range with its hundred segments, too.
    const blocks: [number, number][] = [[1 + 2 * MSS, 1 + 5 * MSS]];
    const again = bench.segment({ ack: 1 + MSS, options: sackOption(bench, blocks) }).concat(bench.run(60));
    expect([sent.last?.lost, sent.last?.length]).toEqual([true, 100 * MSS]);
    // And the window is wide open all at once.
    bench.known.cwnd = 1 << 20;
    bench.app.send(new Uint8Array(MSS));
    again.push(...bench.pump());
    expect(Math.max(...again.map(({ payload }) => payload.length))).toBe(MSS);
    // Two cuts were left; what is sent anew behind something lost has one of its own.
    expect(sent.count).toBeLessThanOrEqual(RANGES_MAX + 1);
    expect(again.at(-2)?.seq).toBe(1 + (RANGES_MAX + 1) * MSS);
    for (let round = 0; round < 400 && bench.known.outstanding > 0; round++) {
      bench.run(20);
      bench.acks();
    }
    expect(sent.empty).toBe(true);
    bench.end();
  }, 60_000);

  test('a loss probe at the limit of ranges is one segment', () => {
    const { bench } = crumbs(1 << 20, true);
    expect(bench.known.sent.count).toBe(RANGES_MAX);
    const probe = bench.run(50).filter(({ payload }) => payload.length > 0);
    expect([
      bench.stack.stats.get('TcpExtTCPLossProbes'),
      bench.stack.stats.get('TcpExtTCPTimeouts'),
    ]).toEqual([1, 0]);
    expect(probe.map(({ seq, payload }) => [seq, payload.length])).toEqual([[1 + MSS, MSS]]);
    bench.end();
  });

  test('the work of an acknowledgment grows with the logarithm of what is outstanding', () => {
    const worst = [1000, 4000, 16_000].map((ranges) => callsOf(ranges));
    expect(worst[2]).toBeLessThanOrEqual(worst[0] + 4 * 4 * 4);
    expect(worst[2]).toBeLessThanOrEqual(4 * (14 + 14));
  });
});

/** Looks at ranges that the costliest of many acknowledgments of four blocks takes. */
function callsOf(ranges: number): number {
  const sent = new SentRanges(new RangePool());
  const start = 0x7fff_f000;
  for (let n = 0; n < ranges; n++) sent.append(add(start, n * MSS), add(start, (n + 1) * MSS), n, 0);
  let calls = 0;
  const at = sent.at.bind(sent);
  sent.at = (place) => {
    calls++;
    return at(place);
  };
  const bytes = new Uint8Array(32);
  const seg = { ack: start, options: { sackCount: 4, sackAt: 0 }, packet: { bytes } } as unknown as Segment;
  const tcb = { sent, mss: MSS, sndUna: start, sndNxt: add(start, ranges * MSS), sndWndMax: 1 << 20 } as Tcb;
  const c = { context: { stats: { counters: new Float64Array(1000) } } } as unknown as Connections;
  const loss = new LossRecord();
  loss.fack = start;
  const d = new Delivery();
  let worst = 0;
  // Every second first, then the holes between them; and again, when all of it is known.
  for (const odd of [1, 0, 0]) {
    for (let n = odd === 1 ? 1 : 2; n + 6 < ranges; n += 8) {
      for (let i = 0; i < 4; i++) {
        const from = add(start, (n + 2 * i) * MSS);
        wr32(bytes, 8 * i, from);
        wr32(bytes, 8 * i + 4, add(from, MSS));
      }
      calls = 0;
      d.clear(ranges, loss.fack, start);
      sackArrives(c, tcb, loss, seg, d);
      worst = Math.max(worst, calls);
    }
  }
  expect(sent.sackedOctets).toBeGreaterThan(ranges * MSS * 0.98);
  return worst;
}
