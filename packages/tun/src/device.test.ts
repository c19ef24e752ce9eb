// The batched reader and writer on socketpairs: bounds of the slab, back-pressure, errors, life cycle.
import { once } from 'node:events';
import { closeSync, openSync, readSync, writeSync } from 'node:fs';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';
import type { Worker } from 'node:worker_threads';
import fc from 'fast-check';
import { afterEach, describe, expect, test, vi } from 'vitest';
import {
  Device,
  type DeviceOptions,
  END_OF_STREAM,
  READ_ROOM,
  SLAB_SIZE,
  WRITE_BULK,
  WRITE_MARKS,
  WRITE_STRIDE,
} from './device.ts';
import { native } from './native.ts';
import { socketPair } from './open.ts';
import { deferred } from './testing/deferred.ts';
import { isSpinning } from './testing/spinning.ts';

const open: Device[] = [];

function device(options: Partial<DeviceOptions> & { fd: number }): Device {
  const made = new Device({ onReadable: () => {}, onError: () => {}, ...options });
  open.push(made);
  return made;
}

/** A write batch: each packet one piece of arena 0. */
function batch(...packets: (readonly [offset: number, length: number])[]): Int32Array {
  const records = new Int32Array(packets.length * WRITE_STRIDE);
  for (const [i, [offset, length]] of packets.entries())
    records.set([1, 0, offset, length], i * WRITE_STRIDE);
  return records;
}

afterEach(() => {
  for (const one of open.splice(0)) one.close();
});

