// A packet takes in the one behind it in the slab, and only that one.

import { expect, test } from 'vitest';
import { octets } from '../testing/index.ts';
import type { Packet } from './packet.ts';
import { PacketPool } from './packet-pool.ts';

const HEADROOM = 16;

/** Packets of these lengths, one behind the other in a slab, each on 4. */
function lentIn(pool: PacketPool, lengths: readonly number[]): Packet[] {
  const arena = pool.arenas.register(new Uint8Array(4096));
  arena.bytes.set(octets(4096));
  let base = 0;
  return lengths.map((length) => {
    const head = (base + HEADROOM + 3) & ~3;
    const packet = pool.lend(arena, head - HEADROOM, head, length, head + length);
    base = head + length;
    return packet;
  });
}

test('the octets behind the first ones follow, the room is one, and the other packet is gone', () => {
  const pool = new PacketPool();
  const [one, two, three] = lentIn(pool, [101, 102, 103]);
  const expected = [one, two, three].flatMap(({ bytes, head, tail }, i) => [
    ...bytes.slice(head + (i > 0 ? 40 : 0), tail),
  ]);
  expect(two.follows(one)).toBe(true);
  one.absorb(two, 40);
  expect(three.follows(one)).toBe(true);
  one.absorb(three, 40);
  expect([...one.bytes.subarray(one.head, one.tail)]).toEqual(expected);
  expect([one.length, pool.inUse]).toEqual([101 + 62 + 63, 1]);
  one.release();
  expect(pool.inUse).toBe(0);
});

test('nothing follows what it does not lie right behind, in a slab: another packet, or somebody else’s octets, may be between', () => {
  const pool = new PacketPool();
  const [one, two, three] = lentIn(pool, [100, 100, 100]);
  const [elsewhere] = lentIn(pool, [100]);
  const owned = pool.allocate(100) as Packet;
  owned.put(100);
  expect([three.follows(one), one.follows(two), one.follows(one)]).toEqual([false, false, false]);
  expect([elsewhere.follows(one), owned.follows(one), one.follows(owned)]).toEqual([false, false, false]);
  // Nor when it left the slab.
  expect(two.follows(one)).toBe(true);
  two.own();
  expect(two.follows(one)).toBe(false);
});
