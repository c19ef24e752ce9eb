// SACK blocks against one set of segments: RFC 2018, RFC 6675 Update(). However they are ordered, overlap, repeat and are spread.

import { fc, test as property } from '@fast-check/vitest';
import { expect } from 'vitest';
import { FEATURE_TSO4 } from '../../contract/link.ts';
import { type Block, Flight, MSS } from './testing/flight.ts';

const SEGMENTS = 20;
const OCTETS = SEGMENTS * MSS;

/** Edges at segments, for the most part. */
const edge = fc.oneof(
  { weight: 3, arbitrary: fc.nat(SEGMENTS).map((n) => n * MSS) },
  { weight: 1, arbitrary: fc.integer({ min: -500, max: OCTETS + 500 }) },
);
const block = fc.tuple(edge, edge);
const ack = fc.record({
  moves: fc.oneof({ weight: 3, arbitrary: fc.constant(0) }, { weight: 1, arbitrary: fc.nat(3) }),
  blocks: fc.array(block, { minLength: 1, maxLength: 4 }),
});

/** Segments that are whole in one of the blocks; what a block means is read naively. */
class Told {
  readonly segments = new Set<number>();
  una = 0;

  hears(acked: number, blocks: readonly Block[]): void {
    for (const [i, [from, to]] of blocks.entries()) {
      if (from >= to || to > OCTETS) continue;
      const second = blocks[1];
      if (i === 0 && (from < acked * MSS || (second !== undefined && from >= second[0] && to <= second[1])))
        continue;
      for (let n = this.una; n < SEGMENTS; n++)
        if (from <= n * MSS && (n + 1) * MSS <= to) this.segments.add(n);
    }
    this.una = Math.max(this.una, acked);
    for (const n of this.segments) if (n < this.una) this.segments.delete(n);
  }
}

function sackedSegments(flight: Flight): number[] {
  const { sent } = flight.tcb;
  const found: number[] = [];
  for (let place = 0; place < sent.count; place++) {
    const { seq, length, sacked } = sent.at(place);
    const from = (((seq - flight.bench.iss) | 0) - flight.base) / MSS;
    for (let n = from; sacked && n < from + length / MSS; n++) found.push(n);
  }
  return found;
}

/** As many segments under way as the property speaks of. */
function ready(supers: boolean, iss: number): Flight {
  const flight = new Flight({ rttMs: 0, iss });
  flight.sends(10 + SEGMENTS);
  if (supers) flight.bench.link.features = FEATURE_TSO4;
  flight.tells(10);
  flight.base += 10 * MSS;
  expect([flight.una, flight.nxt]).toEqual([0, SEGMENTS]);
  return flight;
}

property.prop([
  fc.array(ack, { minLength: 1, maxLength: 12 }),
  fc.boolean(),
  fc.constantFrom(0x7fff_ffff - 15_000, -20_000, 0),
])('the scoreboard knows what a set of segments knows, after each acknowledgment', (acks, supers, iss) => {
  const flight = ready(supers, iss);
  const told = new Told();
  for (const { moves, blocks } of acks) {
    // A peer that acknowledges all of it would have nothing to SACK.
    const acked = Math.min(SEGMENTS - 1, told.una + moves);
    const relative = blocks.map(([from, to]): Block => [flight.base + from, flight.base + to]);
    // What stands across SND.UNA, and is cut there, is a whole segment from there on.
    told.hears(acked, blocks);
    flight.bench.segment({ ack: flight.base + acked * MSS, options: flight.options(relative) });
    expect(sackedSegments(flight)).toEqual([...told.segments].sort((a, b) => a - b));
    expect(flight.tcb.sent.sackedOctets).toBe(told.segments.size * MSS);
  }
  // Nothing that a block told of is sent again.
  flight.waits(1);
  expect(flight.tcb.outstanding).toBe((SEGMENTS - told.una) * MSS);
});
