// A connection hears the same whether segments were put together on the way in (ip4/gro.ts) or not: the same octets reach the
// application, and the same is acknowledged to the peer.

import { fc, test as property } from '@fast-check/vitest';
import { expect } from 'vitest';
import { type TcpBench, type TcpBenchOptions, tcpIn } from '../../testing/tcp-bench.ts';
import { TCP_ACK, TCP_PSH } from '../../wire/tcp.ts';

const MSS = 500;

interface Arrival {
  /** Segments from the beginning, and octets. */
  readonly at: number;
  readonly size: number;
  readonly push: boolean;
}

interface Outcome {
  readonly text: number[];
  readonly acked: number;
  /** What the peer was told after each batch: the last word, and how often the same was said again. */
  readonly told: (readonly [ack: number, duplicates: number])[];
  readonly counts: number[];
  readonly merged: boolean;
}

const textAt = (from: number, size: number): Uint8Array =>
  Uint8Array.from({ length: size }, (_, i) => ((from + i) * 31) ^ ((from + i) >> 7));

function play(gro: boolean, config: TcpBenchOptions, batches: readonly (readonly Arrival[])[]): Outcome {
  const text: number[] = [];
  const bench: TcpBench = tcpIn('ESTABLISHED', {
    ...config,
    reads: false,
    handler: {
      readable(socket) {
        for (let part = socket.receive(); part !== undefined; part = socket.receive()) {
          text.push(...part.bytes.subarray(part.offset, part.offset + part.length));
          socket.consume(part.length);
        }
      },
    },
    options: { gro, tcpQuickAcks: 0 },
  });
  const told: (readonly [number, number])[] = [];
  const before = bench.stack.stats.get('TcpInSegs');
  let acked = 1;
  for (const batch of batches) {
    const frames = batch.map(({ at, size, push }) => {
      const flags = TCP_ACK | (push ? TCP_PSH : 0);
      return bench.frame({ seq: 1 + at * MSS, flags }, textAt(at * MSS, size));
    });
    const known = acked;
    const sent = bench.batch(...frames).map(({ ack }) => ack);
    acked = Math.max(known, ...sent);
    told.push([acked, sent.filter((ack) => ack === known).length]);
  }
  bench.run(100);
  const { stats } = bench.stack;
  const { known: tcb } = bench;
  return {
    text,
    acked: tcb.rcvNxt - tcb.irs,
    told,
    counts: [tcb.dataSegsIn, tcb.rcvMss, tcb.bytesReceived],
    merged: stats.get('TcpInSegs') - before < batches.flat().length,
  };
}

/** Runs of segments, most of them in order; what is lost comes again later. */
const plan = fc
  .array(
    fc.record({
      length: fc.integer({ min: 1, max: 12 }),
      skip: fc.constantFrom(0, 0, 0, 1, 3),
      back: fc.constantFrom(0, 0, 0, 2),
      push: fc.boolean(),
    }),
    { minLength: 1, maxLength: 10 },
  )
  .map((runs) => {
    let at = 0;
    return runs.map(({ length, skip, back, push }) => {
      at = Math.max(0, at + skip - back);
      const batch = Array.from({ length }, (_, i) => {
        return { at: at + i, size: MSS, push: push && i === length - 1 };
      });
      at += length;
      return batch;
    });
  });

/** True when a segment comes that came before. */
function repeats(batches: readonly (readonly Arrival[])[]): boolean {
  const places = batches.flat().map(({ at }) => at);
  return new Set(places).size < places.length;
}

property.prop([plan, fc.boolean(), fc.boolean()])(
  'the application gets the same octets, the peer acknowledgments no later and as many duplicates, whether segments are put together or not',
  (batches, sack, timestamps) => {
    const config = { sack, timestamps };
    const [apart, together] = [play(false, config, batches), play(true, config, batches)];
    expect(apart.merged).toBe(false);
    expect({ ...together, told: [], merged: false }).toEqual({ ...apart, told: [] });
    // An acknowledgment that is due for a segment in the middle may tell of those that came with it.
    for (const [i, [ack, duplicates]] of apart.told.entries()) {
      expect(together.told[i][0]).toBeGreaterThanOrEqual(ack);
      // And a repetition that something new follows is told of by the answer to that.
      if (!repeats(batches)) expect(together.told[i][1]).toBe(duplicates);
    }
  },
);

property.prop([fc.integer({ min: 2, max: 30 })])(
  'and some are: a batch in order arrives as fewer',
  (length) => {
    const batch = Array.from({ length }, (_, i) => ({ at: i, size: MSS, push: false }));
    expect([false, true].map((gro) => play(gro, {}, [batch]).merged)).toEqual([false, true]);
  },
);
