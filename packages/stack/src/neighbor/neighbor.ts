// One neighbour: whose station address belongs to an IPv4 address on a link. States of RFC 4861 7.3.2, used for ARP.
//
//   (none) --a packet for it--> INCOMPLETE --reply--> REACHABLE --time--> STALE --a packet for it--> DELAY --time--> PROBE
//                                    \--no reply: gone                    <--reply: REACHABLE----/        \--no reply: gone
//
// Of STALE, DELAY and PROBE a connection's progress makes REACHABLE, too (7.3.1). STALE ends by age in a crowded table.

import { Fifo } from '../base/fifo.ts';
import type { Packet } from '../contract/packet.ts';

export const INCOMPLETE = 0;
export const REACHABLE = 1;
export const STALE = 2;
export const DELAY = 3;
export const PROBE = 4;
/** Told by the administrator: never asked for, never forgotten. */
export const PERMANENT = 5;

/** As `ip neigh` prints them. */
export const NEIGHBOR_STATES: readonly string[] = [
  'INCOMPLETE',
  'REACHABLE',
  'STALE',
  'DELAY',
  'PROBE',
  'PERMANENT',
];

/** What a neighbour is reached through: an interface that speaks Ethernet. */
export interface Station {
  readonly id: number;
  /** Its own address. */
  readonly etherHigh: number;
  readonly etherLow: number;
  /** Sends a frame that is complete. TAKEN or FULL. */
  transmitFrame(packet: Packet): number;
  /** The address that asks for `target`: one of ours in its network if there is one (Linux arp_announce 0). */
  askingAddress(target: number): number;
}

/** One row of the table. */
export class Neighbor {
  readonly id: number;
  readonly station: Station;
  readonly address: number;
  high = 0;
  low = 0;
  state: number = INCOMPLETE;
  /** Requests sent without an answer. */
  probes = 0;
  /** When its station address was last said, in seconds of the stack's uptime: it may be long ago. */
  confirmedS = 0;
  /** When it was last known to hear us (RFC 4861 7.3.1), and how long that is believed: milliseconds, of REACHABLE only. */
  reachedMs = 0;
  believedMs = 0;
  /** When it became STALE, in seconds of the stack's uptime: nothing was sent to it since. */
  staleS = 0;
  /** A request is to leave in the drain. */
  asks = false;
  /** Packets that wait for the address, head at their IP header, owned. */
  readonly pending: Fifo<Packet>;
  /** Neighbours by last use, least recent first. */
  older: Neighbor | undefined = undefined;
  newer: Neighbor | undefined = undefined;

  constructor(id: number, station: Station, address: number, pendingMax: number) {
    this.id = id;
    this.station = station;
    this.address = address;
    this.pending = new Fifo(pendingMax);
  }

  /** Its station address may be used. */
  get known(): boolean {
    return this.state !== INCOMPLETE;
  }
}
