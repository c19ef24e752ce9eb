// Links: the only way in and the only way out. A device, a wire, one end of a pair.
//
//        LinkUser (an interface of a stack, a switch port, a tee)
//   receive(packet) ^   | transmit(packet) -> TAKEN | FULL
//                   |   v flush()
//                  Link
//
// The laws, which the shared suite test/conformance/link.ts holds every link to:
//   - `receive` is called inside `poll` and nowhere else; `transmit` never calls it, not even a loopback's.
//   - `transmit` takes ownership when it answers TAKEN (the packet is queued, or dropped on purpose and counted), and
//     leaves it when it answers FULL. It answers FULL exactly when `room` was 0.
//   - Whenever `room` was 0, `ready` is called once there is room again.
//   - A packet that the link takes or receives and cannot use goes to `dropped`, with the reason; it is never just lost.
//   - What `poll` hands up is either owned or lent until the end of the pump; what is queued beyond `flush` is owned.

import type { Packet } from './packet.ts';

/** The packets on this link are bare IP datagrams (TUN, loopback) or Ethernet frames (TAP, veth). */
export const MEDIUM_IP = 0;
export const MEDIUM_ETHERNET = 1;

/** The link completes partial checksums, or passes them to somebody who knows what they are. */
export const FEATURE_CHECKSUM = 1;
/** The link takes super-segments of TCP over IPv4. */
export const FEATURE_TSO4 = 2;
/** The link takes super-datagrams of UDP. */
export const FEATURE_USO = 4;
/** Of the super-segments that the link takes, those with CWR, too: only the first piece says it (RFC 3168 6.1.2). */
export const FEATURE_TSO_ECN = 8;
/**
 * IP cuts super-segments for this link, which takes none (ip4/gso.ts): one pass through TCP for all its segments. Linux
 * NETIF_F_GSO. Without it TCP sends segment by segment.
 */
export const FEATURE_GSO = 16;

export const TAKEN = 0;
export const FULL = 1;

/** What stands on top of a link. */
export interface LinkUser {
  /** Takes one packet that arrived. Called within `poll` only. */
  receive(packet: Packet): void;
  /** There is something to poll, or room again. Also from `flush`, by a link that saw there that more has come. */
  ready(): void;
  /**
   * There is something to poll, and the event loop itself says so: nothing of the stack is running, so the pump may run
   * before this call returns. For devices, where an answer should wait for nothing.
   */
  arrived(): void;
  /** `up` or `mtu` changed. */
  changed(): void;
  /** The link has no use for this packet: the user counts the reason code and releases it. */
  dropped(packet: Packet, reason: number): void;
}

/** What the link counted: `ip -s link`'s columns. */
export interface LinkCounters {
  rxPackets: number;
  rxBytes: number;
  /** Arrived and was dropped by the link: no room, too long. */
  rxDropped: number;
  txPackets: number;
  txBytes: number;
  /** TAKEN and dropped: link down, refused by the device. */
  txDropped: number;
}

export interface Link {
  /** As `ip link` shows it: `tun0`, `lo`, `veth0`. */
  readonly name: string;
  readonly medium: number;
  /** The largest IP datagram, octets. */
  readonly mtu: number;
  /** FEATURE_* bits. */
  readonly features: number;
  /** Octets that `transmit` pushes in front of a packet (a device header). */
  readonly headroom: number;
  /** Administratively up and carrier present: packets can pass. */
  readonly up: boolean;
  /** Packets that `transmit` will take now. */
  readonly room: number;
  /** True when the last `poll` did not empty what waits to be received, or `flush` saw that more has come. */
  readonly backlog: boolean;
  readonly counters: LinkCounters;

  /** Tells the link who stands on it. Once, or with undefined to detach. */
  attach(user: LinkUser | undefined): void;
  /** Hands up to `budget` packets that arrived to the user; answers how many. */
  poll(budget: number): number;
  /** Takes a packet for sending, or answers FULL. */
  transmit(packet: Packet): number;
  /** Sends what was taken; what the device will not take yet stays queued, owned. */
  flush(): void;
  /** Stops for good; queued packets are released. */
  close(): void;
}

/** Gives a packet that a link has no use for to its user, or back to its pool when nobody stands on the link. */
export function dropOnLink(user: LinkUser | undefined, packet: Packet, reason: number): void {
  if (user === undefined) packet.release();
  else user.dropped(packet, reason);
}

export function newLinkCounters(): LinkCounters {
  return { rxPackets: 0, rxBytes: 0, rxDropped: 0, txPackets: 0, txBytes: 0, txDropped: 0 };
}
