// A wire in virtual time: two links, each direction impaired by its own seeded fates, with a rate and a queue; rules that
// pick packets by what they are; and watchers at both ends.

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
import { setIpv4Checksum } from '@tunstack/stack/wire';
import type { Agenda } from './agenda.ts';
import type { SimClock } from './clock.ts';
import { type Fate, Fates, type Impairment } from './impairment.ts';
import { LINE_FULL, Line, type LineOptions } from './network/line.ts';
import { Crossing, type Verdict } from './rules/crossing.ts';
import { Rulebook } from './rules/rulebook.ts';
import type { Rule } from './rules/rules.ts';

/** Packets that arrived and wait to be polled. */
const INBOX_PACKETS = 4096;
/** What a rule holds back until others have overtaken it comes after this time at the latest. */
const HELD_US = 1_000_000;

export interface WireOptions {
  readonly names?: readonly [string, string];
  readonly mtu?: number;
  readonly seed?: number;
  /** Both directions, or the first end's and the second end's transmissions apart. */
  readonly impairment?: Impairment | readonly [Impairment, Impairment];
  /** Rate, queue and ECN, behind the rules and before the fates; both directions, or apart. */
  readonly line?: LineOptions | readonly [LineOptions | undefined, LineOptions | undefined];
  /** Asked in their order about each packet, of either direction, that enters. */
  readonly rules?: readonly Rule[];
}

/** What the wire did, both directions together. */
export interface WireCounters {
  carried: number;
  lost: number;
  duplicated: number;
  corrupted: number;
  /** The queue in front of the rate was full. */
  overflowed: number;
  /** Dropped by a rule. */
  ruledOut: number;
  /** Marked CE. */
  marked: number;
}

/** Sees every datagram that is sent or arrives at one end. The octets are its own. */
export type Watcher = (sent: boolean, octets: Uint8Array, atUs: number) => void;

/** A packet that waits to be overtaken. */
interface Held {
  remaining: number;
  readonly release: () => void;
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
  /** For tests and captures: sees what passes here. */
  watcher: Watcher | undefined = undefined;
  /** For the wire: the line of this direction, what waits to be overtaken, packets that were sent here. */
  readonly line: Line | undefined;
  held: Held[] = [];
  crossings = 0;
  private readonly wire: Wire;
  private readonly fates: Fates;
  private readonly how: Impairment;
  private readonly inbox: Inbox = new Inbox(INBOX_PACKETS, this.counters);
  private user: LinkUser | undefined = undefined;
  /** When the sender of this direction is done with what it has queued. */
  private idleAtUs = 0;

