// Where packets come from and go back to: slots of four sizes in arenas that are made as they are needed, up to a limit.

import { assert, CHECKS, POISON } from '../base/assert.ts';
import { type Arena, Arenas } from './arena.ts';
import { ChunkPool } from './chunk-pool.ts';
import { copyOctets, PACKET_FREE, PACKET_LENT, PACKET_OWNED, Packet, type PacketHome } from './packet.ts';

/** Slots of one size. An arena is made for `perArena` of them at a time. */
interface SlotClass {
  readonly size: number;
  readonly perArena: number;
  readonly limit: number;
  readonly free: number[];
  made: number;
}

/** A slot by its number: which class, which arena, where. */
interface Slot {
  readonly sizeClass: SlotClass;
  readonly arena: Arena;
  readonly offset: number;
}

/** Octets kept in front of a copied packet, for headers of tunnels, links and errors: 24 of link + 28 of ICMP error + 12. */
export const POOL_HEADROOM = 64;

/** Limits of a pool, octets of slots per size; what is not needed is never allocated. */
export interface PoolLimits {
  readonly smallBytes: number;
  readonly mediumBytes: number;
  readonly largeBytes: number;
  /** For frames of 9000 octets and datagrams of 8 KiB, put together from fragments. Default none: these take a large slot. */
  readonly jumboBytes?: number;
  /** Octets of what was sent and not yet acknowledged, copied: see ChunkPool. Default 256 MiB. */
  readonly chunkBytes?: number;
}

const CHUNK_BYTES = 256 << 20;

export const DEFAULT_POOL_LIMITS: PoolLimits = {
  smallBytes: 4 << 20,
  mediumBytes: 16 << 20,
  jumboBytes: 8 << 20,
  largeBytes: 32 << 20,
  chunkBytes: CHUNK_BYTES,
};

/**
 * Packets and their memory, for one stack or for several that hand packets to each other.
 *
 * @example
 * const pool = new PacketPool();
 * const packet = pool.allocate(100)!;      // 64 octets of headroom, room for 100
 * packet.bytes.set(payload, packet.put(payload.length));
 * packet.release();
 */
export class PacketPool implements PacketHome {
  readonly arenas: Arenas = new Arenas();
  /** Memory of send buffers. */
  readonly chunks: ChunkPool;
  /** Packets that own a slot. */
  owned = 0;
  /** Packets that lie in a receive slab: none between two pumps. */
  lent = 0;
  /** Times that no slot was left. */
  exhausted = 0;
  private readonly classes: SlotClass[];
  private readonly slots: Slot[] = [];
  private readonly spare: Packet[] = [];
  private readonly empty: Arena;

  constructor(limits: PoolLimits = DEFAULT_POOL_LIMITS) {
    const sizeClass = (size: number, perArena: number, bytes: number): SlotClass => {
      return { size, perArena, limit: Math.floor(bytes / size), free: [], made: 0 };
    };
    this.classes = [
      sizeClass(256, 256, limits.smallBytes),
      sizeClass(2048, 128, limits.mediumBytes),
      sizeClass(9216, 32, limits.jumboBytes ?? 0),
      sizeClass(66_048, 16, limits.largeBytes),
    ];
    this.empty = this.arenas.register(new Uint8Array(4));
    this.chunks = new ChunkPool(this.arenas, limits.chunkBytes ?? CHUNK_BYTES);
  }

  /** Packets out of the pool: 0 when all came home. */
  get inUse(): number {
    return this.owned + this.lent;
  }

  /** An empty packet with `headroom` octets in front and room for `length`, or undefined when no slot is left. */
  allocate(length: number, headroom: number = POOL_HEADROOM): Packet | undefined {
    const slot = this.takeSlot(headroom + length);
    if (slot < 0) return undefined;
    const packet = this.spare.pop() ?? new Packet(this, this.empty);
    this.bind(packet, slot, headroom, 0);
    this.owned++;
    return packet;
  }

