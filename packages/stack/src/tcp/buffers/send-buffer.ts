// The send buffer: octets that the application gave, from SND.UNA to the last, by sequence number. RFC 9293 3.3.1, 3.10.2.
//
//   start (SND.UNA)                                      end
//   | entry: chunk, copied | entry: chunk | entry: memory of the application |
//
// A packet points into it (`gather`): what is here stays as it is until it was acknowledged.

import { assert } from '../../base/assert.ts';
import { Fifo } from '../../base/fifo.ts';
import type { Arena } from '../../contract/arena.ts';
import { type Chunk, SMALL_CHUNK } from '../../contract/chunk-pool.ts';
import { copyOctets, MAX_PIECES, type Packet } from '../../contract/packet.ts';
import type { PacketPool } from '../../contract/packet-pool.ts';

/** Below this a copy costs less than making memory known to a device and the callback do. */
export const OWNED_LENGTH_MIN = 4096;
/** Who holds as much as this sends faster than the peer acknowledges: the next chunk is a large one. */
const BULK_LENGTH: number = 4 * SMALL_CHUNK;

/** Buffers kept for who sends next, 0.2 KB each, and entries: 80 octets, as many as a few streams at full speed have. */
const SPARE_BUFFERS = 256;
const SPARE_ENTRIES = 1024;
/** Callbacks that wait: as many as buffers were given, and each octet given counts in the limit of its connection. */
const FREED_MAX: number = Number.MAX_SAFE_INTEGER;

/** Where an entry lies that is not in use. */
const NOWHERE: Arena = { id: -1, bytes: new Uint8Array(0), words: new Uint32Array(0) };

/** Octets that lie together. */
class Entry {
  arena: Arena;
  /** Where octet `seq` lies in the arena. */
  offset: number;
  seq: number;
  length: number;
  /** Undefined: memory of the application. */
  chunk: Chunk | undefined;
  released: (() => void) | undefined = undefined;
  next: Entry | undefined = undefined;

  constructor(arena: Arena, offset: number, seq: number, chunk: Chunk | undefined) {
    this.arena = arena;
    this.offset = offset;
    this.seq = seq;
    this.length = 0;
    this.chunk = chunk;
  }
}

/** Entries for what comes next, of all buffers of a stack: a stream goes on without an object for each chunk. */
class SpareEntries {
  private first: Entry | undefined = undefined;
  private count = 0;

  take(): Entry | undefined {
    const entry = this.first;
    if (entry === undefined) return undefined;
    this.first = entry.next;
    this.count--;
    entry.next = undefined;
    return entry;
  }

  /** What is over lets go of all that it held. */
  give(entry: Entry): void {
    entry.arena = NOWHERE;
    entry.chunk = undefined;
    entry.released = undefined;
    entry.next = undefined;
    if (this.count === SPARE_ENTRIES) return;
    this.count++;
    entry.next = this.first;
    this.first = entry;
  }
}

/**
 * See the head of this file. All sequence numbers are int32, modular.
 *
 * @example
 * const buffer = new SendBuffer(pool, sndNxt);
 * buffer.append(bytes, 0, bytes.length);
 * buffer.gather(packet, buffer.start, Math.min(mss, buffer.length));
 * buffer.release(segAck);
 * for (let done = buffer.freed.shift(); done !== undefined; done = buffer.freed.shift()) done();   // outside the core
 */
export class SendBuffer {
  /** Sequence numbers of the first octet held and of the next to be appended: [start, end). */
  start: number;
  end: number;
  /** Callbacks whose octets are done with. The owner takes them out and calls each once, outside the core. */
  readonly freed: Fifo<() => void> = new Fifo(FREED_MAX);
  /**
   * The application transferred memory that it had given by reference: those octets are lost, `gather` ends before
   * them, and the connection cannot go on.
   */
  broken = false;
  private readonly pool: PacketPool;
  private first: Entry | undefined = undefined;
  private last: Entry | undefined = undefined;
  /** The furthest entry that was sent from, where new data goes on; and the one that was resent from. */
  private front: Entry | undefined = undefined;
  private resent: Entry | undefined = undefined;
  private readonly spare: SpareEntries;

