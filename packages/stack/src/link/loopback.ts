// The loopback link: what is transmitted is received, in the next pump. The smallest Link; read it first.

import { Fifo } from '../base/fifo.ts';
import {
  dropOnLink,
  FEATURE_CHECKSUM,
  FEATURE_TSO4,
  FEATURE_USO,
  FULL,
  type Link,
  type LinkCounters,
  type LinkUser,
  MEDIUM_IP,
  newLinkCounters,
  TAKEN,
} from '../contract/link.ts';
import type { Packet } from '../contract/packet.ts';
import { R } from '../contract/reasons.ts';

const QUEUE_PACKETS = 1024;

/** `lo`: one per stack. Checksums pass through as marks: nothing can go wrong between a stack and itself. */
export class Loopback implements Link {
  readonly name: string = 'lo';
  readonly medium: number = MEDIUM_IP;
  readonly mtu: number = 65_535;
  readonly features: number = FEATURE_CHECKSUM | FEATURE_TSO4 | FEATURE_USO;
  readonly headroom: number = 0;
  readonly counters: LinkCounters = newLinkCounters();
  up = true;
  backlog = false;
  private readonly queue: Fifo<Packet> = new Fifo(QUEUE_PACKETS);
  private user: LinkUser | undefined = undefined;

  get room(): number {
    return this.queue.room;
  }

  attach(user: LinkUser | undefined): void {
    this.user = user;
  }

  poll(budget: number): number {
    const count = Math.min(budget, this.queue.size);
    this.backlog = this.queue.size > count;
    for (let i = 0; i < count; i++) {
      const packet = this.queue.shift() as Packet;
      this.counters.rxPackets++;
      this.counters.rxBytes += packet.length;
      if (this.user === undefined) packet.release();
      else this.user.receive(packet);
    }
    return count;
  }

  transmit(packet: Packet): number {
    if (this.queue.room === 0) return FULL;
    this.counters.txPackets++;
    this.counters.txBytes += packet.length;
    // It stays beyond this pump: the slab and any send buffer are left behind.
    if (packet.own()) this.queue.push(packet);
    else {
      this.counters.txDropped++;
      dropOnLink(this.user, packet, R.LINK_NO_BUFFER);
    }
    return TAKEN;
  }

  flush(): void {
    if (this.queue.size > 0) this.user?.ready();
  }

  close(): void {
    this.up = false;
    for (let packet = this.queue.shift(); packet !== undefined; packet = this.queue.shift()) packet.release();
  }
}
