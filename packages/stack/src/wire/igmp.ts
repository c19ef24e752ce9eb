// IGMP messages, version 2: RFC 2236 section 2. They travel with TTL 1 and the router alert option (RFC 2113).
//
//   |     Type      | Max Resp Time |          Checksum             |
//   |                         Group Address                         |

import { rd16, rd32, wr16, wr32 } from './bytes.ts';
import { complement, sumBytes } from './checksum.ts';

export const IGMP_HEADER = 8;

export const IGMP_QUERY = 0x11;
export const IGMP_V1_REPORT = 0x12;
export const IGMP_V2_REPORT = 0x16;
export const IGMP_LEAVE = 0x17;

/** 224.0.0.1, all systems on the link: every host's, and never reported (RFC 1112 4). */
export const ALL_SYSTEMS: number = 0xe000_0001 | 0;
/** 224.0.0.2, all routers on the link: who leaves tells them (RFC 2236 3). */
export const ALL_ROUTERS: number = 0xe000_0002 | 0;

/** Router alert: type 148, four octets, value 0 (RFC 2113 2.1). */
export const ROUTER_ALERT: number = 0x9404_0000 | 0;

export function igmpType(b: Uint8Array, o: number): number {
  return b[o];
}

/** Tenths of a second; 0: a query of version 1. */
export function igmpMaxResponse(b: Uint8Array, o: number): number {
  return b[o + 1];
}

export function igmpChecksum(b: Uint8Array, o: number): number {
  return rd16(b, o + 2);
}

/** int32; 0 in a general query. */
export function igmpGroup(b: Uint8Array, o: number): number {
  return rd32(b, o + 4);
}

/** Writes the eight octets of a message with its checksum. */
export function writeIgmp(b: Uint8Array, o: number, type: number, maxResponse: number, group: number): void {
  b[o] = type;
  b[o + 1] = maxResponse;
  wr16(b, o + 2, 0);
  wr32(b, o + 4, group);
  wr16(b, o + 2, complement(sumBytes(b, o, IGMP_HEADER)));
}