  /** `seq`: the sequence number of the first octet that will be appended. `spare`: shared with others, or its own. */
  constructor(pool: PacketPool, seq: number, spare: SpareEntries = new SpareEntries()) {
    this.pool = pool;
    this.spare = spare;
    this.start = seq | 0;
    this.end = seq | 0;
  }

  /** Holds nothing, and owes no callback: it may serve another connection. */
  get idle(): boolean {
    return this.start === this.end && this.freed.size === 0 && !this.broken;
  }

  /** An idle buffer begins anew: `seq` as in the constructor. */
  begin(seq: number): void {
    this.start = seq | 0;
    this.end = seq | 0;
  }

  /** Octets held. */
  get length(): number {
    return (this.end - this.start) | 0;
  }

  /** Copies `length` octets at `offset`; answers how many: fewer when the pool has no chunk left. */
  append(bytes: Uint8Array, offset: number, length: number): number {
    let taken = 0;
    while (taken < length) {
      const entry = this.withRoom(length - taken);
      if (entry === undefined) break;
      const chunk = entry.chunk as Chunk;
      const at = entry.offset + entry.length;
      const n = Math.min(length - taken, chunk.offset + chunk.size - at);
      copyOctets(bytes, offset + taken, entry.arena.bytes, at, n);
      entry.length += n;
      taken += n;
      this.end = (this.end + n) | 0;
    }
    return taken;
  }

  /**
   * Appends all of `bytes`, by reference when they are many: then they must stay as they are until `released` is called.
   * `released` is put on `freed` when they are done with: at once when they were copied. False: no chunk is left for the
   * copy; nothing was taken, and `released` is forgotten.
   */
  appendOwned(bytes: Uint8Array, released: () => void): boolean {
    const { length } = bytes;
    const arena = length < OWNED_LENGTH_MIN ? undefined : this.pool.arenas.adopt(bytes);
    if (arena === undefined) {
      const { end } = this;
      if (this.append(bytes, 0, length) < length) {
        this.cut(end);
        return false;
      }
      this.freed.push(released);
      return true;
    }
    const entry = this.newEntry(arena, bytes.byteOffset, undefined);
    entry.released = released;
    entry.length = length;
    this.link(entry);
    this.end = (this.end + length) | 0;
    return true;
  }

  /**
   * Appends octets [seq, seq + length) to the packet by reference, in as many pieces as it has left; answers how many
   * octets: fewer when the pieces ran out, or at `broken` memory.
   */
  gather(packet: Packet, seq: number, length: number): number {
    assert(
      ((seq - this.start) | 0) >= 0 && length >= 0 && length <= ((this.end - seq) | 0),
      'only octets that are held are sent',
    );
    let entry = length > 0 ? this.find(seq) : undefined;
    let gathered = 0;
    while (entry !== undefined && gathered < length && packet.pieces < MAX_PIECES) {
      const { id, bytes } = entry.arena;
      if (bytes.length === 0) {
        this.broken = true;
        break;
      }
      const skip = (seq + gathered - entry.seq) | 0;
      const offset = entry.offset + skip;
      let n = Math.min(length - gathered, entry.length - skip);
      // Neighbours in memory are one piece: small chunks often are, and so are parts of one large buffer.
      let next: Entry | undefined = entry.next;
      while (next !== undefined && gathered + n < length && next.arena.id === id) {
        if (next.offset !== offset + n) break;
        n += Math.min(length - gathered - n, next.length);
        entry = next;
        next = next.next;
      }
      packet.append(id, offset, n);
      gathered += n;
      this.remember(entry);
      entry = next;
    }
    return gathered;
  }

  /** Everything before `seq` was acknowledged. */
  release(seq: number): void {
    assert(
      ((seq - this.start) | 0) >= 0 && ((this.end - seq) | 0) >= 0,
      'only octets that are held are acknowledged',
    );
    this.start = seq | 0;
    for (let entry = this.first; entry !== undefined; entry = this.first) {
      if (((entry.seq + entry.length - seq) | 0) > 0) return;
      this.first = entry.next;
      this.free(entry);
    }
    this.last = undefined;
  }

