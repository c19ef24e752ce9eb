// The send buffer against an array of octets, from sequence numbers around the wrap.

import { fc, test as property } from '@fast-check/vitest';
import { expect } from 'vitest';
import { diff } from '../../base/int.ts';
import { MAX_PIECES } from '../../contract/packet.ts';
import { PacketPool } from '../../contract/packet-pool.ts';
import { SendBuffer } from './send-buffer.ts';

const share = fc.double({ min: 0, max: 1, noNaN: true });
const length = fc.oneof(
  fc.integer({ min: 0, max: 200 }),
  fc.integer({ min: 3000, max: 5000 }),
  fc.integer({ min: 60_000, max: 70_000 }),
);
const step = fc.oneof(
  { weight: 3, arbitrary: fc.record({ verb: fc.constant('append' as const), length }) },
  {
    weight: 2,
    arbitrary: fc.record({
      verb: fc.constant('own' as const),
      length,
      before: fc.nat({ max: 9 }),
      shared: fc.boolean(),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      verb: fc.constant('gather' as const),
      from: share,
      share,
      pieces: fc.nat({ max: 3 }),
    }),
  },
  { weight: 2, arbitrary: fc.record({ verb: fc.constant('release' as const), share }) },
  { weight: 1, arbitrary: fc.record({ verb: fc.constant('clear' as const) }) },
);
type Step = typeof step extends fc.Arbitrary<infer T> ? T : never;

const seqs = fc.oneof(
  fc.integer({ min: -0x8000_0000, max: 0x7fff_ffff }),
  fc.integer({ min: -90_000, max: 9 }).map((n) => (0x7fff_ffff + n) | 0),
);

/** A buffer and what it should hold. */
class Bench {
  readonly pool: PacketPool;
  readonly buffer: SendBuffer;
  octets: Uint8Array = new Uint8Array(0);
  start: number;
  /** For each buffer that was given: the sequence number of its end, and how many times `released` was called. */
  readonly owned: { readonly end: number; copied: boolean; calls: number }[] = [];
  private made = 0;

  constructor(seq: number, chunkBytes: number) {
    this.pool = new PacketPool({ smallBytes: 1 << 16, mediumBytes: 0, largeBytes: 0, chunkBytes });
    this.buffer = new SendBuffer(this.pool, seq);
    this.start = seq;
  }

  /** Octets that no other call made. */
  fresh(length: number, before = 0, shared = false): Uint8Array {
    const size = before + length + 3;
    const bytes = shared ? new Uint8Array(new SharedArrayBuffer(size)) : new Uint8Array(size);
    for (let i = 0; i < bytes.length; i++) bytes[i] = Math.imul(++this.made, 0x9e37_79b1) >>> 24;
    return bytes;
  }

  take(bytes: Uint8Array): void {
    const octets = new Uint8Array(this.octets.length + bytes.length);
    octets.set(this.octets);
    octets.set(bytes, this.octets.length);
    this.octets = octets;
  }

  drop(n: number): void {
    this.octets = this.octets.slice(n);
    this.start = (this.start + n) | 0;
  }

  /** Calls what waits, as the owner does. */
  settle(): void {
    const { freed } = this.buffer;
    for (let released = freed.shift(); released !== undefined; released = freed.shift()) released();
  }

  /** True when exactly the buffers that were copied or are behind `start` were released, once each. */
  get booksAreRight(): boolean {
    return this.owned.every(({ end, copied, calls }) => {
      return calls === (copied || diff(end, this.start) <= 0 ? 1 : 0);
    });
  }