describe.skipIf(process.platform !== 'linux')('reading', () => {
  test('the bump: packets never overlap, lie aligned, with headroom, within the slab, and unchanged', () => {
    const lengths = fc.array(
      fc.oneof(fc.integer({ min: 1, max: 200 }), fc.integer({ min: 1, max: 65_559 })),
      {
        minLength: 1,
        maxLength: 40,
      },
    );
    const align = fc.constantFrom(0, 10, 14, 24);
    const headroom = fc.integer({ min: 0, max: 200 });
    const slabSize = fc.integer({ min: READ_ROOM + 204, max: 400_000 });
    fc.assert(
      fc.property(lengths, align, headroom, slabSize, (sizes, align, headroom, slabSize) => {
        const [near, far] = socketPair({ sequenced: true, sndbuf: 1 << 22 });
        const slab = new Uint8Array(slabSize);
        const reader = new Device({
          fd: near,
          slab,
          align,
          headroom,
          onReadable: () => {},
          onError: () => {},
        });
        try {
          const sent: Uint8Array[] = [];
          for (const [i, size] of sizes.entries()) {
            const packet = new Uint8Array(size).map((_, at) => (i * 31 + at * 7) & 0xff);
            try {
              writeSync(far, packet);
            } catch {
              break; // the socket is full
            }
            sent.push(packet);
          }
          let seen = 0;
          let drained = false;
          while (!drained) {
            const count = reader.read();
            drained = reader.drained;
            expect(count > 0 || drained).toBe(true);
            let end = 0;
            for (let i = 0; i < count; i++) {
              const [offset, length] = [reader.records[2 * i], reader.records[2 * i + 1]];
              expect(offset - headroom).toBeGreaterThanOrEqual(end);
              expect(offset - headroom - end).toBeLessThan(4);
              expect((offset + align) % 4).toBe(0);
              end = offset + length;
              expect(Buffer.compare(slab.subarray(offset, end), sent[seen++])).toBe(0);
            }
            expect(end).toBeLessThanOrEqual(slabSize);
          }
          expect(seen).toBe(sent.length);
        } finally {
          reader.close();
          closeSync(far);
        }
      }),
      { numRuns: 60 },
    );
  });

  test('a batch ends at 256 packets, and the rest comes by the next read of the same turn', () => {
    const [near, far] = socketPair({ sequenced: true, sndbuf: 1 << 20 });
    const reader = device({ fd: near });
    for (let i = 0; i < 300; i++) writeSync(far, Uint8Array.of(i & 0xff, i >>> 8));
    expect([reader.read(), reader.drained]).toEqual([256, false]);
    expect([reader.read(10), reader.drained]).toEqual([10, false]);
    expect([reader.read(), reader.drained]).toEqual([34, true]);
    expect(reader.slab[reader.records[0]] | (reader.slab[reader.records[0] + 1] << 8)).toBe(266);
    expect([reader.read(), reader.drained, reader.readErrno]).toEqual([0, true, 0]);
    closeSync(far);
  });

  test('a slab of one room takes one packet a batch', () => {
    const [near, far] = socketPair({ sequenced: true });
    const reader = device({ fd: near, slab: new Uint8Array(READ_ROOM + 68) });
    for (let i = 0; i < 3; i++) writeSync(far, Uint8Array.of(i));
    expect([reader.read(), reader.drained]).toEqual([1, false]);
    closeSync(far);
  });

  test('while a batch is held the slab stays as it is, and no CPU is spent; consumed() lets it go on', async () => {
    const [near, far] = socketPair({ sequenced: true });
    const batches: number[] = [];
    let arrived = deferred<void>();
    const reader = device({
      fd: near,
      onReadable: (count) => {
        batches.push(count);
        arrived.resolve();
      },
    });
    reader.watchReadable(true);
    writeSync(far, Uint8Array.of(1));
    await arrived.promise;
    writeSync(far, Uint8Array.of(2));
    expect(await isSpinning()).toBe(false);
    expect(batches).toEqual([1]);
    expect(reader.slab[reader.records[0]]).toBe(1);
    arrived = deferred();
    reader.consumed();
    await arrived.promise;
    expect(batches).toEqual([1, 1]);
    expect(reader.slab[reader.records[0]]).toBe(2);
    closeSync(far);
  });

  test('a batch of a direct read is held like any other', async () => {
    const [near, far] = socketPair({ sequenced: true });
    const arrived = deferred<number>();
    const reader = device({ fd: near, onReadable: arrived.resolve });
    reader.watchReadable(true);
    writeSync(far, Uint8Array.of(1));
    expect(reader.read()).toBe(1);
    writeSync(far, Uint8Array.of(2));
    for (let turn = 0; turn < 20; turn++) await new Promise(setImmediate);
    expect(reader.slab[reader.records[0]]).toBe(1);
    reader.consumed();
    expect(await arrived.promise).toBe(1);
    expect(reader.slab[reader.records[0]]).toBe(2);
    closeSync(far);
  });

  test('the end of a stream is told once, after the packets that came before it', async () => {
    const [near, far] = socketPair({ sequenced: true });
    const log: number[] = [];
    const ended = deferred<void>();
    const reader: Device = device({
      fd: near,
      onReadable: (count) => {
        log.push(count);
        reader.consumed();
      },
      onError: (errno) => {
        log.push(errno);
        ended.resolve();
      },
    });
    writeSync(far, Uint8Array.of(1));
    writeSync(far, Uint8Array.of(2));
    closeSync(far);
    reader.watchReadable(true);
    await ended.promise;
    expect(await isSpinning()).toBe(false);
    expect(log).toEqual([2, END_OF_STREAM]);
  });

  test('a batch that is consumed late still brings the error behind it', async () => {
    const [near, far] = socketPair({ sequenced: true });
    const batchCame = deferred<void>();
    const ended = deferred<number>();
    const reader = device({ fd: near, onReadable: () => batchCame.resolve(), onError: ended.resolve });
    writeSync(far, Uint8Array.of(1));
    closeSync(far);
    reader.watchReadable(true);
    await batchCame.promise;
    reader.consumed();
    expect(await ended.promise).toBe(END_OF_STREAM);
  });
});

