// TCP options: RFC 9293 section 3.2 (MSS), RFC 7323 (window scale, timestamps), RFC 2018 (SACK).
//
//   |   2   |   4   |      MSS      |      |   3   |   3   | shift |      |   4   |   2   |
//   |   8   |  10   |             TS Value              |        TS Echo Reply        |
//   |   5   | 2+8n  |  left edge of the 1st block       |  right edge of the 1st block  | ... of the nth

import { rd16, rd32, wr16, wr32 } from './bytes.ts';

export const TCP_OPTION_EOL = 0;
export const TCP_OPTION_NOP = 1;
export const TCP_OPTION_MSS = 2;
export const TCP_OPTION_WINDOW_SCALE = 3;
export const TCP_OPTION_SACK_PERMITTED = 4;
export const TCP_OPTION_SACK = 5;
export const TCP_OPTION_TIMESTAMPS = 8;

/** Octets of each option, kind and length included, as they stand on the wire. */
export const TCP_OPTION_MSS_LENGTH = 4;
export const TCP_OPTION_WINDOW_SCALE_LENGTH = 3;
export const TCP_OPTION_SACK_PERMITTED_LENGTH = 2;
export const TCP_OPTION_TIMESTAMPS_LENGTH = 10;
/** Of a SACK option without blocks, and of each block. */
export const TCP_OPTION_SACK_BASE = 2;
export const TCP_OPTION_SACK_BLOCK = 8;

/** Octets that the writers below take, with the NOPs that align what is behind. */
export const TCP_ALIGNED_WINDOW_SCALE = 4;
export const TCP_ALIGNED_SACK_PERMITTED = 4;
export const TCP_ALIGNED_TIMESTAMPS = 12;
export const TCP_ALIGNED_SACK_BASE = 4;

/** What 40 octets of options hold (RFC 2018 section 3); 3 beside timestamps. */
export const TCP_MAX_SACK_BLOCKS = 4;

/** NOP NOP TS 10: the only options of nearly every segment, as RFC 7323 appendix A recommends them. */
const TIMESTAMPS_LEAD =
  (TCP_OPTION_NOP << 24) |
  (TCP_OPTION_NOP << 16) |
  (TCP_OPTION_TIMESTAMPS << 8) |
  TCP_OPTION_TIMESTAMPS_LENGTH;

/** What `parseTcpOptions` found: one object, used again for every segment. */
export class TcpOptions {
  /** Octets; 0: absent. Of a SYN only (RFC 9293 3.7.1): the caller looks. */
  mss: number = 0;
  /** -1: absent. As it was sent: above 14 the caller takes 14 (RFC 7323 2.3). Of a SYN only. */
  windowScale: number = -1;
  /** Of a SYN only. */
  sackPermitted: boolean = false;
  timestamps: boolean = false;
  /** int32 */
  tsVal: number = 0;
  /** int32; says nothing without TCP_ACK (RFC 7323 3.2). */
  tsEcr: number = 0;
  /** Blocks, 0 .. 4. */
  sackCount: number = 0;
  /** Where the first block starts in the octets that were parsed: left and right edge, a word each. */
  sackAt: number = 0;
}

/**
 * Reads the options in [o, end) of `b`, EOL, NOP and MSS among them (MUST-4), at any alignment (MUST-64). Unknown kinds are skipped by their length (MUST-6),
 * a known kind with a length that is not its own is skipped, too; of an option that comes twice the last one counts,
 * as in Linux. False when a length was impossible (0, 1, past the end): what stood before it was read, what stands
 * behind it cannot be found. Each octet is looked at once, none outside of [o, end).
 *
 * @example
 * const options = new TcpOptions();
 * parseTcpOptions(b, o + TCP_HEADER, o + tcpHeaderLength(b, o), options);
 * if (options.timestamps) options.tsVal;
 */
export function parseTcpOptions(b: Uint8Array, o: number, end: number, into: TcpOptions): boolean {
  into.mss = 0;
  into.windowScale = -1;
  into.sackPermitted = false;
  into.sackCount = 0;
  into.sackAt = 0;
  if (end - o === TCP_ALIGNED_TIMESTAMPS && rd32(b, o) === TIMESTAMPS_LEAD) {
    into.timestamps = true;
    into.tsVal = rd32(b, o + 4);
    into.tsEcr = rd32(b, o + 8);
    return true;
  }
  into.timestamps = false;
  into.tsVal = 0;
  into.tsEcr = 0;
  let at = o;
  while (at < end) {
    const kind = b[at];
    if (kind === TCP_OPTION_EOL) return true;
    if (kind === TCP_OPTION_NOP) {
      at++;
      continue;
    }
    // A length of 0 would keep the walk where it is for ever (MUST-7).
    if (at + 1 >= end) return false;
    const size = b[at + 1];
    if (size < 2 || at + size > end) return false;
    readOption(b, at, kind, size, into);
    at += size;
  }
  return true;
}

