// The TCP header, RFC 9293 section 3.1; CWR and ECE by RFC 3168.
//
//    0                   1                   2                   3
//    0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
//   |          Source Port          |       Destination Port        |
//   |                        Sequence Number                        |
//   |                    Acknowledgment Number                      |
//   |  Data |       |C|E|U|A|P|R|S|F|                               |
//   | Offset| Rsrvd |W|C|R|C|S|S|Y|I|            Window             |
//   |       |       |R|E|G|K|H|T|N|N|                               |
//   |           Checksum            |         Urgent Pointer        |
//   |                           [Options]                           |

import { rd16, rd32, wr16, wr32 } from './bytes.ts';

/** Octets without options. */
export const TCP_HEADER = 20;
/** The most that the data offset can say. */
export const TCP_MAX_HEADER = 60;
/** Offset of the checksum field, for a device that completes it. */
export const TCP_CHECKSUM_AT = 16;

export const TCP_FIN = 1;
export const TCP_SYN = 2;
export const TCP_RST = 4;
export const TCP_PSH = 8;
export const TCP_ACK = 16;
export const TCP_URG = 32;
export const TCP_ECE = 64;
export const TCP_CWR = 128;

export function tcpSourcePort(b: Uint8Array, o: number): number {
  return rd16(b, o);
}

export function tcpDestinationPort(b: Uint8Array, o: number): number {
  return rd16(b, o + 2);
}

/** int32: compare with base/int. */
export function tcpSeq(b: Uint8Array, o: number): number {
  return rd32(b, o + 4);
}

/** int32; says nothing without TCP_ACK. */
export function tcpAck(b: Uint8Array, o: number): number {
  return rd32(b, o + 8);
}

/** Octets with the options, 0 .. 60 as it stands there: below TCP_HEADER it is wrong. */
export function tcpHeaderLength(b: Uint8Array, o: number): number {
  return (b[o + 12] >>> 4) << 2;
}

/** TCP_FIN .. TCP_CWR. */
export function tcpFlags(b: Uint8Array, o: number): number {
  return b[o + 13];
}

/** 0 .. 65535, not scaled (RFC 7323 2.2). */
export function tcpWindow(b: Uint8Array, o: number): number {
  return rd16(b, o + 14);
}

export function tcpChecksum(b: Uint8Array, o: number): number {
  return rd16(b, o + TCP_CHECKSUM_AT);
}

/** Says nothing without TCP_URG. */
export function tcpUrgent(b: Uint8Array, o: number): number {
  return rd16(b, o + 18);
}

/** Writes the 20 octets before the options, reserved bits 0 (RFC 9293 3.1). `headerLength`: octets with the options. */
export function writeTcp(
  b: Uint8Array,
  o: number,
  sourcePort: number,
  destinationPort: number,
  seq: number,
  ack: number,
  headerLength: number,
  flags: number,
  window: number,
  checksum: number,
  urgent: number,
): void {
  wr16(b, o, sourcePort);
  wr16(b, o + 2, destinationPort);
  wr32(b, o + 4, seq);
  wr32(b, o + 8, ack);
  b[o + 12] = (headerLength >>> 2) << 4;
  b[o + 13] = flags;
  wr16(b, o + 14, window);
  wr16(b, o + TCP_CHECKSUM_AT, checksum);
  wr16(b, o + 18, urgent);
}
