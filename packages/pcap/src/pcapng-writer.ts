// A tap that writes pcapng: every packet with its direction, and why what was dropped was dropped, as its comment.

import { CHECKSUM_PARTIAL, DIRECTION_IN, type Packet, REASONS, type Tap } from '@tunstack/stack/contract';
import { complement } from '@tunstack/stack/wire';
import {
  beginPacket,
  EPB_INBOUND,
  EPB_OUTBOUND,
  endBlock,
  interfaceLength,
  OPTION_COMMENT,
  OPTION_HEADER,
  packetLength,
  padded,
  putEndOfOptions,
  putInterface,
  putOption,
  putPacketFlags,
  putSectionHeader,
} from './blocks.ts';
import { type CaptureInterface, LINKTYPE_RAW } from './capture.ts';
import { encodeUtf8 } from './utf8.ts';

export interface PcapngWriterConfig {
  /** Takes the next octets of the file. The chunk is the taker's: the writer does not touch it again. */
  readonly write: (chunk: Uint8Array) => void;
  /** Describes the interface with this id; asked once, at its first packet. */
  readonly interfaces: (id: number) => CaptureInterface;
  /** The current moment, microseconds since 1970 (float64). */
  readonly epochUs: () => number;
  /** False: drops are not written. Default true. */
  readonly drops?: boolean;
}

/** Octets gathered before they are written. */
const CHUNK = 65_536;
/** Packets that were dropped without having been on an interface appear on one of this name. */
const DROPS: CaptureInterface = { name: 'drops', linkType: LINKTYPE_RAW, snaplen: 0 };
const DROPS_ID = -1;
const NONE = -1;
const CLOCK_ROUND = 0x1_0000_0000;

/**
 * Writes what a stack's tap sees as a pcapng file. Octets leave in chunks of about 64 KiB and at `flush`.
 *
 * A packet is seen before the stack knows whether it will drop it. So the block of the last packet that came in stays
 * open until the next `packet` or `flush`, and drops of that packet (also of the answer it is turned into) become
 * its comments. A drop of any other packet (no route for a datagram of ours, a receive queue discarded at close) is a
 * block of its own on an interface called `drops`: with the datagram when the packet starts with an IP header, else empty.
 *
 * Times are those of the pump, on the wall clock: the first reading fixes the difference between the two, and
 * `epochUs` says how often the 32 bits went round since, so silence may last as long as it likes.
 *
 * @example
 * const writer = new PcapngWriter({
 *   write: (chunk) => writeSync(fd, chunk),
 *   interfaces: (id) => ({ name: stack.interfaces[id].name, linkType: LINKTYPE_RAW, snaplen: 0 }),
 *   epochUs: () => (performance.timeOrigin + performance.now()) * 1000,
 * });
 * stack.tap = writer;
 */
export class PcapngWriter implements Tap {
  private readonly config: PcapngWriterConfig;
  private readonly drops: boolean;
  private chunk: Uint8Array = new Uint8Array(CHUNK);
  /** Where the next block begins, or where the open one goes on. */
  private at = 0;
  /** Where the open block begins, or NONE. */
  private open: number = NONE;
  /** The packet of the open block: compared, never read. And the interface it came in by. */
  private openPacket: Packet | undefined = undefined;
  private openIngress: number = NONE;
  /** The stack's interface ids to those of the file. */
  private readonly known: Map<number, { readonly id: number; readonly snaplen: number }> = new Map();
  private readonly comments: (Uint8Array | undefined)[] = [];
  private anchored = false;
  /** Wall clock minus the pump's clock taken as 0 .. 2^32-1, at the first reading. */
  private anchorUs = 0;

  constructor(config: PcapngWriterConfig) {
    this.config = config;
    this.drops = config.drops ?? true;
    this.at = putSectionHeader(this.chunk, 0);
  }

  packet(packet: Packet, direction: number, interfaceId: number, nowUs: number): void {
    this.close();
    const inbound = direction === DIRECTION_IN;
    this.begin(packet, packet.length, interfaceId, nowUs, inbound ? EPB_INBOUND : EPB_OUTBOUND);
    if (inbound && this.drops) {
      this.openPacket = packet;
      this.openIngress = interfaceId;
    } else this.close();
  }