function readOption(b: Uint8Array, at: number, kind: number, size: number, into: TcpOptions): void {
  switch (kind) {
    case TCP_OPTION_MSS:
      if (size === TCP_OPTION_MSS_LENGTH) into.mss = rd16(b, at + 2);
      return;
    case TCP_OPTION_WINDOW_SCALE:
      if (size === TCP_OPTION_WINDOW_SCALE_LENGTH) into.windowScale = b[at + 2];
      return;
    case TCP_OPTION_SACK_PERMITTED:
      if (size === TCP_OPTION_SACK_PERMITTED_LENGTH) into.sackPermitted = true;
      return;
    case TCP_OPTION_SACK: {
      const blocks = size - TCP_OPTION_SACK_BASE;
      // Four is what a header holds; only a caller with a longer [o, end) than that could show more.
      if (blocks < 8 || blocks > 32 || (blocks & 7) !== 0) return;
      into.sackCount = blocks >>> 3;
      into.sackAt = at + TCP_OPTION_SACK_BASE;
      return;
    }
    case TCP_OPTION_TIMESTAMPS:
      if (size !== TCP_OPTION_TIMESTAMPS_LENGTH) return;
      into.timestamps = true;
      into.tsVal = rd32(b, at + 2);
      into.tsEcr = rd32(b, at + 6);
      return;
  }
}

// All that is written has its length but NOP (MUST-68). Each writer answers the offset behind what it wrote, aligned to words when it started aligned.

export function writeMssOption(b: Uint8Array, o: number, mss: number): number {
  b[o] = TCP_OPTION_MSS;
  b[o + 1] = TCP_OPTION_MSS_LENGTH;
  wr16(b, o + 2, mss);
  return o + TCP_OPTION_MSS_LENGTH;
}

/** NOP and the option. */
export function writeWindowScaleOption(b: Uint8Array, o: number, shift: number): number {
  b[o] = TCP_OPTION_NOP;
  b[o + 1] = TCP_OPTION_WINDOW_SCALE;
  b[o + 2] = TCP_OPTION_WINDOW_SCALE_LENGTH;
  b[o + 3] = shift;
  return o + TCP_ALIGNED_WINDOW_SCALE;
}

/** Two NOPs and the option. */
export function writeSackPermittedOption(b: Uint8Array, o: number): number {
  b[o] = TCP_OPTION_NOP;
  b[o + 1] = TCP_OPTION_NOP;
  b[o + 2] = TCP_OPTION_SACK_PERMITTED;
  b[o + 3] = TCP_OPTION_SACK_PERMITTED_LENGTH;
  return o + TCP_ALIGNED_SACK_PERMITTED;
}

/** Two NOPs and the option (RFC 7323 appendix A). */
export function writeTimestampsOption(b: Uint8Array, o: number, tsVal: number, tsEcr: number): number {
  wr32(b, o, TIMESTAMPS_LEAD);
  wr32(b, o + 4, tsVal);
  wr32(b, o + 8, tsEcr);
  return o + TCP_ALIGNED_TIMESTAMPS;
}

/**
 * Two NOPs, and the option up to its blocks. Unlike the others it answers where the first block goes: `count` times a
 * left and a right edge, a word each, which the caller writes.
 */
export function writeSackOption(b: Uint8Array, o: number, count: number): number {
  b[o] = TCP_OPTION_NOP;
  b[o + 1] = TCP_OPTION_NOP;
  b[o + 2] = TCP_OPTION_SACK;
  b[o + 3] = TCP_OPTION_SACK_BASE + TCP_OPTION_SACK_BLOCK * count;
  return o + TCP_ALIGNED_SACK_BASE;
}

/** Octets that `writeSynOptions` takes: 4 .. 20. `windowScale`: -1 for none. */
export function synOptionsLength(sackPermitted: boolean, timestamps: boolean, windowScale: number): number {
  let length = TCP_OPTION_MSS_LENGTH;
  if (timestamps) length += TCP_ALIGNED_TIMESTAMPS;
  else if (sackPermitted) length += TCP_ALIGNED_SACK_PERMITTED;
  return windowScale < 0 ? length : length + TCP_ALIGNED_WINDOW_SCALE;
}

/**
 * The options of a SYN or SYN-ACK in Linux's order and padding: MSS, SACK-permitted, timestamps, NOP, window scale.
 * SACK-permitted stands where the NOPs before timestamps would, so all of them take 20 octets.
 */
export function writeSynOptions(
  b: Uint8Array,
  o: number,
  mss: number,
  sackPermitted: boolean,
  timestamps: boolean,
  tsVal: number,
  tsEcr: number,
  windowScale: number,
): number {
  let at = writeMssOption(b, o, mss);
  if (timestamps) {
    const lead = at;
    at = writeTimestampsOption(b, at, tsVal, tsEcr);
    if (sackPermitted) {
      b[lead] = TCP_OPTION_SACK_PERMITTED;
      b[lead + 1] = TCP_OPTION_SACK_PERMITTED_LENGTH;
    }
  } else if (sackPermitted) {
    at = writeSackPermittedOption(b, at);
  }
  return windowScale < 0 ? at : writeWindowScaleOption(b, at, windowScale);
}
