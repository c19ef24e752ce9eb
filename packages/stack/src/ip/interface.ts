// An interface: a link that a stack stands on, with a place in its tables. All packets pass `receive` and `transmit` here.

import { assert, CHECKS } from '../base/assert.ts';
import { Fifo } from '../base/fifo.ts';
import { type Context, socketsMax } from '../context.ts';
import { FULL, type Link, type LinkUser, MEDIUM_ETHERNET, TAKEN } from '../contract/link.ts';
import { CAST_GROUP, type Packet } from '../contract/packet.ts';
import { R } from '../contract/reasons.ts';
import { DIRECTION_IN, DIRECTION_OUT } from '../contract/tap.ts';
import { FRAME_ARP, FRAME_IP4, frameArrives } from '../link/ethernet.ts';
import type { Arp } from '../neighbor/arp.ts';
import type { Station } from '../neighbor/neighbor.ts';
import type { Neighbors } from '../neighbor/neighbors.ts';
import { isMulticast4, type Prefix, prefixMask } from '../wire/address.ts';
import {
  ETHER_BROADCAST_HIGH,
  ETHER_BROADCAST_LOW,
  ETHER_HEADER,
  ETHERTYPE_IP4,
  etherDestinationHigh,
  etherDestinationLow,
  multicastEtherHigh,
  multicastEtherLow,
  writeEther,
} from '../wire/ether.ts';

/** What takes datagrams that arrived. */
export interface PacketInput {
  receive(packet: Packet): void;
}

/** The first of them, above a link. */
export interface BatchInput extends PacketInput {
  /** The link has handed up what it had: nothing may be held back. */
  batchEnds(): void;
}

/** What an interface tells its stack. */
export interface InterfaceOwner {
  /** There is work for a pump. */
  wake(): void;
  /** There is work, and the pump may run within this call. */
  wakeNow(): void;
  /** The link's `up` or `mtu` changed: paths over it are stale. */
  interfaceChanged(face: Interface): void;
  /** The link was down, and is up again. */
  linkUp(face: Interface): void;
}

/** What waits for room on a link after FULL. */
export interface Sender {
  /** There may be room again: be on the dirty list. */
  roomAgain(): void;
}

/** What an interface works with: all of one stack's. */
export interface InterfaceParts {
  readonly context: Context;
  readonly owner: InterfaceOwner;
  readonly input: BatchInput;
  /** What stands between IP and a link of Ethernet. */
  readonly ethernet: { readonly neighbors: Neighbors; readonly arp: Arp };
  /** Which frames to groups concern us. */
  readonly groups: { hearsFrame(face: Interface, high: number, low: number): boolean };
}

/** A next hop that is everybody on the link: no neighbour. */
const EVERYBODY = -1;

/** One attachment of a stack to a link. Made by `Stack.addLink`. */
export class Interface implements LinkUser, Station {
  readonly id: number;
  readonly link: Link;
  /** Addresses in order; the first is the primary one. */
  readonly addresses: Prefix[] = [];
  readonly loopback: boolean;
  /** Its station address, on Ethernet. */
  readonly etherHigh: number;
  readonly etherLow: number;
  private readonly context: Context;
  private readonly parts: InterfaceParts;
  readonly ethernet: boolean;
  private readonly blocked: Fifo<Sender>;
  private wasUp: boolean;

  constructor(
    id: number,
    link: Link,
    loopback: boolean,
    parts: InterfaceParts,
    station: readonly [high: number, low: number],
  ) {
    this.id = id;
    this.link = link;
    this.loopback = loopback;
    this.wasUp = link.up;
    this.context = parts.context;
    this.parts = parts;
    this.ethernet = link.medium === MEDIUM_ETHERNET;
    [this.etherHigh, this.etherLow] = station;
    // Twice: sockets that were closed before all was sent wait beside those that took their place.
    this.blocked = new Fifo(2 * socketsMax(parts.context.options));
  }

  get name(): string {
    return this.link.name;
  }

  /** Lets the link hand up to `budget` packets. */
  poll(budget: number): void {
    this.link.poll(budget);
    this.parts.input.batchEnds();
  }

  receive(packet: Packet): void {
    packet.ingress = this.id;
    const context = this.context;
    if (context.tap !== undefined) context.tap.packet(packet, DIRECTION_IN, this.id, context.nowUs);
    if (this.ethernet) this.frameArrives(packet);
    else this.datagramArrives(packet);
  }

