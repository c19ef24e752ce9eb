// Turning an arrived datagram round in place: it leaves for where it came from, in the memory it came in.

import { CHECKSUM_NONE, type Packet } from '../contract/packet.ts';
import {
  IPV4_MIN_HEADER,
  ipv4Destination,
  ipv4Flags,
  ipv4Id,
  ipv4Source,
  ipv4Tos,
  writeIpv4,
} from '../wire/ipv4.ts';

/**
 * Writes a header without options in front of the packet's head (its transport header), addresses exchanged. What has
 * just been read of the old header may be overwritten. DF and identification are mirrored: what was unique for the
 * asker towards us is unique for us towards the asker (RFC 6864 4.3).
 */
export function turnRound(packet: Packet, ttl: number, protocol: number): void {
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
  packet.path = -1;
  packet.checksum = CHECKSUM_NONE;
}