  /**
   * A packet over memory of a receive slab, for the length of one pump. Its data is [offset, offset + length) of the
   * arena; the room around it, [base, limit), belongs to it too.
   */
  lend(arena: Arena, base: number, offset: number, length: number, limit: number): Packet {
    const packet = this.spare.pop() ?? new Packet(this, this.empty);
    packet.reset(PACKET_LENT, arena, base, offset, offset + length, limit);
    this.lent++;
    return packet;
  }

  /** Takes a packet back. */
  release(packet: Packet): void {
    assert(packet.state !== PACKET_FREE && packet.pool === this, 'a packet goes back to its pool once');
    if (packet.state === PACKET_LENT) this.lent--;
    else {
      this.freeSlot(packet.slot);
      this.owned--;
    }
    packet.state = PACKET_FREE;
    packet.slot = -1;
    if (CHECKS) packet.reset(PACKET_FREE, this.empty, 0, 0, 0, 0);
    this.spare.push(packet);
  }

  /**
   * Moves a packet's octets into a slot of its own, linear, offsets and marks kept; so are headers that were pulled, for
   * their offsets are still read (a datagram in a receive queue knows its sender by them). False: no slot left, nothing changed.
   */
  copyToSlot(packet: Packet): boolean {
    const { length, pulled } = packet;
    const slot = this.takeSlot(POOL_HEADROOM + pulled + length);
    if (slot < 0) return false;
    const { arena, offset } = this.slots[slot];
    const head = offset + POOL_HEADROOM + pulled;
    copyOctets(packet.bytes, packet.head - pulled, arena.bytes, head - pulled, pulled);
    packet.copyTo(arena.bytes, head);
    const shift = head - packet.head;
    if (packet.state === PACKET_LENT) {
      this.lent--;
      this.owned++;
    } else this.freeSlot(packet.slot);
    packet.rebase(arena, offset, head, length, offset + this.slots[slot].sizeClass.size, shift);
    packet.state = PACKET_OWNED;
    packet.slot = slot;
    return true;
  }

  /** A packet of our own with the same octets and marks, or undefined when no slot is left. */
  clone(packet: Packet): Packet | undefined {
    const { length, pulled } = packet;
    const slot = this.takeSlot(POOL_HEADROOM + pulled + length);
    if (slot < 0) return undefined;
    const copy = this.spare.pop() ?? new Packet(this, this.empty);
    this.bind(copy, slot, POOL_HEADROOM + pulled, length);
    copyOctets(packet.bytes, packet.head - pulled, copy.bytes, copy.head - pulled, pulled);
    packet.copyTo(copy.bytes, copy.head);
    copy.takeMarks(packet);
    this.owned++;
    return copy;
  }

  private bind(packet: Packet, slot: number, headroom: number, length: number): void {
    const { arena, offset, sizeClass } = this.slots[slot];
    const head = offset + headroom;
    packet.reset(PACKET_OWNED, arena, offset, head, head + length, offset + sizeClass.size);
    packet.slot = slot;
  }

  private takeSlot(size: number): number {
    const { classes } = this;
    for (let i = 0; i < classes.length; i++) {
      const sizeClass = classes[i];
      if (size > sizeClass.size) continue;
      if (sizeClass.free.length === 0) this.grow(sizeClass);
      const slot = sizeClass.free.pop();
      if (slot !== undefined) return slot;
    }
    this.exhausted++;
    return -1;
  }

  private freeSlot(slot: number): void {
    const { sizeClass, arena, offset } = this.slots[slot];
    if (CHECKS) arena.bytes.fill(POISON, offset, offset + sizeClass.size);
    sizeClass.free.push(slot);
  }

  private grow(sizeClass: SlotClass): void {
    const count = Math.min(sizeClass.perArena, sizeClass.limit - sizeClass.made);
    if (count <= 0) return;
    const { arena, offset } = this.arenas.allocate(count * sizeClass.size);
    for (let i = count - 1; i >= 0; i--) {
      sizeClass.free.push(this.slots.length);
      this.slots.push({ sizeClass, arena, offset: offset + i * sizeClass.size });
    }
    sizeClass.made += count;
  }
}
