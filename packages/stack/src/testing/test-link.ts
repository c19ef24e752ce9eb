// A link whose far end is the test: frames are injected, transmitted ones are recorded. It lends arrived packets from a
// slab that is poisoned once the pump is over, and asserts the law of one way in, one way out.

import { assert, POISON } from '../base/assert.ts';
import type { Arena } from '../contract/arena.ts';
import {
  FULL,
  type Link,
  type LinkCounters,
  type LinkUser,
  MEDIUM_IP,
  newLinkCounters,
  TAKEN,
} from '../contract/link.ts';
import { CHECKSUM_NONE, GSO_NONE, type Packet } from '../contract/packet.ts';
import type { PacketPool } from '../contract/packet-pool.ts';

const SLAB_BYTES = 1 << 20;

/** What a device says about a frame, besides its octets. Places are offsets in the frame. */
export interface Marks {
  readonly checksum?: number;
  readonly checksumStart?: number;
  readonly checksumAt?: number;
  readonly gsoType?: number;
  readonly gsoSize?: number;
}

interface Arrival {
  readonly frame: Uint8Array;
  readonly marks: Marks;
}

export class TestLink implements Link {
  readonly name: string;
  readonly medium: number;
  readonly headroom: number = 0;
  readonly counters: LinkCounters = newLinkCounters();
  features = 0;
  mtu = 1500;
  up = true;
  backlog = false;
  /** Packets it takes before it is FULL. */
  room: number = Number.MAX_SAFE_INTEGER;
  /** Octets in front of each lent packet. */
  slabHeadroom = 64;
  /** What was transmitted since the last `take`, as octets. */
  readonly sent: Uint8Array[] = [];
  flushes = 0;
  /** Others lend packets of this pool within the same pump. */
  shared = false;
  /** What happens, in order: for tests of the pump. */
  log: ((what: string) => void) | undefined = undefined;
  private readonly pool: PacketPool;
  private readonly slab: Arena;
  private readonly arrivals: Arrival[] = [];
  private user: LinkUser | undefined = undefined;
  private polling = false;

  constructor(pool: PacketPool, name = 'test0', medium: number = MEDIUM_IP) {
    this.pool = pool;
    this.name = name;
    this.medium = medium;
    this.slab = pool.arenas.register(new Uint8Array(SLAB_BYTES));
  }

  attach(user: LinkUser | undefined): void {
    this.user = user;
  }

  /** A frame arrives; the next `poll` hands it up. */
  inject(frame: Uint8Array, marks: Marks = {}): void {
    this.arrivals.push({ frame, marks });
    this.user?.ready();
  }

  poll(budget: number): number {
    this.log?.('poll');
    assert(this.shared || this.pool.lent === 0, 'lent packets come home within the pump');
    this.slab.bytes.fill(POISON);
    this.polling = true;
    let at = 0;
    let count = 0;
    while (count < budget && this.arrivals.length > 0) {
      const { frame, marks } = this.arrivals[0];
      const offset = at + this.slabHeadroom;
      const limit = (offset + frame.length + 3) & ~3;
      if (limit > SLAB_BYTES) break;
      this.arrivals.shift();
      this.slab.bytes.set(frame, offset);
      const packet = this.pool.lend(this.slab, at, offset, frame.length, limit);
      packet.checksum = marks.checksum ?? CHECKSUM_NONE;
      packet.checksumStart = offset + (marks.checksumStart ?? 0);
      packet.checksumAt = offset + (marks.checksumAt ?? 0);
      packet.gsoType = marks.gsoType ?? GSO_NONE;
      packet.gsoSize = marks.gsoSize ?? 0;
      at = limit;
      count++;
      this.counters.rxPackets++;
      this.counters.rxBytes += frame.length;
      if (this.user === undefined) packet.release();
      else this.user.receive(packet);
    }
    this.polling = false;
    this.backlog = this.arrivals.length > 0;
    return count;
  }

  transmit(packet: Packet): number {
    assert(!this.polling, 'what arrives marks, and never sends');
    this.log?.('transmit');
    if (this.room === 0) return FULL;
    this.room--;
    this.counters.txPackets++;
    this.counters.txBytes += packet.length;
    const octets = new Uint8Array(packet.length);
    packet.copyTo(octets, 0);
    this.sent.push(octets);
    packet.release();
    return TAKEN;
  }

  flush(): void {
    this.log?.('flush');
    this.flushes++;
  }

  close(): void {
    this.up = false;
    this.arrivals.length = 0;
  }

  /** What was transmitted since the last call. */
  take(): Uint8Array[] {
    return this.sent.splice(0);
  }

  /** There is room for `packets` more, and who waits hears of it. */
  makeRoom(packets: number): void {
    this.room = packets;
    this.user?.ready();
  }

  setUp(up: boolean): void {
    this.up = up;
    this.user?.changed();
  }

  setMtu(mtu: number): void {
    this.mtu = mtu;
    this.user?.changed();
  }
}
