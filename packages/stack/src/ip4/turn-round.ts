// Turning an arrived datagram round in place: it leaves for where it came from, in the memory it came in.

import { CHECKSUM_NONE, type Packet } from '../contract/packet.ts';
import { wr32 } from '../wire/bytes.ts';
import {
  IPV4_MIN_HEADER,
  ipv4Destination,
  ipv4Flags,
  ipv4Id,
  ipv4Protocol,
  ipv4Source,
  ipv4Tos,
  ipv4TotalLength,
  setIpv4Ttl,
  writeIpv4,
} from '../wire/ipv4.ts';

/** The bit of octet 6 that must be zero (RFC 791 3.1), and is, in what we send. */
const RESERVED = 0x80;

/**
 * Writes a header without options in front of the packet's head (its transport header), addresses exchanged. What has
 * just been read of the old header may be overwritten. DF and identification are mirrored: what was unique for the
 * asker towards us is unique for us towards the asker (RFC 6864 4.3).
 */
export function turnRound(packet: Packet, ttl: number, protocol: number): void {
  if (fits(packet, protocol)) exchange(packet, ttl);
  else rewrite(packet, ttl, protocol);
  packet.path = -1;
  packet.checksum = CHECKSUM_NONE;
}

/** The old header is the new one but for addresses and TTL. It nearly always is. */
function fits({ bytes, network, head, length }: Packet, protocol: number): boolean {
  return (
    head - network === IPV4_MIN_HEADER &&
    ipv4TotalLength(bytes, network) === IPV4_MIN_HEADER + length &&
    ipv4Protocol(bytes, network) === protocol &&
    (bytes[network + 6] & RESERVED) === 0
  );
}

/** Exchanging the addresses leaves the header checksum as it is (it was verified), the TTL moves it by RFC 1624. */
function exchange(packet: Packet, ttl: number): void {
  const b = packet.bytes;
  const o = packet.push(IPV4_MIN_HEADER);
  const source = ipv4Source(b, o);
  wr32(b, o + 12, ipv4Destination(b, o));
  wr32(b, o + 16, source);
  setIpv4Ttl(b, o, ttl);
}

function rewrite(packet: Packet, ttl: number, protocol: number): void {
  const b = packet.bytes;
  const old = packet.network;
  const tos = ipv4Tos(b, old);
  const id = ipv4Id(b, old);
  const flags = ipv4Flags(b, old);
  const source = ipv4Destination(b, old);
  const destination = ipv4Source(b, old);
  const o = packet.push(IPV4_MIN_HEADER);
  writeIpv4(b, o, tos, packet.length, id, flags, ttl, protocol, source, destination);
  packet.network = o;
}
