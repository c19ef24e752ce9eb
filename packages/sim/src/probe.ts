// A link whose far end is the test: frames are handed in, what the stack transmits is read out. Arrived packets are lent
// from a slab that is poisoned when the pump is over, as a device's slab is overwritten.

import { assert, POISON } from '@tunstack/stack/base';
import {
  type Arena,
  FULL,
  type Link,
  type LinkCounters,
  type LinkUser,
  MEDIUM_IP,
  newLinkCounters,
  type Packet,
  type PacketPool,
  TAKEN,
} from '@tunstack/stack/contract';

const SLAB_BYTES = 1 << 20;

export interface ProbeOptions {
  readonly name?: string;
  readonly mtu?: number;
  /** Octets of free room in front of each lent packet. */
  readonly headroom?: number;
}

/**
 * For protocol tests: one stack, and octets in and out of it.
 *
 * @example
 * const probe = new Probe(world.pool);
 * stack.addLink(probe, '10.0.0.2/24');
 * probe.arrive(craftIcmpEcho({ source: '10.0.0.1', destination: '10.0.0.2', id: 1, sequence: 1 }));
 * world.settle();
 * const [reply] = probe.take();
 */
export class Probe implements Link {
  readonly name: string;
  readonly medium: number = MEDIUM_IP;
  readonly mtu: number;
  readonly features: number = 0;
  readonly headroom: number = 0;
  readonly counters: LinkCounters = newLinkCounters();
  up = true;
  backlog = false;
  /** Packets it takes before it is FULL: set it to make a slow link. */
  room: number = Number.MAX_SAFE_INTEGER;
  private readonly pool: PacketPool;
  private readonly slab: Arena;
  private readonly slabHeadroom: number;
  private slabUsed = 0;
  private arrivals: Uint8Array[] = [];
  private next = 0;
  private sent: Uint8Array[] = [];
  private user: LinkUser | undefined = undefined;
  private polling = false;

  constructor(pool: PacketPool, options: ProbeOptions = {}) {
    this.pool = pool;
    this.name = options.name ?? 'probe0';
    this.mtu = options.mtu ?? 1500;
    this.slabHeadroom = options.headroom ?? 64;
    this.slab = pool.arenas.register(new Uint8Array(SLAB_BYTES));
  }

  attach(user: LinkUser | undefined): void {
    this.user = user;
  }

  /** A frame arrives: the next poll hands it up. */
  arrive(frame: Uint8Array): void {
    this.arrivals.push(frame);
    this.user?.ready();
  }

  /** What was transmitted since the last call, in order. */
  take(): Uint8Array[] {
    const { sent } = this;
    this.sent = [];
    return sent;
  }

  /** Takes this many packets more, and tells who waits for it. */
  makeRoom(packets: number): void {
    const wasFull = this.room === 0;
    this.room = packets;
    if (wasFull && packets > 0) this.user?.ready();
  }

  poll(budget: number): number {
    assert(!this.polling, 'a link is polled by one at a time');
    this.slab.bytes.fill(POISON, 0, this.slabUsed);
    this.slabUsed = 0;
    this.polling = true;
    let count = 0;
    while (count < budget && this.next < this.arrivals.length && this.lend(this.arrivals[this.next])) {
      this.next++;
      count++;
    }
    this.polling = false;
    this.backlog = this.next < this.arrivals.length;
    if (!this.backlog) {
      this.arrivals = [];
      this.next = 0;
    }
    return count;
  }

  transmit(packet: Packet): number {
    assert(!this.polling, 'what arrives marks, and never sends');
    if (this.room === 0) return FULL;
    this.room--;
    this.counters.txPackets++;
    this.counters.txBytes += packet.length;
    packet.completeChecksum();
    const octets = new Uint8Array(packet.length);
    packet.copyTo(octets, 0);
    this.sent.push(octets);
    packet.release();
    return TAKEN;
  }

  flush(): void {}

  close(): void {
    this.up = false;
    this.arrivals = [];
    this.next = 0;
  }

  /** Hands one frame up; false when the slab has no room for it before the next pump. */
  private lend(frame: Uint8Array): boolean {
    const base = this.slabUsed;
    const offset = base + this.slabHeadroom;
    const limit = (offset + frame.length + 3) & ~3;
    if (limit > SLAB_BYTES) return false;
    this.slabUsed = limit;
    this.slab.bytes.set(frame, offset);
    this.counters.rxPackets++;
    this.counters.rxBytes += frame.length;
    const packet = this.pool.lend(this.slab, base, offset, frame.length, limit);
    if (this.user === undefined) packet.release();
    else this.user.receive(packet);
    return true;
  }
}