  drop(packet: Packet, reason: number, nowUs: number): void {
    if (!this.drops) return;
    // The object alone does not tell: the pool may have made an outgoing packet of it since. Those have no ingress.
    if (packet === this.openPacket && packet.ingress === this.openIngress) {
      this.comment(reason);
      return;
    }
    this.close();
    const datagram =
      packet.network === packet.head && packet.linear > 0 && packet.bytes[packet.head] >>> 4 === 4;
    this.begin(packet, datagram ? packet.length : 0, DROPS_ID, nowUs, 0);
    this.comment(reason);
    this.close();
  }

  /** Writes all that was gathered. Call it from time to time, never inside a pump, and before the file is closed. */
  flush(): void {
    this.close();
    this.emit(this.at, CHUNK);
  }

  /** Begins the block of a packet and leaves it open for comments. `length`: how much of it may be kept. */
  private begin(packet: Packet, length: number, interfaceId: number, nowUs: number, flags: number): void {
    const { id, snaplen } = this.known.get(interfaceId) ?? this.introduce(interfaceId);
    const captured = snaplen > 0 && snaplen < length ? snaplen : length;
    // Room for the whole packet: it is copied whole, so that its checksum can be completed, and cut afterwards.
    this.need(packetLength(packet.length));
    this.open = this.at;
    const start = beginPacket(this.chunk, this.at, id, this.wallUs(nowUs), captured, packet.length);
    if (captured > 0) {
      packet.copyTo(this.chunk, start);
      if (packet.checksum === CHECKSUM_PARTIAL) completeCopy(packet, this.chunk, start);
    }
    this.at = putPacketFlags(this.chunk, start + captured, captured, flags);
  }

  private comment(reason: number): void {
    this.comments[reason] ??= encodeUtf8(dropText(reason));
    const text = this.comments[reason];
    // The open block moves along if the chunk is full; 8 octets are its end.
    this.need(OPTION_HEADER + padded(text.length) + 8);
    this.at = putOption(this.chunk, this.at, OPTION_COMMENT, text);
  }

  /** Ends the open block. */
  private close(): void {
    this.openPacket = undefined;
    if (this.open === NONE) return;
    this.at = endBlock(this.chunk, this.open, putEndOfOptions(this.chunk, this.at));
    this.open = NONE;
  }

  /** Writes the description of an interface that had no packet yet. */
  private introduce(interfaceId: number): { readonly id: number; readonly snaplen: number } {
    const face = interfaceId === DROPS_ID ? DROPS : this.config.interfaces(interfaceId);
    const name = encodeUtf8(face.name);
    this.need(interfaceLength(name.length));
    this.at = putInterface(this.chunk, this.at, face, name);
    const known = { id: this.known.size, snaplen: face.snaplen };
    this.known.set(interfaceId, known);
    return known;
  }

  /** Makes room for `octets` more: complete blocks leave, the open one moves to the front of a new chunk. */
  private need(octets: number): void {
    if (this.at + octets <= this.chunk.length) return;
    const complete = this.open === NONE ? this.at : this.open;
    this.emit(complete, Math.max(CHUNK, this.at - complete + octets));
  }

  /** Writes the first `complete` octets of the chunk; the rest begins a new one of `size` octets. */
  private emit(complete: number, size: number): void {
    if (complete === 0 && size <= this.chunk.length) return;
    const full = this.chunk;
    const rest = this.at - complete;
    this.chunk = new Uint8Array(size);
    this.chunk.set(full.subarray(complete, this.at));
    this.at = rest;
    if (this.open !== NONE) this.open = 0;
    if (complete > 0) this.config.write(full.subarray(0, complete));
  }

  private wallUs(nowUs: number): number {
    const wall = this.config.epochUs();
    const pump = nowUs >>> 0;
    if (!this.anchored) {
      this.anchored = true;
      this.anchorUs = wall - pump;
    }
    const unrolled = this.anchorUs + pump;
    return Math.max(0, Math.round(unrolled + Math.round((wall - unrolled) / CLOCK_ROUND) * CLOCK_ROUND));
  }
}

/** Completes the checksum in the copy at `start`; the packet keeps its mark (contract/tap). */
function completeCopy(packet: Packet, copy: Uint8Array, start: number): void {
  const at = start + packet.checksumAt - packet.head;
  // As Packet.completeChecksum: 0 is sent as all ones (RFC 768).
  const value = complement(packet.sumFrom(packet.checksumStart)) || 0xffff;
  copy[at] = value >> 8;
  copy[at + 1] = value;
}

/** `dropped: UDP_NO_PORT (RFC 1122 4.1.3.1): no socket has this port` */
function dropText(reason: number): string {
  const { name, clause, text } = REASONS[reason];
  return `dropped: ${name} (${clause}): ${text}`;
}
