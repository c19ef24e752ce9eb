// A station on Ethernet as a link of bare datagrams, for the shared suite of links: what stands between IP and frames.
//
//   LinkUser (the suite)        receive(datagram) ^     | transmit(datagram)
//   ip/interface, link/ethernet, neighbor/neighbors    one PERMANENT neighbour, to whom all goes
//   a link of Ethernet              receive(frame) ^    | transmit(frame)

import { SimEntropy } from '@tunstack/sim';
import {
  type Link,
  type LinkCounters,
  type LinkUser,
  MEDIUM_ETHERNET,
  MEDIUM_IP,
  newLinkCounters,
  type Packet,
  type PacketPool,
  TAKEN,
} from '@tunstack/stack/contract';
import { Context } from '../../packages/stack/src/context.ts';
import { Interface } from '../../packages/stack/src/ip/interface.ts';
import { Arp } from '../../packages/stack/src/neighbor/arp.ts';
import { Neighbors } from '../../packages/stack/src/neighbor/neighbors.ts';
import { DEFAULT_OPTIONS } from '../../packages/stack/src/options.ts';
import { ETHER_HEADER, ETHERTYPE_IP4, writeEther } from '../../packages/stack/src/wire/ether.ts';

const OURS = [0x0200, 2] as const;
const THEIRS = [0x0212, 1] as const;
const NEXT_HOP = 0x0a00_0001;

/** See the head of this file. */
export class StationLink implements Link {
  readonly name: string;
  readonly medium: number = MEDIUM_IP;
  readonly headroom: number;
  readonly counters: LinkCounters = newLinkCounters();
  private readonly inner: Link;
  private readonly face: Interface;
  private readonly context: Context;
  private user: LinkUser | undefined = undefined;

  constructor(inner: Link, pool: PacketPool) {
    if (inner.medium !== MEDIUM_ETHERNET) throw new Error('a station stands on Ethernet');
    this.name = inner.name;
    this.inner = inner;
    this.headroom = inner.headroom + ETHER_HEADER;
    this.context = new Context(DEFAULT_OPTIONS, pool, new SimEntropy(1));
    // As long as the link lives: here transmit is called by the suite, and not by the drain of a pump.
    this.context.sends = true;
    const neighbors = new Neighbors(this.context, { unresolved: (packet) => packet.release() });
    const policy = { answersFor: () => false, isOwn: () => false, contested() {}, conflict() {} };
    this.face = new Interface(
      0,
      inner,
      false,
      {
        context: this.context,
        owner: {
          wake: () => this.user?.ready(),
          wakeNow: () => this.user?.arrived(),
          interfaceChanged: () => this.user?.changed(),
          linkUp() {},
        },
        input: { receive: (packet) => this.datagramArrives(packet), batchEnds() {} },
        ethernet: { neighbors, arp: new Arp(this.context, neighbors, policy) },
        groups: { hearsFrame: () => false },
      },
      OURS,
    );
    neighbors.setPermanent(this.face, NEXT_HOP, ...THEIRS);
    inner.attach(this.face);
  }

  get mtu(): number {
    return this.inner.mtu;
  }

  get features(): number {
    return this.inner.features;
  }

  get up(): boolean {
    return this.inner.up;
  }

  get room(): number {
    return this.inner.room;
  }

  get backlog(): boolean {
    return this.inner.backlog;
  }

  attach(user: LinkUser | undefined): void {
    this.user = user;
  }

  poll(budget: number): number {
    return this.inner.poll(budget);
  }

  transmit(packet: Packet): number {
    const { length } = packet;
    const answer = this.face.transmit(packet, NEXT_HOP);
    if (answer === TAKEN) {
      this.counters.txPackets++;
      this.counters.txBytes += length;
    }
    return answer;
  }

  flush(): void {
    this.inner.flush();
  }

  close(): void {
    this.inner.close();
  }

  private datagramArrives(packet: Packet): void {
    this.counters.rxPackets++;
    this.counters.rxBytes += packet.length;
    if (this.user === undefined) packet.release();
    else this.user.receive(packet);
  }
}

/** A datagram as the station at the far end sends it to us. */
export function frameToUs(datagram: Uint8Array): Uint8Array {
  const frame = new Uint8Array(ETHER_HEADER + datagram.length);
  writeEther(frame, 0, ...OURS, ...THEIRS, ETHERTYPE_IP4);
  frame.set(datagram, ETHER_HEADER);
  return frame;
}

/** The datagram in a frame of ours; throws when its header is not the one that should be there. */
export function datagramToThem(frame: Uint8Array): Uint8Array {
  const header = new Uint8Array(ETHER_HEADER);
  writeEther(header, 0, ...THEIRS, ...OURS, ETHERTYPE_IP4);
  const got = frame.subarray(0, ETHER_HEADER);
  if (Buffer.compare(header, got) !== 0)
    throw new Error(`a frame with header ${Buffer.from(got).toString('hex')}`);
  return frame.slice(ETHER_HEADER);
}
