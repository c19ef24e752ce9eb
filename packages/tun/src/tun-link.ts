// A TUN or TAP device as a Link: what a stack stands on. Source: contract/link.ts; kernel tuntap.rst.
//
//   event loop -> Device fills the slab -> user.arrived()
//   pump:         poll lends packets of the slab | transmit queues | flush: one native write, the slab is given back
//
// The slab is filled again only when every packet of the batch was handed up and the pump that saw them has flushed, so a
// lent packet stays what it is until the end of its pump.
import { CHECKS, POISON } from '@tunstack/stack/base';
import {
  type Arena,
  CHECKSUM_PARTIAL,
  CHECKSUM_VALID,
  dropOnLink,
  FEATURE_CHECKSUM,
  FEATURE_TSO_ECN,
  FEATURE_TSO4,
  FEATURE_USO,
  FULL,
  GSO_NONE,
  type Link,
  type LinkCounters,
  type LinkUser,
  MEDIUM_ETHERNET,
  MEDIUM_IP,
  newLinkCounters,
  type Packet,
  type PacketPool,
  R,
  TAKEN,
} from '@tunstack/stack/contract';
import {
  Device,
  EAGAIN,
  EBADFD,
  EIO,
  END_OF_STREAM,
  ENOBUFS,
  ENOMEM,
  SLAB_HEADROOM,
  SLAB_SIZE,
  VERIFIED,
} from './device.ts';
import { describeErrno } from './errors.ts';
import { type LinkEvent, Monitor } from './monitor.ts';
import { closeNamespaces, type OpenedDevice } from './open.ts';
import { TxQueue } from './tx-queue.ts';
import { pushMarks, readMarks } from './vnet.ts';

/** Packets that wait for the device. */
export const TX_QUEUE = 1024;

/**
 * With a vnet header the kernel takes all of these from us, whatever TUNSETOFFLOAD said: that is about what it hands up. Without
 * one the addon does the same (native/segments.cc).
 */
const OFFLOADS: number = FEATURE_CHECKSUM | FEATURE_TSO4 | FEATURE_TSO_ECN | FEATURE_USO;

const ETHERNET_HEADER = 14;
/** Up to this MTU, octets, the small slab serves. */
const SMALL_MTU = 1600;
const SMALL_SLAB = 192 << 10;
/** Slab and what is sent lie in one arena, so that text that goes back is copied without a view; untouched, it costs nothing. */
const ARENA_BYTES: number = 16 << 20;

/** Something that a person would like to know about the device. */
export interface TunLinkEvent {
  /** 'rejected': the kernel refused a packet for its content; told for the first only, counted in txDropped. */
  readonly type: 'up' | 'down' | 'mtu' | 'address' | 'gone' | 'rejected';
  /** One line for a log, with what to run where something can be done. */
  readonly text: string;
}

export interface TunLinkOptions {
  /** From openDevice or adoptDevice; the link closes its descriptors. */
  device: OpenedDevice;
  /** Where packets come from. One pool for all stacks and links that hand packets to each other. */
  pool: PacketPool;
  /** Packets that wait for the device. Default 1024. */
  queue?: number;
  /** Octets of the receive slab. Default 192 KiB, or 1 MiB with a vnet header or an MTU over 1600. */
  slabSize?: number;
  /** Takes super-segments, which the kernel or else the addon cuts. Default true. Linux `ethtool -K tso gso`. */
  gso?: boolean;
  /** Called once per change. */
  onEvent?: (event: TunLinkEvent) => void;
}

/**
 * Packets of Ethernet's size fill a batch of a slab that the second-level cache holds whole; that was worth 15 % on 1400
 * octets (docs/performance.md). Super-segments and jumbo MTUs need the room.
 */
function slabSizeFor({ mtu, vnetHdrSize }: OpenedDevice): number {
  return vnetHdrSize === 0 && mtu <= SMALL_MTU ? SMALL_SLAB : SLAB_SIZE;
}

/**
 * The link over a TUN/TAP. It keeps the process alive until `close()` or `unref()`.
 *
 * @throws TunError when the descriptor cannot be watched
 * @example
 * const pool = new PacketPool();
 * const link = new TunLink({ device: openDevice({ mode: 'tun', netns: 'new', address: '10.9.0.1/24' }), pool });
 */
export class TunLink implements Link {
  readonly name: string;
  readonly medium: number;
  readonly features: number;
  readonly headroom: number;
  readonly counters: LinkCounters = newLinkCounters();
  mtu: number;
  up: boolean;
  backlog = false;
  /** The device was deleted, or its other end closed: it never comes back. */
  gone = false;

  private readonly opened: OpenedDevice;
  private readonly pool: PacketPool;
  private readonly device: Device;
  private readonly monitor: Monitor | undefined;
  private readonly arena: Arena;
  /** Where the slab begins in its arena. */
  private readonly slabAt: number;
  private readonly onEvent: (event: TunLinkEvent) => void;
  private user: LinkUser | undefined = undefined;
  private closed = false;

