// What waits at one end of a link inside this process: packets that were sent and are still to be polled.

import { Fifo } from '../base/fifo.ts';
import type { LinkCounters, LinkUser } from './link.ts';
import type { Packet } from './packet.ts';

/** A bounded queue of owned packets, and the one way out of it: `poll`. */
export class Inbox {
  /** True when the last poll left something. */
  backlog = false;
  /** Octets that wait. */
  private octets = 0;
  private readonly packets: Fifo<Packet>;
  private readonly counters: LinkCounters;
  private readonly octetsMax: number;

  /** `limit`: packets that may wait. `octetsMax`: and octets, of all but the last. `counters`: of the link that is polled. */
  constructor(limit: number, counters: LinkCounters, octetsMax: number = Number.POSITIVE_INFINITY) {
    this.packets = new Fifo(limit);
    this.counters = counters;
    this.octetsMax = octetsMax;
  }

  get size(): number {
    return this.packets.size;
  }

  /** Packets that may still come: none once enough octets wait, however few packets they are. */
  get room(): number {
    return this.octets < this.octetsMax ? this.packets.room : 0;
  }

  /** Queues a packet that owns its octets; false when there is no room. */
  push(packet: Packet): boolean {
    if (!this.packets.push(packet)) return false;
    this.octets += packet.length;
    return true;
  }

  /** Hands up to `budget` packets to the user. What arrives meanwhile waits: the count is taken at the start. */
  poll(user: LinkUser | undefined, budget: number): number {
    const count = Math.min(budget, this.packets.size);
    this.backlog = this.packets.size > count;
    for (let i = 0; i < count; i++) {
      const packet = this.packets.shift() as Packet;
      const { length } = packet;
      this.octets -= length;
      this.counters.rxPackets++;
      this.counters.rxBytes += length;
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
    this.octets = 0;
  }
}
