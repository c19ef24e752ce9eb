// The far end of a pair of links, for tests: sends octets, and takes octets out.

import type { Link, LinkUser, Packet, PacketPool } from '@tunstack/stack/contract';

export class FarEnd implements LinkUser {
  readies = 0;
  changes = 0;
  /** Marks of what came, before its checksum was completed. */
  readonly marks: { readonly checksum: number; readonly gsoType: number; readonly gsoSize: number }[] = [];
  private readonly link: Link;
  private readonly pool: PacketPool;
  private readonly frames: Uint8Array[] = [];

  constructor(link: Link, pool: PacketPool) {
    this.link = link;
    this.pool = pool;
    link.attach(this);
  }

  /** Sends a frame; false when the link was FULL. */
  send(frame: Uint8Array): boolean {
    const packet = this.pool.allocate(frame.length);
    if (packet === undefined) throw new Error('no slot');
    packet.bytes.set(frame, packet.put(frame.length));
    packet.network = packet.head;
    const taken = this.link.transmit(packet) === 0;
    if (!taken) packet.release();
    this.link.flush();
    return taken;
  }

  /** Polls until nothing is left; answers what came, checksums complete. */
  take(): Uint8Array[] {
    do this.link.poll(256);
    while (this.link.backlog);
    return this.frames.splice(0);
  }

  receive(packet: Packet): void {
    const { checksum, gsoType, gsoSize } = packet;
    this.marks.push({ checksum, gsoType, gsoSize });
    packet.completeChecksum();
    const octets = new Uint8Array(packet.length);
    packet.copyTo(octets, 0);
    this.frames.push(octets);
    packet.release();
  }

  ready(): void {
    this.readies++;
  }

  arrived(): void {
    this.readies++;
  }

  dropped(packet: Packet): void {
    packet.release();
  }

  changed(): void {
    this.changes++;
  }
}