describe.skipIf(process.platform !== 'linux')('writing', () => {
  test('pieces of several arenas become one packet', () => {
    const [near, far] = socketPair();
    const writer = device({ fd: near });
    const reader = device({ fd: far });
    writer.bindArena(0, Uint8Array.of(1, 2, 3, 4));
    writer.bindArena(7, Uint8Array.of(5, 6, 7, 8));
    const records = new Int32Array(2 * WRITE_STRIDE);
    records.set([4, 0, 0, 2, 7, 1, 3, 0, 3, 1, 7, 0, 1], WRITE_STRIDE);
    expect(writer.write(records, 1, 1)).toBe(1);
    expect(reader.read()).toBe(1);
    const [offset, length] = reader.records;
    expect([...reader.slab.subarray(offset, offset + length)]).toEqual([1, 2, 6, 7, 8, 4, 5]);
  });

  test('a tiny send buffer gives EAGAIN, and every packet arrives, in order', async () => {
    const [near, far] = socketPair({ sequenced: true, sndbuf: 2048 });
    const total = 2000;
    const arena = new Uint8Array(total * 4);
    const records = batch(...Array.from({ length: total }, (_, i) => [i * 4, 4] as const));
    const words = new Int32Array(arena.buffer);
    for (let i = 0; i < total; i++) words[i] = i;
    let next = 0;
    let stops = 0;
    const send = (): void => {
      next += writer.write(records, next, total - next);
      if (next === total) return;
      expect(writer.writeErrno).toBe(11);
      stops++;
      writer.watchWritable(true);
    };
    const writer = device({ fd: near, onWritable: send });
    writer.bindArena(0, arena);
    const got: number[] = [];
    const all = deferred<void>();
    const reader: Device = device({
      fd: far,
      onReadable: (count) => {
        const view = new DataView(reader.slab.buffer);
        for (let i = 0; i < count; i++) got.push(view.getInt32(reader.records[2 * i], true));
        reader.consumed();
        if (got.length === total) all.resolve();
      },
    });
    reader.watchReadable(true);
    send();
    await all.promise;
    expect(stops).toBeGreaterThan(5);
    expect(got).toEqual(Array.from({ length: total }, (_, i) => i));
  });

  test('onWritable comes once for each time it is asked for', async () => {
    const [near, far] = socketPair();
    device({ fd: far });
    let calls = 0;
    let called = deferred();
    const writer = device({
      fd: near,
      onWritable: () => {
        calls++;
        called.resolve();
      },
    });
    for (let round = 1; round <= 2; round++) {
      writer.watchWritable(true);
      await called.promise;
      called = deferred();
      for (let turn = 0; turn < 20; turn++) await new Promise(setImmediate);
      expect(calls).toBe(round);
    }
  });

  test('a datagram too long for the socket is rejected alone; its neighbours go', () => {
    const [near, far] = socketPair({ sndbuf: 4608 });
    const writer = device({ fd: near });
    const reader = device({ fd: far });
    writer.bindArena(0, new Uint8Array(60_000));
    const records = batch([0, 10], [0, 60_000], [0, 20]);
    expect(writer.write(records, 0, 3)).toBe(3);
    expect([writer.rejected, writer.writeErrno, records[WRITE_STRIDE]]).toEqual([1, 0, -90]);
    expect(reader.read()).toBe(2);
    expect([reader.records[1], reader.records[3]]).toEqual([10, 20]);
  });

  test('small packets that come one by one are read one by one, sixteen times; then the queue is emptied', () => {
    const [near, far] = socketPair({ sequenced: true });
    const reader = device({ fd: near });
    const next = (...octets: number[]): [number, boolean] => {
      for (const octet of octets) writeSync(far, Uint8Array.of(octet));
      return [reader.read(), reader.drained];
    };
    expect(next(1)).toEqual([1, true]);
    for (let i = 0; i < 16; i++) expect(next(2)).toEqual([1, false]);
    expect(next(3)).toEqual([1, true]);
    expect(next(4, 5, 6)).toEqual([1, false]);
    expect(next()).toEqual([1, false]);
    expect(next()).toEqual([1, false]);
    expect(next()).toEqual([0, true]);
    expect(next(7, 8)).toEqual([2, true]);
    expect(next(9)).toEqual([1, true]);
    const large = new Uint8Array(257);
    writeSync(far, large);
    expect(next()).toEqual([1, false]);
    writeSync(far, large);
    expect(next()).toEqual([1, true]);
    closeSync(far);
  });

  test('marks that point outside of the first piece, or at no segment, get the packet refused', () => {
    const [near, far] = socketPair();
    const writer = device({ fd: near });
    const reader = device({ fd: far });
    const bytes = new Uint8Array(64);
    writer.bindArena(0, bytes);
    const place = fc.oneof(fc.integer(), fc.integer({ min: -2, max: 66 }));
    fc.assert(
      fc.property(
        place,
        fc.oneof(fc.constant(20), place),
        place,
        fc.oneof(fc.constant(0), place),
        (...marks) => {
          bytes.fill(0x45);
          const records = batch([0, 40]);
          records.set(marks, WRITE_MARKS);
          const [, start, at, gsoSize] = marks;
          const good = start === 0 || (gsoSize === 0 && start > 0 && start <= at && at <= 38);
          expect(writer.write(records, 0, 1)).toBe(1);
          expect(records[0]).toBe(good ? 1 : -22);
          expect(reader.read()).toBe(good ? 1 : 0);
          if (!good) expect(bytes.every((octet) => octet === 0x45)).toBe(true);
        },
      ),
      { numRuns: 1000 },
    );
  });

  test('a record outside its arena is a RangeError, whatever the integers are', () => {
    const [near, far] = socketPair();
    const writer = device({ fd: near });
    const reader = device({ fd: far });
    const size = 64;
    writer.bindArena(3, new Uint8Array(size));
    const wild = fc.oneof(
      fc.integer(),
      fc.integer({ min: -2, max: size + 2 }),
      fc.constantFrom(0x7fffffff, -0x80000000),
    );
    const id = fc.oneof(fc.constant(3), fc.integer({ min: -1, max: 5 }), fc.integer());
    fc.assert(
      fc.property(fc.oneof(fc.constant(1), fc.integer()), id, wild, wild, (n, arena, offset, length) => {
        const records = new Int32Array(WRITE_STRIDE);
        records.set([n, arena, offset, length]);
        const good = n === 1 && arena === 3 && offset >= 0 && length >= 0 && offset + length <= size;
        if (good) {
          expect(writer.write(records, 0, 1)).toBe(1);
          reader.read();
        } else expect(() => writer.write(records, 0, 1)).toThrow(RangeError);
      }),
      { numRuns: 500 },
    );
    expect(() => writer.write(new Int32Array(WRITE_STRIDE), 0, 2)).toThrow(RangeError);
    expect(() => writer.write(new Int32Array(WRITE_STRIDE), 0xffffffff, 1)).toThrow(RangeError);
  });

  test('memory that was unbound, moved away or can shrink is refused', () => {
    const [near, far] = socketPair();
    const writer = device({ fd: near });
    device({ fd: far });
    const moved = new Uint8Array(16);
    writer.bindArena(0, moved);
    writer.bindArena(1, new Uint8Array(16));
    structuredClone(moved.buffer, { transfer: [moved.buffer] });
    expect(() => writer.write(batch([0, 4]), 0, 1)).toThrow(RangeError);
    writer.bindArena(0, new Uint8Array(16));
    expect(writer.write(batch([0, 4]), 0, 1)).toBe(1);
    writer.unbindArena(0);
    expect(() => writer.write(batch([0, 4]), 0, 1)).toThrow(RangeError);
    expect(() => writer.bindArena(70_000, new Uint8Array(4))).toThrow(RangeError);
    expect(() => writer.bindArena(-1, new Uint8Array(4))).toThrow(RangeError);
    const shrinking = new Uint8Array(
      new (ArrayBuffer as never as new (n: number, o: object) => ArrayBuffer)(8, { maxByteLength: 16 }),
    );
    expect(() => writer.bindArena(0, shrinking)).toThrow(RangeError);
    expect(() => writer.bindArena(0, new Uint8Array(new SharedArrayBuffer(8)))).toThrow(RangeError);
  });
});

