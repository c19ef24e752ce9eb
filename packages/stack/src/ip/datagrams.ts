// The queues of datagram sockets, whatever their protocol: received packets wait for the application, sent ones for
// the drain. Queues are counted in octets, as SO_RCVBUF and SO_SNDBUF are.

import { Fifo } from '../base/fifo.ts';
import { NONE } from '../base/index-pool.ts';
import type { Context } from '../context.ts';
import { EAGAIN, ENOBUFS, OK } from '../contract/errno.ts';
import { EVENT_READABLE, EVENT_WRITABLE, type EventTarget } from '../contract/events.ts';
import { FULL } from '../contract/link.ts';
import type { Packet } from '../contract/packet.ts';
import { R } from '../contract/reasons.ts';
import { isMulticast4 } from '../wire/address.ts';
import type { Sender } from './interface.ts';
import type { Path, PathTable } from './path.ts';

/** Datagrams one socket sends before the next has its turn. */
const QUOTA = 64;
/** More datagrams than any octet limit lets into a queue: the Fifo's own bound. */
const QUEUE_MAX = 65_536;

/** One datagram socket, as the core knows it. */
export class DatagramEndpoint implements Sender {
  readonly target: EventTarget;
  readonly queues: DatagramQueues;
  /** Arrived, head at the transport header. */
  readonly rx: Fifo<Packet> = new Fifo(QUEUE_MAX);
  readonly tx: Fifo<Packet> = new Fifo(QUEUE_MAX);
  /** The last packets of `rx`: they arrived in this pump and do not count against `rxLimit` yet. */
  fresh = 0;
  /** What the others are charged, octets. */
  rxBytes = 0;
  txBytes = 0;
  rxLimit: number;
  txLimit: number;
  ttl: number;
  tos = 0;
  /** TTL of what goes to groups (IP_MULTICAST_TTL: 1, RFC 1112 6.1), and whether this host hears it (IP_MULTICAST_LOOP). */
  multicastTtl = 1;
  multicastLoops = true;
  /** The address whose interface groups are spoken to by (IP_MULTICAST_IF), or 0. */
  multicastSource = 0;
  /** May send to all (SO_BROADCAST, RFC 1122 4.1.3.6). */
  broadcast = false;
  /** For whoever looks for its paths: it may speak to groups. */
  groups = false;
  /** What is larger than its path is refused, not cut. */
  dontFragment = false;
  /** Ports, or the identifier of an echo socket; 0: not bound, not connected. */
  localPort = 0;
  remotePort = 0;
  /** The path (local address, any) it is bound to, and the one it is connected to. */
  bound: Path | undefined = undefined;
  connected: Path | undefined = undefined;
  /** A pending error code, or 0. */
  error = 0;
  /** An application was told EAGAIN and wants to hear of room. */
  wantsRoom = false;
  closed = false;
  /** On the list of those who may send. */
  dirty = false;
  /** Its first datagram was refused by a full link, which tells when there is room. */
  waiting = false;
  touched = false;

  constructor(target: EventTarget, queues: DatagramQueues, rxLimit: number, txLimit: number, ttl: number) {
    this.target = target;
    this.queues = queues;
    this.rxLimit = rxLimit;
    this.txLimit = txLimit;
    this.ttl = ttl;
  }

  roomAgain(): void {
    this.waiting = false;
    this.queues.markDirty(this);
  }
}

/** What becomes of a datagram that its path does not take whole (RFC 1191, Linux's IP_MTU_DISCOVER): it is dropped, */
export const PMTU_STRICT = 0;
/** ... it is fragmented; those that fit go with DF, so that the path's MTU is learned (IP_PMTUDISC_WANT), */
export const PMTU_WANT = 1;
/** ... it is dropped, and DF is set even where the path's MTU is known to be smaller than is believed (IP_PMTUDISC_DO). */
export const PMTU_DO = 2;

/**
 * Sends one datagram of a protocol: Ip4Output, and one day its brother. `pmtu`: PMTU_*, by default PMTU_STRICT. `loops`: what
 * goes to many is heard by this host, too.
 */
