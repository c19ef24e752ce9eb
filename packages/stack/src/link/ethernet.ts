// Frames in: RFC 894, RFC 1122 2.3. Whose a frame is, what is in it; no state but our own address. R1122.37.

import { CAST_ALL, CAST_GROUP, CAST_HOST, type Packet } from '../contract/packet.ts';
import { R } from '../contract/reasons.ts';
import * as ether from '../wire/ether.ts';

/** What `frameArrives` found; head is behind the Ethernet header. */
export const FRAME_IP4 = -1;
export const FRAME_ARP = -2;

/**
 * Reads a frame, head at its Ethernet header; `high`, `low`: the address of the station it arrived at. FRAME_IP4, FRAME_ARP,
 * or the reason (0 or more) to drop it.
 */
export function frameArrives(packet: Packet, high: number, low: number): number {
  const b = packet.bytes;
  const o = packet.head;
  if (packet.linear < ether.ETHER_HEADER) return R.ETHER_TRUNCATED;
  const toHigh = ether.etherDestinationHigh(b, o);
  const toLow = ether.etherDestinationLow(b, o);
  if (ether.isGroupEther(toHigh)) {
    const all = toHigh === ether.ETHER_BROADCAST_HIGH && toLow === ether.ETHER_BROADCAST_LOW;
    packet.cast = all ? CAST_ALL : CAST_GROUP;
  } else {
    // A bridge floods what it does not know, a hub everything (Linux PACKET_OTHERHOST).
    if (toHigh !== high || toLow !== low) return R.ETHER_OTHER_HOST;
    packet.cast = CAST_HOST;
  }
  if (!ether.isStationEther(ether.etherSourceHigh(b, o), ether.etherSourceLow(b, o)))
    return R.ETHER_BAD_SOURCE;
  const type = ether.etherType(b, o);
  if (type < ether.ETHERTYPE_MIN) return R.ETHER_LENGTH;
  packet.link = o;
  packet.pull(ether.ETHER_HEADER);
  switch (type) {
    case ether.ETHERTYPE_IP4:
      return FRAME_IP4;
    case ether.ETHERTYPE_ARP:
      return FRAME_ARP;
    case ether.ETHERTYPE_VLAN:
    case ether.ETHERTYPE_QINQ:
      return R.ETHER_VLAN;
    default:
      return R.ETHER_UNKNOWN_TYPE;
  }
}
