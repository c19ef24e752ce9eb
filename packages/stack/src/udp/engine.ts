// UDP, RFC 768 and RFC 1122 4.1: the verbs of the API, datagrams that arrive, errors about those we sent.

import { FlowTable } from '../base/flow-table.ts';
import { NONE } from '../base/index-pool.ts';
import { type Context, WORK_UDP } from '../context.ts';
import { C } from '../contract/counters.ts';
import * as errno from '../contract/errno.ts';
import { EVENT_CLOSED, EVENT_ERROR, type EventTarget } from '../contract/events.ts';
import { CHECKSUM_NONE, CHECKSUM_PARTIAL, copyOctets, GSO_NONE, type Packet } from '../contract/packet.ts';
import { R } from '../contract/reasons.ts';
import { DatagramEndpoint, type DatagramOutput, DatagramQueues } from '../ip/datagrams.ts';
import type { Path, PathTable } from '../ip/path.ts';
import { fold } from '../wire/checksum.ts';
import { PROTO_UDP } from '../wire/ipv4.ts';
import * as udp from '../wire/udp.ts';
import { UdpPorts } from './ports.ts';

/** What `datagramArrives` asks of the caller. */
export const ARRIVED = 0;
/** Nobody has this port: tell the sender (RFC 1122 4.1.3.1). The packet is still the caller's. R1122.18, R1122.39. */
export const PORT_UNREACHABLE = 1;

/** Finds the path (local address, any) of an arrived packet: what sockets bound to one address are found by. */
export interface LocalPathFinder {
  localPath(packet: Packet): number;
}

/** Sockets are found by (path, ports): connected ones first, then one address, then any address. */
export class UdpEngine {
  readonly ports: UdpPorts;
  private readonly context: Context;
  private readonly queues: DatagramQueues;
  private readonly paths: PathTable;
  private readonly finder: LocalPathFinder;
  private readonly endpoints: (DatagramEndpoint | undefined)[] = [];
  private readonly byPath: FlowTable;
  private readonly anyPath: number;

  constructor(context: Context, paths: PathTable, output: DatagramOutput, finder: LocalPathFinder) {
    this.context = context;
    this.paths = paths;
    this.finder = finder;
    this.queues = new DatagramQueues(context, paths, output, {
      number: PROTO_UDP,
      sent: C.UdpOutDatagrams,
      received: C.UdpInDatagrams,
      work: WORK_UDP,
      full: R.UDP_RECEIVE_FULL,
      socketsMax: context.options.udpSocketsMax,
    });
    this.byPath = new FlowTable(context.entropy.int32());
    this.ports = new UdpPorts(context);
    this.anyPath = (paths.acquire(0, 0) as Path).id;
  }

  /** Sockets that are bound. */
  get size(): number {
    return this.ports.size;
  }

  /** A socket that is neither bound nor connected. */
  open(target: EventTarget): DatagramEndpoint {
    const { udpReceiveBytes, udpSendBytes, ttl } = this.context.options;
    const endpoint = new DatagramEndpoint(target, this.queues, udpReceiveBytes, udpSendBytes, ttl);
    endpoint.groups = true;
    return endpoint;
  }

  /** Binds to the path (local address or any, any) and a port, 0: one of ours. The socket takes over the hold on the path. */
  bind(endpoint: DatagramEndpoint, path: Path, port: number): number {
    if (endpoint.bound !== undefined) return errno.EINVAL;
    const row = this.ports.take(port, path.id, path.id === this.anyPath);
    if (row < 0) return row;
    endpoint.localPort = this.ports.portOf(row);
    endpoint.bound = path;
    this.endpoints[row] = endpoint;
    this.byPath.set(path.id, endpoint.localPort << 16, row);
    return errno.OK;
  }

  /** Connects a bound socket: it hears only this peer, and of errors. The socket takes over the hold on the path. */
  connect(endpoint: DatagramEndpoint, path: Path, remotePort: number): number {
    const key = (endpoint.localPort << 16) | remotePort;
    const holder = this.byPath.get(path.id, key);
    if (holder !== NONE) {
      if (this.endpoints[holder] !== endpoint) return errno.EADDRINUSE;
      // Connected to this peer already: the hold it has is enough.
      this.paths.release(path);
      return errno.OK;
    }
    this.disconnect(endpoint);
    const row = this.unregister(endpoint);
    endpoint.connected = path;
    endpoint.remotePort = remotePort;
    this.byPath.set(path.id, key, row);
    return errno.OK;
  }

  /** Back to hearing everybody. */
  disconnect(endpoint: DatagramEndpoint): void {
    if (endpoint.connected === undefined) return;
    const row = this.unregister(endpoint);
    this.paths.release(endpoint.connected);
    endpoint.connected = undefined;
    endpoint.remotePort = 0;
    this.byPath.set((endpoint.bound as Path).id, endpoint.localPort << 16, row);
  }

