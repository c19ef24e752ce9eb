// A packet on its way through the stack. One shape; its words are those of Linux's sk_buff.
//
//   base            head                tail        limit
//    |  headroom     |  linear data      |  tailroom  |        in `bytes`, the memory of one arena
//                    |<---- length = linear + pieces ---->
//                                        + up to 3 pieces (arena, offset, length) that follow in order
//
//   push / pull move head, put / trim move tail, reserve makes headroom in an empty packet.
//   link, network, transport: where each header starts in `bytes` (absolute, like head), or -1.
//
// Ownership: whoever is handed a packet owns it, and hands it on or releases it, once.
// A *lent* packet lies in a link's receive slab and lives until the end of the pump that received it; who keeps it
// longer calls `own()` first. So does who keeps any packet beyond the flush: pieces may point into a send buffer.

import { assert, CHECKS } from '../base/assert.ts';
import { wr16 } from '../wire/bytes.ts';
import { complement, fold, sumWords } from '../wire/checksum.ts';
import type { Arena, Arenas } from './arena.ts';

export const PACKET_FREE = 0;
export const PACKET_OWNED = 1;
export const PACKET_LENT = 2;

/** Nobody vouches for the transport checksum: verify it on the way in; on the way out it stands complete. */
export const CHECKSUM_NONE = 0;
/** The device verified it. */
export const CHECKSUM_VALID = 1;
/** The field holds the folded pseudo-header sum; summing from `checksumStart` completes it. Trusted on the way in. */
export const CHECKSUM_PARTIAL = 2;

export const GSO_NONE = 0;
export const GSO_TCPV4 = 1;
export const GSO_UDP_L4 = 2;

/** How a frame was addressed on its link: to this station (or the link has no stations), to a group, to all. */
export const CAST_HOST = 0;
export const CAST_GROUP = 1;
export const CAST_ALL = 2;

/** The class of service of a packet on its way out, as Linux's skb->priority: others need not wait behind bulk. */
export const PRIORITY_BEST_EFFORT = 0;
export const PRIORITY_BULK = 1;
/** Bulk waits for so long, and no longer, while others have something each time: to be sent, and to be read (decision 17). */
export const BULK_PATIENCE_US = 4000;

export const MAX_PIECES = 3;

/** Octets that are too few for a packet: between two in a slab there may be so many, to align the second. */
const NO_PACKET = 16;

/** Where a packet comes from: its pool, as far as packets know it. */
export interface PacketHome {
  readonly arenas: Arenas;
  release(packet: Packet): void;
  copyToSlot(packet: Packet): boolean;
  clone(packet: Packet): Packet | undefined;
}

/** See the head of this file. Made by a PacketPool, never by hand. */
export class Packet {
  readonly pool: PacketHome;
  state: number = PACKET_FREE;
  /** The pool's slot under this packet, or -1 when it is lent or free. */
  slot = -1;
  bytes: Uint8Array;
  words: Uint32Array;
  arena = 0;
  base = 0;
  head = 0;
  tail = 0;
  limit = 0;

  pieces = 0;
  piecesLength = 0;
  private pieceArena0 = 0;
  private pieceOffset0 = 0;
  private pieceLength0 = 0;
  private pieceArena1 = 0;
  private pieceOffset1 = 0;
  private pieceLength1 = 0;
  private pieceArena2 = 0;
  private pieceOffset2 = 0;
  private pieceLength2 = 0;

  link = -1;
  network = -1;
  transport = -1;
  /** CHECKSUM_*, with the absolute places (like head) that CHECKSUM_PARTIAL needs. */
  checksum: number = CHECKSUM_NONE;
  checksumStart = 0;
  checksumAt = 0;
  /** GSO_*, and the payload octets of each segment the packet stands for. */
  gsoType: number = GSO_NONE;
  gsoSize = 0;
  /** PRIORITY_*: on the way out. A device with a queue for bulk receives the flow by it from then on. */
  priority: number = PRIORITY_BEST_EFFORT;
  /** CAST_*: on the way in. */
  cast: number = CAST_HOST;
  /** Id of the interface it came in by, or -1. */
  ingress = -1;
  /** Id of its Path, or -1 for a stranger's. On the way in it is good for this batch, on the way out while held. */
  path = -1;
  /** Sum of source and destination address, set by IP input: what a transport checksum starts from. */
  addressSum = 0;

  constructor(pool: PacketHome, arena: Arena) {
    this.pool = pool;
    this.bytes = arena.bytes;
    this.words = arena.words;
  }

  /** Octets in all, pieces included. */
  get length(): number {
    return this.tail - this.head + this.piecesLength;
  }

  /** Octets of the linear part. */
  get linear(): number {
    return this.tail - this.head;
  }

  get headroom(): number {
    return this.head - this.base;
  }

  get tailroom(): number {
    return this.limit - this.tail;
  }

  /** Octets in front of head that are headers still known by their offsets: they are copied along with the packet. */
  get pulled(): number {
    let first = this.head;
    if (this.link >= 0 && this.link < first) first = this.link;
    if (this.network >= 0 && this.network < first) first = this.network;
    if (this.transport >= 0 && this.transport < first) first = this.transport;
    return this.head - first;
  }