describe.skipIf(process.platform !== 'linux')('life cycle', () => {
  test('close is idempotent, works inside a handler, and silences everything', async () => {
    const [near, far] = socketPair({ sequenced: true });
    const handler = vi.fn(() => {
      reader.close();
      reader.close();
    });
    const onError = vi.fn();
    const reader: Device = device({ fd: near, onReadable: handler, onError });
    const other = deferred<number>();
    const writer = device({ fd: far, onError: other.resolve });
    writer.bindArena(0, new Uint8Array(4));
    reader.watchReadable(true);
    writer.write(batch([0, 4], [0, 4]), 0, 2);
    writer.watchReadable(true);
    // The other end sees our close: the descriptor really is closed.
    await other.promise;
    expect(handler).toHaveBeenCalledTimes(1);
    expect(onError).not.toHaveBeenCalled();
    expect(reader.read()).toBe(0);
    reader.watchReadable(true);
    expect(() => reader.write(batch([0, 1]), 0, 1)).toThrow('closed');
  });

  test('a descriptor that cannot be watched, and slabs that cannot be used, are refused', () => {
    const file = openSync('/proc/self/cmdline', 'r');
    const plain = openSync(process.execPath, 'r');
    expect(() => device({ fd: plain })).toThrow(/uv_poll_init.*EPERM/);
    expect(() => device({ fd: 1_000_000 })).toThrow(/EBADF/);
    closeSync(file);
    closeSync(plain);
    const [near, far] = socketPair();
    expect(() => device({ fd: near, slab: new Uint8Array(READ_ROOM) })).toThrow(RangeError);
    expect(() => device({ fd: near, slab: new Uint8Array(new ArrayBuffer(SLAB_SIZE), 1) })).toThrow(
      RangeError,
    );
    expect(() => device({ fd: near, headroom: 5000 })).toThrow(RangeError);
    closeSync(near);
    closeSync(far);
  });

  test('an environment that ends with open devices ends cleanly; an unreferenced one holds nothing up', async () => {
    const code = `
      const [a, b] = addon.socketPair(true);
      const held = open(a); held.watchReadable(true);
      const loose = open(b); loose.watchReadable(true); loose.setRef(false); loose.watchWritable(true);
      if (workerData.unref) held.setRef(false);
      parentPort.postMessage('open');`;
    for (const unref of [true, false]) {
      const worker = await startWorker(code, { unref });
      await once(worker, 'message');
      if (!unref) await worker.terminate();
      else expect(await once(worker, 'exit')).toEqual([0]);
    }
  });

  test('a handler may end the environment it runs in', async () => {
    const worker = await startWorker(`
      const [a, b] = addon.socketPair(true);
      const reader = open(a, () => process.exit(7));
      writer(open(b))();
      reader.watchReadable(true);`);
    expect(await once(worker, 'exit')).toEqual([7]);
  });

  test('what a handler throws is an uncaught exception, and the device goes on', async () => {
    const worker = await startWorker(`
      const [a, b] = addon.socketPair(true);
      let batches = 0;
      const reader = open(a, () => {
        reader.control[HOLDING] = 0;
        if (++batches === 1) throw new Error('from the handler');
        parentPort.postMessage('second batch');
        reader.close(); far.close();
      });
      const far = open(b);
      const send = writer(far);
      process.on('uncaughtException', (error) => { parentPort.postMessage(error.message); send(); });
      send();
      reader.watchReadable(true);`);
    expect(await said(worker)).toEqual(['from the handler', 'second batch']);
  });

  test('what a handler promises and puts off comes before the next batch, and before timers and immediates', async () => {
    const worker = await startWorker(`
      const { AsyncLocalStorage } = require('node:async_hooks');
      const [a, b] = addon.socketPair(true);
      const say = (what) => parentPort.postMessage(what);
      const storage = new AsyncLocalStorage();
      let batches = 0;
      const reader = open(a, () => {
        reader.control[HOLDING] = 0;
        say('batch ' + ++batches + ' in ' + storage.getStore());
        if (batches === 2) { reader.close(); far.close(); return; }
        send();
        setImmediate(() => say('immediate'));
        storage.run('a context', () => Promise.resolve().then(() => say('promise in ' + storage.getStore())));
        process.nextTick(() => { say('tick'); Promise.reject(new Error('refused')); });
      });
      const far = open(b);
      const send = writer(far);
      process.on('unhandledRejection', (error) => say(error.message));
      send();
      reader.watchReadable(true);`);
    expect(await said(worker)).toEqual([
      'batch 1 in undefined',
      'tick',
      'promise in a context',
      'refused',
      'immediate',
      'batch 2 in undefined',
    ]);
  });

  test('a call that is kept keeps its device', async () => {
    const worker = await startWorker(`
      require('node:v8').setFlagsFromString('--expose-gc');
      const collect = require('node:vm').runInNewContext('gc');
      const [a] = addon.socketPair(true);
      let device = open(a);
      const { write } = device;
      device.close();
      device = undefined;
      setImmediate(() => {
        collect();
        try { write(); } catch (error) { parentPort.postMessage(error.message); }
      });`);
    expect(await said(worker)).toEqual(['write: the device is closed']);
  });
});

