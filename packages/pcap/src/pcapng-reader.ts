// Reads pcapng: draft-ietf-opsawg-pcapng. Both byte orders, several sections, unknown blocks skipped.

import {
  BLOCK_ENHANCED_PACKET,
  BLOCK_INTERFACE,
  BLOCK_OVERHEAD,
  BLOCK_SECTION_HEADER,
  BLOCK_SIMPLE_PACKET,
  BYTE_ORDER_MAGIC,
  EPB_INBOUND,
  EPB_OUTBOUND,
  OPTION_COMMENT,
  OPTION_END,
  OPTION_EPB_FLAGS,
  OPTION_HEADER,
  OPTION_IF_NAME,
  OPTION_IF_TSOFFSET,
  OPTION_IF_TSRESOL,
  padded,
} from './blocks.ts';
import type { Capture, CapturedPacket, CaptureInterface } from './capture.ts';
import { decodeUtf8 } from './utf8.ts';

/** An interface, and how its timestamps count. */
interface Clocked extends CaptureInterface {
  /** Ticks in a second. */
  readonly ticks: bigint;
  /** Seconds to add. */
  readonly offset: bigint;
}

/** One block: body octets [at, end), without type and lengths. */
interface Block {
  readonly at: number;
  readonly end: number;
}

/** Ticks in a second of which no clock has more: 2^127 and 10^127 can be said, and mean a broken file. */
const RESOLUTION_MAX = 63;

/**
 * The interfaces and packets of a pcapng file, those of several sections one after the other. Packet data are views of
 * `bytes`. Throws an Error that names the place, as `pcapng: block length 7 at byte 28`, for a file that is broken.
 *
 * @example
 * for (const { timestampUs, data, comments } of readPcapng(readFileSync('dump.pcapng')).packets) ...
 */
export function readPcapng(bytes: Uint8Array): Capture {
  return new Reader(bytes).read();
}

function broken(what: string, at: number): never {
  throw new Error(`pcapng: ${what} at byte ${at}`);
}

class Reader {
  private readonly bytes: Uint8Array;
  private readonly view: DataView;
  private littleEndian = true;
  private readonly interfaces: Clocked[] = [];
  private readonly packets: CapturedPacket[] = [];
  /** Where the interfaces of this section begin. */
  private section = 0;

