// Memory for what is sent, until it is acknowledged: chunks in arenas, so that a device reads them by reference.
//
//   room, 1 MiB:  | span 64 KiB | span | span | ...     a span is one large chunk, or 16 small ones of 4 KiB

import { assert, CHECKS, POISON } from '../base/assert.ts';
import type { Arena, Arenas } from './arena.ts';

export const SMALL_CHUNK: number = 4 << 10;
export const LARGE_CHUNK: number = 64 << 10;
const ROOM_BYTES = 1 << 20;

/** Octets [offset, offset + size) of an arena. */
export interface Chunk {
  readonly arena: Arena;
  readonly offset: number;
  readonly size: number;
}

/** A chunk as the pool knows it. */
class PooledChunk implements Chunk {
  readonly arena: Arena;
  readonly offset: number;
  readonly size: number;
  /** Where a small chunk was cut from. */
  readonly span: Span | undefined;
  /** Its small chunks, once it was cut: they are kept, for it is cut and joined again and again. */
  cut: Span | undefined = undefined;
  taken = false;

  constructor(arena: Arena, offset: number, size: number, span: Span | undefined) {
    this.arena = arena;
    this.offset = offset;
    this.size = size;
    this.span = span;
  }
}

/** Small chunks that lie together. */
class Span {
  /** The large chunk this was, or undefined for the rest of an arena: that stays cut. */
  readonly whole: PooledChunk | undefined;
  readonly free: PooledChunk[] = [];
  readonly pieces: number;
  /** Place among the pool's spans that have a free chunk, or -1. */
  place = -1;

  constructor(arena: Arena, offset: number, size: number, whole: PooledChunk | undefined) {
    this.whole = whole;
    this.pieces = size / SMALL_CHUNK;
    for (let i = this.pieces - 1; i >= 0; i--) {
      this.free.push(new PooledChunk(arena, offset + i * SMALL_CHUNK, SMALL_CHUNK, this));
    }
  }
}

/**
 * Chunks of two sizes, for all connections of all stacks that share the arenas. Nothing is allocated before the first
 * `take`; what was allocated is kept.
 */
export class ChunkPool {
  /** Octets of the chunks that are out. */
  inUseBytes = 0;
  /** Octets of arenas that were taken. */
  allocatedBytes = 0;
  private readonly arenas: Arenas;
  private readonly limitBytes: number;
  private readonly large: PooledChunk[] = [];
  private readonly spans: Span[] = [];

  /** `limitBytes`: octets of arenas in all, whole small chunks of it. */
  constructor(arenas: Arenas, limitBytes: number) {
    this.arenas = arenas;
    this.limitBytes = limitBytes;
  }

  /**
   * A chunk of 4 KiB when `length` fits there, else of 64 KiB, or of 4 KiB when that is all there is left. What is in it is
   * arbitrary. Undefined: the limit is reached.
   */
  take(length: number): Chunk | undefined {
    const chunk = length > SMALL_CHUNK ? (this.takeLarge() ?? this.takeSmall()) : this.takeSmall();
    if (chunk === undefined) return undefined;
    chunk.taken = true;
    this.inUseBytes += chunk.size;
    return chunk;
  }

  /** Takes a chunk back. */
  give(chunk: Chunk): void {
    const own = chunk as PooledChunk;
    assert(own.taken, 'a chunk goes back to its pool once');
    own.taken = false;
    this.inUseBytes -= own.size;
    if (CHECKS) own.arena.bytes.fill(POISON, own.offset, own.offset + own.size);
    const { span } = own;
    if (span === undefined) {
      this.large.push(own);
      return;
    }
    span.free.push(own);
    if (span.place < 0) this.enlist(span);
    // The last span with a free chunk stays cut: who talks takes one small chunk and gives it back, for ever.
    if (span.free.length === span.pieces && span.whole !== undefined && this.spans.length > 1) {
      this.strike(span);
      this.large.push(span.whole);
    }
  }

  private takeLarge(): PooledChunk | undefined {
    if (this.large.length === 0) this.grow();
    return this.large.pop() ?? this.joined();
  }

  /** The span that stayed cut although all of it is free. */
  private joined(): PooledChunk | undefined {
    const span = this.spans.find(({ free, pieces, whole }) => free.length === pieces && whole !== undefined);
    if (span !== undefined) this.strike(span);
    return span?.whole;
  }

  private takeSmall(): PooledChunk | undefined {
    if (this.spans.length === 0) {
      const whole = this.takeLarge();
      if (whole !== undefined) {
        whole.cut ??= new Span(whole.arena, whole.offset, whole.size, whole);
        this.enlist(whole.cut);
      }
    }
    const span = this.spans.at(-1);
    const chunk = span?.free.pop();
    if (span?.free.length === 0) this.strike(span);
    return chunk;
  }

  private grow(): void {
    const size = Math.min(ROOM_BYTES, this.limitBytes - this.allocatedBytes) & -SMALL_CHUNK;
    if (size <= 0) return;
    const { arena, offset } = this.arenas.allocate(size);
    this.allocatedBytes += size;
    const rest = size % LARGE_CHUNK;
    for (let at = size - rest - LARGE_CHUNK; at >= 0; at -= LARGE_CHUNK) {
      this.large.push(new PooledChunk(arena, offset + at, LARGE_CHUNK, undefined));
    }
    if (rest > 0) this.enlist(new Span(arena, offset + size - rest, rest, undefined));
  }

  private enlist(span: Span): void {
    span.place = this.spans.length;
    this.spans.push(span);
  }

  private strike(span: Span): void {
    const last = this.spans.pop() as Span;
    if (last !== span) {
      this.spans[span.place] = last;
      last.place = span.place;
    }
    span.place = -1;
  }
}
