// One direction of tun-wire: what befalls each packet, by sim's Fates: beyond the rate, so what is lost has used it.
// The verdict on packet i is a function of (seed, direction, i) and its length; only the queue looks at the clock.
//
//   carry -> bottleneck (full?) -> fate (lost?) -> departures (delay, jitter, held back) -> run -> deliver

import { type Fate, Fates, type Impairment } from '@tunstack/sim';
import type { Packet } from '@tunstack/stack/contract';
import { Bottleneck } from './wire-bottleneck.ts';
import { Departures } from './wire-departures.ts';
import { Lateness } from './wire-lateness.ts';

/** An impairment whose queue may be bounded in packets too. */
export interface LaneImpairment extends Impairment {
  /** Packets that may wait for the rate; 0: `queueBytes` alone is the limit. */
  readonly queuePackets?: number;
}

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
  readonly lateness: Lateness = new Lateness();
  private readonly fates: Fates;
  private readonly bottleneck: Bottleneck;
  private readonly underWay: Departures = new Departures();
  /** A microsecond is sim's least delay; taken off it means none. */
  private readonly leastUs: number;
  private readonly deliver: (packet: Packet) => void;
  private readonly log: ((verdict: Verdict, packet: Packet) => void) | undefined;

  /** `deliver` takes ownership. `log` sees each packet as it came, before it is carried. */
  constructor(
    how: LaneImpairment,
    seed: number,
    deliver: (packet: Packet) => void,
    log?: (verdict: Verdict, packet: Packet) => void,
  ) {
    this.fates = new Fates(how, seed);
    this.bottleneck = new Bottleneck(how.rateBps ?? 0, how.queueBytes, how.queuePackets);
    this.leastUs = (how.delayUs ?? 0) === 0 ? 1 : 0;
    this.deliver = deliver;
    this.log = log;
  }

  /** When `run` has something to deliver; Infinity: nothing is under way. */
  get nextUs(): number {
    return this.underWay.nextUs;
  }

  /** Delivers what is due. */
  run(nowUs: number): void {
    const { underWay, lateness } = this;
    for (let dueUs = underWay.nextUs; dueUs <= nowUs; dueUs = underWay.nextUs) {
      lateness.add(nowUs - dueUs);
      this.deliver(underWay.take());
    }
  }

  /** Releases what is under way. */
  clear(): void {
    this.underWay.clear();
  }

  /**
   * Takes a packet; it, and perhaps a double, is delivered now or later, or nothing is. `sinceUs`: the earliest moment that
   * it may have come, where the loop was late (see Bottleneck).
   */
  carry(packet: Packet, nowUs: number, sinceUs: number = nowUs): void {
    const { counters } = this;
    const { length } = packet;
    const index = counters.packets++;
    counters.bytes += length;
    const fate = this.fates.next(length);
    const leftUs = this.bottleneck.take(length, nowUs, sinceUs);
    const stayUs = fate.delayUs === 1 ? 1 - this.leastUs : fate.delayUs;
    const delayUs = leftUs + stayUs;
    const lost = leftUs >= 0 && fate.lost;
    const kept = leftUs >= 0 && !lost && (delayUs === 0 || packet.own());
    if (this.log !== undefined) {
      const text = lost ? 'lost' : kept ? happening(fate) : 'overflowed';
      this.log({ index, length, text, delayUs: kept ? delayUs : -1 }, packet);
    }
    if (kept) this.send(packet, fate, nowUs, delayUs);
    else {
      if (lost) counters.lost++;
      else counters.overflowed++;
      packet.release();
    }
  }

  private send(packet: Packet, fate: Fate, nowUs: number, delayUs: number): void {
    const { counters, underWay } = this;
    counters.carried++;
    if (fate.reordered) counters.reordered++;
    if (fate.corruptBit >= 0) {
      counters.corrupted++;
      packet.bytes[packet.head + (fate.corruptBit >> 3)] ^= 1 << (fate.corruptBit & 7);
    }
    const double = fate.duplicated ? packet.pool.clone(packet) : undefined;
    if (double !== undefined) counters.duplicated++;
    if (delayUs > 0) {
      underWay.add(packet, nowUs + delayUs);
      if (double !== undefined) underWay.add(double, nowUs + delayUs);
    } else {
      this.deliver(packet);
      if (double !== undefined) this.deliver(double);
    }
  }
}

function happening(fate: Fate): string {
  const words: string[] = [];
  if (fate.duplicated) words.push('duplicated');
  if (fate.reordered) words.push('reordered');
  if (fate.corruptBit >= 0) words.push(`corrupted@${fate.corruptBit}`);
  return words.length === 0 ? 'carried' : words.join('+');
}
