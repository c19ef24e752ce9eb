// veth: a pair of links, as `ip link add A type veth peer name B` makes it. What one end transmits the other receives.
//
//   stack A  <->  [ end 0 ]====[ end 1 ]  <->  stack B        no wire, no loss: a bounded inbox at each end

import {
  dropOnLink,
  FEATURE_CHECKSUM,
  FEATURE_TSO_ECN,
  FEATURE_TSO4,
  FEATURE_USO,
  FULL,
  GSO_NONE,
  Inbox,
  type Link,
  type LinkCounters,
  type LinkUser,
  MEDIUM_IP,
  newLinkCounters,
  type Packet,
  R,
  TAKEN,
} from '@tunstack/stack/contract';

export interface VethOptions {
  /** Names of the two ends. */
  readonly names?: readonly [string, string];
  /** MTU of the two ends, octets. */
  readonly mtu?: number;
  /** MEDIUM_IP (bare datagrams) or MEDIUM_ETHERNET. */
  readonly medium?: number;
  /** Packets that wait at each end. */
  readonly queuePackets?: number;
  /** Octets that wait at each end, of all packets but the last: what two stacks can pass on to each other within the caches. */
  readonly queueBytes?: number;
  /** FEATURE_* of both ends: what they promise to pass through untouched. Checksum and GSO marks, by default. */
  readonly features?: number;
}

const QUEUE_BYTES: number = 512 << 10;

/** Octets of link header that a frame may have on top of the MTU: Ethernet and one 802.1Q tag. */
const FRAME_OVERHEAD = 18;

/**
 * One end of a pair. Marks (partial checksums, GSO) pass through. It is up when both ends are set up: a carrier follows
 * the peer's state. A packet longer than the receiving end's MTU is dropped there and counted, unless it is GSO.
 */
export class VethEnd implements Link {
  readonly name: string;
  readonly medium: number;
  readonly features: number;
  readonly headroom: number = 0;
  readonly counters: LinkCounters = newLinkCounters();
  private mtuBytes: number;
  private admin = true;
  private closed = false;
  private other: VethEnd | undefined = undefined;
  private user: LinkUser | undefined = undefined;
  private readonly inbox: Inbox;
  private filled = false;

  constructor(name: string, options: VethOptions) {
    this.name = name;
    this.medium = options.medium ?? MEDIUM_IP;
    this.features = options.features ?? FEATURE_CHECKSUM | FEATURE_TSO4 | FEATURE_TSO_ECN | FEATURE_USO;
    this.mtuBytes = options.mtu ?? 1500;
    this.inbox = new Inbox(options.queuePackets ?? 1024, this.counters, options.queueBytes ?? QUEUE_BYTES);
  }

  get mtu(): number {
    return this.mtuBytes;
  }

  /** Sets this end's MTU, as `ip link set mtu` does; the stack on it is told. */
  setMtu(bytes: number): void {
    this.mtuBytes = bytes;
    this.user?.changed();
  }

  /** Both ends up: packets can pass. */
  get up(): boolean {
    return this.isUp() && this.peer().isUp();
  }

  /** Sets this end up or down; both stacks are told, for the carrier goes with it. */
  setUp(up: boolean): void {
    if (this.admin === up) return;
    this.admin = up;
    this.user?.changed();
    this.peer().user?.changed();
  }

  get room(): number {
    return this.peer().inbox.room;
  }

  get backlog(): boolean {
    return this.inbox.backlog;
  }

  attach(user: LinkUser | undefined): void {
    this.user = user;
  }

  poll(budget: number): number {
    const wasFull = this.inbox.room === 0;
    const count = this.inbox.poll(this.user, budget);
    if (wasFull && this.inbox.room > 0) this.peer().user?.ready();
    return count;
  }

  transmit(packet: Packet): number {
    const peer = this.peer();
    if (peer.inbox.room === 0) return FULL;
    if (!this.up) return this.drop(packet, R.LINK_DOWN);
    if (!peer.fits(packet)) {
      peer.counters.rxDropped++;
      return this.drop(packet, R.LINK_TOO_LONG);
    }
    // It will wait in the peer's inbox beyond this flush: slab and send buffer are left behind.
    if (!packet.own()) return this.drop(packet, R.LINK_NO_BUFFER);
    this.counters.txPackets++;
    this.counters.txBytes += packet.length;
    peer.inbox.push(packet);
    this.filled = true;
    return TAKEN;
  }

  flush(): void {
    if (!this.filled) return;
    this.filled = false;
    this.peer().user?.ready();
  }

  close(): void {
    if (this.closed) return;
    this.closed = true;
    this.inbox.clear();
    this.peer().user?.changed();
  }

  /** For `veth`: names the other end, once. */
  join(other: VethEnd): void {
    this.other = other;
  }

  private peer(): VethEnd {
    return this.other as VethEnd;
  }

  private isUp(): boolean {
    return this.admin && !this.closed;
  }

  private fits(packet: Packet): boolean {
    const overhead = this.medium === MEDIUM_IP ? 0 : FRAME_OVERHEAD;
    return packet.gsoType !== GSO_NONE || packet.length <= this.mtuBytes + overhead;
  }

  private drop(packet: Packet, reason: number): number {
    this.counters.txDropped++;
    dropOnLink(this.user, packet, reason);
    return TAKEN;
  }
}

/**
 * Makes a pair.
 *
 * @example
 * const [a, b] = veth({ mtu: 9000 });
 * left.addLink(a, '10.0.0.1/24');
 * right.addLink(b, '10.0.0.2/24');
 */
export function veth(options: VethOptions = {}): [VethEnd, VethEnd] {
  const [first, second] = options.names ?? ['veth0', 'veth1'];
  const a = new VethEnd(first, options);
  const b = new VethEnd(second, options);
  a.join(b);
  b.join(a);
  return [a, b];
}
