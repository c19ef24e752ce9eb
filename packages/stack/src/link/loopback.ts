// The loopback link: what is transmitted is received, in the next pump. The smallest Link; read it first.

import { Inbox } from '../contract/inbox.ts';
import {
  dropOnLink,
  FEATURE_CHECKSUM,
  FEATURE_TSO_ECN,
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
/** What stays in the caches until it is read: with more, text passed at two thirds of the rate. */
const QUEUE_BYTES: number = 512 << 10;

/** `lo`: one per stack. Checksums pass through as marks: nothing can go wrong between a stack and itself. */
export class Loopback implements Link {
  readonly name: string = 'lo';
  readonly medium: number = MEDIUM_IP;
  readonly mtu: number = 65_535;
  readonly features: number = FEATURE_CHECKSUM | FEATURE_TSO4 | FEATURE_TSO_ECN | FEATURE_USO;
  readonly headroom: number = 0;
  readonly counters: LinkCounters = newLinkCounters();
  up = true;
  private readonly inbox: Inbox = new Inbox(QUEUE_PACKETS, this.counters, QUEUE_BYTES);
  private user: LinkUser | undefined = undefined;

  get room(): number {
    return this.inbox.room;
  }

  get backlog(): boolean {
    return this.inbox.backlog;
  }

  attach(user: LinkUser | undefined): void {
    this.user = user;
  }

  poll(budget: number): number {
    return this.inbox.poll(this.user, budget);
  }

  transmit(packet: Packet): number {
    if (this.inbox.room === 0) return FULL;
    this.counters.txPackets++;
    this.counters.txBytes += packet.length;
    // It stays beyond this pump: the slab and any send buffer are left behind.
    if (packet.own()) this.inbox.push(packet);
    else {
      this.counters.txDropped++;
      dropOnLink(this.user, packet, R.LINK_NO_BUFFER);
    }
    return TAKEN;
  }

  flush(): void {
    if (this.inbox.size > 0) this.user?.ready();
  }

  close(): void {
    this.up = false;
    this.inbox.clear();
  }
}
