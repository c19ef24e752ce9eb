// The receive buffer: octets that arrived and were not read, in order or not. RFC 9293 3.3.1 (RCV.NXT, RCV.WND), 3.10.3.
// A contract, and the implementation that won the bench (docs/decisions/0008-receive-buffer.md): a list of chunks.
//
//   position 0: the next octet that the application will read
//   | chunk 16 KiB ######## | chunk 64 KiB ####....### | (nothing written yet: no memory) | chunk 64 KiB ..#.... |
//
// Chunks hold stretches of the stream in order. They are plain memory, no arena: no device reads or writes them, so one can
// be handed to the application for good. What arrived out of order stays where it was written, however the list grows.

import { assert, CHECKS, POISON } from '../../base/assert.ts';
import { copyOctets } from '../../contract/packet.ts';

/**
 * Octets by position: 0 is the next octet that the application will read, and moves on with it. Which positions are
 * filled is the caller's to know: this is memory only. Laws: test/conformance/receive-buffer.ts.
 *
 * @example
 * buffer.write(0, segment.bytes, segment.offset, segment.length);
 * while (buffer.peek(inOrder) > 0) {
 *   handler(buffer.bytes, buffer.offset, buffer.length);
 *   inOrder -= buffer.length;
 *   buffer.consume(buffer.length);
 * }
 */
export interface ReceiveBuffer {
  /** What `peek` showed: octets [offset, offset + length) of `bytes`, good until the next verb but `write`. */
  bytes: Uint8Array;
  offset: number;
  length: number;
  /** Octets of memory held. An empty buffer holds none. */
  readonly allocated: number;
  /**
   * Octets [offset, offset + length) of `bytes` are those from position `at` on. In any order, with holes; no position
   * is written twice.
   */
  write(at: number, bytes: Uint8Array, offset: number, length: number): void;
  /** Shows the first octets that lie together, at most `available` (how many are in order); answers how many, 0 for none. */
  peek(available: number): number;
  /** The first `n` octets were read. They need not have been written: the application may have read them elsewhere. */
  consume(n: number): void;
  /**
   * Hands out the first octets that lie together, at most `available`, as memory that is the application's from now on, and
   * consumes them. Undefined: nothing is available.
   */
  give(available: number): Uint8Array | undefined;
  /** Drops everything. Position 0 stays where it is. */
  clear(): void;
}

/** Sizes of chunks. A stretch of the stream gets the least that holds what is unread, so that a trickle pins little. */
const SMALL = 4 << 10;
const MEDIUM = 16 << 10;
const LARGE = 64 << 10;
/** Chunks that are kept for the next connection: 16 of each size, 1.3 MiB. */
const SPARE_CHUNKS = 16;
const NOTHING = new Uint8Array(0);

/** A stretch of the stream, and its memory once something was written there. */
class Stretch {
  /** Stream offset of the first octet, int32, modular. */
  start = 0;
  /** Octets of the stream; the memory may be longer. */
  size = 0;
  /** Where the octets written last in the stretch end, from `start`. */
  written = 0;
  bytes: Uint8Array = NOTHING;
  next: Stretch | undefined = undefined;
}

/** The chunks of one stack. */
export class ReceiveStore {
  /** Octets of memory that the buffers hold. */
  allocated = 0;
  private readonly small: Uint8Array[] = [];
  private readonly medium: Uint8Array[] = [];
  private readonly large: Uint8Array[] = [];
  private readonly stretches: Stretch[] = [];

  newBuffer(): ReceiveBuffer {
    return new ReceiveChunks(this);
  }

  /** Octets of memory kept for the next `take`. */
  get spareBytes(): number {
    return SMALL * this.small.length + MEDIUM * this.medium.length + LARGE * this.large.length;
  }

  /** For the buffers: a chunk of at least `size` octets, at most LARGE. */
  take(size: number): Uint8Array {
    const chunkSize = chunkSizeFor(size);
    this.allocated += chunkSize;
    return this.sparesOf(chunkSize).pop() ?? new Uint8Array(chunkSize);
  }

  /** For the buffers: a chunk comes back. */
  give(bytes: Uint8Array): void {
    this.allocated -= bytes.length;
    if (CHECKS) bytes.fill(POISON);
    const spares = this.sparesOf(bytes.length);
    if (spares.length < SPARE_CHUNKS) spares.push(bytes);
  }

  /** For the buffers: a chunk went to the application. */
  forget(bytes: Uint8Array): void {
    this.allocated -= bytes.length;
  }

  /** For the buffers: a stretch without memory. */
  takeStretch(): Stretch {
    return this.stretches.pop() ?? new Stretch();
  }

  giveStretch(stretch: Stretch): void {
    stretch.next = undefined;
    if (this.stretches.length < SPARE_CHUNKS) this.stretches.push(stretch);
  }

  private sparesOf(chunkSize: number): Uint8Array[] {
    return chunkSize === SMALL ? this.small : chunkSize === MEDIUM ? this.medium : this.large;
  }
}

