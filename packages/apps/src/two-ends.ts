// A wire in real time between two devices: what arrives at one end is carried by its lane, and leaves at the other.
//
//   device A -> poll -> lane a>b (what is under way) -> transmit -> flush -> device B      and the same back

import { performance } from 'node:perf_hooks';
import { Prng } from '@tunstack/stack/base';
import { FULL, type LinkUser, type Packet, PacketPool } from '@tunstack/stack/contract';
import { type OpenedDevice, TunLink, type TunLinkEvent } from '@tunstack/tun';
import { Alarm } from './alarm.ts';
import { Lane, type LaneCounters, type LaneImpairment } from './wire-lane.ts';
import type { LatenessReport } from './wire-lateness.ts';
import type { VerdictLog } from './wire-log.ts';

/** What may be under way, octets of slots: 64 Ki packets of Ethernet's size, about a gigabit for 0.7 s. */
const POOL_LIMITS = { smallBytes: 32 << 20, mediumBytes: 128 << 20, largeBytes: 128 << 20 };
const BATCH = 256;
/** A turn that comes so much after what was due was late, and the packets it finds may have come since then. */
const LATE_US = 500;
/** It is known for so long: until the loop has looked at both devices. */
const SETTLED_US = 1000;
/** The longest that is made up for: a program that was stopped has not been a line meanwhile. */
const AWAY_MAX_US = 100_000;
const DIRECTIONS = ['a>b', 'b>a'] as const;

/** One direction's counters, with what its destination would not take: it is down, or no IP by its first nibble. */
export interface DirectionCounts extends LaneCounters {
  readonly refused: number;
}

/** One end: what it receives its lane carries. */
class End implements LinkUser {
  readonly link: TunLink;
  lane: Lane | undefined = undefined;
  private readonly ends: TwoEnds;
  /** Packets that its device had no room for. */
  full = 0;

  constructor(ends: TwoEnds, link: TunLink) {
    this.ends = ends;
    this.link = link;
  }

  arrived(): void {
    this.ends.arrived(this.link);
  }

  receive(packet: Packet): void {
    this.lane?.carry(packet, this.ends.nowUs, this.ends.sinceUs);
  }

  ready(): void {
    this.ends.pollSoon();
  }

  changed(): void {}

  dropped(packet: Packet): void {
    packet.release();
  }

  /** Takes a packet for the device. */
  send(packet: Packet): void {
    if (this.link.transmit(packet) !== FULL) return;
    this.link.flush();
    if (this.link.transmit(packet) !== FULL) return;
    this.full++;
    packet.release();
  }
}

/** Two devices and the wire between them. */
export class TwoEnds {
  /** The moment of the turn that runs, microseconds. */
  nowUs = 0;
  /** The earliest moment that what is taken in now may have come: `nowUs`, unless the loop was late. */
  sinceUs = 0;
  /** The last time that the loop was late: since when, and when it was back. */
  private awayUs = 0;
  private backUs: number = Number.NEGATIVE_INFINITY;
  private readonly alarm: Alarm;
  /** A device was found to have more while packets were written to it. */
  private soon: NodeJS.Immediate | undefined = undefined;
  private readonly ends: readonly [End, End];
  private readonly lanes: readonly [Lane, Lane];

  /** Takes the devices over. `seed` gives each direction its own, as sim's Wire does. */
  constructor(
    devices: readonly [OpenedDevice, OpenedDevice],
    impairments: readonly [LaneImpairment, LaneImpairment],
    seed: number,
    onEvent: (device: OpenedDevice, event: TunLinkEvent) => void,
    log?: VerdictLog,
  ) {
    const pool = new PacketPool(POOL_LIMITS);
    this.alarm = new Alarm(clockUs, () => this.turn());
    const end = (device: OpenedDevice): End =>
      new End(this, new TunLink({ device, pool, onEvent: (event) => onEvent(device, event) }));
    this.ends = [end(devices[0]), end(devices[1])];
    const seeds = new Prng(seed);
    const lane = (i: 0 | 1): Lane => {
      const to = this.ends[1 - i];
      const deliver = (packet: Packet): void => to.send(packet);
      return log === undefined
        ? new Lane(impairments[i], seeds.int32(), deliver)
        : new Lane(impairments[i], seeds.int32(), deliver, (verdict, packet) =>
            log.write(DIRECTIONS[i], verdict, packet),
          );
    };
    this.lanes = [lane(0), lane(1)];
    this.ends.forEach((each, i) => {
      each.lane = this.lanes[i];
      each.link.attach(each);
    });
  }

  /** A to B, B to A. */
  get counts(): readonly [DirectionCounts, DirectionCounts] {
    const of = (i: 0 | 1): DirectionCounts => {
      const to = this.ends[1 - i];
      return { ...this.lanes[i].counters, refused: to.link.counters.txDropped + to.full };
    };
    return [of(0), of(1)];
  }

  /** How late packets left, A to B, B to A. */
  get lateness(): readonly [LatenessReport, LatenessReport] {
    return [this.lanes[0].lateness.report, this.lanes[1].lateness.report];
  }

  /** For an end: a batch lies in its slab. */
  arrived(link: TunLink): void {
    this.look();
    link.poll(BATCH);
    // What is lent from this slab waits in the other's queue: that is written before the slab is given back.
    this.finish(link === this.ends[0].link ? 1 : 0);
  }

  /** For an end: a batch lies in its slab, and a turn is running. */
  pollSoon(): void {
    this.soon ??= setImmediate(() => {
      this.soon = undefined;
      for (const { link } of this.ends) if (link.backlog) this.arrived(link);
    });
  }

  close(): void {
    this.alarm.close();
    if (this.soon !== undefined) clearImmediate(this.soon);
    for (const lane of this.lanes) lane.clear();
    for (const { link } of this.ends) link.close();
  }

  private get nextUs(): number {
    return Math.min(this.lanes[0].nextUs, this.lanes[1].nextUs);
  }

  /** Something is due. */
  private turn(): void {
    this.look();
    this.finish(0);
  }

  /** Reads the clock, once a turn, and delivers what is due. */
  private look(): void {
    const nowUs = clockUs();
    const dueUs = this.nextUs;
    if (nowUs - dueUs > LATE_US) {
      this.awayUs = Math.max(dueUs, nowUs - AWAY_MAX_US);
      this.backUs = nowUs;
    }
    this.nowUs = nowUs;
    this.sinceUs = nowUs - this.backUs < SETTLED_US ? this.awayUs : nowUs;
    this.lanes[0].run(nowUs);
    this.lanes[1].run(nowUs);
  }

  /** Writes what waits for the devices, this end's first. */
  private finish(first: 0 | 1): void {
    this.ends[first].link.flush();
    this.ends[1 - first].link.flush();
    this.alarm.set(this.nextUs);
  }
}

function clockUs(): number {
  return performance.now() * 1000;
}