  /** In a receive slab, and flat. */
  get lent(): boolean {
    return this.state === PACKET_LENT && this.pieces === 0;
  }

  /** True when both lie in a receive slab and no packet between them: what is the other's ends where this one's begins. */
  follows(other: Packet): boolean {
    if (!this.lent || !other.lent || this.arena !== other.arena) return false;
    const gap = this.base - other.limit;
    return gap >= 0 && gap < NO_PACKET;
  }

  /**
   * Takes the packet that follows in the slab into this one: its octets but the first `skip` are moved behind ours, its room
   * is ours, and it is released.
   */
  absorb(next: Packet, skip: number): void {
    if (CHECKS) assert(next.follows(this) && skip <= next.linear, 'a packet absorbs the next in its slab');
    this.bytes.copyWithin(this.tail, next.head + skip, next.tail);
    this.tail += next.linear - skip;
    this.limit = next.limit;
    next.release();
  }

  /** Moves head back over `n` octets of headroom, for a header that goes in front; answers the new head. */
  push(n: number): number {
    assert(n >= 0 && this.head - n >= this.base, 'a header is pushed into headroom');
    this.head -= n;
    return this.head;
  }

  /** Moves head forward over a header that is done with; answers the new head. */
  pull(n: number): number {
    assert(n >= 0 && this.head + n <= this.tail, 'only linear octets are pulled');
    this.head += n;
    return this.head;
  }

  /** Moves tail forward over `n` octets of tailroom; answers where they start. */
  put(n: number): number {
    assert(this.pieces === 0 && n >= 0 && this.tail + n <= this.limit, 'octets are put into tailroom');
    const at = this.tail;
    this.tail += n;
    return at;
  }

  /** Cuts the packet to `length` octets, from the end. */
  trim(length: number): void {
    assert(length >= 0 && length <= this.length, 'a packet is trimmed, not stretched');
    let surplus = this.length - length;
    while (surplus > 0 && this.pieces > 0) {
      const last = this.pieces - 1;
      const cut = Math.min(surplus, this.pieceLength(last));
      this.setPiece(last, this.pieceArena(last), this.pieceOffset(last), this.pieceLength(last) - cut);
      this.piecesLength -= cut;
      surplus -= cut;
      if (this.pieceLength(last) === 0) this.pieces--;
    }
    this.tail -= surplus;
  }

  /** Makes `n` octets of headroom in an empty packet. */
  reserve(n: number): void {
    assert(this.length === 0 && this.head + n <= this.limit, 'headroom is reserved in an empty packet');
    this.head += n;
    this.tail = this.head;
  }

  /** Appends `length` octets by reference: they must stay as they are until the packet is released or owned. */
  append(arena: number, offset: number, length: number): void {
    assert(this.pieces < MAX_PIECES && length > 0, 'a packet has up to three pieces, none empty');
    this.setPiece(this.pieces++, arena, offset, length);
    this.piecesLength += length;
  }

  pieceArena(i: number): number {
    return i === 0 ? this.pieceArena0 : i === 1 ? this.pieceArena1 : this.pieceArena2;
  }

  pieceOffset(i: number): number {
    return i === 0 ? this.pieceOffset0 : i === 1 ? this.pieceOffset1 : this.pieceOffset2;
  }

  pieceLength(i: number): number {
    return i === 0 ? this.pieceLength0 : i === 1 ? this.pieceLength1 : this.pieceLength2;
  }

  private setPiece(i: number, arena: number, offset: number, length: number): void {
    if (i === 0) {
      this.pieceArena0 = arena;
      this.pieceOffset0 = offset;
      this.pieceLength0 = length;
    } else if (i === 1) {
      this.pieceArena1 = arena;
      this.pieceOffset1 = offset;
      this.pieceLength1 = length;
    } else {
      this.pieceArena2 = arena;
      this.pieceOffset2 = offset;
      this.pieceLength2 = length;
    }
  }

  /** The one's complement sum of everything from `start` (absolute, in the linear part) to the end, pieces included. */
  sumFrom(start: number): number {
    let sum = sumWords(this.words, this.bytes, start, this.tail - start);
    let odd = ((this.tail - start) & 1) !== 0;
    for (let i = 0; i < this.pieces; i++) {
      const arena = this.pool.arenas.at(this.pieceArena(i));
      let part = sumWords(arena.words, arena.bytes, this.pieceOffset(i), this.pieceLength(i));
      // A piece that starts on an odd octet of the datagram is summed one octet out of step: swap it (RFC 1071 2B).
      if (odd) {
        part = fold(part);
        part = ((part & 0xff) << 8) | (part >>> 8);
      }
      sum += part;
      if ((this.pieceLength(i) & 1) !== 0) odd = !odd;
    }
    return sum;
  }

