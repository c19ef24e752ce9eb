// Receive buffers: the list of chunks that the stack has against a ring that doubles, at the loads of a receiver.

import { type ReceiveBuffer, ReceiveStore } from '../../../packages/stack/dist/tcp/buffers/receive-buffer.js';
import { alternate, type Bench, type Effort, nsPerStep, type Row, rowOf } from '../rows.ts';
import { RingStore } from './ring-buffer.ts';

const MSS = 1460;
const SUPER = 64 << 10;
/** What one wake-up of the device brings. */
const BATCH = 1 << 20;
const IDLE = 10_000;

interface Store {
  readonly allocated: number;
  newBuffer(): ReceiveBuffer;
}

/** One step writes `octets` and reads them; it answers a number, so that nothing is optimised away. */
type Load = (buffer: ReceiveBuffer, source: Uint8Array) => number;

function readAll(buffer: ReceiveBuffer, octets: number): number {
  let left = octets;
  let sum = 0;
  while (buffer.peek(left) > 0) {
    const { length } = buffer;
    sum += buffer.bytes[buffer.offset];
    left -= length;
    buffer.consume(length);
  }
  return sum;
}

function giveAll(buffer: ReceiveBuffer, octets: number): number {
  let left = octets;
  let sum = 0;
  for (let given = buffer.give(left); given !== undefined; given = buffer.give(left)) {
    sum += given[0];
    left -= given.length;
  }
  return sum;
}

/** In order, in segments of `segment` octets, read after every `batch` octets. */
function inOrder(segment: number, batch: number, read: typeof readAll): Load {
  return (buffer, source) => {
    let at = 0;
    for (; at + segment <= batch; at += segment) buffer.write(at, source, at, segment);
    return read(buffer, at);
  };
}

/** Each second segment first, then the others: what a queue that drops every other packet leaves. */
function holes(segment: number, batch: number): Load {
  return (buffer, source) => {
    const count = Math.floor(batch / segment);
    for (let i = 1; i < count; i += 2) buffer.write(i * segment, source, i * segment, segment);
    for (let i = 0; i < count; i += 2) buffer.write(i * segment, source, i * segment, segment);
    return readAll(buffer, count * segment);
  };
}

/** A reader that lags: what is unread grows from nothing to a batch, and a part is read on the way. */
function lagging(segment: number, batch: number): Load {
  return (buffer, source) => {
    let unread = 0;
    let sum = 0;
    for (let at = 0; at + segment <= batch; at += segment) {
      buffer.write(unread, source, at, segment);
      unread += segment;
      if ((at / segment) % 4 !== 3) continue;
      const n = buffer.peek(Math.min(unread, segment));
      sum += buffer.bytes[buffer.offset];
      buffer.consume(n);
      unread -= n;
    }
    return sum + readAll(buffer, unread);
  };
}

const LOADS: readonly (readonly [string, number, Load])[] = [
  ['in order, 1460, read each', MSS, inOrder(MSS, MSS, readAll)],
  ['in order, 1460, read per 64 KiB', SUPER, inOrder(MSS, SUPER, readAll)],
  ['in order, 64 KiB, read each', SUPER, inOrder(SUPER, SUPER, readAll)],
  ['in order, 64 KiB, read per MiB', BATCH, inOrder(SUPER, BATCH, readAll)],
  ['holes, 1460, MiB', BATCH, holes(MSS, BATCH)],
  ['lagging reader, 1460, MiB', BATCH, lagging(MSS, BATCH)],
  ['give, 1460, read each', MSS, inOrder(MSS, MSS, giveAll)],
  ['give, 1460, per 64 KiB', SUPER, inOrder(MSS, SUPER, giveAll)],
  ['give, 64 KiB, read each', SUPER, inOrder(SUPER, SUPER, giveAll)],
  ['give, 64 KiB, per MiB', BATCH, inOrder(SUPER, BATCH, giveAll)],
];

let sink = 0;

/** Nanoseconds a KiB that went through. */
function nsPerKib(store: Store, load: Load, octets: number, total: number): number {
  const buffer = store.newBuffer();
  const source = new Uint8Array(BATCH).fill(7);
  const steps = Math.ceil(total / octets);
  return nsPerStep((steps * octets) / 1024, () => {
    for (let i = 0; i < steps; i++) sink += load(buffer, source);
  });
}

/** Octets of memory a connection holds that has `octets` unread `at` a position. */
function memory(store: Store, at: number, octets: number): number {
  const source = new Uint8Array(octets);
  const buffers: ReceiveBuffer[] = [];
  for (let i = 0; i < IDLE; i++) {
    const buffer = store.newBuffer();
    buffer.write(at, source, 0, octets);
    buffers.push(buffer);
  }
  const held = store.allocated / IDLE;
  for (const buffer of buffers) buffer.clear();
  return held;
}

/** Octets of the heap that 10,000 idle buffers take each, their objects included. */
function heap(store: () => Store): number {
  const { gc } = globalThis;
  if (gc === undefined) return 0;
  const owner = store();
  const buffers: ReceiveBuffer[] = [];
  gc();
  const before = process.memoryUsage().heapUsed;
  for (let i = 0; i < IDLE; i++) buffers.push(owner.newBuffer());
  gc();
  const taken = process.memoryUsage().heapUsed - before;
  return taken / buffers.length;
}

export const receiveBuffer: Bench = {
  name: 'receive-buffer',
  run({ quick, runs }: Effort): Promise<Row[]> {
    const rows: Row[] = [];
    const total = quick ? 4 << 20 : 256 << 20;
    for (const [name, octets, load] of LOADS) {
      const compare = (store: () => Store) => () => nsPerKib(store(), load, octets, total);
      const chunks = compare(() => new ReceiveStore());
      rows.push(
        alternate(
          `receive-buffer chunks / ring, ${name}`,
          'ns/KiB',
          runs,
          chunks,
          compare(() => new RingStore()),
        ),
      );
    }
    for (const [name, at, octets] of [
      ['100 octets unread', 0, 100],
      ['5000 octets unread', 0, 5000],
      ['one octet, 200 KiB ahead', 200 << 10, 1],
    ] as const) {
      const pair = [memory(new ReceiveStore(), at, octets), memory(new RingStore(), at, octets)] as const;
      rows.push(rowOf(`receive-buffer chunks / ring, memory of each of ${IDLE}, ${name}`, 'octets', [pair]));
    }
    if (globalThis.gc !== undefined) {
      const pair = [heap(() => new ReceiveStore()), heap(() => new RingStore())] as const;
      rows.push(rowOf(`receive-buffer chunks / ring, heap of each of ${IDLE} idle`, 'octets', [pair]));
    }
    if (Number.isNaN(sink)) throw new Error('the loads answered nothing');
    return Promise.resolve(rows);
  },
};