describe.skipIf(process.platform !== 'linux')('a queue for bulk', () => {
  /** Two queues, and their far ends. */
  function twoQueues(): { reader: Device; far: number; bulk: number } {
    const [near, far] = socketPair({ sequenced: true, sndbuf: 1 << 22 });
    const [bulkNear, bulk] = socketPair({ sequenced: true, sndbuf: 1 << 22 });
    return { reader: device({ fd: near, bulkFd: bulkNear }), far, bulk };
  }

  /** The first octet of each packet of the next batch. */
  function batchOf(reader: Device): number[] {
    return Array.from({ length: reader.read() }, (_, i) => reader.slab[reader.records[2 * i]]);
  }

  /** As the event loop does: a queue is looked at when something was written to it, or when it is readable. */
  const wakeBulk = (reader: Device): void => {
    reader.bindArena(0, new Uint8Array(4));
    const records = batch([0, 4]);
    records[0] += WRITE_BULK;
    reader.write(records, 0, 1);
  };

  test('a batch has a share of bulk, and the rest comes by the next read', () => {
    const { reader, far, bulk } = twoQueues();
    wakeBulk(reader);
    const packet = new Uint8Array(60_000);
    for (let i = 0; i < 6; i++) writeSync(bulk, packet.fill(i, 0, 1));
    expect([batchOf(reader), reader.drained]).toEqual([[0, 1, 2, 3, 4], false]);
    expect([batchOf(reader), reader.drained]).toEqual([[5], true]);
    for (const fd of [far, bulk]) closeSync(fd);
  });

  test('what is no bulk comes first; bulk waits while there is such in each read, but not for ever', () => {
    const { reader, far, bulk } = twoQueues();
    wakeBulk(reader);
    for (let i = 0; i < 3; i++) writeSync(bulk, Uint8Array.of(0xb0 + i));
    const seen: number[][] = [];
    // Four milliseconds, in reads of a microsecond and more.
    for (let i = 0; i < 1_000_000 && seen.length < 2; i++) {
      writeSync(far, Uint8Array.of(1));
      const batch = batchOf(reader);
      if (i === 0) seen.push(batch);
      else if (batch.length > 1) seen.push(batch);
      else expect([batch, reader.drained]).toEqual([[1], false]);
    }
    expect(seen).toEqual([[1], [1, 0xb0, 0xb1, 0xb2]]);
    expect([batchOf(reader), reader.drained]).toEqual([[], true]);
    for (const fd of [far, bulk]) closeSync(fd);
  });

  test('the event loop tells of either queue', async () => {
    const [near, far] = socketPair({ sequenced: true });
    const [bulkNear, bulk] = socketPair({ sequenced: true });
    const seen: number[] = [];
    const both = deferred<void>();
    const reader: Device = device({
      fd: near,
      bulkFd: bulkNear,
      onReadable: (count) => {
        for (let i = 0; i < count; i++) seen.push(reader.slab[reader.records[2 * i]]);
        reader.consumed();
        if (seen.length === 1) writeSync(far, Uint8Array.of(2));
        if (seen.length === 2) both.resolve();
      },
    });
    reader.watchReadable(true);
    writeSync(bulk, Uint8Array.of(1));
    await both.promise;
    expect(seen).toEqual([1, 2]);
    for (const fd of [far, bulk]) closeSync(fd);
  });

  test('a packet marked as bulk leaves by it, others by the first, and both where there is one queue', () => {
    const { reader, far, bulk } = twoQueues();
    const bytes = Uint8Array.of(1, 2);
    const records = batch([0, 1], [1, 1]);
    records[0] += WRITE_BULK;
    const got = (fd: number): number[] => {
      const into = new Uint8Array(8);
      return [...into.subarray(0, readSync(fd, into))];
    };
    reader.bindArena(0, bytes);
    expect(reader.write(records, 0, 2)).toBe(2);
    expect([got(bulk), got(far)]).toEqual([[1], [2]]);
    const [near, only] = socketPair({ sequenced: true });
    const single = device({ fd: near });
    single.bindArena(0, bytes);
    expect(single.write(records, 0, 2)).toBe(2);
    expect([got(only), got(only)]).toEqual([[1], [2]]);
    for (const fd of [far, bulk, only]) closeSync(fd);
  });
});