  /** Completes a CHECKSUM_PARTIAL in software: for a link that cannot, a capture, a fragmenter. */
  completeChecksum(): void {
    if (this.checksum !== CHECKSUM_PARTIAL) return;
    // The field holds the pseudo-header's sum, so that summing over it includes it. UDP sends 0 as all ones (RFC 768);
    // for TCP both zeros mean the same, so one rule serves (as in Linux's CSUM_MANGLED_0).
    const value = complement(this.sumFrom(this.checksumStart));
    wr16(this.bytes, this.checksumAt, value === 0 ? 0xffff : value);
    this.checksum = CHECKSUM_NONE;
  }

  /** Copies all octets, linear and pieces, to `into` at `offset`. */
  copyTo(into: Uint8Array, offset: number): void {
    copyOctets(this.bytes, this.head, into, offset, this.tail - this.head);
    let at = offset + this.tail - this.head;
    for (let i = 0; i < this.pieces; i++) {
      copyOctets(
        this.pool.arenas.at(this.pieceArena(i)).bytes,
        this.pieceOffset(i),
        into,
        at,
        this.pieceLength(i),
      );
      at += this.pieceLength(i);
    }
  }

  /** Makes the packet independent of slab and send buffers, by copying it to a slot if need be. False: no slot left. */
  own(): boolean {
    return (this.state === PACKET_OWNED && this.pieces === 0) || this.pool.copyToSlot(this);
  }

  /** Makes the packet flat: pieces become linear. A lent packet without pieces stays lent. False: no slot left. */
  linearize(): boolean {
    return this.pieces === 0 || this.pool.copyToSlot(this);
  }

  /** Gives the packet back. */
  release(): void {
    this.pool.release(this);
  }

  /** For the pool: a packet as new, over the room [base, limit) of an arena, with its data at [head, tail). */
  reset(state: number, arena: Arena, base: number, head: number, tail: number, limit: number): void {
    if (CHECKS) assert(base <= head && head <= tail && tail <= limit, 'a packet lies within its room');
    this.state = state;
    this.bytes = arena.bytes;
    this.words = arena.words;
    this.arena = arena.id;
    this.base = base;
    this.head = head;
    this.tail = tail;
    this.limit = limit;
    this.slot = -1;
    this.pieces = 0;
    this.piecesLength = 0;
    this.link = -1;
    this.network = -1;
    this.transport = -1;
    this.checksum = CHECKSUM_NONE;
    this.gsoType = GSO_NONE;
    this.gsoSize = 0;
    this.priority = PRIORITY_BEST_EFFORT;
    this.cast = CAST_HOST;
    this.ingress = -1;
    this.path = -1;
  }

  /** For the pool: the same packet after its octets moved by `shift` into another room, now linear. */
  rebase(arena: Arena, base: number, head: number, length: number, limit: number, shift: number): void {
    this.bytes = arena.bytes;
    this.words = arena.words;
    this.arena = arena.id;
    this.base = base;
    this.head = head;
    this.tail = head + length;
    this.limit = limit;
    this.pieces = 0;
    this.piecesLength = 0;
    if (this.link >= 0) this.link += shift;
    if (this.network >= 0) this.network += shift;
    if (this.transport >= 0) this.transport += shift;
    this.checksumStart += shift;
    this.checksumAt += shift;
  }

  /** For the pool: takes another packet's header places and marks, whose octets were copied to this head. */
  takeMarks(from: Packet): void {
    const shift = this.head - from.head;
    this.link = from.link < 0 ? -1 : from.link + shift;
    this.network = from.network < 0 ? -1 : from.network + shift;
    this.transport = from.transport < 0 ? -1 : from.transport + shift;
    this.checksum = from.checksum;
    this.checksumStart = from.checksumStart + shift;
    this.checksumAt = from.checksumAt + shift;
    this.gsoType = from.gsoType;
    this.gsoSize = from.gsoSize;
    this.priority = from.priority;
    this.cast = from.cast;
    this.ingress = from.ingress;
    this.path = from.path;
    this.addressSum = from.addressSum;
  }
}

/**
 * Copies without making a view where it can: a view is 96 octets of heap, and costs as much as some hundred that are copied. What
 * a pool allocated lies in one memory, mostly (Arenas.allocate).
 */
export function copyOctets(
  from: Uint8Array,
  at: number,
  to: Uint8Array,
  offset: number,
  length: number,
): void {
  if (length <= 64) copyFew(from, at, to, offset, length);
  else if (from === to) to.copyWithin(offset, at, at + length);
  else to.set(from.subarray(at, at + length), offset);
}

/** Eight octets a round: 56 octets in half the time of one by one. */
function copyFew(from: Uint8Array, at: number, to: Uint8Array, offset: number, length: number): void {
  let i = 0;
  for (const last = length - 8; i <= last; i += 8) {
    const a = at + i;
    const o = offset + i;
    to[o] = from[a];
    to[o + 1] = from[a + 1];
    to[o + 2] = from[a + 2];
    to[o + 3] = from[a + 3];
    to[o + 4] = from[a + 4];
    to[o + 5] = from[a + 5];
    to[o + 6] = from[a + 6];
    to[o + 7] = from[a + 7];
  }
  for (; i < length; i++) to[offset + i] = from[at + i];
}