export interface DatagramOutput {
  send(
    packet: Packet,
    path: Path,
    protocol: number,
    ttl: number,
    tos: number,
    pmtu?: number,
    loops?: boolean,
  ): number;
}

/** What the queues need to know of a protocol. */
export interface DatagramProtocol {
  /** IP protocol number. */
  readonly number: number;
  /** Place of the nstat counter of datagrams sent, and of those that an application took (NONE: not counted). */
  readonly sent: number;
  readonly received: number;
  /** Its bit of `Context.work`. */
  readonly work: number;
  /** The reason to drop what a receive queue cannot hold. */
  readonly full: number;
  /** Sockets there can be. */
  readonly socketsMax: number;
}

/** The queues of all sockets of one protocol. */
export class DatagramQueues {
  private readonly context: Context;
  private readonly paths: PathTable;
  private readonly output: DatagramOutput;
  private readonly protocol: DatagramProtocol;
  private readonly dirty: Fifo<DatagramEndpoint>;
  private readonly touched: Fifo<DatagramEndpoint>;
  /** Sockets with something to send: those on the dirty list and those that wait for room, closed ones among them. */
  private busy = 0;
  private readonly unsettled: Packet[] = [];

  constructor(context: Context, paths: PathTable, output: DatagramOutput, protocol: DatagramProtocol) {
    this.context = context;
    this.paths = paths;
    this.output = output;
    this.protocol = protocol;
    this.dirty = new Fifo(protocol.socketsMax * 2);
    this.touched = new Fifo(protocol.socketsMax * 2);
  }

  private charge(packet: Packet): number {
    return packet.length + this.context.options.datagramOverheadBytes;
  }

  /**
   * Queues an arrived packet for the socket and marks it readable. The limit of the queue comes later: what the
   * application reads in its turn of this pump costs no memory, for it lies in the slab.
   */
  deliver(endpoint: DatagramEndpoint, packet: Packet): void {
    if (!endpoint.rx.push(packet)) {
      this.context.drop(packet, this.protocol.full);
      return;
    }
    endpoint.fresh++;
    if (!endpoint.touched) {
      endpoint.touched = true;
      this.touched.push(endpoint);
      this.context.work |= this.protocol.work;
    }
    this.context.events.mark(endpoint.target, EVENT_READABLE);
  }

  /** Takes the first received packet out of the queue for the application; the caller owns it. */
  receive(endpoint: DatagramEndpoint): Packet | undefined {
    const packet = this.takeFirst(endpoint);
    const { received } = this.protocol;
    if (packet !== undefined && received !== NONE) this.context.stats.counters[received]++;
    return packet;
  }

  private takeFirst(endpoint: DatagramEndpoint): Packet | undefined {
    const packet = endpoint.rx.shift();
    if (packet === undefined) return undefined;
    if (endpoint.fresh > endpoint.rx.size) endpoint.fresh--;
    else endpoint.rxBytes -= this.charge(packet);
    return packet;
  }

  /** After the events: what the application left leaves the slab and counts against the limit, or is dropped. */
  settle(): void {
    for (let endpoint = this.touched.shift(); endpoint !== undefined; endpoint = this.touched.shift()) {
      endpoint.touched = false;
      for (; endpoint.fresh > 0; endpoint.fresh--) this.unsettled.push(endpoint.rx.pop() as Packet);
      for (let packet = this.unsettled.pop(); packet !== undefined; packet = this.unsettled.pop()) {
        this.keep(endpoint, packet);
      }
    }
  }

  private keep(endpoint: DatagramEndpoint, packet: Packet): void {
    const charge = this.charge(packet);
    // An empty queue takes any one datagram: a small SO_RCVBUF must not make a socket deaf.
    if (endpoint.rxBytes > 0 && endpoint.rxBytes + charge > endpoint.rxLimit) {
      this.context.drop(packet, this.protocol.full);
    } else if (packet.own()) {
      endpoint.rx.push(packet);
      endpoint.rxBytes += charge;
    } else {
      this.context.drop(packet, R.NO_BUFFER);
    }
  }

