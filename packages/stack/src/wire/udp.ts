// The UDP header, RFC 768.
//
//   |          Source Port          |       Destination Port        |
//   |            Length             |           Checksum            |

import { rd16, wr16 } from './bytes.ts';

export const UDP_HEADER = 8;
/** Offset of the checksum field, for a device that completes it. */
export const UDP_CHECKSUM_AT = 6;
/** The most payload one IPv4 datagram without options carries. */
export const UDP_MAX_PAYLOAD = 65_507;

export function udpSourcePort(b: Uint8Array, o: number): number {
  return rd16(b, o);
}

export function udpDestinationPort(b: Uint8Array, o: number): number {
  return rd16(b, o + 2);
}

/** Octets with this header. */
export function udpLength(b: Uint8Array, o: number): number {
  return rd16(b, o + 4);
}

/** 0: the sender computed none. */
export function udpChecksum(b: Uint8Array, o: number): number {
  return rd16(b, o + 6);
}

export function writeUdp(
  b: Uint8Array,
  o: number,
  sourcePort: number,
  destinationPort: number,
  length: number,
  checksum: number,
): void {
  wr16(b, o, sourcePort);
  wr16(b, o + 2, destinationPort);
  wr16(b, o + 4, length);
  wr16(b, o + 6, checksum);
}