  /** The batch in the slab: packets in it, and packets handed up. 0 after the flush that followed the last of them. */
  private batch = 0;
  private next = 0;

  private readonly queue: TxQueue;
  private toldRejected = false;

  constructor(options: TunLinkOptions) {
    const { device: opened, pool } = options;
    const tap = opened.mode === 'tap';
    this.opened = opened;
    this.pool = pool;
    this.name = opened.name;
    this.medium = tap ? MEDIUM_ETHERNET : MEDIUM_IP;
    this.headroom = opened.vnetHdrSize;
    this.features = options.gso === false ? FEATURE_CHECKSUM : OFFLOADS;
    this.mtu = opened.mtu;
    this.up = opened.up && opened.running;
    this.onEvent = options.onEvent ?? (() => {});
    const slabSize = options.slabSize ?? slabSizeFor(opened);
    const { arena, offset } = pool.arenas.allocate(slabSize, ARENA_BYTES);
    this.arena = arena;
    this.slabAt = offset;
    this.device = new Device({
      fd: opened.fd,
      bulkFd: opened.bulkFd,
      slab: arena.bytes.subarray(offset, offset + slabSize),
      align: opened.vnetHdrSize + (tap ? ETHERNET_HEADER : 0),
      ...(opened.vnetHdrSize === 0 && { verifyAt: tap ? ETHERNET_HEADER : 0 }),
      onReadable: (count, drained) => this.arrived(count, drained),
      onWritable: () => this.writable(),
      onError: (errno) => this.readFailed(errno),
    });
    const dropped = (packet: Packet, reason: number): void => dropOnLink(this.user, packet, reason);
    this.queue = new TxQueue(
      this.device,
      pool,
      this.counters,
      this.headroom,
      options.queue ?? TX_QUEUE,
      dropped,
    );
    this.monitor = opened.monitorFd < 0 ? undefined : this.watchLink();
  }

  get room(): number {
    return this.queue.room;
  }

  attach(user: LinkUser | undefined): void {
    this.user = user;
    if (!this.gone && !this.closed) this.device.watchReadable(user !== undefined);
  }

  /** Lets the process end although the link is open. */
  unref(): void {
    this.device.unref();
  }

  ref(): void {
    this.device.ref();
  }

  poll(budget: number): number {
    if (this.next === this.batch && !this.refill()) return 0;
    const { records } = this.device;
    const end = Math.min(this.batch, this.next + budget);
    let handed = 0;
    while (this.next < end && !this.closed) {
      const i = 2 * this.next++;
      const said = records[i + 1];
      if (this.receive(this.slabAt + records[i], said & ~VERIFIED, (said & VERIFIED) !== 0)) handed++;
    }
    this.backlog = this.next < this.batch || !this.device.drained;
    return handed;
  }

  transmit(packet: Packet): number {
    if (this.queue.room === 0) return FULL;
    if (!this.up) this.queue.drop(packet, R.LINK_DOWN);
    else if (!this.prepare(packet)) this.queue.drop(packet, R.LINK_MARKS);
    else this.queue.push(packet);
    return TAKEN;
  }

  flush(): void {
    const sends = this.queue.size > 0;
    if (sends) this.send();
    else this.queue.unbind();
    if (this.next !== this.batch || this.batch === 0) return;
    // The end of the pump: whoever kept a packet owns it by now. Who was answered may have asked again meanwhile, on this
    // CPU within the very call that wrote: what is read here spares a turn of the event loop.
    if (sends && this.refill()) {
      this.user?.ready();
      return;
    }
    this.poison();
    this.batch = this.next = 0;
    this.device.consumed();
  }

  close(): void {
    if (this.closed) return;
    this.closed = true;
    this.up = false;
    this.device.close();
    this.monitor?.close();
    closeNamespaces(this.opened);
    this.batch = this.next = 0;
    this.backlog = false;
    this.queue.dropAll(R.LINK_DOWN);
  }

  // Receiving

  private arrived(count: number, drained: boolean): void {
    this.batch = count;
    this.next = 0;
    this.backlog = !drained;
    this.user?.arrived();
  }

  /** The next batch at once, without the event loop, as soon as the last may be overwritten. */
  private refill(): boolean {
    if (this.closed || this.gone) return false;
    if (this.batch > 0 && this.pool.lent > 0) return false;
    this.poison();
    this.batch = this.device.read();
    this.next = 0;
    this.backlog = this.batch > 0;
    if (this.backlog) return true;
    const errno = this.device.readErrno;
    if (errno !== 0) this.readFailed(errno);
    return false;
  }

