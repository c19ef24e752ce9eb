// The IPv4 header, RFC 791 section 3.1.
//
//    0                   1                   2                   3
//    0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
//   |Version|  IHL  |Type of Service|          Total Length         |
//   |         Identification        |Flags|      Fragment Offset    |
//   |  Time to Live |    Protocol   |         Header Checksum       |
//   |                       Source Address                          |
//   |                    Destination Address                        |
//   |                    Options                    |    Padding    |

import { rd16, rd32, wr16, wr32 } from './bytes.ts';
import { complement, pseudoHeaderSum, sumBytes, updateChecksum } from './checksum.ts';

export const IPV4_MIN_HEADER = 20;
export const IPV4_MAX_HEADER = 60;
/** What the total length can say. */
export const IPV4_MAX_TOTAL = 65_535;
/** Every host takes datagrams of this size (RFC 791), and no path has a smaller MTU than 68. */
export const IPV4_MIN_MTU = 68;

export const PROTO_ICMP = 1;
export const PROTO_IGMP = 2;
export const PROTO_TCP = 6;
export const PROTO_UDP = 17;

export const IPV4_DF = 0x4000;
export const IPV4_MF = 0x2000;

/** What `checkIpv4` found. */
export const IPV4_OK = 0;
export const IPV4_SHORT = 1;
export const IPV4_BAD_VERSION = 2;
export const IPV4_BAD_HEADER_LENGTH = 3;
export const IPV4_BAD_TOTAL_LENGTH = 4;
export const IPV4_BAD_CHECKSUM = 5;

/**
 * Checks version, lengths and header checksum of the datagram that starts at `o`, of which `available` octets are
 * there (RFC 1122 3.2.1.1, 3.2.1.2). After IPV4_OK the getters below cannot read outside the datagram. R791.1, R1122.1, R1122.2.
 */
export function checkIpv4(b: Uint8Array, o: number, available: number): number {
  if (available < IPV4_MIN_HEADER) return available > 0 && b[o] >>> 4 !== 4 ? IPV4_BAD_VERSION : IPV4_SHORT;
  if (b[o] >>> 4 !== 4) return IPV4_BAD_VERSION;
  const header = (b[o] & 15) << 2;
  if (header < IPV4_MIN_HEADER || header > available) return IPV4_BAD_HEADER_LENGTH;
  const total = rd16(b, o + 2);
  if (total < header || total > available) return IPV4_BAD_TOTAL_LENGTH;
  return complement(sumBytes(b, o, header)) === 0 ? IPV4_OK : IPV4_BAD_CHECKSUM;
}

export function ipv4HeaderLength(b: Uint8Array, o: number): number {
  return (b[o] & 15) << 2;
}

export function ipv4Tos(b: Uint8Array, o: number): number {
  return b[o + 1];
}

export function ipv4TotalLength(b: Uint8Array, o: number): number {
  return rd16(b, o + 2);
}

export function ipv4Id(b: Uint8Array, o: number): number {
  return rd16(b, o + 4);
}

/** True for any fragment: more to come, or not the first (RFC 791 section 3.2). */
export function ipv4IsFragment(b: Uint8Array, o: number): boolean {
  return (rd16(b, o + 6) & 0x3fff) !== 0;
}

/** The fragment's place in the datagram, octets. */
export function ipv4FragmentOffset(b: Uint8Array, o: number): number {
  return (rd16(b, o + 6) & 0x1fff) << 3;
}

/** DF and MF bits. */
export function ipv4Flags(b: Uint8Array, o: number): number {
  return rd16(b, o + 6) & 0x6000;
}

export function ipv4Ttl(b: Uint8Array, o: number): number {
  return b[o + 8];
}

export function ipv4Protocol(b: Uint8Array, o: number): number {
  return b[o + 9];
}

export function ipv4Checksum(b: Uint8Array, o: number): number {
  return rd16(b, o + 10);
}

export function ipv4Source(b: Uint8Array, o: number): number {
  return rd32(b, o + 12);
}

export function ipv4Destination(b: Uint8Array, o: number): number {
  return rd32(b, o + 16);
}

/** Sets TTL and repairs the header checksum by RFC 1624. */
export function setIpv4Ttl(b: Uint8Array, o: number, ttl: number): void {
  const from = rd16(b, o + 8);
  b[o + 8] = ttl;
  wr16(b, o + 10, updateChecksum(rd16(b, o + 10), from, rd16(b, o + 8)));
}

/** Computes and writes the header checksum, whatever stands there. */
export function setIpv4Checksum(b: Uint8Array, o: number): void {
  wr16(b, o + 10, 0);
  wr16(b, o + 10, complement(sumBytes(b, o, (b[o] & 15) << 2)));
}

/** Writes a header of 20 octets with its checksum. `flags`: IPV4_DF or 0; `total`: octets with this header. */
export function writeIpv4(
  b: Uint8Array,
  o: number,
  tos: number,
  total: number,
  id: number,
  flags: number,
  ttl: number,
  protocol: number,
  source: number,
  destination: number,
): void {
  b[o] = 0x45;
  b[o + 1] = tos;
  wr16(b, o + 2, total);
  wr16(b, o + 4, id);
  wr16(b, o + 6, flags);
  b[o + 8] = ttl;
  b[o + 9] = protocol;
  wr32(b, o + 12, source);
  wr32(b, o + 16, destination);
  // The ten words are at hand, so they are not read back. Addresses and protocol are what a pseudo-header sums.
  const others =
    0x4500 + (tos & 0xff) + (total & 0xffff) + (id & 0xffff) + (flags & 0xffff) + ((ttl & 0xff) << 8);
  wr16(b, o + 10, complement(pseudoHeaderSum(source, destination, protocol & 0xff, others)));
}