  constructor(bytes: Uint8Array) {
    this.bytes = bytes;
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  read(): Capture {
    const { bytes } = this;
    // The type of a section header reads the same in both byte orders.
    if (bytes.length < 4 || this.u32(0) !== BLOCK_SECTION_HEADER) broken('no section header', 0);
    // Each block has 12 octets at least, so this ends.
    for (let at = 0; at < bytes.length; ) at = this.readBlock(at);
    const interfaces = this.interfaces.map(({ name, linkType, snaplen }) => ({ name, linkType, snaplen }));
    return { interfaces, packets: this.packets };
  }

  private u16(at: number): number {
    return this.view.getUint16(at, this.littleEndian);
  }

  private u32(at: number): number {
    return this.view.getUint32(at, this.littleEndian);
  }

  /** Reads the block at `at`; answers where the next one begins. */
  private readBlock(at: number): number {
    const left = this.bytes.length - at;
    if (left < BLOCK_OVERHEAD) broken(`${left} octets are no block`, at);
    const type = this.u32(at);
    if (type === BLOCK_SECTION_HEADER) this.beginSection(at);
    const length = this.u32(at + 4);
    if (length < BLOCK_OVERHEAD || length % 4 !== 0) broken(`block length ${length}`, at);
    if (length > left) broken(`block of ${length} octets, but only ${left} left,`, at);
    const end = at + length - 4;
    if (this.u32(end) !== length) broken(`block lengths ${length} and ${this.u32(end)}`, at);
    this.readBody(type, { at: at + 8, end });
    return at + length;
  }

  private beginSection(at: number): void {
    this.littleEndian = true;
    if (this.u32(at + 8) !== BYTE_ORDER_MAGIC) {
      this.littleEndian = false;
      if (this.u32(at + 8) !== BYTE_ORDER_MAGIC) broken('no byte-order magic', at + 8);
    }
    this.section = this.interfaces.length;
  }

  private readBody(type: number, block: Block): void {
    switch (type) {
      case BLOCK_SECTION_HEADER:
        this.need(block, 16);
        if (this.u16(block.at + 4) !== 1) broken(`version ${this.u16(block.at + 4)}`, block.at + 4);
        break;
      case BLOCK_INTERFACE:
        this.readInterface(block);
        break;
      case BLOCK_ENHANCED_PACKET:
        this.readPacket(block);
        break;
      case BLOCK_SIMPLE_PACKET:
        this.readSimplePacket(block);
        break;
      default: // name resolution, statistics, custom blocks ...
    }
  }

  private need(block: Block, octets: number): void {
    const { at, end } = block;
    if (end - at < octets) broken(`block body of ${end - at} octets, not ${octets} or more,`, at);
  }

  private readInterface(block: Block): void {
    this.need(block, 8);
    let name = '';
    let ticks = 1_000_000n;
    let offset = 0n;
    this.options({ at: block.at + 8, end: block.end }, (code, at, length) => {
      if (code === OPTION_IF_NAME) name = this.text(at, length);
      else if (code === OPTION_IF_TSRESOL && length >= 1) ticks = this.resolution(at);
      else if (code === OPTION_IF_TSOFFSET && length >= 8)
        offset = this.view.getBigInt64(at, this.littleEndian);
    });
    const linkType = this.u16(block.at);
    this.interfaces.push({ name, linkType, snaplen: this.u32(block.at + 4), ticks, offset });
  }

  /** if_tsresol: a power of ten, or of two when the highest bit is set. */
  private resolution(at: number): bigint {
    const exponent = this.bytes[at] & 0x7f;
    if (exponent > RESOLUTION_MAX) broken(`timestamp resolution ${exponent}`, at);
    return (this.bytes[at] & 0x80 ? 2n : 10n) ** BigInt(exponent);
  }

  private readPacket(block: Block): void {
    this.need(block, 20);
    const { at, end } = block;
    const interfaceId = this.section + this.u32(at);
    if (interfaceId >= this.interfaces.length) broken(`interface ${this.u32(at)} is not described`, at);
    const captured = this.u32(at + 12);
    if (padded(captured) > end - at - 20 || captured > end - at)
      broken(`packet of ${captured} octets`, at + 12);
    const ticks = (BigInt(this.u32(at + 4)) << 32n) | BigInt(this.u32(at + 8));
    let flags = 0;
    const comments: string[] = [];
    this.options({ at: at + 20 + padded(captured), end }, (code, o, length) => {
      if (code === OPTION_COMMENT) comments.push(this.text(o, length));
      else if (code === OPTION_EPB_FLAGS && length >= 4) flags = this.u32(o) & 3;
    });
    this.packets.push({
      interfaceId,
      timestampUs: microseconds(ticks, this.interfaces[interfaceId]),
      data: this.bytes.subarray(at + 20, at + 20 + captured),
      originalLength: this.u32(at + 16),
      direction: flags === EPB_INBOUND ? 'in' : flags === EPB_OUTBOUND ? 'out' : 'unknown',
      comments,
    });
  }

  /** A packet of the section's first interface, without time, cut by that interface's snaplen. */
  private readSimplePacket(block: Block): void {
    this.need(block, 4);
    const { at, end } = block;
    const interfaceId = this.section;
    if (interfaceId >= this.interfaces.length) broken('interface 0 is not described', at);
    const originalLength = this.u32(at);
    const { snaplen } = this.interfaces[interfaceId];
    const captured = snaplen > 0 ? Math.min(snaplen, originalLength) : originalLength;
    if (captured > end - at - 4) broken(`packet of ${captured} octets`, at);
    const data = this.bytes.subarray(at + 4, at + 4 + captured);
    this.packets.push({
      interfaceId,
      timestampUs: 0,
      data,
      originalLength,
      direction: 'unknown',
      comments: [],
    });
  }

  private text(at: number, length: number): string {
    return decodeUtf8(this.bytes.subarray(at, at + length));
  }

  /** Calls `found` for each option in [at, end): all advance, so this ends. */
  private options(block: Block, found: (code: number, at: number, length: number) => void): void {
    let { at } = block;
    while (at + OPTION_HEADER <= block.end) {
      const code = this.u16(at);
      const length = this.u16(at + 2);
      if (code === OPTION_END) return;
      if (length > block.end - at - OPTION_HEADER) broken(`option of ${length} octets`, at);
      found(code, at + OPTION_HEADER, length);
      at += OPTION_HEADER + padded(length);
    }
  }
}

function microseconds(ticks: bigint, clock: Clocked): number {
  return Number((ticks * 1_000_000n) / clock.ticks + clock.offset * 1_000_000n);
}