  constructor(
    wire: Wire,
    name: string,
    options: { mtu: number; seed: number; how: Impairment; line?: Line },
  ) {
    this.wire = wire;
    this.name = name;
    this.mtu = options.mtu;
    this.how = options.how;
    this.fates = new Fates(options.how, options.seed);
    this.line = options.line;
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
  fate(length: number): Fate {
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
  arrive(packet: Packet, nowUs: number): void {
    if (!this.up || !this.inbox.push(packet)) {
      this.counters.rxDropped++;
      packet.release();
      return;
    }
    if (this.watcher !== undefined) this.watcher(false, octetsOf(packet), nowUs);
    this.user?.ready();
  }
}

/** Two ends and what lies between them. */
export class Wire {
  readonly ends: readonly [WireEnd, WireEnd];
  readonly counters: WireCounters = {
    carried: 0,
    lost: 0,
    duplicated: 0,
    corrupted: 0,
    overflowed: 0,
    ruledOut: 0,
    marked: 0,
  };
  /** What the rules decided, a line for each packet; undefined without rules. */
  readonly rulebook: Rulebook | undefined;
  private readonly clock: SimClock;
  private readonly agenda: Agenda;

  constructor(clock: SimClock, agenda: Agenda, options: WireOptions = {}) {
    this.clock = clock;
    this.agenda = agenda;
    const { names = ['wire0', 'wire1'], mtu = 1500, seed = 1, impairment = {}, line, rules = [] } = options;
    const hows = Array.isArray(impairment) ? impairment : [impairment, impairment];
    const lines = line === undefined || 'rateBps' in line ? [line, line] : line;
    const seeds = new Prng(seed);
    const end = (i: 0 | 1): WireEnd =>
      new WireEnd(this, names[i], {
        mtu,
        seed: seeds.int32(),
        how: hows[i],
        ...(lines[i] !== undefined && { line: new Line(lines[i]) }),
      });
    this.ends = [end(0), end(1)];
    this.rulebook = rules.length === 0 ? undefined : new Rulebook(rules, seeds.int32());
  }

  /** Takes a packet from one end; it, and perhaps a double, arrives at the other end later, or nothing does. */
  carry(from: WireEnd, packet: Packet): void {
    const { counters } = this;
    const nowUs = this.clock.elapsedUs;
    const fate = from.fate(packet.length);
    if (!packet.own()) {
      this.lose(packet, 'lost');
      return;
    }
    packet.completeChecksum();
    if (from.watcher !== undefined) from.watcher(true, octetsOf(packet), nowUs);
    const verdict = this.judge(from, packet);
    if (verdict?.dropped === true) {
      this.lose(packet, 'ruledOut');
      return;
    }
    const lineUs = this.throughLine(from, packet, nowUs);
    const leftUs = lineUs < 0 ? lineUs : from.serialize(packet.length, nowUs);
    if (leftUs < 0 || fate.lost) {
      this.lose(packet, leftUs < 0 ? 'overflowed' : 'lost');
      return;
    }
    if (verdict !== undefined) this.deface(packet, verdict);
    if (fate.corruptBit >= 0) {
      counters.corrupted++;
      flip(packet, fate.corruptBit);
    }
    const atUs = nowUs + lineUs + leftUs + fate.delayUs + (verdict?.delayUs ?? 0);
    if (fate.duplicated) this.double(from, packet, atUs + 1);
    if (verdict !== undefined) for (const us of verdict.doublesUs) this.double(from, packet, atUs + us);
    counters.carried++;
    if (verdict !== undefined && verdict.behind > 0) this.hold(from, packet, verdict.behind);
    else this.deliver(from, packet, atUs);
  }

  /** Microseconds that the line takes, or LINE_FULL; marks the packet if the line says so. */
  private throughLine(from: WireEnd, packet: Packet, nowUs: number): number {
    const { line } = from;
    if (line === undefined) return 0;
    const ect = (packet.bytes[packet.head + 1] & 3) !== 0;
    const us = line.admit(packet.length, nowUs, ect);
    if (us !== LINE_FULL && line.mark) this.markCongestion(packet);
    return us;
  }

  private judge(from: WireEnd, packet: Packet): Verdict | undefined {
    if (this.rulebook === undefined) return undefined;
    const direction = from === this.ends[0] ? 0 : 1;
    const number = ++from.crossings;
    return this.rulebook.judge(new Crossing(direction, number, this.clock.elapsedUs, octetsOf(packet)));
  }

  /** Does to the octets what the rules said. */
  private deface(packet: Packet, verdict: Verdict): void {
    if (verdict.congestion) this.markCongestion(packet);
    if (verdict.flips.length > 0) this.counters.corrupted++;
    for (const bit of verdict.flips) flip(packet, bit);
    if (verdict.truncateTo >= 0 && verdict.truncateTo < packet.length) packet.trim(verdict.truncateTo);
  }

  /** RFC 3168 5: both ECN bits, and the header's checksum made right again. */
  private markCongestion(packet: Packet): void {
    if (packet.length < 20) return;
    this.counters.marked++;
    packet.bytes[packet.head + 1] |= 3;
    setIpv4Checksum(packet.bytes, packet.head);
  }

  private lose(packet: Packet, why: 'lost' | 'overflowed' | 'ruledOut'): void {
    this.counters[why]++;
    packet.release();
  }

  private double(from: WireEnd, packet: Packet, atUs: number): void {
    const double = packet.pool.clone(packet);
    if (double === undefined) return;
    this.counters.duplicated++;
    this.schedule(from, double, atUs);
  }

  /** Keeps a packet until so many others of its direction were sent, or HELD_US are over. */
  private hold(from: WireEnd, packet: Packet, packets: number): void {
    let here = true;
    const held: Held = {
      remaining: packets,
      release: () => {
        if (!here) return;
        here = false;
        from.held = from.held.filter((other) => other !== held);
        this.opposite(from).arrive(packet, this.clock.elapsedUs);
      },
    };
    from.held.push(held);
    this.agenda.add(this.clock.elapsedUs + HELD_US, held.release, () => {
      if (here) packet.release();
      here = false;
    });
  }

  /** Lets it arrive, and right behind it who waited for that. */
  private deliver(from: WireEnd, packet: Packet, atUs: number): void {
    this.schedule(from, packet, atUs);
    for (const held of from.held) if (--held.remaining === 0) this.agenda.add(atUs + 1, held.release);
  }

  private schedule(from: WireEnd, packet: Packet, atUs: number): void {
    const to = this.opposite(from);
    this.agenda.add(
      atUs,
      () => to.arrive(packet, this.clock.elapsedUs),
      () => packet.release(),
    );
  }

  private opposite(from: WireEnd): WireEnd {
    return from === this.ends[0] ? this.ends[1] : this.ends[0];
  }
}

/** The octets of a packet that is flat and complete. */
function octetsOf(packet: Packet): Uint8Array {
  return packet.bytes.slice(packet.head, packet.tail);
}

function flip(packet: Packet, bit: number): void {
  packet.bytes[packet.head + (bit >> 3)] ^= 1 << (bit & 7);
}
