// The blocks of pcapng, written: draft-ietf-opsawg-pcapng, sections 3 and 4. Little-endian; the reader takes both.
//
//   | Block Type | Block Total Length | body, options, padded to 32 bits | Block Total Length |
//
// A block is begun, filled and ended over (bytes, offset), without allocation; each function answers the next offset.

import type { CaptureInterface } from './capture.ts';

export const BLOCK_SECTION_HEADER = 0x0a0d0d0a;
export const BLOCK_INTERFACE = 1;
export const BLOCK_SIMPLE_PACKET = 3;
export const BLOCK_ENHANCED_PACKET = 6;

export const BYTE_ORDER_MAGIC = 0x1a2b3c4d;

export const OPTION_END = 0;
export const OPTION_COMMENT = 1;
export const OPTION_IF_NAME = 2;
export const OPTION_IF_TSRESOL = 9;
export const OPTION_IF_TSOFFSET = 14;
export const OPTION_EPB_FLAGS = 2;

/** epb_flags, bits 0 and 1. */
export const EPB_INBOUND = 1;
export const EPB_OUTBOUND = 2;

/** Type and total length, twice the length. */
export const BLOCK_OVERHEAD = 12;
/** An enhanced packet block up to its packet data, with the block's type and length. */
export const PACKET_HEADER = 28;
/** Code and length of an option. */
export const OPTION_HEADER = 4;

/** Timestamps are microseconds. */
const TSRESOL_US = 6;

export function padded(length: number): number {
  return (length + 3) & ~3;
}

function put16(b: Uint8Array, o: number, value: number): number {
  b[o] = value;
  b[o + 1] = value >> 8;
  return o + 2;
}

function put32(b: Uint8Array, o: number, value: number): number {
  b[o] = value;
  b[o + 1] = value >> 8;
  b[o + 2] = value >> 16;
  b[o + 3] = value >> 24;
  return o + 4;
}

function putPadding(b: Uint8Array, o: number, length: number): number {
  const end = o + padded(length) - length;
  b.fill(0, o, end);
  return end;
}

function beginBlock(b: Uint8Array, o: number, type: number): number {
  put32(b, o, type);
  return o + 8;
}

/** Writes both lengths of the block that began at `start` and whose body ends at `o`. */
export function endBlock(b: Uint8Array, start: number, o: number): number {
  const end = put32(b, o, o + 4 - start);
  put32(b, start + 4, end - start);
  return end;
}

/** An option with its padding; at most 65,535 octets. */
export function putOption(b: Uint8Array, o: number, code: number, value: Uint8Array): number {
  put16(b, o, code);
  put16(b, o + 2, value.length);
  b.set(value, o + OPTION_HEADER);
  return putPadding(b, o + OPTION_HEADER + value.length, value.length);
}

/** opt_endofopt */
export function putEndOfOptions(b: Uint8Array, o: number): number {
  return put32(b, o, OPTION_END);
}

export const SECTION_HEADER_LENGTH = 28;

/** A section header, version 1.0, of a length nobody knows yet. SECTION_HEADER_LENGTH octets. */
export function putSectionHeader(b: Uint8Array, start: number): number {
  let o = beginBlock(b, start, BLOCK_SECTION_HEADER);
  o = put32(b, o, BYTE_ORDER_MAGIC);
  o = put16(b, o, 1);
  o = put16(b, o, 0);
  o = put32(b, o, -1);
  o = put32(b, o, -1);
  return endBlock(b, start, o);
}

/** Octets of an interface description with a name of so many octets. */
export function interfaceLength(nameLength: number): number {
  return BLOCK_OVERHEAD + 8 + OPTION_HEADER + padded(nameLength) + OPTION_HEADER + 4 + OPTION_HEADER;
}

/** An interface description, with its name as UTF-8 and timestamps in microseconds. */
export function putInterface(b: Uint8Array, start: number, face: CaptureInterface, name: Uint8Array): number {
  let o = beginBlock(b, start, BLOCK_INTERFACE);
  o = put16(b, o, face.linkType);
  o = put16(b, o, 0);
  o = put32(b, o, face.snaplen);
  o = putOption(b, o, OPTION_IF_NAME, name);
  o = putOption(b, o, OPTION_IF_TSRESOL, Uint8Array.of(TSRESOL_US));
  return endBlock(b, start, putEndOfOptions(b, o));
}

/** The head of an enhanced packet block; the packet's `captured` octets come next, then `putPacketFlags`. */
export function beginPacket(
  b: Uint8Array,
  start: number,
  interfaceId: number,
  timestampUs: number,
  captured: number,
  original: number,
): number {
  let o = beginBlock(b, start, BLOCK_ENHANCED_PACKET);
  o = put32(b, o, interfaceId);
  // 53 bits of microseconds last until the year 2255; the low word is taken by arithmetic, not cut by an operator.
  o = put32(b, o, Math.floor(timestampUs / 0x1_0000_0000));
  o = put32(b, o, (timestampUs % 0x1_0000_0000) | 0);
  o = put32(b, o, captured);
  return put32(b, o, original);
}

/** Pads the packet data that ends at `o`, and writes epb_flags behind it. */
export function putPacketFlags(b: Uint8Array, o: number, captured: number, flags: number): number {
  let at = putPadding(b, o, captured);
  at = put16(b, at, OPTION_EPB_FLAGS);
  at = put16(b, at, 4);
  return put32(b, at, flags);
}

/** Octets of an enhanced packet block with flags and no comment. */
export function packetLength(captured: number): number {
  return PACKET_HEADER + padded(captured) + OPTION_HEADER + 4 + OPTION_HEADER + 4;
}
