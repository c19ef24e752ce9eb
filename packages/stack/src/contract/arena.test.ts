// Arenas of the application: adopted, disowned, and their ids used again.

import { describe, expect, test } from 'vitest';
import { ADOPTED_MAX, type Arena, Arenas } from './arena.ts';

test('an adopted arena spans the whole buffer, so that octets keep their places', () => {
  const bytes = Uint8Array.of(1, 2, 3, 4, 5, 6, 7).subarray(3, 6);
  const arena = new Arenas().adopt(bytes)!;
  expect(arena.bytes[bytes.byteOffset]).toBe(4);
  expect([arena.bytes.length, arena.words.length]).toEqual([7, 1]);
  bytes[0] = 44;
  expect(arena.bytes[3]).toBe(44);
});

describe('what is allocated', () => {
  test('lies in one arena as long as that has room, on cache lines, and does not overlap', () => {
    const arenas = new Arenas();
    const [first, second] = [arenas.allocate(100), arenas.allocate(1)];
    expect(second.arena).toBe(first.arena);
    expect([first.offset, second.offset, arenas.allocate(64).offset]).toEqual([0, 128, 192]);
    expect(first.arena.bytes[0]).toBe(0);
  });

  test('goes on in a new arena, of what it needs or of as much as there was before', () => {
    const arenas = new Arenas();
    const small = arenas.allocate(64, 1024);
    const large = arenas.allocate(1 << 20, 1024);
    expect([small.arena.bytes.length, large.arena.bytes.length]).toEqual([1024, 1 << 20]);
    const next = arenas.allocate(64, 1024);
    expect([next.offset, next.arena.bytes.length]).toEqual([0, (1 << 20) + 1024]);
    expect(arenas.at(small.arena.id)).toBe(small.arena);
  });

  test('by whoever wants much room around it, in one that has it', () => {
    const { arena } = new Arenas().allocate(64, 1 << 16);
    expect([arena.bytes.length, arena.words.length]).toEqual([1 << 16, 1 << 14]);
  });
});

describe('memory that may change or go under a device is not adopted', () => {
  const arenas = new Arenas();

  test('shared with other threads', () => {
    expect(arenas.adopt(new Uint8Array(new SharedArrayBuffer(8)))).toBeUndefined();
  });

  test('resizable', () => {
    const resizable: new (length: number, options: object) => ArrayBuffer = ArrayBuffer;
    expect(arenas.adopt(new Uint8Array(new resizable(8, { maxByteLength: 16 })))).toBeUndefined();
  });

  test('transferred, also when it was adopted before', () => {
    const bytes = new Uint8Array(8);
    const arena = arenas.adopt(bytes)!;
    structuredClone(bytes.buffer, { transfer: [bytes.buffer] });
    expect(arenas.adopt(bytes)).toBeUndefined();
    expect(arena.bytes.length).toBe(0);
    arenas.disown(arena);
    expect(arenas.adopt(bytes)).toBeUndefined();
  });

  test('empty', () => {
    expect(arenas.adopt(new Uint8Array(8).subarray(8))).toBeUndefined();
  });
});

test('a disowned id is used again, and its version says so', () => {
  const arenas = new Arenas();
  const slab = arenas.register(new Uint8Array(4));
  const first = arenas.adopt(new Uint8Array(8))!;
  const [id, version] = [first.id, arenas.version(first.id)];
  expect(version).not.toBe(0);
  arenas.disown(first);
  arenas.forget();
  expect(arenas.version(id)).not.toBe(version);
  expect(() => arenas.at(id)).toThrow('as long as it is known');
  const second = arenas.adopt(new Uint8Array(12))!;
  expect([second.id, arenas.count]).toEqual([id, 2]);
  expect(arenas.at(id)).toBe(second);
  expect(arenas.version(id)).not.toBe(version);
  expect(arenas.version(slab.id)).toBe(version);
});

