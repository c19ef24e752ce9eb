// Packets under way and when each is delivered: a binary heap in columns, ties in the order they came. As sim's Agenda,
// without a closure or an object per packet.

import { assert } from '@tunstack/stack/base';
import type { Packet } from '@tunstack/stack/contract';

/** Rows at first; doubled as needed. The pool of packets is the limit. */
const ROWS = 1024;

export class Departures {
  private count = 0;
  /** The packet of each row that is taken. */
  private readonly packets: Packet[] = [];
  private atUs: Float64Array = new Float64Array(ROWS);
  /** Counts up by the packet: a float64, as an int32 would wrap in six hours of 100,000 packets/s. */
  private order: Float64Array = new Float64Array(ROWS);
  private made = 0;

  get size(): number {
    return this.count;
  }

  /** When the next one is due, microseconds; Infinity: none is under way. */
  get nextUs(): number {
    return this.count === 0 ? Number.POSITIVE_INFINITY : this.atUs[0];
  }

  /** Owns the packet from here on. */
  add(packet: Packet, atUs: number): void {
    if (this.count === this.atUs.length) this.grow();
    let at = this.count++;
    for (; at > 0; ) {
      const parent = (at - 1) >> 1;
      // Who comes later stays behind on a tie.
      if (this.atUs[parent] <= atUs) break;
      this.move(parent, at);
      at = parent;
    }
    this.place(at, packet, atUs, this.made++);
  }

  /** The next one, which must be there: the caller's now. */
  take(): Packet {
    assert(this.count > 0, 'only what is under way is taken');
    const first = this.packets[0];
    const last = --this.count;
    const packet = this.packets[last];
    this.packets.length = last;
    if (last > 0) this.sink(packet, this.atUs[last], this.order[last]);
    return first;
  }

  /** Releases all that is under way. */
  clear(): void {
    for (let i = 0; i < this.count; i++) this.packets[i].release();
    this.packets.length = this.count = 0;
  }

  /** Puts a row where it belongs, from the root down. */
  private sink(packet: Packet, atUs: number, order: number): void {
    let at = 0;
    for (;;) {
      let child = at * 2 + 1;
      if (child >= this.count) break;
      if (child + 1 < this.count && this.isBefore(child + 1, this.atUs[child], this.order[child])) child++;
      if (!this.isBefore(child, atUs, order)) break;
      this.move(child, at);
      at = child;
    }
    this.place(at, packet, atUs, order);
  }

  private isBefore(row: number, atUs: number, order: number): boolean {
    return this.atUs[row] < atUs || (this.atUs[row] === atUs && this.order[row] < order);
  }

  private move(from: number, to: number): void {
    this.place(to, this.packets[from], this.atUs[from], this.order[from]);
  }

  private place(row: number, packet: Packet, atUs: number, order: number): void {
    this.packets[row] = packet;
    this.atUs[row] = atUs;
    this.order[row] = order;
  }

  private grow(): void {
    const [atUs, order] = [this.atUs, this.order];
    this.atUs = new Float64Array(2 * atUs.length);
    this.order = new Float64Array(2 * order.length);
    this.atUs.set(atUs);
    this.order.set(order);
  }
}