  /** Whoever still looks at the last batch sees it. Another link may still hold lent packets of this pump. */
  private poison(): void {
    if (!CHECKS || this.batch === 0 || this.pool.lent > 0) return;
    const last = 2 * (this.batch - 1);
    const { slab, records } = this.device;
    slab.fill(POISON, 0, records[last] + (records[last + 1] & ~VERIFIED));
  }

  private receive(offset: number, length: number, verified: boolean): boolean {
    const { counters, headroom, user } = this;
    if (length <= headroom || user === undefined) {
      counters.rxDropped++;
      return false;
    }
    const head = offset + headroom;
    const packet = this.pool.lend(
      this.arena,
      offset - SLAB_HEADROOM,
      head,
      length - headroom,
      offset + length,
    );
    if (headroom > 0 && !readMarks(packet, offset)) {
      counters.rxDropped++;
      user.dropped(packet, R.LINK_BAD_MARKS);
      return false;
    }
    if (verified) packet.checksum = CHECKSUM_VALID;
    if (this.medium === MEDIUM_IP) packet.network = head;
    else packet.link = head;
    counters.rxPackets++;
    counters.rxBytes += length - headroom;
    user.receive(packet);
    return true;
  }

  private readFailed(errno: number): void {
    // A device that is down comes back: the monitor says when. Nothing else does.
    if (errno === EIO) this.wentDown();
    else this.lost(errno);
  }

  // Sending

  /** Makes the packet what the device takes. False: it cannot be. */
  private prepare(packet: Packet): boolean {
    if (this.headroom > 0) return pushMarks(packet);
    return packet.gsoType === GSO_NONE || packet.checksum === CHECKSUM_PARTIAL;
  }

  private send(): void {
    const wasFull = this.queue.room === 0;
    const errno = this.queue.write();
    this.tellRejected();
    if (errno === EIO) this.wentDown();
    else if (errno === EAGAIN || errno === ENOBUFS || errno === ENOMEM) {
      this.queue.keep();
      this.device.watchWritable(true);
    } else if (errno !== 0) this.lost(errno);
    if (wasFull && this.queue.room > 0 && !this.closed) this.user?.ready();
  }

  private tellRejected(): void {
    const { rejectedErrno } = this.queue;
    if (rejectedErrno === 0 || this.toldRejected) return;
    this.toldRejected = true;
    const reason = describeErrno(rejectedErrno).join(', ');
    this.onEvent({ type: 'rejected', text: `${this.name} refused a packet: ${reason}` });
  }

  private writable(): void {
    if (this.closed || this.gone) return;
    // Without a monitor this is how a device that came up again is noticed: one that is down is not writable.
    if (!this.up && this.monitor === undefined) this.change(true, this.mtu);
    if (this.queue.size > 0) this.send();
  }

  // The state of the device

  private watchLink(): Monitor {
    const { ifindex, up, running, mtu, monitorFd: fd } = this.opened;
    return new Monitor({ fd, ifindex, up, running, mtu, onEvent: (event) => this.linkEvent(event) });
  }

  private linkEvent(event: LinkEvent): void {
    if (this.closed) return;
    if (event.type === 'address') {
      const verb = event.added ? 'added to' : 'removed from';
      this.onEvent({
        type: 'address',
        text: `${event.address}/${event.prefixLength} was ${verb} ${this.name}`,
      });
    } else if (event.deleted) {
      this.lost(EBADFD);
    } else {
      this.change(event.up && event.running, event.mtu);
    }
  }

  /** A write says that the device is down, maybe before the monitor does, maybe after it came up again. */
  private wentDown(): void {
    this.change(false, this.mtu);
    if (this.monitor === undefined) this.device.watchWritable(true);
    else this.monitor.refresh();
  }

  private change(up: boolean, mtu: number): void {
    if (this.gone || (up === this.up && mtu === this.mtu)) return;
    const before = { up: this.up, mtu: this.mtu };
    this.up = up;
    this.mtu = mtu;
    if (!up) this.queue.dropAll(R.LINK_DOWN);
    else if (!before.up && this.user !== undefined) this.device.watchReadable(true);
    if (mtu !== before.mtu) this.onEvent({ type: 'mtu', text: `${this.name} has an MTU of ${mtu} now` });
    if (up !== before.up) {
      const down = `${this.name} is down; to go on: ip link set ${this.name} up`;
      this.onEvent({ type: up ? 'up' : 'down', text: up ? `${this.name} is up` : down });
    }
    this.user?.changed();
  }

  private lost(errno: number): void {
    if (this.gone) return;
    this.gone = true;
    this.up = false;
    this.backlog = false;
    this.device.watchReadable(false);
    this.queue.dropAll(R.LINK_DOWN);
    const why =
      errno === EBADFD ? 'was deleted' : errno === END_OF_STREAM ? 'was closed by its other end' : undefined;
    this.onEvent({
      type: 'gone',
      text: `${this.name} ${why ?? `failed: ${describeErrno(errno).join(', ')}`}`,
    });
    this.user?.changed();
  }
}