test('one buffer adopted twice is one arena, until it was disowned twice and forgotten', () => {
  const arenas = new Arenas();
  const bytes = new Uint8Array(100);
  const arena = arenas.adopt(bytes.subarray(0, 50))!;
  expect(arenas.adopt(bytes.subarray(50))).toBe(arena);
  arenas.disown(arena);
  arenas.forget();
  expect(arenas.at(arena.id)).toBe(arena);
  arenas.disown(arena);
  expect(() => arenas.disown(arena)).toThrow('what is disowned was adopted');
  arenas.forget();
  expect(() => arenas.at(arena.id)).toThrow('tunstack bug');
  expect(() => arenas.disown(arena)).toThrow('what is disowned was adopted');
});

describe('memory that nobody holds any more', () => {
  test('is the same arena when it is adopted again', () => {
    const arenas = new Arenas();
    const bytes = new Uint8Array(100);
    const arena = arenas.adopt(bytes)!;
    arenas.disown(arena);
    expect(arenas.adopt(bytes)).toBe(arena);
    arenas.forget();
    expect([arenas.at(arena.id), arenas.disownedCount]).toEqual([arena, 0]);
  });

  test('makes room for newer memory', () => {
    const arenas = new Arenas();
    const ids = new Set<number>();
    for (let i = 0; i < 1000; i++) {
      const arena = arenas.adopt(new Uint8Array(100))!;
      ids.add(arena.id);
      arenas.disown(arena);
    }
    expect(ids.size).toBeLessThan(20);
    expect(arenas.disownedCount).toBeGreaterThan(980);
  });

  test('goes at once when it is large', () => {
    const arenas = new Arenas();
    const bytes = new Uint8Array(1 << 20);
    const arena = arenas.adopt(bytes)!;
    expect(arenas.adopt(bytes.subarray(4096))).toBe(arena);
    for (let i = 0; i < 2; i++) arenas.disown(arena);
    expect(arenas.disownedCount).toBe(1);
  });
});

test('memory that is held outlives any number that is adopted after it', () => {
  const arenas = new Arenas();
  const bytes = new Uint8Array(100);
  const arena = arenas.adopt(bytes)!;
  for (let i = 0; i < 100; i++) arenas.disown(arenas.adopt(new Uint8Array(100))!);
  arenas.forget();
  expect(arenas.at(arena.id)).toBe(arena);
  const again = arenas.adopt(bytes)!;
  expect(again).not.toBe(arena);
  for (const one of [arena, again]) arenas.disown(one);
  arenas.forget();
  expect(arenas.disownedCount).toBe(102);
});

test('memory that was registered for good is not disowned', () => {
  const arenas = new Arenas();
  const slab = arenas.register(new Uint8Array(8));
  expect(() => arenas.disown(slab)).toThrow('what is disowned was adopted');
});

test('ids of disowned arenas are told in order, or that it is too long ago', () => {
  const arenas = new Arenas();
  const all = [1, 2, 3].map((length) => arenas.adopt(new Uint8Array(length))!);
  const from = arenas.disownedCount;
  const disown = (arena: Arena): void => {
    arenas.disown(arena);
    arenas.forget();
  };
  for (const arena of [all[1], all[0]]) disown(arena);
  expect([arenas.disownedCount - from, arenas.disowned(from), arenas.disowned(from + 1)]).toEqual([2, 1, 0]);
  for (let i = 0; i < 1022; i++) disown(arenas.adopt(new Uint8Array(1))!);
  expect([arenas.disowned(from), arenas.disowned(from + 1)]).toEqual([1, 0]);
  disown(all[2]);
  expect([arenas.disowned(from), arenas.disowned(from + 1)]).toEqual([-1, 0]);
});

test('beyond the limit memory is not adopted, and is again when some was disowned', () => {
  const arenas = new Arenas();
  const first = arenas.adopt(new Uint8Array(1))!;
  for (let i = 2; i < ADOPTED_MAX; i++) arenas.adopt(new Uint8Array(1));
  const last = arenas.adopt(new Uint8Array(1))!;
  expect(arenas.adopt(new Uint8Array(1))).toBeUndefined();
  expect(arenas.adopt(last.bytes)).toBe(last);
  arenas.disown(first);
  expect(arenas.adopt(new Uint8Array(1))?.id).toBe(first.id);
});