  /** Drops everything; owned memory goes to `freed`. Both ends are then where the end was. */
  clear(): void {
    this.release(this.end);
  }

  /** The last chunk if it has room, or a new one for up to `length` octets. */
  private withRoom(length: number): Entry | undefined {
    const { last } = this;
    const tail = last?.chunk;
    if (last !== undefined && tail !== undefined && last.offset + last.length < tail.offset + tail.size) {
      return last;
    }
    // A small chunk serves talk; a stream that waits in small chunks would leave in small packets.
    const chunk = this.pool.chunks.take(this.length >= BULK_LENGTH ? BULK_LENGTH : length);
    if (chunk === undefined) return undefined;
    const entry = this.newEntry(chunk.arena, chunk.offset, chunk);
    this.link(entry);
    return entry;
  }

  private newEntry(arena: Arena, offset: number, chunk: Chunk | undefined): Entry {
    const entry = this.spare.take();
    if (entry === undefined) return new Entry(arena, offset, this.end, chunk);
    entry.arena = arena;
    entry.offset = offset;
    entry.seq = this.end;
    entry.length = 0;
    entry.chunk = chunk;
    return entry;
  }

  private link(entry: Entry): void {
    if (this.last === undefined) this.first = entry;
    else this.last.next = entry;
    this.last = entry;
  }

  private free(entry: Entry): void {
    if (entry.chunk !== undefined) this.pool.chunks.give(entry.chunk);
    else this.pool.arenas.disown(entry.arena);
    if (entry.released !== undefined) this.freed.push(entry.released);
    if (this.front === entry) this.front = undefined;
    if (this.resent === entry) this.resent = undefined;
    this.spare.give(entry);
  }

  /** Takes back what was appended from `end` on: copied octets only. */
  private cut(end: number): void {
    let entry = this.first;
    let kept: Entry | undefined;
    while (entry !== undefined && ((end - entry.seq) | 0) > 0) {
      kept = entry;
      entry = entry.next;
    }
    this.end = end;
    this.last = kept;
    if (kept === undefined) this.first = undefined;
    else {
      kept.next = undefined;
      kept.length = Math.min(kept.length, (end - kept.seq) | 0);
    }
    while (entry !== undefined) {
      const { next } = entry;
      this.free(entry);
      entry = next;
    }
  }

  /** The entry that holds `seq`: from where the last packet ended, if it may, else from the first. */
  private find(seq: number): Entry | undefined {
    let entry = this.front;
    if (entry === undefined || ((seq - entry.seq) | 0) < 0) {
      entry = this.resent;
      if (entry === undefined || ((seq - entry.seq) | 0) < 0) entry = this.first;
    }
    while (entry !== undefined && ((seq - entry.seq) | 0) >= entry.length) entry = entry.next;
    return entry;
  }

  private remember(entry: Entry): void {
    if (this.front === undefined || ((entry.seq - this.front.seq) | 0) >= 0) this.front = entry;
    else this.resent = entry;
  }
}

/** The send buffers of one stack: a connection has one while it has something to send, or to be acknowledged. */
export class SendStore {
  private readonly pool: PacketPool;
  private readonly spare: SendBuffer[] = [];
  private readonly entries: SpareEntries = new SpareEntries();

  constructor(pool: PacketPool) {
    this.pool = pool;
  }

  /** An empty buffer: see the constructor of SendBuffer. */
  take(seq: number): SendBuffer {
    const buffer = this.spare.pop();
    if (buffer === undefined) return new SendBuffer(this.pool, seq, this.entries);
    buffer.begin(seq);
    return buffer;
  }

  /** The buffer of one that has nothing to send. */
  give(buffer: SendBuffer): void {
    assert(buffer.idle, 'only an empty buffer serves another connection');
    if (this.spare.length < SPARE_BUFFERS) this.spare.push(buffer);
  }
}
