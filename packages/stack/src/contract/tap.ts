// A tap sees what passes an interface and what is dropped, and changes nothing: captures, traces, lessons.

import type { Packet } from './packet.ts';

export const DIRECTION_IN = 0;
export const DIRECTION_OUT = 1;

/**
 * Runs inside the core: it gets a reused record, keeps nothing of it, calls no verb, never throws. It reads the octets of the packet
 * as they are; a CHECKSUM_PARTIAL one is completed in the tap's own copy.
 */
export interface Tap {
  /** A packet arrived at, or leaves by, the interface with this id. `nowUs`: the pump's reading, int32 modular. */
  packet(packet: Packet, direction: number, interfaceId: number, nowUs: number): void;
  /** A packet is dropped for this reason code (`REASONS[reason]`). */
  drop(packet: Packet, reason: number, nowUs: number): void;
}
