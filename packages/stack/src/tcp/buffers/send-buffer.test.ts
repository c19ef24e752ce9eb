// The send buffer, law by law: chunks, memory of the application, pieces, and what is a bug.

import { beforeEach, describe, expect, test } from 'vitest';
import { LARGE_CHUNK, SMALL_CHUNK } from '../../contract/chunk-pool.ts';
import type { Packet } from '../../contract/packet.ts';
import { PacketPool } from '../../contract/packet-pool.ts';
import { SendBuffer, SendStore } from './send-buffer.ts';

const SEQ = 0x7fff_fff0;
const KIB = 1024;

let pool: PacketPool;
let buffer: SendBuffer;
let packet: Packet;

beforeEach(() => {
  pool = new PacketPool();
  buffer = new SendBuffer(pool, SEQ);
  packet = pool.allocate(0)!;
});

const at = (n: number): number => (SEQ + n) | 0;

function append(length: number): number {
  return buffer.append(new Uint8Array(length).fill(length & 255), 0, length);
}

/** The octets of the packet. */
function flat(): number[] {
  const octets = new Uint8Array(packet.length);
  packet.copyTo(octets, 0);
  return [...octets];
}

test('a small payload takes a small chunk, a large one a large chunk', () => {
  append(100);
  expect(pool.chunks.inUseBytes).toBe(SMALL_CHUNK);
  buffer.clear();
  append(SMALL_CHUNK + 1);
  expect(pool.chunks.inUseBytes).toBe(LARGE_CHUNK);
});

test('the last chunk is filled before another is taken', () => {
  for (let i = 0; i < 64; i++) append(64);
  expect(pool.chunks.inUseBytes).toBe(SMALL_CHUNK);
  append(1);
  expect(pool.chunks.inUseBytes).toBe(2 * SMALL_CHUNK);
});

test('a stream of small payloads that waits goes on in large chunks', () => {
  for (let i = 0; i < 40; i++) append(1024);
  expect(pool.chunks.inUseBytes).toBe(4 * SMALL_CHUNK + LARGE_CHUNK);
  expect(buffer.gather(packet, at(16 * KIB), 24 * KIB)).toBe(24 * KIB);
  expect(packet.pieces).toBe(1);
});

test('chunks go back as their last octet is acknowledged, not before', () => {
  append(100 * KIB);
  const held = pool.chunks.inUseBytes;
  buffer.release(at(64 * KIB - 1));
  expect(pool.chunks.inUseBytes).toBe(held);
  buffer.release(at(64 * KIB));
  expect(pool.chunks.inUseBytes).toBe(held - LARGE_CHUNK);
  buffer.release(at(100 * KIB));
  expect(pool.chunks.inUseBytes).toBe(0);
});

test('what fits is taken when chunks run out, and no more', () => {
  pool = new PacketPool({ smallBytes: 256, mediumBytes: 0, largeBytes: 0, chunkBytes: 2 * SMALL_CHUNK });
  buffer = new SendBuffer(pool, SEQ);
  expect([append(5000), append(5000), append(1)]).toEqual([5000, 2 * SMALL_CHUNK - 5000, 0]);
  expect(buffer.length).toBe(2 * SMALL_CHUNK);
});

test('a large buffer that is given is sent by reference, and released when its last octet was acknowledged', () => {
  append(10);
  const bytes = new Uint8Array(5000).fill(7);
  let released = 0;
  expect(buffer.appendOwned(bytes, () => released++)).toBe(true);
  expect([buffer.length, buffer.freed.size, pool.chunks.inUseBytes]).toEqual([5010, 0, SMALL_CHUNK]);
  buffer.gather(packet, at(8), 4);
  bytes[0] = 9;
  expect(flat()).toEqual([10, 10, 9, 7]);
  buffer.release(at(5009));
  expect(buffer.freed.size).toBe(0);
  buffer.release(at(5010));
  expect(buffer.freed.size).toBe(1);
  expect(released).toBe(0);
});

test('a copy that finds no chunk for all of it takes nothing, and keeps what was there', () => {
  pool = new PacketPool({ smallBytes: 256, mediumBytes: 0, largeBytes: 0, chunkBytes: 2 * SMALL_CHUNK });
  buffer = new SendBuffer(pool, SEQ);
  packet = pool.allocate(0)!;
  append(4000);
  const shared = new Uint8Array(new SharedArrayBuffer(5000)).fill(9);
  expect(buffer.appendOwned(shared, () => {})).toBe(false);
  expect([buffer.length, buffer.freed.size, pool.chunks.inUseBytes]).toEqual([4000, 0, SMALL_CHUNK]);
  append(97);
  expect([buffer.gather(packet, at(3999), 98), pool.chunks.inUseBytes]).toEqual([98, 2 * SMALL_CHUNK]);
  expect(flat()).toEqual([4000 & 255, ...Array(97).fill(97)]);
});

test('the same on an empty buffer leaves it empty', () => {
  pool = new PacketPool({ smallBytes: 256, mediumBytes: 0, largeBytes: 0, chunkBytes: SMALL_CHUNK });
  buffer = new SendBuffer(pool, SEQ);
  expect(buffer.appendOwned(new Uint8Array(new SharedArrayBuffer(5000)), () => {})).toBe(false);
  expect([buffer.length, pool.chunks.inUseBytes, append(9), pool.chunks.inUseBytes]).toEqual([0, 0, 9, 4096]);
});

