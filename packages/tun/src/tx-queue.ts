// Packets on their way to a device: queued by transmit, written by one native call, kept when the device is full.
import { Fifo } from '@tunstack/stack/base';
import {
  CHECKSUM_PARTIAL,
  GSO_NONE,
  type LinkCounters,
  type Packet,
  type PacketPool,
  PRIORITY_BULK,
  R,
} from '@tunstack/stack/contract';
import { type Device, WRITE_BULK, WRITE_MARKS, WRITE_STRIDE } from './device.ts';

/** Owns what it was given: each packet is written and released, or dropped, counted and released. */
export class TxQueue {
  /** The errno of the last packet that the kernel refused for its content; 0 when none was. */
  rejectedErrno = 0;
  private readonly device: Device;
  private readonly pool: PacketPool;
  private readonly counters: LinkCounters;
  /** Octets of the device's own header, not counted as traffic. */
  private readonly header: number;
  private readonly dropped: (packet: Packet, reason: number) => void;
  private readonly packets: Fifo<Packet>;
  private readonly writes: Int32Array;
  /** Segments of the first packet that the device has taken. */
  private begun = 0;
  /** By arena id: the version that the device knows, 0 for none. */
  private bound: Int32Array = new Int32Array(64);
  /** How far the arenas that were disowned have been looked at. */
  private disownedSeen: number;

  /** `header`: octets of the device's own header. `dropped` takes what cannot be sent, with the reason. */
  constructor(
    device: Device,
    pool: PacketPool,
    counters: LinkCounters,
    header: number,
    limit: number,
    dropped: (packet: Packet, reason: number) => void,
  ) {
    this.dropped = dropped;
    this.device = device;
    this.pool = pool;
    this.counters = counters;
    this.header = header;
    this.packets = new Fifo(limit);
    this.writes = new Int32Array(new SharedArrayBuffer(4 * limit * WRITE_STRIDE));
    this.disownedSeen = pool.arenas.disownedCount;
  }

  get size(): number {
    return this.packets.size;
  }

  get room(): number {
    return this.packets.room;
  }

  push(packet: Packet): void {
    this.packets.push(packet);
  }

  /** Writes all that is queued in one call. Answers the errno that stopped it, or 0 when the queue is empty. */
  write(): number {
    this.unbind();
    const { packets, writes, device } = this;
    const count = packets.size;
    for (let i = 0; i < count; i++) this.describe(packets.at(i), i * WRITE_STRIDE);
    const done = device.write(writes, 0, count, this.begun);
    const errno = device.writeErrno;
    this.begun = device.writeBegun;
    for (let i = 0; i < done; i++) this.written(packets.shift() as Packet, writes[i * WRITE_STRIDE]);
    return done < count ? errno : 0;
  }

  /** Makes what is left independent of the slab and of send buffers, before those are reused. */
  keep(): void {
    const { packets } = this;
    const first = packets.at(0);
    for (let left = packets.size; left > 0; left--) {
      const packet = packets.shift() as Packet;
      if (packet.own()) packets.push(packet);
      else this.drop(packet, R.LINK_NO_BUFFER);
    }
    if (packets.size === 0 || packets.at(0) !== first) this.begun = 0;
  }

  drop(packet: Packet, reason: number): void {
    this.counters.txDropped++;
    this.dropped(packet, reason);
  }

  dropAll(reason: number): void {
    for (let packet = this.packets.shift(); packet !== undefined; packet = this.packets.shift()) {
      this.drop(packet, reason);
    }
    this.begun = 0;
  }

  /** Lets go of memory that was disowned since: else the device would keep it alive, and another's under its number. */
  unbind(): void {
    const { arenas } = this.pool;
    for (; this.disownedSeen !== arenas.disownedCount; this.disownedSeen = (this.disownedSeen + 1) | 0) {
      const id = arenas.disowned(this.disownedSeen);
      if (id >= 0) this.unbindStale(id);
      else {
        for (let every = 0; every < this.bound.length; every++) this.unbindStale(every);
        this.disownedSeen = arenas.disownedCount;
        return;
      }
    }
  }

  /** `pieces` < 0: the kernel refused it, with that errno. */
  private written(packet: Packet, pieces: number): void {
    if (pieces < 0) {
      this.rejectedErrno = -pieces;
      this.drop(packet, R.LINK_REFUSED);
      return;
    }
    this.counters.txPackets++;
    this.counters.txBytes += packet.length - this.header;
    packet.release();
  }

  private unbindStale(id: number): void {
    const { bound } = this;
    if (id >= bound.length || bound[id] === 0 || bound[id] === this.pool.arenas.version(id)) return;
    this.device.unbindArena(id);
    bound[id] = 0;
  }

  /** A packet as integers: the linear part, then its pieces. */
  private describe(packet: Packet, at: number): void {
    const { writes } = this;
    writes[at] = 1 + packet.pieces + (packet.priority === PRIORITY_BULK ? WRITE_BULK : 0);
    writes[at + 1] = this.known(packet.arena);
    writes[at + 2] = packet.head;
    writes[at + 3] = packet.linear;
    if (this.header === 0) this.mark(packet, at + WRITE_MARKS);
    for (let i = 0, o = at + 4; i < packet.pieces; i++, o += 3) {
      writes[o] = this.known(packet.pieceArena(i));
      writes[o + 1] = packet.pieceOffset(i);
      writes[o + 2] = packet.pieceLength(i);
    }
  }

  /** Without a vnet header nobody behind the descriptor would complete a checksum, or cut a super-segment: the addon does. */
  private mark(packet: Packet, at: number): void {
    const { writes } = this;
    if (packet.checksum !== CHECKSUM_PARTIAL) {
      writes[at + 1] = 0;
      return;
    }
    writes[at] = packet.network - packet.head;
    writes[at + 1] = packet.checksumStart - packet.head;
    writes[at + 2] = packet.checksumAt - packet.head;
    writes[at + 3] = packet.gsoType === GSO_NONE ? 0 : packet.gsoSize;
  }

  /** Makes an arena known to the device the first time that something in it is sent, and again when its id was reused. */
  private known(id: number): number {
    if (id >= this.bound.length || this.bound[id] !== this.pool.arenas.version(id)) this.bind(id);
    return id;
  }

  private bind(id: number): void {
    const { arenas } = this.pool;
    if (id >= this.bound.length) {
      const bound = new Int32Array(1 << (32 - Math.clz32(id)));
      bound.set(this.bound);
      this.bound = bound;
    }
    this.device.bindArena(id, arenas.at(id).bytes);
    this.bound[id] = arenas.version(id);
  }
}