  /**
   * Sends an IP datagram, head at its header, to `nextHop` on the link: TAKEN (also when it is dropped and counted, or waits
   * for its neighbour to answer), or FULL.
   */
  transmit(packet: Packet, nextHop: number): number {
    if (!this.ethernet) return this.transmitFrame(packet);
    if (!this.link.up) {
      this.context.drop(packet, R.LINK_DOWN);
      return TAKEN;
    }
    if (nextHop === EVERYBODY) return this.toGroup(packet, ETHER_BROADCAST_HIGH, ETHER_BROADCAST_LOW);
    if (isMulticast4(nextHop)) return this.toGroup(packet, multicastEtherHigh(), multicastEtherLow(nextHop));
    return this.parts.ethernet.neighbors.output(this, nextHop, packet);
  }

  /** What went to `nextHop` was acknowledged by whom it was for. */
  confirm(nextHop: number): void {
    if (this.ethernet) this.parts.ethernet.neighbors.confirm(this, nextHop);
  }

  /** The address of ours that a neighbour is asked by: in its network if there is one, else the first. */
  askingAddress(target: number): number {
    const near = this.addresses.find(
      ({ address, length }) => ((address ^ target) & prefixMask(length)) === 0,
    );
    return (near ?? this.addresses[0])?.address ?? 0;
  }

  /** TAKEN (also when the link is down: dropped and counted) or FULL. */
  transmitFrame(packet: Packet): number {
    const { link, context } = this;
    if (CHECKS) assert(context.sends, 'only the drain sends');
    if (!link.up) {
      context.drop(packet, R.LINK_DOWN);
      return TAKEN;
    }
    if (link.room === 0) return FULL;
    if (context.tap !== undefined) context.tap.packet(packet, DIRECTION_OUT, this.id, context.nowUs);
    return link.transmit(packet);
  }

  private frameArrives(packet: Packet): void {
    // Only flat octets can be read as a frame; links of a stack may hand up pieces.
    if (!packet.linearize()) {
      this.context.drop(packet, R.NO_BUFFER);
      return;
    }
    const found = frameArrives(packet, this.etherHigh, this.etherLow);
    if (found === FRAME_IP4 && this.wantsFrame(packet)) this.datagramArrives(packet);
    else if (found === FRAME_IP4) this.context.drop(packet, R.ETHER_OTHER_GROUP);
    else if (found === FRAME_ARP) this.parts.ethernet.arp.packetArrives(this, packet);
    else this.context.drop(packet, found);
  }

  /** A frame to a group: only to one that somebody here joined (RFC 1112 7.3). */
  private wantsFrame({ cast, bytes, link }: Packet): boolean {
    if (cast !== CAST_GROUP) return true;
    const high = etherDestinationHigh(bytes, link);
    return this.parts.groups.hearsFrame(this, high, etherDestinationLow(bytes, link));
  }

  private datagramArrives(packet: Packet): void {
    packet.network = packet.head;
    this.parts.input.receive(packet);
  }

  private toGroup(packet: Packet, high: number, low: number): number {
    const o = packet.push(ETHER_HEADER);
    writeEther(packet.bytes, o, high, low, this.etherHigh, this.etherLow, ETHERTYPE_IP4);
    if (this.transmitFrame(packet) === TAKEN) return TAKEN;
    packet.pull(ETHER_HEADER);
    return FULL;
  }

  /** True when `transmit` would answer FULL now. */
  get full(): boolean {
    return this.link.up && this.link.room === 0;
  }

  /** The sender got FULL: it hears once when there is room. */
  waitForRoom(sender: Sender): void {
    this.blocked.push(sender);
  }

  /** Before a drain: who waited may try again, if there is room to try with or no use in waiting. */
  unblock(): void {
    if (this.blocked.size > 0 && (this.link.room > 0 || !this.link.up)) this.unblockAll();
  }

  /** Lets all who waited try, room or not. */
  unblockAll(): void {
    for (let i = this.blocked.size; i > 0; i--) this.blocked.shift()?.roomAgain();
  }

  ready(): void {
    this.parts.owner.wake();
  }

  arrived(): void {
    this.parts.owner.wakeNow();
  }

  dropped(packet: Packet, reason: number): void {
    this.context.drop(packet, reason);
  }

  changed(): void {
    const up = this.link.up;
    const again = up && !this.wasUp;
    this.wasUp = up;
    if (again) this.parts.owner.linkUp(this);
    this.parts.owner.interfaceChanged(this);
    this.parts.owner.wake();
  }
}
