// What the laws of links are tried on: a link, somebody who stands on it, and what passes its medium.

import type { Arena, Link, LinkUser, Packet, PacketPool } from '@tunstack/stack/contract';
import { craftUdp } from '@tunstack/stack/craft';
import { ETHER_HEADER, ETHERTYPE_IP4, writeEther } from '../../packages/stack/src/wire/ether.ts';

/** A link with something at its far end. */
export interface LinkUnderTest {
  /** Not attached yet. */
  readonly link: Link;
  readonly pool: PacketPool;
  /** Packets that `transmit` takes at least, without anybody reading at the far end; undefined: it is never FULL. */
  readonly capacity?: number;
  /** Frames of Ethernet pass, and not bare datagrams. */
  readonly ethernet?: boolean;
  /** What is transmitted comes back to `poll` of this link: `far` is not called. */
  readonly loops?: boolean;
  /** The order of packets is not kept. */
  readonly reorders?: boolean;
  /** The far end sends these octets; when it is done, `poll` has them (or `link.backlog` says there is more). */
  arrive(frame: Uint8Array): void | Promise<void>;
  /** After one or more `arrive`: lets the event loop tell the link. */
  settle?(): Promise<void>;
  /** Lets what was transmitted and flushed reach the far end, and answers it as octets with complete checksums. */
  far(): Uint8Array[] | Promise<Uint8Array[]>;
  /** Cleans up beyond `link.close`. */
  dispose?(): void | Promise<void>;
}

/** Stands on the link: keeps octets, gives packets back, and watches the law of one way in. */
class Recorder implements LinkUser {
  readonly frames: Uint8Array[] = [];
  readonly states: number[] = [];
  readies = 0;
  changes = 0;
  drops = 0;
  inPoll = false;
  outside = 0;
  private readonly link: Link;

  constructor(link: Link) {
    this.link = link;
  }

  receive(packet: Packet): void {
    if (!this.inPoll) this.outside++;
    this.states.push(packet.state);
    packet.completeChecksum();
    this.frames.push(octetsOf(packet));
    packet.release();
  }

  ready(): void {
    this.readies++;
  }

  arrived(): void {
    this.readies++;
  }

  changed(): void {
    this.changes++;
  }

  dropped(packet: Packet): void {
    this.drops++;
    packet.release();
  }

  poll(budget: number): number {
    this.inPoll = true;
    const count = this.link.poll(budget);
    this.inPoll = false;
    this.link.flush();
    return count;
  }

  /** Polls until nothing is left; answers what came. */
  take(): Uint8Array[] {
    do this.poll(256);
    while (this.link.backlog);
    return this.frames.splice(0);
  }
}

export function octetsOf(packet: Packet): Uint8Array {
  const octets = new Uint8Array(packet.length);
  packet.copyTo(octets, 0);
  return octets;
}

/** A UDP datagram with this number in it. */
function datagram(number: number, length = 20): Uint8Array {
  const payload = new Uint8Array(length).fill(number);
  return craftUdp({
    source: '10.0.0.1',
    destination: '10.0.0.2',
    sourcePort: 5,
    destinationPort: 6,
    payload,
  });
}

/** One link with a recorder on it. */
export class Bench {
  readonly under: LinkUnderTest;
  readonly link: Link;
  readonly pool: PacketPool;
  readonly user: Recorder;
  /** Memory that packets are lent from. */
  readonly slab: Arena;
  /** Octets in front of a datagram, by the link's medium. */
  readonly lead: number;

  constructor(under: LinkUnderTest) {
    this.under = under;
    this.link = under.link;
    this.pool = under.pool;
    this.user = new Recorder(under.link);
    this.link.attach(this.user);
    this.lead = under.ethernet === true ? ETHER_HEADER : 0;
    this.slab = under.pool.arenas.register(new Uint8Array(4096));
  }

  /** What passes this medium, with this number in it: a datagram, or a frame around one. */
  frame(number: number, length?: number): Uint8Array {
    const inner = datagram(number, length);
    if (this.lead === 0) return inner;
    const frame = new Uint8Array(this.lead + inner.length);
    writeEther(frame, 0, 0x0200, 1, 0x0200, 2, ETHERTYPE_IP4);
    frame.set(inner, this.lead);
    return frame;
  }

  owned(frame: Uint8Array): Packet {
    const packet = this.pool.allocate(frame.length);
    if (packet === undefined) throw new Error('no slot');
    packet.bytes.set(frame, packet.put(frame.length));
    packet.network = packet.head + this.lead;
    return packet;
  }

  /** What came out at the far end, wherever that is. */
  async received(): Promise<Uint8Array[]> {
    return this.under.loops === true ? this.user.take() : await this.under.far();
  }

  async arrive(...frames: readonly Uint8Array[]): Promise<void> {
    for (const frame of frames) {
      if (this.under.loops !== true) await this.under.arrive(frame);
      else {
        this.link.transmit(this.owned(frame));
        this.link.flush();
      }
    }
    await this.under.settle?.();
  }

  /** As text, in an order that does not matter where the link keeps none. */
  sorted(frames: readonly Uint8Array[]): string[] {
    const texts = frames.map((frame) => Buffer.from(frame).toString('hex'));
    return this.under.reorders === true ? texts.sort() : texts;
  }
}
