// An interface: a link that a stack stands on, with a place in its tables. All packets pass `receive` and `transmit` here.

import { Fifo } from '../base/fifo.ts';
import { type Context, socketsMax } from '../context.ts';
import { FULL, type Link, type LinkUser, TAKEN } from '../contract/link.ts';
import type { Packet } from '../contract/packet.ts';
import { R } from '../contract/reasons.ts';
import { DIRECTION_IN, DIRECTION_OUT } from '../contract/tap.ts';
import type { Prefix } from '../wire/address.ts';

/** What takes packets from an interface: IP input, or the Ethernet layer. */
export interface PacketInput {
  receive(packet: Packet): void;
}

/** What an interface tells its stack. */
export interface InterfaceOwner {
  /** There is work for a pump. */
  wake(): void;
  /** There is work, and the pump may run within this call. */
  wakeNow(): void;
  /** The link's `up` or `mtu` changed: paths over it are stale. */
  interfaceChanged(face: Interface): void;
}

/** What waits for room on a link after FULL. */
export interface Sender {
  /** There may be room again: be on the dirty list. */
  roomAgain(): void;
}

/** One attachment of a stack to a link. Made by `Stack.addLink`. */
export class Interface implements LinkUser {
  readonly id: number;
  readonly link: Link;
  /** Addresses in order; the first is the primary one. */
  readonly addresses: Prefix[] = [];
  readonly loopback: boolean;
  private readonly context: Context;
  private readonly owner: InterfaceOwner;
  private readonly input: PacketInput;
  private readonly blocked: Fifo<Sender>;

  constructor(
    id: number,
    link: Link,
    loopback: boolean,
    context: Context,
    owner: InterfaceOwner,
    input: PacketInput,
  ) {
    this.id = id;
    this.link = link;
    this.loopback = loopback;
    this.context = context;
    this.owner = owner;
    this.input = input;
    // Twice: sockets that were closed before all was sent wait beside those that took their place.
    this.blocked = new Fifo(2 * socketsMax(context.options));
  }

  get name(): string {
    return this.link.name;
  }

  receive(packet: Packet): void {
    packet.ingress = this.id;
    packet.network = packet.head;
    const context = this.context;
    if (context.tap !== undefined) context.tap.packet(packet, DIRECTION_IN, this.id, context.nowUs);
    this.input.receive(packet);
  }

  /** TAKEN (also when the link is down: dropped and counted) or FULL. */
  transmit(packet: Packet): number {
    const { link, context } = this;
    if (!link.up) {
      context.drop(packet, R.LINK_DOWN);
      return TAKEN;
    }
    if (link.room === 0) return FULL;
    if (context.tap !== undefined) context.tap.packet(packet, DIRECTION_OUT, this.id, context.nowUs);
    return link.transmit(packet);
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
    this.owner.wake();
  }

  arrived(): void {
    this.owner.wakeNow();
  }

  dropped(packet: Packet, reason: number): void {
    this.context.drop(packet, reason);
  }

  changed(): void {
    this.owner.interfaceChanged(this);
    this.owner.wake();
  }
}
