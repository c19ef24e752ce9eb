// A wire in virtual time: two links, each direction impaired by its own seeded fates, with a rate and a queue.

import { Prng } from '@tunstack/stack/base';
import {
  Inbox,
  type Link,
  type LinkCounters,
  type LinkUser,
  MEDIUM_IP,
  newLinkCounters,
  type Packet,
  TAKEN,
} from '@tunstack/stack/contract';
import type { Agenda } from './agenda.ts';
import type { SimClock } from './clock.ts';
import { Fates, type Impairment } from './impairment.ts';

/** Packets that arrived and wait to be polled. */
const INBOX_PACKETS = 4096;

export interface WireOptions {
  readonly names?: readonly [string, string];
  readonly mtu?: number;
  readonly seed?: number;
  /** Both directions, or the first end's and the second end's transmissions apart. */
  readonly impairment?: Impairment | readonly [Impairment, Impairment];
}

/** What the wire did, both directions together. */
export interface WireCounters {
  carried: number;
  lost: number;
  duplicated: number;
  corrupted: number;
  /** The queue in front of the rate was full. */
  overflowed: number;
}

/** One end. Sends no checksum or GSO marks: what goes over a wire is octets. */
export class WireEnd implements Link {
  readonly name: string;
  readonly medium: number = MEDIUM_IP;
  readonly mtu: number;
  readonly features: number = 0;
  readonly headroom: number = 0;
  readonly counters: LinkCounters = newLinkCounters();
  up = true;
  private readonly wire: Wire;
  private readonly fates: Fates;
  private readonly how: Impairment;
  private readonly inbox: Inbox = new Inbox(INBOX_PACKETS, this.counters);
  private user: LinkUser | undefined = undefined;
  /** When the sender of this direction is done with what it has queued. */
  private idleAtUs = 0;

  constructor(wire: Wire, name: string, mtu: number, how: Impairment, seed: number) {
    this.wire = wire;
    this.name = name;
    this.mtu = mtu;
    this.how = how;
    this.fates = new Fates(how, seed);
  }

  /** Bounded by the receiver's inbox, and never FULL before: a wire that cannot hold a packet loses it. */
  get room(): number {
    return Number.MAX_SAFE_INTEGER;
  }

  get backlog(): boolean {
    return this.inbox.backlog;
  }

  attach(user: LinkUser | undefined): void {
    this.user = user;
  }

  poll(budget: number): number {
    return this.inbox.poll(this.user, budget);
  }

  transmit(packet: Packet): number {
    this.counters.txPackets++;
    this.counters.txBytes += packet.length;
    this.wire.carry(this, packet);
    return TAKEN;
  }

  flush(): void {}

  close(): void {
    this.up = false;
    this.inbox.clear();
  }

  /** For the wire: the fate of a packet sent here. */
  fate(length: number): ReturnType<Fates['next']> {
    return this.fates.next(length);
  }

  /** For the wire: microseconds until a packet of this length has left, or -1: the queue cannot take it. */
  serialize(length: number, nowUs: number): number {
    const { rateBps = 0, queueBytes = 256 * 1024 } = this.how;
    if (rateBps === 0) return 0;
    const start = Math.max(this.idleAtUs, nowUs);
    const queued = ((start - nowUs) * rateBps) / 8e6;
    if (queued + length > queueBytes) return -1;
    this.idleAtUs = start + (length * 8e6) / rateBps;
    return Math.ceil(this.idleAtUs - nowUs);
  }

  /** For the wire: a packet arrives. */
  arrive(packet: Packet): void {
    if (!this.up || !this.inbox.push(packet)) {
      this.counters.rxDropped++;
      packet.release();
      return;
    }
    this.user?.ready();
  }
}

/** Two ends and what lies between them. */
export class Wire {
  readonly ends: readonly [WireEnd, WireEnd];
  readonly counters: WireCounters = { carried: 0, lost: 0, duplicated: 0, corrupted: 0, overflowed: 0 };
  private readonly clock: SimClock;
  private readonly agenda: Agenda;

  constructor(clock: SimClock, agenda: Agenda, options: WireOptions = {}) {
    this.clock = clock;
    this.agenda = agenda;
    const { names = ['wire0', 'wire1'], mtu = 1500, seed = 1, impairment = {} } = options;
    const [there, back] = Array.isArray(impairment) ? impairment : [impairment, impairment];
    const seeds = new Prng(seed);
    this.ends = [
      new WireEnd(this, names[0], mtu, there, seeds.int32()),
      new WireEnd(this, names[1], mtu, back, seeds.int32()),
    ];
  }

  /** Takes a packet from one end; it, and perhaps a double, arrives at the other end later, or nothing does. */
  carry(from: WireEnd, packet: Packet): void {
    const to = from === this.ends[0] ? this.ends[1] : this.ends[0];
    const fate = from.fate(packet.length);
    const leftUs = from.serialize(packet.length, this.clock.elapsedUs);
    if (leftUs < 0 || fate.lost || !packet.own()) {
      if (leftUs < 0) this.counters.overflowed++;
      else this.counters.lost++;
      packet.release();
      return;
    }
    packet.completeChecksum();
    if (fate.corruptBit >= 0) {
      this.counters.corrupted++;
      packet.bytes[packet.head + (fate.corruptBit >> 3)] ^= 1 << (fate.corruptBit & 7);
    }
    const atUs = this.clock.elapsedUs + leftUs + fate.delayUs;
    if (fate.duplicated) {
      const double = packet.pool.clone(packet);
      if (double !== undefined) {
        this.counters.duplicated++;
        this.agenda.add(
          atUs + 1,
          () => to.arrive(double),
          () => double.release(),
        );
      }
    }
    this.counters.carried++;
    this.agenda.add(
      atUs,
      () => to.arrive(packet),
      () => packet.release(),
    );
  }
}
