// The virtio-net header (virtio 1.2, 5.1.6) in the 10-octet legacy layout a TUN with IFF_VNET_HDR speaks, little-endian.
//
//   0 flags | 1 gso_type | 2 hdr_len | 4 gso_size | 6 csum_start | 8 csum_offset

import { rd16le, wr16le } from './bytes.ts';

export const VNET_HEADER = 10;

export const VNET_F_NEEDS_CSUM = 1;
export const VNET_F_DATA_VALID = 2;

export const VNET_GSO_NONE = 0;
export const VNET_GSO_TCPV4 = 1;
export const VNET_GSO_UDP = 3;
export const VNET_GSO_TCPV6 = 4;
export const VNET_GSO_UDP_L4 = 5;
export const VNET_GSO_ECN = 0x80;

export function vnetFlags(b: Uint8Array, o: number): number {
  return b[o];
}

export function vnetGsoType(b: Uint8Array, o: number): number {
  return b[o + 1];
}

export function vnetHeaderLength(b: Uint8Array, o: number): number {
  return rd16le(b, o + 2);
}

export function vnetGsoSize(b: Uint8Array, o: number): number {
  return rd16le(b, o + 4);
}

/** Where summing starts, octets from the start of the frame behind this header. */
export function vnetChecksumStart(b: Uint8Array, o: number): number {
  return rd16le(b, o + 6);
}

/** Where the checksum goes, octets from the start of summing. */
export function vnetChecksumOffset(b: Uint8Array, o: number): number {
  return rd16le(b, o + 8);
}

export function writeVnet(
  b: Uint8Array,
  o: number,
  flags: number,
  gsoType: number,
  headerLength: number,
  gsoSize: number,
  checksumStart: number,
  checksumOffset: number,
): void {
  b[o] = flags;
  b[o + 1] = gsoType;
  wr16le(b, o + 2, headerLength);
  wr16le(b, o + 4, gsoSize);
  wr16le(b, o + 6, checksumStart);
  wr16le(b, o + 8, checksumOffset);
}
