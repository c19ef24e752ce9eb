// Which memory a device knows: bound when it is first sent from, let go when it was disowned.

import { newLinkCounters, PacketPool } from '@tunstack/stack/contract';
import { beforeEach, expect, test } from 'vitest';
import { type Device, WRITE_STRIDE } from './device.ts';
import { TxQueue } from './tx-queue.ts';

/** A device that knows arenas by number, as the addon does, and takes everything. */
class FakeDevice {
  readonly arenas: Map<number, Uint8Array> = new Map();
  readonly sent: number[][] = [];
  readonly writeErrno = 0;
  readonly writeBegun = 0;
  binds = 0;

  bindArena(id: number, bytes: Uint8Array): void {
    this.arenas.set(id, bytes);
    this.binds++;
  }

  unbindArena(id: number): void {
    this.arenas.delete(id);
  }

  write(records: Int32Array, from: number, count: number): number {
    for (let i = from; i < from + count; i++) {
      const record = records.subarray(i * WRITE_STRIDE);
      const octets: number[] = [];
      for (let piece = 0; piece < record[0]; piece++) {
        const [id, offset, length] = record.subarray(1 + 3 * piece);
        octets.push(...(this.arenas.get(id)?.subarray(offset, offset + length) ?? []));
      }
      this.sent.push(octets);
    }
    return count;
  }
}

let pool: PacketPool;
let device: FakeDevice;
let queue: TxQueue;

beforeEach(() => {
  pool = new PacketPool();
  device = new FakeDevice();
  queue = newQueue();
});

function newQueue(): TxQueue {
  return new TxQueue(device as unknown as Device, pool, newLinkCounters(), 0, 8, (packet) =>
    packet.release(),
  );
}

/** Sends octet 9 and then these, by reference; answers how to disown them. */
function send(...octets: number[]): () => void {
  const arena = pool.arenas.adopt(Uint8Array.from(octets))!;
  const packet = pool.allocate(1)!;
  packet.bytes[packet.put(1)] = 9;
  packet.append(arena.id, 0, octets.length);
  queue.push(packet);
  expect(queue.write()).toBe(0);
  return () => {
    pool.arenas.disown(arena);
    pool.arenas.forget();
  };
}

test('memory is bound once, when it is first sent from', () => {
  const slab = pool.arenas.register(new Uint8Array(8));
  for (let i = 0; i < 3; i++) {
    const packet = pool.allocate(1)!;
    packet.put(1);
    queue.push(packet);
    queue.write();
  }
  expect([device.binds, device.arenas.has(slab.id)]).toEqual([1, false]);
});

test('memory that was disowned is let go at the next write or unbind, and what is still held is not', () => {
  const held = send(1);
  const known = device.arenas.size;
  const disown = send(2);
  disown();
  expect(device.arenas.size).toBe(known + 1);
  queue.unbind();
  expect(device.arenas.size).toBe(known);
  send(3)();
  send(4);
  expect(device.arenas.size).toBe(known + 1);
  expect(device.sent).toEqual([1, 2, 3, 4].map((octet) => [9, octet]));
  held();
});

test('a number that was used again stays bound to what is there now', () => {
  send(1)();
  const known = device.arenas.size;
  send(2);
  queue.unbind();
  expect(device.arenas.size).toBe(known);
  expect(device.sent).toEqual([
    [9, 1],
    [9, 2],
  ]);
});

test('more than is remembered of what was disowned is let go all the same', () => {
  send(1)();
  queue.unbind();
  const known = device.arenas.size;
  for (const disown of Array.from({ length: 1100 }, (_, i) => send(i & 255))) disown();
  expect(device.arenas.size).toBeGreaterThan(known + 1000);
  queue.unbind();
  expect(device.arenas.size).toBe(known);
  // And only once.
  pool.arenas.disowned = () => expect.fail('all was looked at');
  queue.unbind();
});

test('a device that never sent from memory is not told when that was disowned', () => {
  const other = send(1);
  const late = newQueue();
  let told = 0;
  device.unbindArena = () => told++;
  other();
  late.unbind();
  expect(told).toBe(0);
});