  /**
   * OK when a datagram of `length` octets may be queued; EAGAIN when not, and the socket will hear EVENT_WRITABLE.
   * ENOBUFS: as many sockets as there can be were closed with datagrams that could not leave yet.
   */
  mayQueue(endpoint: DatagramEndpoint, length: number): number {
    if (endpoint.tx.size === 0 && this.busy >= this.dirty.limit) return ENOBUFS;
    const charge = length + this.context.options.datagramOverheadBytes;
    if (endpoint.txBytes === 0 || endpoint.txBytes + charge <= endpoint.txLimit) return OK;
    endpoint.wantsRoom = true;
    return EAGAIN;
  }

  /** Queues a packet, head at its transport header, for this path, which it holds until it is sent. */
  queue(endpoint: DatagramEndpoint, packet: Packet, path: Path): void {
    this.paths.hold(path);
    packet.path = path.id;
    if (endpoint.tx.size === 0) this.busy++;
    endpoint.tx.push(packet);
    endpoint.txBytes += this.charge(packet);
    this.markDirty(endpoint);
  }

  markDirty(endpoint: DatagramEndpoint): void {
    if (endpoint.dirty || endpoint.waiting || endpoint.tx.size === 0) return;
    endpoint.dirty = true;
    this.dirty.push(endpoint);
    this.context.work |= this.protocol.work;
  }

  /** Sends what is queued, sockets in turn, until the links are full. */
  drain(): void {
    for (let endpoint = this.dirty.shift(); endpoint !== undefined; endpoint = this.dirty.shift()) {
      endpoint.dirty = false;
      let quota = QUOTA;
      while (quota > 0 && endpoint.tx.size > 0 && this.sendFirst(endpoint)) quota--;
      // Who has sent something goes behind those who have not, so that a link with little room serves all in turn.
      if (quota < QUOTA) this.markDirty(endpoint);
      else this.waitForRoom(endpoint);
    }
    this.context.work &= ~this.protocol.work;
  }

  /** Sends the first datagram of the queue; false when its link is full. */
  private sendFirst(endpoint: DatagramEndpoint): boolean {
    const packet = endpoint.tx.at(0);
    const path = this.paths.at(packet.path);
    const charge = this.charge(packet);
    const { tos } = endpoint;
    const group = isMulticast4(path.remote);
    const ttl = group ? endpoint.multicastTtl : endpoint.ttl;
    const loops = !group || endpoint.multicastLoops;
    const pmtu = endpoint.dontFragment ? PMTU_DO : PMTU_WANT;
    if (this.output.send(packet, path, this.protocol.number, ttl, tos, pmtu, loops) === FULL) return false;
    endpoint.tx.shift();
    if (endpoint.tx.size === 0) this.busy--;
    this.context.stats.counters[this.protocol.sent]++;
    this.paths.release(path);
    endpoint.txBytes -= charge;
    if (endpoint.wantsRoom && endpoint.txBytes * 2 <= endpoint.txLimit && !endpoint.closed) {
      endpoint.wantsRoom = false;
      this.context.events.mark(endpoint.target, EVENT_WRITABLE);
    }
    return true;
  }

  private waitForRoom(endpoint: DatagramEndpoint): void {
    endpoint.waiting = true;
    this.paths.at(endpoint.tx.at(0).path).face.waitForRoom(endpoint);
  }

  /** The socket closes: what it had received is dropped, what it had sent still goes out. */
  close(endpoint: DatagramEndpoint): void {
    endpoint.closed = true;
    for (let packet = this.takeFirst(endpoint); packet !== undefined; packet = this.takeFirst(endpoint)) {
      this.context.drop(packet, R.SOCKET_CLOSED);
    }
  }

  /** The stack closes: what waits to be sent is dropped, of sockets that closed before too. Links must have unblocked. */
  discardAll(): void {
    for (let endpoint = this.dirty.shift(); endpoint !== undefined; endpoint = this.dirty.shift()) {
      endpoint.dirty = false;
      endpoint.txBytes = 0;
      for (let packet = endpoint.tx.shift(); packet !== undefined; packet = endpoint.tx.shift()) {
        this.paths.release(this.paths.at(packet.path));
        this.context.drop(packet, R.SEND_CLOSED);
      }
    }
    this.busy = 0;
  }
}
