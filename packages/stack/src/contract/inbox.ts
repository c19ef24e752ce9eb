// What waits at one end of a link inside this process: packets that were sent and are still to be polled.

import { Fifo } from '../base/fifo.ts';
import type { LinkCounters, LinkUser } from './link.ts';
import type { Packet } from './packet.ts';

/** A bounded queue of owned packets, and the one way out of it: `poll`. */
export class Inbox {
  /** True when the last poll left something. */
  backlog = false;
  private readonly packets: Fifo<Packet>;
  private readonly counters: LinkCounters;

  /** `limit`: packets that may wait. `counters`: of the link that is polled. */
  constructor(limit: number, counters: LinkCounters) {
    this.packets = new Fifo(limit);
    this.counters = counters;
  }

  get size(): number {
    return this.packets.size;
  }

  get room(): number {
    return this.packets.room;
  }

  /** Queues a packet that owns its octets; false when there is no room. */
  push(packet: Packet): boolean {
    return this.packets.push(packet);
  }

  /** Hands up to `budget` packets to the user. What arrives meanwhile waits: the count is taken at the start. */
  poll(user: LinkUser | undefined, budget: number): number {
    const count = Math.min(budget, this.packets.size);
    this.backlog = this.packets.size > count;
    for (let i = 0; i < count; i++) {
      const packet = this.packets.shift() as Packet;
      this.counters.rxPackets++;
      this.counters.rxBytes += packet.length;
      if (user === undefined) packet.release();
      else user.receive(packet);
    }
    return count;
  }

  /** Gives all packets back. */
  clear(): void {
    for (let packet = this.packets.shift(); packet !== undefined; packet = this.packets.shift())
      packet.release();
    this.backlog = false;
  }
}
