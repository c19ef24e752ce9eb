// What is under way, in order of time and, at one moment, of having come.

import { fc, test as property } from '@fast-check/vitest';
import { type Packet, PacketPool } from '@tunstack/stack/contract';
import { expect, test } from 'vitest';
import { Departures } from './wire-departures.ts';

/** Few moments, so that there are ties; the halves are fractions of a microsecond. */
const steps = fc.array(
  fc.oneof(
    fc.record({ add: fc.integer({ min: 0, max: 30 }).map((half) => half / 2) }),
    fc.constant({ add: -1 }),
  ),
  { maxLength: 120, size: 'max' },
);

function numbered(pool: PacketPool, number: number): Packet {
  const packet = pool.allocate(4) as Packet;
  packet.bytes[packet.put(4)] = number;
  return packet;
}

property.prop([steps])(
  'packets are taken in order of time, ties as they came, whatever comes between',
  (all) => {
    const pool = new PacketPool();
    const underWay = new Departures();
    const expected: { number: number; atUs: number }[] = [];
    for (const [number, { add }] of all.entries()) {
      if (add >= 0) {
        underWay.add(numbered(pool, number), add);
        expected.push({ number, atUs: add });
      } else if (expected.length > 0) {
        // Stable: those of one moment keep their order.
        expected.sort((a, b) => a.atUs - b.atUs);
        const first = expected.shift();
        expect(underWay.nextUs).toBe(first?.atUs);
        const packet = underWay.take();
        expect(packet.bytes[packet.head]).toBe(first?.number);
        packet.release();
      }
      expect(underWay.size).toBe(expected.length);
    }
    underWay.clear();
    expect(underWay.nextUs).toBe(Number.POSITIVE_INFINITY);
    expect(pool.inUse).toBe(0);
  },
);

test('it grows beyond its first rows, and loses neither packets nor their order', () => {
  const pool = new PacketPool();
  const underWay = new Departures();
  // Five moments, a thousand packets each: the ties are what the order is for.
  for (let i = 0; i < 5000; i++) underWay.add(numbered(pool, Math.floor(i / 20)), i % 5);
  let last = -1;
  for (let i = 0; i < 5000; i++) {
    const atUs = underWay.nextUs;
    const packet = underWay.take();
    const place = atUs * 256 + packet.bytes[packet.head];
    expect(place).toBeGreaterThanOrEqual(last);
    last = place;
    packet.release();
  }
  expect(pool.inUse).toBe(0);
});
