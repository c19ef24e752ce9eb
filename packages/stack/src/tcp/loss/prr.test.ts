// Proportional rate reduction: RFC 9937 section 6. What leaves in a recovery follows what arrives.

import { fc, test as property } from '@fast-check/vitest';
import { describe, expect, test } from 'vitest';
import { RECOVERY_FAST, RECOVERY_NONE } from '../tcb.ts';
import { type Block, Flight, type FlightOptions, MSS } from './testing/flight.ts';

const FLIGHT = 20;

/** Twenty segments are under way, more than enough wait, and a round trip is over. */
function under(config: FlightOptions = {}): Flight {
  const flight = new Flight(config);
  flight.sends(400);
  flight.waits(100);
  flight.tells(10);
  flight.base += 10 * MSS;
  expect(flight.nxt).toBe(FLIGHT);
  flight.waits(100);
  return flight;
}

/** What the peer has got, and how it says so: the block that grew last comes first. */
class Receiver {
  readonly got = new Set<number>();
  private una = 0;
  private last = 0;

  /** Segment `n` arrives: the acknowledgment that follows, and the blocks. */
  takes(n: number): { readonly ack: number; readonly blocks: Block[] } {
    this.got.add(n);
    this.last = n;
    while (this.got.has(this.una)) this.una++;
    const runs: Block[] = [];
    for (const at of [...this.got].filter((m) => m > this.una).sort((a, b) => a - b)) {
      const before = runs.at(-1);
      if (before?.[1] === at) runs[runs.length - 1] = [before[0], at + 1];
      else runs.push([at, at + 1]);
    }
    const isLast = ([from, to]: Block): boolean => from <= this.last && this.last < to;
    runs.sort((a, b) => Number(isLast(b)) - Number(isLast(a)) || b[0] - a[0]);
    return { ack: this.una, blocks: runs.slice(0, 4) };
  }
}

/** Segments of the first flight that are lost: the rest is acknowledged, one a segment. What left for each acknowledgment. */
function loses(flight: Flight, lost: ReadonlySet<number>): { receiver: Receiver; sent: number[][] } {
  const receiver = new Receiver();
  const sent: number[][] = [];
  for (let n = 0; n < FLIGHT; n++) {
    if (lost.has(n)) continue;
    const { ack, blocks } = receiver.takes(n);
    sent.push(flight.tells(ack, blocks));
  }
  return { receiver, sent };
}

describe('RFC 9937 section 6', () => {
  // R6675.3
  test('on entering recovery what is lost goes at once, whatever the window says', () => {
    const flight = under();
    expect([flight.tells(0, [[1, 2]]), flight.tells(0, [[1, 3]])].flat()).toEqual([20, 21]);
    expect(flight.tells(0, [[1, 4]])[0]).toBe(0);
    expect(flight.tcb.recovery).toBe(RECOVERY_FAST);
  });

  // R6937.1
  test('one loss, ssthresh half: for two segments that arrive one leaves, evenly', () => {
    const flight = under();
    const { sent } = loses(flight, new Set([0]));
    const counts = sent.slice(3).map((one) => one.length);
    // 16 more arrive. The first transmission of new text has to wait for the one that went at once.
    for (let i = 2; i <= counts.length; i++) {
      const left = counts.slice(0, i).reduce((sum, n) => sum + n, 0);
      expect(Math.abs(left - i / 2)).toBeLessThanOrEqual(1.5);
    }
  });

  // R6937.1
  test('it ends where ssthresh is, and so does the window behind it', () => {
    const flight = under();
    loses(flight, new Set([0]));
    expect(flight.ssthresh).toBe(10);
    expect(flight.tcb.pipe / MSS).toBeGreaterThanOrEqual(9);
    expect(flight.tcb.pipe / MSS).toBeLessThanOrEqual(11);
    flight.waits(100);
    flight.tells(flight.nxt);
    expect(flight.tcb.recovery).toBe(RECOVERY_NONE);
    // And one more: this acknowledgment is the first of avoidance.
    expect(flight.cwnd).toBe(11);
  });

  test('heavy loss: below ssthresh what is safe grows as slow start does, two for one', () => {
    const flight = under();
    const { receiver, sent } = loses(flight, new Set(Array.from({ length: 16 }, (_, n) => n)));
    const again = sent.flat().filter((n) => n < FLIGHT);
    expect(again[0]).toBe(0);
    flight.waits(100);
    // Each copy that arrives moves SND.UNA, and nothing more is lost: SafeACK.
    for (const n of again) {
      const { ack, blocks } = receiver.takes(n);
      expect(flight.tells(ack, blocks)).toHaveLength(2);
    }
  });

  test('and as much as arrives, no more, while it finds more losses (conservative bound)', () => {
    const flight = under();
    loses(flight, new Set(Array.from({ length: 16 }, (_, n) => n)));
    flight.waits(100);
    const before = flight.tcb.pipe;
    // One SACK that delivers one segment, of what was sent in the recovery or before it.
    const sent = flight.tells(0, [[16, 21]]);
    expect(sent.length).toBeLessThanOrEqual(1);
    expect(flight.tcb.pipe).toBeLessThanOrEqual(before);
  });

  test('without SACK duplicates count as what they tell of', () => {
    const flight = under({ sack: false });
    const sent: number[] = [];
    for (let i = 0; i < 19; i++) sent.push(...flight.tells(0));
    const inRecovery = sent.filter((n) => n === 0 || n > 21).length;
    expect(inRecovery).toBeGreaterThanOrEqual(7);
    expect(inRecovery).toBeLessThanOrEqual(10);
  });

  // Three segments arrive behind the last loss: else a timer finds it, another story.
  property.prop([
    fc.uniqueArray(fc.nat(FLIGHT - 4), { minLength: 1, maxLength: 16 }),
    fc.integer({ min: 0, max: 3 }),
  ])(
    'PRR-SSRB: whatever is lost, it never sends more than arrived and a segment for each ACK, and never stalls',
    (losses, lostAgain) => {
      const flight = under({ options: { tcpTailLossProbe: false } });
      const lost = new Set(losses);
      const receiver = new Receiver();
      let queue = Array.from({ length: FLIGHT }, (_, n) => n).filter((n) => !lost.has(n));
      let drops = lostAgain;
      let allowed = 0;
      for (let round = 0; round < 12; round++) {
        const left: number[] = [];
        for (const n of queue) {
          const { ack, blocks } = receiver.takes(n);
          const { delivered, pipe } = flight.tcb;
          const was = flight.tcb.recovery;
          const sent = flight.tells(ack, blocks);
          if (was === RECOVERY_FAST && flight.tcb.recovery === RECOVERY_FAST) {
            allowed += ((flight.tcb.delivered - delivered) | 0) + MSS;
            allowed -= sent.length * MSS;
            expect(allowed).toBeGreaterThanOrEqual(0);
            expect(flight.tcb.pipe).toBeLessThanOrEqual(Math.max(pipe, flight.ssthresh * MSS));
          } else allowed = 0;
          left.push(...sent);
        }
        left.push(...flight.waits(100).map(({ n }) => n));
        expect(left.length).toBeGreaterThan(0);
        queue = left.filter((n) => n >= FLIGHT || drops-- <= 0);
        if ([...lost].every((n) => receiver.got.has(n))) return;
      }
      expect([...lost].filter((n) => !receiver.got.has(n))).toEqual([]);
    },
  );
});
