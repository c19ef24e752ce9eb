// A link in memory that costs nothing: it lends the same batch of requests again and again, and releases what is sent.

import {
  type Arena,
  type Link,
  type LinkCounters,
  type LinkUser,
  MEDIUM_IP,
  newLinkCounters,
  type Packet,
  type PacketPool,
  TAKEN,
} from '@tunstack/stack/contract';

const HEADROOM = 64;
/** What an echo may change of a request: IP header, and 8 octets of ICMP or UDP. */
const HEADERS = 28;
const ARENA_BYTES: number = 16 << 20;

/** Each `poll` hands up one batch; a packet transmitted is checked for nothing, counted, and given back at the flush. */
export class AllocLink implements Link {
  readonly name: string = 'mem0';
  readonly medium: number = MEDIUM_IP;
  readonly mtu: number = 1500;
  readonly features: number = 0;
  readonly headroom: number = 0;
  readonly up: boolean = true;
  readonly room: number = 1024;
  readonly backlog: boolean = false;
  readonly counters: LinkCounters = newLinkCounters();
  private readonly pool: PacketPool;
  private readonly slab: Arena;
  /** Where the slab begins in its arena. */
  private readonly slabAt: number;
  private readonly batch: number;
  private readonly frame: Uint8Array;
  private readonly stride: number;
  private readonly sent: Packet[] = [];
  private user: LinkUser | undefined = undefined;

  constructor(pool: PacketPool, frame: Uint8Array, batch: number) {
    this.pool = pool;
    this.frame = frame;
    this.stride = (HEADROOM + frame.length + 3) & ~3;
    this.batch = batch;
    // As TunLink: slab and what is sent in one arena.
    const { arena, offset: at } = pool.arenas.allocate(this.stride * batch, ARENA_BYTES);
    this.slab = arena;
    this.slabAt = at;
    for (let i = 0; i < batch; i++) arena.bytes.set(frame, at + i * this.stride + HEADROOM);
  }

  attach(user: LinkUser | undefined): void {
    this.user = user;
  }

  poll(budget: number): number {
    const { slab, frame, stride, pool } = this;
    const count = Math.min(budget, this.batch);
    for (let i = 0; i < count; i++) {
      const base = this.slabAt + i * stride;
      const head = base + HEADROOM;
      // By hand: a view for `set` would be counted as the stack's.
      for (let k = 0; k < HEADERS; k++) slab.bytes[head + k] = frame[k];
      const packet = pool.lend(slab, base, head, frame.length, base + stride);
      this.counters.rxPackets++;
      this.user?.receive(packet);
    }
    return count;
  }

  transmit(packet: Packet): number {
    this.counters.txPackets++;
    this.sent.push(packet);
    return TAKEN;
  }

  flush(): void {
    for (let packet = this.sent.pop(); packet !== undefined; packet = this.sent.pop()) packet.release();
  }

  close(): void {}
}
