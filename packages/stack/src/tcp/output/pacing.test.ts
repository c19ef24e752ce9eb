// Pacing on segments: bursts of max(2 MSS, a millisecond), nothing early, the rate kept. Linux's internal pacing; RFC 9002 7.7 says why.

import { fc, test as property } from '@fast-check/vitest';
import { describe, expect, test } from 'vitest';
import { FEATURE_TSO4 } from '../../contract/link.ts';
import { Flight, type FlightOptions, MSS } from '../loss/testing/flight.ts';
import { RECOVERY_FAST } from '../tcb.ts';

const PACED: FlightOptions = { options: { tcpPacing: true } };

/** What left in each millisecond, octets. */
function perMs(flight: Flight, ms: number): number[] {
  const octets = new Array<number>(ms + 1).fill(0);
  for (const { atMs, payload } of flight.bench.run(ms)) octets[atMs] += payload.length;
  return octets;
}

const sum = (octets: readonly number[]): number => octets.reduce((all, n) => all + n, 0);

/**
 * A window of so many segments, in congestion avoidance, of which nothing has left yet. SRTT is 100 ms: the rate is 1.2
 * windows in that time.
 */
function open(segments: number, config: FlightOptions = PACED): Flight {
  const flight = new Flight(config);
  flight.opens(segments * MSS, segments * MSS);
  flight.tcb.srttUs = 100_000;
  return flight;
}

describe('pacing', () => {
  test('a window leaves in bursts of two segments, evenly over its share of the round trip', () => {
    const flight = open(100);
    const first = flight.sends(1000).length;
    expect(first).toBeLessThanOrEqual(2);
    const octets = perMs(flight, 100);
    // 1.2 windows in 100 ms: one segment in 5/6 of a millisecond. The window is out before the round trip is over.
    expect(Math.max(...octets)).toBeLessThanOrEqual(2 * MSS);
    expect(Math.abs(sum(octets.slice(0, 51)) / MSS + first - 60)).toBeLessThanOrEqual(2);
    expect(sum(octets) / MSS + first).toBe(100);
  });

  test('in slow start twice as fast', () => {
    const flight = open(100);
    flight.opens(100 * MSS);
    const first = flight.sends(1000).length;
    const octets = perMs(flight, 25);
    expect(Math.abs(sum(octets) / MSS + first - 50)).toBeLessThanOrEqual(2);
  });

  test('where the device cuts, a burst is a millisecond: no super-segment carries more', () => {
    const flight = open(1000);
    flight.bench.link.features = FEATURE_TSO4;
    flight.bench.app.send(new Uint8Array(1_000_000));
    const sent = [...flight.bench.pump(), ...flight.bench.run(20)].map(({ payload }) => payload.length);
    // 1.2 MB in 100 ms: 12 segments a millisecond.
    expect(Math.max(...sent)).toBe(12 * MSS);
    for (const length of sent) expect(length % MSS).toBe(0);
  });

  test('the first ten segments of a connection leave at once (RFC 6928)', () => {
    const flight = new Flight({ rttMs: 0, ...PACED });
    flight.tcb.srttUs = 100_000;
    expect(flight.sends(30)).toHaveLength(10);
  });

  test('the eleventh waits', () => {
    const flight = new Flight({ rttMs: 0, ...PACED });
    flight.tcb.srttUs = 100_000;
    flight.sends(40);
    flight.waits(100);
    expect(flight.tells(10).length).toBeLessThan(10);
  });

  test('a timer that is late makes up for two milliseconds, no more', () => {
    const flight = open(100);
    flight.sends(1000);
    flight.bench.clock.advanceMs(50);
    // 2 ms are 2.4 segments; and what is begun is sent.
    expect(flight.numbers(flight.bench.pump()).length).toBeLessThanOrEqual(4);
  });

  test('what is resent is paced, too, but for the first', () => {
    const flight = open(100);
    flight.sends(1000);
    flight.waits(100);
    const { nxt } = flight;
    const sent = flight.tells(0, [[nxt - 10, nxt]]);
    expect(flight.tcb.recovery).toBe(RECOVERY_FAST);
    expect(sent[0]).toBe(0);
    expect(sent.length).toBeLessThanOrEqual(4);
  });

  test('not when it is switched off, and not when the window is out within two bursts anyway', () => {
    expect(open(100, { options: { tcpPacing: false } }).sends(1000)).toHaveLength(100);
    const near = open(100);
    near.tcb.srttUs = 2000;
    expect(near.sends(1000)).toHaveLength(100);
  });

  test('not on a path shorter than a burst, whatever its round trip has grown to', () => {
    const device = open(100);
    device.tcb.minRttUs = 999;
    expect(device.sends(1000)).toHaveLength(100);
    const path = open(100);
    path.tcb.minRttUs = 1000;
    expect(path.sends(1000).length).toBeLessThanOrEqual(2);
  });

  test('a controller that names a rate is kept to it, whatever the option says', () => {
    const flight = open(100, { options: { tcpPacing: false } });
    Object.assign(flight.tcb.controller!, { pacingRate: 1_000_000 });
    flight.sends(1000);
    // 1 MB/s: one segment a millisecond.
    expect(Math.abs(sum(perMs(flight, 50)) / MSS - 50)).toBeLessThanOrEqual(2);
  });

  property.prop([fc.integer({ min: 500_000, max: 50_000_000 }), fc.boolean()])(
    'nothing leaves early, and over 100 ms the rate is kept within 2 %',
    (pacingRate, supers) => {
      const flight = open(10_000, { windowScale: 14, ...PACED });
      if (supers) flight.bench.link.features = FEATURE_TSO4;
      Object.assign(flight.tcb.controller!, { pacingRate });
      const burst = Math.max(2 * MSS, pacingRate / 1000);
      flight.bench.app.send(new Uint8Array(4 << 20));
      let left = sum(flight.bench.pump().map(({ payload }) => payload.length));
      const octets = perMs(flight, Math.min(100, Math.floor((4e6 / pacingRate) * 900)));
      for (const [ms, now] of octets.entries()) {
        left += now;
        // What is begun before its time is one burst.
        expect(left).toBeLessThanOrEqual((pacingRate * ms) / 1000 + 2 * burst + MSS);
      }
      const expected = (pacingRate * (octets.length - 1)) / 1000;
      expect(Math.abs(left - expected)).toBeLessThanOrEqual(0.02 * expected + 2 * burst);
    },
  );
});