function chunkSizeFor(octets: number): number {
  return octets <= SMALL ? SMALL : octets <= MEDIUM ? MEDIUM : LARGE;
}

/** See the head of this file. Made by a ReceiveStore. */
export class ReceiveChunks implements ReceiveBuffer {
  bytes: Uint8Array = NOTHING;
  offset = 0;
  length = 0;
  allocated = 0;
  private readonly store: ReceiveStore;
  /** Stream offset of position 0, int32, modular. The first stretch starts there or before, and the rest follow closely. */
  private front = 0;
  private first: Stretch | undefined = undefined;
  private last: Stretch | undefined = undefined;
  /** Where the last octets were written: a stream goes on there. */
  private current: Stretch | undefined = undefined;
  /** Most octets that were unread since the buffer was empty; and the time before: as many will be again. */
  private most = 0;
  private mostBefore = 0;

  constructor(store: ReceiveStore) {
    this.store = store;
  }

  write(at: number, bytes: Uint8Array, offset: number, length: number): void {
    if (length <= 0) return;
    if (at + length > this.most) this.most = at + length;
    let done = 0;
    let stretch = this.stretchOf((this.front + at) | 0);
    for (;;) {
      const skip = (this.front + at + done - stretch.start) | 0;
      const n = Math.min(length - done, stretch.size - skip);
      if (stretch.bytes.length === 0) {
        stretch.bytes = this.store.take(stretch.size);
        this.allocated += stretch.bytes.length;
      }
      copyOctets(bytes, offset + done, stretch.bytes, skip, n);
      if (skip + n > stretch.written) stretch.written = skip + n;
      done += n;
      if (done === length) break;
      stretch = stretch.next ?? this.lengthen();
    }
    this.current = stretch;
  }

  peek(available: number): number {
    const { first } = this;
    if (first === undefined || available <= 0) {
      this.bytes = NOTHING;
      this.offset = this.length = 0;
      return 0;
    }
    if (CHECKS) assert(first.bytes.length > 0, 'what is available was written');
    const skip = (this.front - first.start) | 0;
    this.bytes = first.bytes;
    this.offset = skip;
    this.length = Math.min(available, first.size - skip);
    return this.length;
  }

  consume(n: number): void {
    this.front = (this.front + n) | 0;
    this.bytes = NOTHING;
    this.offset = this.length = 0;
    for (let { first } = this; first !== undefined; first = this.first) {
      const read = (this.front - first.start) | 0;
      if (read < first.size && (first.next !== undefined || read < first.written)) return;
      this.shift(first);
    }
  }

  give(available: number): Uint8Array | undefined {
    const length = this.peek(available);
    if (length === 0) return undefined;
    const { first, bytes, offset } = this;
    const stretch = first as Stretch;
    const end = offset + length;
    // All that is in the chunk goes, and it is worth its memory: the chunk itself. Octets that wait behind a hole stay.
    if (stretch.written > end || 2 * length < bytes.length) {
      const copy = bytes.slice(offset, end);
      this.consume(length);
      return copy;
    }
    this.store.forget(bytes);
    this.allocated -= bytes.length;
    stretch.bytes = NOTHING;
    stretch.start = (stretch.start + end) | 0;
    stretch.size -= end;
    stretch.written = 0;
    this.consume(length);
    return bytes.subarray(offset, end);
  }

  clear(): void {
    for (let { first } = this; first !== undefined; first = this.first) this.shift(first);
    this.peek(0);
  }

  /** The stretch that holds a stream offset: made, with those before it, if the list ends earlier. */
  private stretchOf(at: number): Stretch {
    let stretch = this.current;
    if (stretch === undefined || ((at - stretch.start) | 0) < 0) stretch = this.first ?? this.lengthen();
    while (((at - stretch.start) | 0) >= stretch.size) stretch = stretch.next ?? this.lengthen();
    return stretch;
  }

  /** One stretch more at the end, as large as the stream has lately been ahead of its reader. */
  private lengthen(): Stretch {
    const { last } = this;
    const stretch = this.store.takeStretch();
    stretch.start = last === undefined ? this.front : (last.start + last.size) | 0;
    stretch.size = chunkSizeFor(Math.max(this.most, this.mostBefore));
    if (last === undefined) this.first = stretch;
    else last.next = stretch;
    this.last = stretch;
    return stretch;
  }

  /** Takes the first stretch off the list. */
  private shift(first: Stretch): void {
    this.first = first.next;
    if (this.current === first) this.current = undefined;
    if (first.bytes.length > 0) {
      this.allocated -= first.bytes.length;
      this.store.give(first.bytes);
      first.bytes = NOTHING;
    }
    first.written = 0;
    this.store.giveStretch(first);
    if (this.first !== undefined) return;
    this.last = undefined;
    this.mostBefore = this.most;
    this.most = 0;
  }
}
