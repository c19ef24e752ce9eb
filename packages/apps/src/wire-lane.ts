// One direction of tun-wire: what befalls each packet, by sim's Fates, and the queue in front of the rate, as sim's Wire.
// The verdict on packet i is a function of (seed, direction, i) and its length; only the queue looks at the clock.

import { type Agenda, Fates, type Impairment } from '@tunstack/sim';
import type { Packet } from '@tunstack/stack/contract';

/** Octets that may wait for the rate, unless the impairment says. As sim's Wire. */
export const QUEUE_BYTES: number = 256 * 1024;

/** Added to the delay of a packet that is held back, to know it by: longer than any delay and jitter. */
const HELD_US = 2 ** 40;

/** What one direction did. */
export interface LaneCounters {
  /** Packets that came. */
  packets: number;
  bytes: number;
  /** Went on, doubles not counted. */
  carried: number;
  lost: number;
  duplicated: number;
  /** Were held back, so that others overtake them. */
  reordered: number;
  corrupted: number;
  /** Found the queue in front of the rate full, or no memory to wait in. */
  overflowed: number;
}

/** One packet's verdict, for a log. `delayUs` < 0: it goes nowhere. */
export interface Verdict {
  readonly index: number;
  readonly length: number;
  /** `carried`, or what befell it: `lost`, `overflowed`, `duplicated+reordered+corrupted@BIT`. */
  readonly text: string;
  /** Microseconds it is under way, the wait for the rate included. */
  readonly delayUs: number;
}

export class Lane {
  readonly counters: LaneCounters = {
    ...{ packets: 0, bytes: 0, carried: 0, lost: 0 },
    ...{ duplicated: 0, reordered: 0, corrupted: 0, overflowed: 0 },
  };
  private readonly fates: Fates;
  private readonly how: Impairment;
  private readonly heldUs: number;
  private readonly rateBps: number;
  private readonly queueBytes: number;
  private readonly agenda: Agenda;
  private readonly deliver: (packet: Packet) => void;
  private readonly log: ((verdict: Verdict, packet: Packet) => void) | undefined;
  /** When the sender of this direction is done with what it has queued. */
  private idleAtUs = 0;

  /** `deliver` takes ownership. `log` sees each packet as it came, before it is carried. */
  constructor(
    how: Impairment,
    seed: number,
    agenda: Agenda,
    deliver: (packet: Packet) => void,
    log?: (verdict: Verdict, packet: Packet) => void,
  ) {
    this.how = how;
    this.heldUs = how.reorderUs ?? 1000;
    this.rateBps = how.rateBps ?? 0;
    this.queueBytes = how.queueBytes ?? QUEUE_BYTES;
    this.fates = new Fates({ ...how, reorderUs: HELD_US }, seed);
    this.agenda = agenda;
    this.deliver = deliver;
    this.log = log;
  }

  /** Takes a packet; it, and perhaps a double, is delivered now or later, or nothing is. */
  carry(packet: Packet, nowUs: number): void {
    const { counters } = this;
    const { length } = packet;
    const index = counters.packets++;
    counters.bytes += length;
    const fate = this.fates.next(length);
    const reordered = fate.delayUs >= HELD_US;
    const leftUs = this.serialize(length, nowUs);
    const stayUs = fate.delayUs - (reordered ? HELD_US - this.heldUs : 0);
    // A microsecond is sim's least delay; here it means none.
    const delayUs = leftUs + (stayUs <= 1 && (this.how.delayUs ?? 0) === 0 ? 0 : stayUs);
    const kept = leftUs >= 0 && !fate.lost && (delayUs === 0 || packet.own());
    if (this.log !== undefined) {
      const text =
        leftUs < 0 ? 'overflowed' : fate.lost ? 'lost' : kept ? happening(fate, reordered) : 'overflowed';
      this.log({ index, length, text, delayUs: kept ? delayUs : -1 }, packet);
    }
    if (!kept) {
      if (leftUs >= 0 && fate.lost) counters.lost++;
      else counters.overflowed++;
      packet.release();
      return;
    }
    if (fate.corruptBit >= 0) {
      counters.corrupted++;
      packet.bytes[packet.head + (fate.corruptBit >> 3)] ^= 1 << (fate.corruptBit & 7);
    }
    if (reordered) counters.reordered++;
    counters.carried++;
    const double = fate.duplicated ? packet.pool.clone(packet) : undefined;
    this.send(packet, nowUs, delayUs);
    if (double === undefined) return;
    counters.duplicated++;
    this.send(double, nowUs, delayUs);
  }

  private send(packet: Packet, nowUs: number, delayUs: number): void {
    if (delayUs === 0) this.deliver(packet);
    else {
      this.agenda.add(
        nowUs + delayUs,
        () => this.deliver(packet),
        () => packet.release(),
      );
    }
  }

  /** Microseconds until a packet of this length has left, or -1: the queue cannot take it. */
  private serialize(length: number, nowUs: number): number {
    const { rateBps } = this;
    if (rateBps === 0) return 0;
    const start = Math.max(this.idleAtUs, nowUs);
    const queued = ((start - nowUs) * rateBps) / 8e6;
    if (queued + length > this.queueBytes) return -1;
    this.idleAtUs = start + (length * 8e6) / rateBps;
    return this.idleAtUs - nowUs;
  }
}

function happening(fate: { duplicated: boolean; corruptBit: number }, reordered: boolean): string {
  const words: string[] = [];
  if (fate.duplicated) words.push('duplicated');
  if (reordered) words.push('reordered');
  if (fate.corruptBit >= 0) words.push(`corrupted@${fate.corruptBit}`);
  return words.length === 0 ? 'carried' : words.join('+');
}
