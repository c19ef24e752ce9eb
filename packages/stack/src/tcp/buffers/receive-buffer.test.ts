// What the list of chunks promises beyond the laws of every receive buffer: sizes, chunks handed over, spares.

import { describe, expect, test } from 'vitest';
import { POISON } from '../../base/assert.ts';
import { ReceiveStore } from './receive-buffer.ts';

const KIB = 1024;

test('chunks grow with what is unread: 4 KiB, 16 KiB, then 64 KiB', () => {
  const buffer = new ReceiveStore().newBuffer();
  const sizes: number[] = [];
  for (let at = 0; at < 100 * KIB; at += KIB) {
    const before = buffer.allocated;
    buffer.write(at, new Uint8Array(KIB), 0, KIB);
    if (buffer.allocated > before) sizes.push(buffer.allocated - before);
  }
  expect(sizes).toEqual([4 * KIB, 16 * KIB, 64 * KIB, 64 * KIB]);
});

test('a stream that was fast starts with a large chunk, one that became slow with a small one', () => {
  const buffer = new ReceiveStore().newBuffer();
  const first = (length: number): number => {
    buffer.write(0, new Uint8Array(length), 0, Math.min(length, 100));
    const { allocated } = buffer;
    buffer.write(100, new Uint8Array(length), 0, Math.max(0, length - 100));
    buffer.consume(length);
    return allocated;
  };
  expect([first(30 * KIB), first(100), first(100), first(100)].map((size) => size / KIB)).toEqual([
    4, 64, 4, 4,
  ]);
});

test('one octet far ahead pins one chunk, not all that is missing before it', () => {
  const buffer = new ReceiveStore().newBuffer();
  buffer.write(6 << 20, Uint8Array.of(1), 0, 1);
  expect(buffer.allocated).toBe(64 * KIB);
});

describe('what is given', () => {
  test('is the chunk itself when it is half full or more', () => {
    const store = new ReceiveStore();
    const buffer = store.newBuffer();
    buffer.write(0, new Uint8Array(2048), 0, 2048);
    const given = buffer.give(2048);
    expect([given?.length, given?.buffer.byteLength, store.allocated]).toEqual([2048, 4096, 0]);
    buffer.write(0, new Uint8Array(64 * KIB), 0, 64 * KIB);
    buffer.peek(1);
    const { buffer: memory } = buffer.bytes;
    expect(buffer.give(64 * KIB)?.buffer).toBe(memory);
    expect(store.spareBytes).toBe(0);
  });

  test('is a copy of its own size below that, and the chunk comes back', () => {
    const store = new ReceiveStore();
    const buffer = store.newBuffer();
    buffer.write(0, new Uint8Array(2047), 0, 2047);
    expect([buffer.give(2047)?.buffer.byteLength, store.allocated]).toEqual([2047, 0]);
    expect(store.spareBytes).toBe(4096);
  });

  test('is a copy when octets wait behind a hole of the same chunk', () => {
    const buffer = new ReceiveStore().newBuffer();
    buffer.write(0, new Uint8Array(3000), 0, 3000);
    buffer.write(3001, Uint8Array.of(7), 0, 1);
    expect(buffer.give(3000)?.buffer.byteLength).toBe(3000);
    buffer.write(0, Uint8Array.of(6), 0, 1);
    expect([...(buffer.give(2) ?? [])]).toEqual([6, 7]);
  });

  test('is a copy also when those octets came first', () => {
    const buffer = new ReceiveStore().newBuffer();
    buffer.write(3001, Uint8Array.of(7), 0, 1);
    buffer.write(0, new Uint8Array(3000), 0, 3000);
    expect(buffer.give(3000)?.buffer.byteLength).toBe(3000);
    buffer.write(0, Uint8Array.of(6), 0, 1);
    expect([...(buffer.give(2) ?? [])]).toEqual([6, 7]);
  });

  test('leaves nothing of its stretch when nothing follows: the next octets lie together again', () => {
    const buffer = new ReceiveStore().newBuffer();
    for (let i = 0; i < 3; i++) {
      buffer.write(0, new Uint8Array(3000), 0, 3000);
      expect(buffer.give(3000)?.length).toBe(3000);
    }
  });

  test('leaves the rest of its stretch to new memory when more follows', () => {
    const store = new ReceiveStore();
    const buffer = store.newBuffer();
    buffer.write(0, new Uint8Array(2500).fill(1), 0, 2500);
    buffer.write(5000, new Uint8Array(3000).fill(3), 0, 3000);
    const given = buffer.give(2500);
    expect([given?.buffer.byteLength, buffer.allocated]).toEqual([4 * KIB, 16 * KIB]);
    buffer.write(0, new Uint8Array(2500).fill(2), 0, 2500);
    expect(given?.every((octet) => octet === 1)).toBe(true);
    const rest: number[] = [];
    for (let left = 5500; left > 0; left = 5500 - rest.length) {
      buffer.peek(left);
      rest.push(...buffer.bytes.subarray(buffer.offset, buffer.offset + buffer.length));
      buffer.consume(buffer.length);
    }
    expect(rest).toEqual([...Array(2500).fill(2), ...Array(3000).fill(3)]);
    expect([buffer.allocated, store.allocated]).toEqual([0, 0]);
  });
});

test('memory that came back is used again, by any connection, up to a limit', () => {
  const store = new ReceiveStore();
  const buffers = Array.from({ length: 40 }, () => store.newBuffer());
  for (const buffer of buffers) buffer.write(0, Uint8Array.of(1), 0, 1);
  for (const buffer of buffers) buffer.clear();
  expect(store.spareBytes).toBe(16 * 4 * KIB);
  store.newBuffer().write(0, Uint8Array.of(1), 0, 1);
  expect(store.spareBytes).toBe(15 * 4 * KIB);
});

test('memory that came back is poisoned where checks are on', () => {
  const buffer = new ReceiveStore().newBuffer();
  buffer.write(0, Uint8Array.of(1, 2), 0, 2);
  buffer.peek(2);
  const { bytes } = buffer;
  buffer.consume(2);
  expect(bytes.every((octet) => octet === POISON)).toBe(true);
});