  /** Queues one datagram over a path that the caller holds. OK, EAGAIN (EVENT_WRITABLE follows) or another errno. */
  send(
    endpoint: DatagramEndpoint,
    path: Path,
    remotePort: number,
    bytes: Uint8Array,
    offset: number,
    length: number,
  ): number {
    if (length > udp.UDP_MAX_PAYLOAD) return errno.EMSGSIZE;
    this.paths.refresh(path);
    if (path.route === undefined) return errno.ENETUNREACH;
    const total = udp.UDP_HEADER + length;
    if (endpoint.dontFragment && total + path.headerLength > path.pmtu) return errno.EMSGSIZE;
    const room = this.queues.mayQueue(endpoint, total);
    if (room !== errno.OK) {
      this.context.stats.counters[C.UdpSndbufErrors]++;
      return room;
    }
    const packet = this.context.pool.allocate(length);
    if (packet === undefined) return errno.ENOBUFS;
    copyOctets(bytes, offset, packet.bytes, packet.put(length), length);
    const o = packet.push(udp.UDP_HEADER);
    const pseudo = fold(path.addressSum + PROTO_UDP + total);
    udp.writeUdp(packet.bytes, o, endpoint.localPort, remotePort, total, pseudo);
    packet.transport = o;
    packet.checksum = CHECKSUM_PARTIAL;
    packet.checksumStart = o;
    packet.checksumAt = o + udp.UDP_CHECKSUM_AT;
    this.queues.queue(endpoint, packet, path);
    return errno.OK;
  }

  /** Unbinds and forgets the socket; datagrams it queued still go out. */
  close(endpoint: DatagramEndpoint): void {
    if (endpoint.closed) return;
    this.queues.close(endpoint);
    if (endpoint.bound === undefined) return;
    const row = this.unregister(endpoint);
    this.endpoints[row] = undefined;
    this.ports.give(row);
    this.paths.release(endpoint.bound);
    if (endpoint.connected !== undefined) this.paths.release(endpoint.connected);
  }

  /** Closes all sockets at once, their send queues too. */
  closeAll(): void {
    for (const endpoint of this.endpoints) {
      if (endpoint === undefined) continue;
      this.close(endpoint);
      // What the socket shows goes back, too.
      endpoint.target.dispatch(EVENT_CLOSED);
    }
    this.queues.discardAll();
  }

  /** A datagram for us, head at its UDP header. */
  datagramArrives(packet: Packet): number {
    const broken = this.check(packet);
    if (broken >= 0) {
      this.context.drop(packet, broken);
      return ARRIVED;
    }
    const endpoint = this.find(packet);
    if (endpoint === undefined) return PORT_UNREACHABLE;
    packet.pull(udp.UDP_HEADER);
    this.queues.deliver(endpoint, packet);
    return ARRIVED;
  }

  /**
   * An ICMP error quotes a datagram of ours. Connected sockets hear hard errors (`code` < 0), others hear nothing
   * (Linux without IP_RECVERR). R1122.41. False: nobody here could have sent it.
   */
  errorArrives(
    path: number,
    localPath: number,
    localPort: number,
    remotePort: number,
    code: number,
  ): boolean {
    let row = this.byPath.get(path, (localPort << 16) | remotePort);
    if (row === NONE) row = this.byPath.get(localPath, localPort << 16);
    if (row === NONE) row = this.byPath.get(this.anyPath, localPort << 16);
    if (row === NONE) return false;
    const endpoint = this.endpoints[row] as DatagramEndpoint;
    if (endpoint.connected !== undefined && code < 0) {
      endpoint.error = code;
      this.context.events.mark(endpoint.target, EVENT_ERROR);
    }
    return true;
  }

  settle(): void {
    this.queues.settle();
  }

  drain(): void {
    this.queues.drain();
  }

  /** -1, or the reason to drop it. Trims what follows the UDP length. R768.1, R1122.42, R1122.43. */
  private check(packet: Packet): number {
    const b = packet.bytes;
    const o = packet.transport;
    if (packet.length < udp.UDP_HEADER) return R.UDP_TRUNCATED;
    const length = udp.udpLength(b, o);
    if (length < udp.UDP_HEADER) return R.UDP_BAD_LENGTH;
    if (length > packet.length) return R.UDP_TRUNCATED;
    if (packet.gsoType !== GSO_NONE) return R.UDP_GSO;
    packet.trim(length);
    if (udp.udpChecksum(b, o) !== 0 && packet.checksum === CHECKSUM_NONE) {
      if (fold(packet.addressSum + PROTO_UDP + length + packet.sumFrom(o)) !== 0xffff)
        return R.UDP_BAD_CHECKSUM;
    }
    return udp.udpDestinationPort(b, o) === 0 ? R.UDP_PORT_ZERO : -1;
  }

  private find(packet: Packet): DatagramEndpoint | undefined {
    const b = packet.bytes;
    const o = packet.transport;
    const port = udp.udpDestinationPort(b, o) << 16;
    let row = packet.path === NONE ? NONE : this.byPath.get(packet.path, port | udp.udpSourcePort(b, o));
    if (row === NONE) {
      const local = this.finder.localPath(packet);
      if (local !== NONE) row = this.byPath.get(local, port);
    }
    if (row === NONE) row = this.byPath.get(this.anyPath, port);
    return row === NONE ? undefined : this.endpoints[row];
  }

  /** Takes the socket out of the table it is found by; answers its row. */
  private unregister(endpoint: DatagramEndpoint): number {
    const path = (endpoint.connected ?? endpoint.bound) as Path;
    const key = (endpoint.localPort << 16) | endpoint.remotePort;
    const row = this.byPath.get(path.id, key);
    this.byPath.delete(path.id, key);
    return row;
  }
}
