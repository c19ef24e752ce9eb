// The Ethernet II header, RFC 894. An address is two int32: `high` its first two octets, `low` the other four.
//
//   | Destination (6) | Source (6) | EtherType (2) |

import { rd16, rd32, wr16, wr32 } from './bytes.ts';

export const ETHER_HEADER = 14;
export const ETHERTYPE_IP4 = 0x0800;
export const ETHERTYPE_ARP = 0x0806;
export const ETHERTYPE_VLAN = 0x8100;
export const ETHERTYPE_QINQ = 0x88a8;
export const ETHERTYPE_IP6 = 0x86dd;
/** Below, the field is a length: an IEEE 802.3 frame. */
export const ETHERTYPE_MIN = 0x0600;

/** ff:ff:ff:ff:ff:ff */
export const ETHER_BROADCAST_HIGH = 0xffff;
export const ETHER_BROADCAST_LOW = -1;
/** 01:00:5e, in front of the low 23 bits of a group's address (RFC 1112 6.4). */
const MULTICAST_HIGH = 0x0100;
const MULTICAST_LOW = 0x5e00_0000;

export function etherDestinationHigh(b: Uint8Array, o: number): number {
  return rd16(b, o);
}

export function etherDestinationLow(b: Uint8Array, o: number): number {
  return rd32(b, o + 2);
}

export function etherSourceHigh(b: Uint8Array, o: number): number {
  return rd16(b, o + 6);
}

export function etherSourceLow(b: Uint8Array, o: number): number {
  return rd32(b, o + 8);
}

export function etherType(b: Uint8Array, o: number): number {
  return rd16(b, o + 12);
}

export function writeEther(
  b: Uint8Array,
  o: number,
  destinationHigh: number,
  destinationLow: number,
  sourceHigh: number,
  sourceLow: number,
  type: number,
): void {
  wr16(b, o, destinationHigh);
  wr32(b, o + 2, destinationLow);
  wr16(b, o + 6, sourceHigh);
  wr32(b, o + 8, sourceLow);
  wr16(b, o + 12, type);
}

/** A group's address, or everybody's. */
export function isGroupEther(high: number): boolean {
  return (high & 0x0100) !== 0;
}

/** True for what one station may be called: neither a group nor all zeros. */
export function isStationEther(high: number, low: number): boolean {
  return !isGroupEther(high) && (high | low) !== 0;
}

export function multicastEtherHigh(): number {
  return MULTICAST_HIGH;
}

/** The low part of the address that an IPv4 group has on the wire. */
export function multicastEtherLow(group: number): number {
  return MULTICAST_LOW | (group & 0x007f_ffff);
}

/** `formatEther(0x0200, 2) === '02:00:00:00:00:02'` */
export function formatEther(high: number, low: number): string {
  return [high >> 8, high, low >>> 24, low >>> 16, low >>> 8, low]
    .map((octet) => (octet & 255).toString(16).padStart(2, '0'))
    .join(':');
}

/** Six octets in hex with colons, as [high, low]; undefined when it is not that. */
export function parseEther(text: string): readonly [high: number, low: number] | undefined {
  if (!/^([0-9a-f]{2}:){5}[0-9a-f]{2}$/i.test(text)) return undefined;
  const octets = text.split(':').map((part) => Number.parseInt(part, 16));
  return [(octets[0] << 8) | octets[1], (octets[2] << 24) | (octets[3] << 16) | (octets[4] << 8) | octets[5]];
}
