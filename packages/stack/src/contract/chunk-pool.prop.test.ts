// The pool of chunks against what it promises: disjoint memory, true books, a limit, and nothing lost.

import { fc, test as property } from '@fast-check/vitest';
import { expect, test } from 'vitest';
import { POISON } from '../base/assert.ts';
import { Arenas } from './arena.ts';
import { type Chunk, ChunkPool, LARGE_CHUNK, SMALL_CHUNK } from './chunk-pool.ts';
import { PacketPool } from './packet-pool.ts';

const KIB = 1024;

/** True when two chunks share an octet. */
function overlap(a: Chunk, b: Chunk): boolean {
  return a.arena === b.arena && a.offset < b.offset + b.size && b.offset < a.offset + a.size;
}

const step = fc.oneof(
  fc.record({ take: fc.constantFrom(1, SMALL_CHUNK, SMALL_CHUNK + 1, LARGE_CHUNK, 1 << 20) }),
  fc.record({ give: fc.nat() }),
);

property.prop([fc.integer({ min: 0, max: 1400 * KIB }), fc.array(step, { maxLength: 120 })], { numRuns: 60 })(
  'chunks that are out are disjoint, of the size that was asked for, and counted',
  (limit, steps) => {
    const arenas = new Arenas();
    const pool = new ChunkPool(arenas, limit);
    const out: Chunk[] = [];
    for (const step of steps) {
      if ('give' in step) {
        if (out.length === 0) continue;
        pool.give(out.splice(step.give % out.length, 1)[0]);
      } else {
        const chunk = pool.take(step.take);
        if (chunk === undefined) {
          // Nothing is left for the request, not even a small chunk.
          expect(pool.allocatedBytes).toBe(limit & -SMALL_CHUNK);
          expect(pool.inUseBytes).toBe(pool.allocatedBytes);
          continue;
        }
        expect(out.some((other) => overlap(other, chunk))).toBe(false);
        expect(chunk.size === SMALL_CHUNK || (step.take > SMALL_CHUNK && chunk.size === LARGE_CHUNK)).toBe(
          true,
        );
        expect(chunk.offset + chunk.size).toBeLessThanOrEqual(chunk.arena.bytes.length);
        expect(arenas.at(chunk.arena.id)).toBe(chunk.arena);
        out.push(chunk);
      }
      expect(pool.inUseBytes).toBe(out.reduce((sum, { size }) => sum + size, 0));
      expect(pool.allocatedBytes).toBeLessThanOrEqual(limit);
    }
    for (const chunk of out) pool.give(chunk);
    expect(pool.inUseBytes).toBe(0);
  },
);

property.prop([fc.integer({ min: 1, max: 20 }), fc.infiniteStream(fc.nat())], { numRuns: 30 })(
  'when all small chunks came back, in any order, the memory serves large ones again',
  (large, picks) => {
    const pool = new ChunkPool(new Arenas(), large * LARGE_CHUNK);
    const small = Array.from({ length: large * 16 }, () => pool.take(1)!);
    expect([pool.take(1), pool.take(LARGE_CHUNK)]).toEqual([undefined, undefined]);
    while (small.length > 0) pool.give(small.splice(picks.next().value % small.length, 1)[0]);
    const sizes = Array.from({ length: large }, () => pool.take(LARGE_CHUNK)?.size);
    expect(sizes).toEqual(sizes.map(() => LARGE_CHUNK));
    expect(pool.take(1)).toBeUndefined();
  },
);

test('nothing is allocated before the first chunk is taken, then one arena', () => {
  const pool = new PacketPool();
  const before = pool.arenas.count;
  expect([pool.chunks.allocatedBytes, pool.chunks.inUseBytes]).toEqual([0, 0]);
  pool.chunks.take(1);
  expect([pool.arenas.count - before, pool.chunks.allocatedBytes]).toEqual([1, 1 << 20]);
});

test('a large request is served with a small chunk rather than not at all', () => {
  const pool = new ChunkPool(new Arenas(), LARGE_CHUNK + SMALL_CHUNK);
  const sizes = [1, 2, 3].map(() => pool.take(LARGE_CHUNK)?.size);
  expect(sizes).toEqual([LARGE_CHUNK, SMALL_CHUNK, undefined]);
});

test('the limit of a pool of packets is the one of its chunks', () => {
  const pool = new PacketPool({ smallBytes: 0, mediumBytes: 0, largeBytes: 0, chunkBytes: SMALL_CHUNK });
  expect([pool.chunks.take(1)?.size, pool.chunks.take(1)]).toEqual([SMALL_CHUNK, undefined]);
});

test('a chunk that is given back is poisoned, and is not given back twice', () => {
  const pool = new ChunkPool(new Arenas(), 1 << 20);
  const chunk = pool.take(LARGE_CHUNK)!;
  const { bytes } = chunk.arena;
  bytes.fill(1);
  pool.give(chunk);
  const octets = bytes.subarray(chunk.offset, chunk.offset + chunk.size);
  expect(octets.every((octet) => octet === POISON)).toBe(true);
  expect(bytes.filter((octet) => octet === 1).length).toBe(bytes.length - chunk.size);
  expect(() => pool.give(chunk)).toThrow('a chunk goes back to its pool once');
});