test('parts of one buffer that follow each other leave as one piece, under one id', () => {
  const before = pool.arenas.count;
  const whole = Uint8Array.from({ length: 20 * KIB }, (_, i) => i >> 8);
  for (let i = 0; i < 5; i++) buffer.appendOwned(whole.subarray(i * 4 * KIB, (i + 1) * 4 * KIB), () => {});
  expect(buffer.gather(packet, at(1), 20 * KIB - 2)).toBe(20 * KIB - 2);
  expect([packet.pieces, pool.arenas.count - before]).toEqual([1, 1]);
  expect(flat()).toEqual([...whole.subarray(1, 20 * KIB - 1)]);
});

test('buffers whose places only look as if they followed each other are pieces of their own', () => {
  buffer.appendOwned(new Uint8Array(4096).fill(1), () => {});
  buffer.appendOwned(new Uint8Array(8192).fill(2).subarray(4096), () => {});
  expect(buffer.gather(packet, at(4094), 4)).toBe(4);
  expect([packet.pieces, ...flat()]).toEqual([2, 1, 1, 2, 2]);
});

test('three pieces are all a packet takes: the rest is gathered by the next', () => {
  for (let i = 1; i <= 5; i++) buffer.appendOwned(new Uint8Array(4096).fill(i), () => {});
  expect(buffer.gather(packet, at(4000), 16_480)).toBe(96 + 2 * 4096);
  packet.trim(0);
  expect(buffer.gather(packet, at(4000 + 96 + 2 * 4096), 16_480 - 96 - 2 * 4096)).toBe(2 * 4096);
});

test('a retransmission from the front does not disturb where new data goes on', () => {
  for (let i = 1; i <= 9; i++) buffer.appendOwned(new Uint8Array(4096).fill(i), () => {});
  const read = (offset: number): number => {
    packet.trim(0);
    buffer.gather(packet, at(offset), 1);
    return flat()[0];
  };
  expect([7, 0, 8, 1, 8, 3, 2].map((n) => read(n * 4096))).toEqual([8, 1, 9, 2, 9, 4, 3]);
});

test('clear gives everything back, and the next octet has the same number as without it', () => {
  append(70 * KIB);
  buffer.appendOwned(new Uint8Array(5000), () => {});
  const { end } = buffer;
  buffer.clear();
  expect([buffer.start, buffer.end, buffer.length, buffer.freed.size]).toEqual([end, end, 0, 1]);
  expect(pool.chunks.inUseBytes).toBe(0);
  append(3);
  buffer.gather(packet, end, 3);
  expect(flat()).toEqual([3, 3, 3]);
});

test('memory that the application transferred is not sent: the buffer is broken from there on', () => {
  append(6);
  const bytes = new Uint8Array(5000);
  buffer.appendOwned(bytes, () => {});
  structuredClone(bytes.buffer, { transfer: [bytes.buffer] });
  expect([buffer.gather(packet, at(4), 100), buffer.broken, flat()]).toEqual([2, true, [6, 6]]);
  expect(buffer.gather(packet, at(6), 100)).toBe(0);
  buffer.clear();
  expect(buffer.freed.size).toBe(1);
});

test('nothing is appended, and nothing gathered, for no octets', () => {
  expect([append(0), buffer.gather(packet, SEQ, 0), packet.pieces]).toEqual([0, 0, 0]);
  expect([buffer.appendOwned(new Uint8Array(0), () => {}), buffer.freed.size]).toEqual([true, 1]);
});

describe('a bug asserts', () => {
  test('octets that are not held are neither sent nor acknowledged', () => {
    append(10);
    buffer.release(at(2));
    for (const [seq, length] of [
      [1, 1],
      [2, 9],
      [11, 0],
    ]) {
      expect(() => buffer.gather(packet, at(seq), length)).toThrow('only octets that are held are sent');
    }
    for (const seq of [1, 11]) {
      expect(() => buffer.release(at(seq))).toThrow('only octets that are held are acknowledged');
    }
  });
});

describe('the buffers of a stack', () => {
  test('one that is empty serves the next connection, from the number that it says', () => {
    const store = new SendStore(pool);
    const first = store.take(SEQ);
    first.append(new Uint8Array(100).fill(1), 0, 100);
    first.release(at(100));
    store.give(first);
    const second = store.take(77);
    expect([second === first, second.start, second.length]).toEqual([true, 77, 0]);
    second.append(new Uint8Array(2).fill(9), 0, 2);
    second.gather(packet, 77, 2);
    expect(flat()).toEqual([9, 9]);
  });

  test('none is given back that holds octets, or owes a callback', () => {
    const store = new SendStore(pool);
    const held = store.take(SEQ);
    held.append(new Uint8Array(1), 0, 1);
    expect(() => store.give(held)).toThrow('empty buffer');
    const owing = store.take(SEQ);
    owing.appendOwned(new Uint8Array(5), () => {});
    owing.clear();
    expect(() => store.give(owing)).toThrow('empty buffer');
  });
});
