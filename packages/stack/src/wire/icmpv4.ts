// ICMP messages, RFC 792.
//
//   |     Type      |     Code      |          Checksum             |
//   |    Identifier / unused        |  Sequence Number / Next-Hop MTU (RFC 1191)
//   |    Data, or the header and first octets of the datagram that caused the error

import { rd16, wr16 } from './bytes.ts';

export const ICMP_HEADER = 8;

export const ICMP_ECHO_REPLY = 0;
export const ICMP_DEST_UNREACHABLE = 3;
export const ICMP_SOURCE_QUENCH = 4;
export const ICMP_REDIRECT = 5;
export const ICMP_ECHO = 8;
export const ICMP_TIME_EXCEEDED = 11;
export const ICMP_PARAMETER_PROBLEM = 12;
export const ICMP_TIMESTAMP = 13;
export const ICMP_TIMESTAMP_REPLY = 14;
export const ICMP_ADDRESS_MASK = 17;
export const ICMP_ADDRESS_MASK_REPLY = 18;

/** Codes of ICMP_DEST_UNREACHABLE (RFC 792, RFC 1122 3.2.2.1, RFC 1812 5.2.7.1). */
export const UNREACH_NET = 0;
export const UNREACH_HOST = 1;
export const UNREACH_PROTOCOL = 2;
export const UNREACH_PORT = 3;
export const UNREACH_NEEDFRAG = 4;
export const UNREACH_SOURCE_ROUTE = 5;
export const UNREACH_NET_UNKNOWN = 6;
export const UNREACH_HOST_UNKNOWN = 7;
export const UNREACH_ISOLATED = 8;
export const UNREACH_NET_PROHIBITED = 9;
export const UNREACH_HOST_PROHIBITED = 10;
export const UNREACH_NET_TOS = 11;
export const UNREACH_HOST_TOS = 12;
export const UNREACH_ADMIN = 13;
export const UNREACH_PRECEDENCE = 14;
export const UNREACH_CUTOFF = 15;

/** Codes of ICMP_TIME_EXCEEDED (RFC 792): in transit, and while fragments waited for the others. */
export const TIME_IN_TRANSIT = 0;
export const TIME_REASSEMBLY = 1;

export function icmpType(b: Uint8Array, o: number): number {
  return b[o];
}

export function icmpCode(b: Uint8Array, o: number): number {
  return b[o + 1];
}

export function icmpChecksum(b: Uint8Array, o: number): number {
  return rd16(b, o + 2);
}

/** Identifier of an echo, unsigned 16 bits. */
export function icmpId(b: Uint8Array, o: number): number {
  return rd16(b, o + 4);
}

/** Sequence number of an echo, or next-hop MTU of a fragmentation-needed (RFC 1191 section 4). */
export function icmpSequence(b: Uint8Array, o: number): number {
  return rd16(b, o + 6);
}

/** Writes the eight header octets; the checksum is `checksum`, 0 when it is still to be computed. */
export function writeIcmp(
  b: Uint8Array,
  o: number,
  type: number,
  code: number,
  checksum: number,
  id: number,
  sequence: number,
): void {
  b[o] = type;
  b[o + 1] = code;
  wr16(b, o + 2, checksum);
  wr16(b, o + 4, id);
  wr16(b, o + 6, sequence);
}

/** True for messages that report an error: about these no error is ever sent (RFC 1122 3.2.2). Unknown types count. */
export function isIcmpError(type: number): boolean {
  switch (type) {
    case ICMP_ECHO:
    case ICMP_ECHO_REPLY:
    case ICMP_TIMESTAMP:
    case ICMP_TIMESTAMP_REPLY:
    case ICMP_ADDRESS_MASK:
    case ICMP_ADDRESS_MASK_REPLY:
    case 9: // router advertisement, RFC 1256
    case 10: // router solicitation
      return false;
    default:
      return true;
  }
}
