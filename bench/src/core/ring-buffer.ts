// The receive buffer that lost (docs/decisions/0008-receive-buffer.md): a power-of-two ring that doubles up to a cap and
// moves its octets when it grows. Kept as the anchor of the bench, under the same laws: test/conformance/receive-buffer.ts.
//
//   head (position 0)        used
//   | . . . . | ##########..#### | . . . |      (offsets modulo the size of the ring)

import { copyOctets } from '@tunstack/stack/contract';
import type { ReceiveBuffer } from '../../../packages/stack/dist/tcp/buffers/receive-buffer.js';

const FIRST = 4 << 10;
/** Octets kept for the next connection: as many as the chunks keep. */
const SPARE_BYTES = 1344 << 10;
const NOTHING = new Uint8Array(0);

/** The rings of one stack, by the logarithm of their size. */
export class RingStore {
  allocated = 0;
  private spareBytes = 0;
  private readonly spares: Uint8Array[][] = Array.from({ length: 32 }, () => []);

  newBuffer(): ReceiveBuffer {
    return new RingBuffer(this);
  }

  take(size: number): Uint8Array {
    this.allocated += size;
    const spare = this.spares[31 - Math.clz32(size)].pop();
    if (spare === undefined) return new Uint8Array(size);
    this.spareBytes -= size;
    return spare;
  }

  give(ring: Uint8Array): void {
    this.allocated -= ring.length;
    if (this.spareBytes + ring.length > SPARE_BYTES) return;
    this.spareBytes += ring.length;
    this.spares[31 - Math.clz32(ring.length)].push(ring);
  }
}

/** See the head of this file. Made by a RingStore. */
export class RingBuffer implements ReceiveBuffer {
  bytes: Uint8Array = NOTHING;
  offset = 0;
  length = 0;
  private readonly store: RingStore;
  private ring: Uint8Array = NOTHING;
  private head = 0;
  /** Positions from 0 on that may have been written. */
  private used = 0;
  private most = 0;
  private mostBefore = 0;

  constructor(store: RingStore) {
    this.store = store;
  }

  get allocated(): number {
    return this.ring.length;
  }

  write(at: number, bytes: Uint8Array, offset: number, length: number): void {
    if (length <= 0) return;
    if (at + length > this.most) this.most = at + length;
    if (at + length > this.ring.length) this.grow(Math.max(at + length, this.mostBefore));
    if (at + length > this.used) this.used = at + length;
    const to = (this.head + at) & (this.ring.length - 1);
    const n = Math.min(length, this.ring.length - to);
    copyOctets(bytes, offset, this.ring, to, n);
    if (n < length) copyOctets(bytes, offset + n, this.ring, 0, length - n);
  }

  peek(available: number): number {
    this.bytes = this.ring;
    this.offset = this.head;
    this.length = Math.max(0, Math.min(available, this.ring.length - this.head));
    return this.length;
  }

  consume(n: number): void {
    if (n >= this.used) {
      this.clear();
      return;
    }
    this.used -= n;
    this.head = (this.head + n) & (this.ring.length - 1);
  }

  give(available: number): Uint8Array | undefined {
    const length = this.peek(available);
    if (length === 0) return undefined;
    const copy = this.ring.slice(this.offset, this.offset + length);
    this.consume(length);
    return copy;
  }

  clear(): void {
    if (this.ring.length > 0) this.store.give(this.ring);
    this.ring = NOTHING;
    this.head = 0;
    this.used = 0;
    this.mostBefore = this.most;
    this.most = 0;
    this.peek(0);
  }

  private grow(size: number): void {
    let wanted = FIRST;
    while (wanted < size) wanted *= 2;
    const old = this.ring;
    const ring = this.store.take(wanted);
    const tail = Math.min(this.used, old.length - this.head);
    ring.set(old.subarray(this.head, this.head + tail));
    if (tail < this.used) ring.set(old.subarray(0, this.used - tail), tail);
    if (old.length > 0) this.store.give(old);
    this.ring = ring;
    this.head = 0;
  }
}
