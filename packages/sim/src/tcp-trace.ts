// Taps for tests of TCP: a digest of all that passes, to compare two runs, and a trace of one line an event, to read.

import { CHECKSUM_PARTIAL, DIRECTION_IN, type Packet, REASONS, type Tap } from '@tunstack/stack/contract';
import { summary } from '@tunstack/stack/dissect';
import { complement } from '@tunstack/stack/wire';
import type { SimClock } from './clock.ts';

/** The octets of a packet as they are on the wire. */
export function octetsOnWire(packet: Packet): Uint8Array {
  const octets = new Uint8Array(packet.length);
  packet.copyTo(octets, 0);
  if (packet.checksum === CHECKSUM_PARTIAL) {
    const at = packet.checksumAt - packet.head;
    const value = complement(packet.sumFrom(packet.checksumStart));
    octets[at] = value >> 8;
    octets[at + 1] = value;
  }
  return octets;
}

/** A number that differs when anything differs in what passed: octets, order, directions, moments. FNV-1a, 2 x 32 bits. */
export class TcpDigest implements Tap {
  packets = 0;
  private high = 0x811c_9dc5 | 0;
  private low = 0x0100_0193 | 0;

  /** As text, for comparison. */
  get value(): string {
    return `${(this.high >>> 0).toString(16)}${(this.low >>> 0).toString(16).padStart(8, '0')}`;
  }

  packet(packet: Packet, direction: number, interfaceId: number, nowUs: number): void {
    this.packets++;
    this.word(nowUs);
    this.word((interfaceId << 1) | direction);
    const octets = octetsOnWire(packet);
    for (let i = 0; i < octets.length; i++) this.word(octets[i]);
  }

  drop(_packet: Packet, reason: number, nowUs: number): void {
    this.word(nowUs);
    this.word(~reason);
  }

  private word(word: number): void {
    this.high = Math.imul(this.high ^ word, 0x0100_0193);
    this.low = Math.imul(this.low ^ (word + this.packets), 0x01b3_0193) ^ (this.low >>> 13);
  }
}

/** Lines of text, shared by the stacks of a world: moment, stack, direction, packet in tcpdump's words; and drops. */
export class TcpTrace implements Tap {
  readonly lines: string[];
  private readonly clock: SimClock;
  private readonly name: string;

  constructor(clock: SimClock, name: string, lines: string[]) {
    this.clock = clock;
    this.name = name;
    this.lines = lines;
  }

  packet(packet: Packet, direction: number): void {
    this.note(`${direction === DIRECTION_IN ? '<' : '>'} ${summary(octetsOnWire(packet))}`);
  }

  drop(packet: Packet, reason: number): void {
    const { name, text } = REASONS[reason];
    this.note(`x ${name}: ${text} (${packet.length} octets)`);
  }

  /** A line that is no packet. */
  note(line: string): void {
    this.lines.push(`${(this.clock.elapsedUs / 1000).toFixed(3)} ${this.name} ${line}`);
  }
}
