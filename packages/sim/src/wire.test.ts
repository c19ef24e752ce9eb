// A wire does what it was asked to, as measured at its other end.

import { type LinkUser, type Packet, PacketPool } from '@tunstack/stack/contract';
import { expect, test } from 'vitest';
import { Agenda, type Impairment, SimClock, Wire, type WireOptions } from './index.ts';

interface Arrival {
  readonly number: number;
  readonly atUs: number;
  readonly octets: Uint8Array;
}

/** Sends numbered packets of 100 octets, one each `spacingUs`, and writes down what comes out. */
function sent(
  count: number,
  impairment: Impairment,
  options: WireOptions = {},
  spacingUs = 10,
): { arrivals: Arrival[]; wire: Wire; pool: PacketPool } {
  const [clock, agenda, pool] = [new SimClock(), new Agenda(), new PacketPool()];
  const wire = new Wire(clock, agenda, { seed: 7, impairment, ...options });
  const arrivals: Arrival[] = [];
  const user: LinkUser = {
    receive(packet: Packet) {
      const octets = new Uint8Array(packet.length);
      packet.copyTo(octets, 0);
      arrivals.push({
        number: (octets[0] << 16) | (octets[1] << 8) | octets[2],
        atUs: clock.elapsedUs,
        octets,
      });
      packet.release();
    },
    ready() {
      wire.ends[1].poll(1000);
    },
    arrived() {},
    changed() {},
    dropped: (packet) => packet.release(),
  };
  wire.ends[1].attach(user);
  for (let i = 0; i < count; i++) {
    const packet = pool.allocate(100);
    if (packet === undefined) throw new Error('no slot');
    const at = packet.put(100);
    packet.bytes.fill(0, at, at + 100);
    packet.bytes.set([i >> 16, i >> 8, i], at);
    wire.ends[0].transmit(packet);
    const next = clock.elapsedUs + spacingUs;
    advance(clock, agenda, next);
    clock.advanceTo(next);
  }
  advance(clock, agenda, Number.POSITIVE_INFINITY);
  return { arrivals, wire, pool };
}

/** Lets happen what is due by then, each at its own moment. */
function advance(clock: SimClock, agenda: Agenda, untilUs: number): void {
  while (agenda.nextUs <= untilUs && agenda.size > 0) {
    clock.advanceTo(agenda.nextUs);
    agenda.run(clock.elapsedUs);
  }
}

const COUNT = 20_000;

/** Five standard deviations of a share of COUNT. */
function near(share: number, asked: number): void {
  expect(Math.abs(share - asked)).toBeLessThan(5 * Math.sqrt((asked * (1 - asked)) / COUNT));
}

test('a perfect wire carries all, in order, a microsecond later', () => {
  const { arrivals, wire, pool } = sent(1000, {});
  expect(arrivals.map(({ number, atUs }) => [number, atUs])).toEqual(
    Array.from({ length: 1000 }, (_, i) => [i, i * 10 + 1]),
  );
  expect([wire.counters.carried, pool.inUse]).toEqual([1000, 0]);
});

test.each([0.01, 0.2, 0.5])('of all packets a share of %d is lost', (loss) => {
  const { arrivals, wire, pool } = sent(COUNT, { loss });
  near(1 - arrivals.length / COUNT, loss);
  expect(wire.counters.lost).toBe(COUNT - arrivals.length);
  expect(pool.inUse).toBe(0);
});

test('of all packets a share arrives twice, the double right after', () => {
  const { arrivals, wire, pool } = sent(COUNT, { duplicate: 0.1 });
  near(arrivals.length / COUNT - 1, 0.1);
  expect(wire.counters.duplicated).toBe(arrivals.length - COUNT);
  expect(new Set(arrivals.map(({ number }) => number)).size).toBe(COUNT);
  expect(pool.inUse).toBe(0);
});

test('of all packets a share has one bit flipped, anywhere', () => {
  const { arrivals, wire } = sent(COUNT, { corrupt: 0.3 });
  const places = new Set<number>();
  let corrupted = 0;
  for (const [i, { octets }] of arrivals.entries()) {
    const clean = new Uint8Array(100);
    clean.set([i >> 16, i >> 8, i]);
    const flips = [...octets].map((octet, at) => [octet ^ clean[at], at]).filter(([bits]) => bits !== 0);
    if (flips.length === 0) continue;
    corrupted++;
    expect(flips).toHaveLength(1);
    expect(Math.log2(flips[0][0]) % 1).toBe(0);
    places.add(flips[0][1]);
  }
  near(corrupted / COUNT, 0.3);
  expect([wire.counters.corrupted, places.size]).toEqual([corrupted, 100]);
});

test('of all packets a share is held back, and is overtaken', () => {
  const { arrivals } = sent(COUNT, { reorder: 0.05, reorderUs: 500 });
  let overtaken = 0;
  let highest = -1;
  for (const { number } of arrivals) {
    if (number < highest) overtaken++;
    else highest = number;
  }
  near(overtaken / COUNT, 0.05);
  expect(arrivals).toHaveLength(COUNT);
});

test('delay and jitter lie where they were asked to', () => {
  const { arrivals } = sent(COUNT, { delayUs: 3000, jitterUs: 1000 });
  const delays = arrivals.map(({ number, atUs }) => atUs - number * 10);
  expect(Math.min(...delays)).toBe(3000);
  expect(Math.max(...delays)).toBe(4000);
  expect(Math.abs(delays.reduce((sum, d) => sum + d, 0) / COUNT - 3500)).toBeLessThan(15);
});

test('packets leave at the rate, one after the other', () => {
  // 100 octets at 8 Mbit/s: 100 us each, sent every 10.
  const { arrivals } = sent(100, { rateBps: 8e6 });
  expect(arrivals.map(({ atUs }) => atUs)).toEqual(Array.from({ length: 100 }, (_, i) => 100 * (i + 1) + 1));
});

test('the queue in front of the rate holds what it was given room for, and the rest overflows', () => {
  const { arrivals, wire, pool } = sent(100, { rateBps: 8e3, queueBytes: 1000 }, {}, 0);
  expect([arrivals.length, wire.counters.overflowed, pool.inUse]).toEqual([10, 90, 0]);
});

test('the two directions have fates of their own', () => {
  const clock = new SimClock();
  const wire = new Wire(clock, new Agenda(), { seed: 3, impairment: [{ loss: 1 }, {}] });
  const draw = (end: number): string =>
    Array.from({ length: 20 }, () => wire.ends[end].fate(100).delayUs).join();
  expect([wire.ends[0].fate(1).lost, wire.ends[1].fate(1).lost]).toEqual([true, false]);
  const jittery = new Wire(clock, new Agenda(), { seed: 3, impairment: { jitterUs: 1e6 } });
  const [there, back] = [0, 1].map((end) =>
    Array.from({ length: 20 }, () => jittery.ends[end].fate(100).delayUs).join(),
  );
  expect(there).not.toBe(back);
  expect(draw(1)).toBe(draw(1));
});