/** A worker that works with the addon itself; its code finds `addon`, `open`, `writer` and the slots it needs. */
async function startWorker(code: string, data: object = {}): Promise<Worker> {
  const { Worker } = await import('node:worker_threads');
  native();
  const prelude = `
    const { parentPort, workerData } = require('node:worker_threads');
    const addon = require(workerData.path);
    const HOLDING = 4, WRITE_COUNT = 7;
    const open = (fd, handler = () => {}) => {
      const control = new Int32Array(new SharedArrayBuffer(4 * 528));
      const device = new addon.Device(fd, -1, new Uint8Array(1 << 20), control, 64, 0, true, handler, () => {}, () => {});
      return Object.assign(device, { control });
    };
    const writer = (device) => {
      device.bindArena(0, new Uint8Array(4));
      device.bindRecords(Int32Array.of(1, 0, 0, 4, ...new Array(${WRITE_STRIDE - 4}).fill(0)));
      device.control[WRITE_COUNT] = 1;
      return () => device.write();
    };`;
  return new Worker(prelude + code, { eval: true, workerData: { ...data, path: nativePath() } });
}

/** All that a worker says until it ends by itself. */
async function said(worker: Worker): Promise<unknown[]> {
  const messages: unknown[] = [];
  worker.on('message', (message) => messages.push(message));
  expect(await once(worker, 'exit')).toEqual([0]);
  return messages;
}

/** The file that `native()` loaded. */
function nativePath(): string {
  const find = createRequire(import.meta.url)('node-gyp-build') as { resolve: (folder: string) => string };
  return find.resolve(fileURLToPath(new URL('..', import.meta.url)));
}
