// Repairs the checksums of a packet that was changed: IPv4, and ICMP, TCP or UDP within. RFC 1071.
// For tests and fuzzers: a mutated packet gets past the checksums to what lies behind them.

import { wr16 } from './bytes.ts';
import { complement, pseudoHeaderSum, sumBytes } from './checksum.ts';
import { ICMP_HEADER } from './icmpv4.ts';
import * as ip from './ipv4.ts';
import { TCP_CHECKSUM_AT, TCP_HEADER } from './tcp.ts';
import { UDP_CHECKSUM_AT, UDP_HEADER, udpChecksum, udpLength } from './udp.ts';

/** 0 says "none", so a checksum of 0 is sent as all ones (RFC 768). */
export function udpComplement(sum: number): number {
  return complement(sum) || 0xffff;
}

/**
 * Computes the header checksum of the datagram in `bytes`, and the ICMP, TCP or UDP checksum within, over the lengths
 * that the datagram claims as far as it has them. A UDP checksum of 0 (none) stays, a fragment's stays too. Works in
 * place; takes any octets and never throws.
 */
export function repairChecksums(bytes: Uint8Array): void {
  if (bytes.length < ip.IPV4_MIN_HEADER) return;
  const header = ip.ipv4HeaderLength(bytes, 0);
  if (header < ip.IPV4_MIN_HEADER || header > bytes.length) return;
  ip.setIpv4Checksum(bytes, 0);
  if (ip.ipv4IsFragment(bytes, 0)) return;
  const total = ip.ipv4TotalLength(bytes, 0);
  const end = total >= header && total <= bytes.length ? total : bytes.length;
  const protocol = ip.ipv4Protocol(bytes, 0);
  if (protocol === ip.PROTO_ICMP) repairIcmp(bytes, header, end - header);
  else if (protocol === ip.PROTO_TCP) repairTcp(bytes, header, end - header);
  else if (protocol === ip.PROTO_UDP) repairUdp(bytes, header, end - header);
}

function repairIcmp(bytes: Uint8Array, o: number, available: number): void {
  if (available < ICMP_HEADER) return;
  wr16(bytes, o + 2, 0);
  wr16(bytes, o + 2, complement(sumBytes(bytes, o, available)));
}

function repairTcp(bytes: Uint8Array, o: number, available: number): void {
  if (available < TCP_HEADER) return;
  wr16(bytes, o + TCP_CHECKSUM_AT, 0);
  wr16(bytes, o + TCP_CHECKSUM_AT, complement(transportSum(bytes, o, ip.PROTO_TCP, available)));
}

function repairUdp(bytes: Uint8Array, o: number, available: number): void {
  if (available < UDP_HEADER || udpChecksum(bytes, o) === 0) return;
  const claimed = udpLength(bytes, o);
  const length = claimed >= UDP_HEADER && claimed <= available ? claimed : available;
  wr16(bytes, o + UDP_CHECKSUM_AT, 0);
  wr16(bytes, o + UDP_CHECKSUM_AT, udpComplement(transportSum(bytes, o, ip.PROTO_UDP, length)));
}

/** Of the pseudo-header and `length` octets at `o`. */
function transportSum(bytes: Uint8Array, o: number, protocol: number, length: number): number {
  const addresses = sumBytes(bytes, 12, 8);
  return pseudoHeaderSum(0, 0, protocol, length) + addresses + sumBytes(bytes, o, length);
}