  do(step: Step): void {
    const { buffer } = this;
    if (step.verb === 'append') {
      const bytes = this.fresh(step.length, 2);
      const taken = buffer.append(bytes, 2, step.length);
      this.take(bytes.subarray(2, 2 + taken));
      expect(taken === step.length || this.pool.chunks.take(1) === undefined).toBe(true);
    } else if (step.verb === 'own') {
      const bytes = this.fresh(step.length, step.before, step.shared).subarray(
        step.before,
        step.before + step.length,
      );
      const record = { end: (buffer.end + step.length) | 0, copied: false, calls: 0 };
      const { end } = buffer;
      if (!buffer.appendOwned(bytes, () => record.calls++)) {
        expect(buffer.end).toBe(end);
        return;
      }
      this.take(bytes);
      // What was copied is done with at once: it may be overwritten.
      record.copied = buffer.freed.size > 0;
      expect(record.copied).toBe(step.shared || step.length < 4096);
      if (record.copied) bytes.fill(0xee);
      this.owned.push(record);
    } else if (step.verb === 'gather') this.gather(step.from, step.share, step.pieces);
    else if (step.verb === 'release') {
      const n = Math.round(this.octets.length * step.share);
      buffer.release((this.start + n) | 0);
      this.drop(n);
    } else {
      buffer.clear();
      this.drop(this.octets.length);
    }
    this.settle();
  }

  gather(from: number, share: number, pieces: number): void {
    const at = Math.floor(this.octets.length * from);
    const wanted = Math.floor((this.octets.length - at) * share);
    const packet = this.pool.allocate(8)!;
    packet.put(2);
    const other = this.pool.arenas.register(new Uint8Array(4));
    for (let i = 0; i < pieces; i++) packet.append(other.id, 0, 1);
    const head = 2 + pieces;
    const got = this.buffer.gather(packet, (this.start + at) | 0, wanted);
    expect(packet.length).toBe(head + got);
    expect(got === wanted || packet.pieces === MAX_PIECES).toBe(true);
    const flat = new Uint8Array(packet.length);
    packet.copyTo(flat, 0);
    expect(Buffer.compare(flat.subarray(head), this.octets.subarray(at, at + got))).toBe(0);
    packet.release();
  }
}

property.prop([seqs, fc.array(step, { maxLength: 40 }), fc.constantFrom(8 << 10, 140 << 10, 8 << 20)])(
  'what is gathered is what was appended and not yet released, whatever the order of calls',
  (seq, steps, chunkBytes) => {
    const bench = new Bench(seq, chunkBytes);
    const { buffer, pool } = bench;
    for (const step of steps) {
      bench.do(step);
      expect([buffer.start, buffer.length]).toEqual([bench.start, bench.octets.length]);
      expect(buffer.end).toBe((bench.start + bench.octets.length) | 0);
      expect(bench.booksAreRight).toBe(true);
    }
    bench.gather(0, 1, 0);
    buffer.clear();
    bench.settle();
    // All is over: no chunk is kept, no memory of the application either, each callback was called once.
    expect(bench.owned.every(({ calls }) => calls === 1)).toBe(true);
    expect(pool.chunks.inUseBytes).toBe(0);
    pool.arenas.forget();
    expect(pool.arenas.disownedCount).toBe(bench.owned.filter(({ copied }) => !copied).length);
    expect([buffer.length, buffer.start, buffer.broken]).toEqual([0, buffer.end, false]);
  },
);

property.prop([seqs, fc.integer({ min: 1, max: 3000 }), fc.integer({ min: 1, max: 9000 })], { numRuns: 30 })(
  'a stream that is sent and acknowledged in windows comes out whole, and an empty buffer owns no chunk',
  (seq, write, window) => {
    const bench = new Bench(seq, 8 << 20);
    const { buffer, pool } = bench;
    const bytes = bench.fresh(write);
    const out: number[] = [];
    const whole: number[] = [];
    const packet = pool.allocate(8)!;
    for (let round = 0; round < 40; round++) {
      expect(buffer.append(bytes, 1, write)).toBe(write);
      whole.push(...bytes.subarray(1, 1 + write));
      const n = Math.min(window, buffer.length);
      const got = buffer.gather(packet, buffer.start, n);
      const flat = new Uint8Array(got);
      packet.copyTo(flat, 0);
      packet.trim(0);
      out.push(...flat);
      buffer.release((buffer.start + got) | 0);
    }
    expect(Buffer.compare(Uint8Array.from(out), Uint8Array.from(whole.slice(0, out.length)))).toBe(0);
    buffer.release(buffer.end);
    expect([buffer.length, pool.chunks.inUseBytes]).toEqual([0, 0]);
    packet.release();
  },
);
