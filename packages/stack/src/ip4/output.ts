// IPv4 output: the one place of this layer that sends. Writes the header, runs the hooks, hands the packet to its link.

import { assert, CHECKS } from '../base/assert.ts';
import { NONE } from '../base/index-pool.ts';
import type { Context } from '../context.ts';
import { C } from '../contract/counters.ts';
import { ACCEPT, DROP, OUTPUT, POSTROUTING } from '../contract/hook.ts';
import { FEATURE_CHECKSUM, FEATURE_TSO4, FULL, TAKEN } from '../contract/link.ts';
import { CHECKSUM_PARTIAL, GSO_NONE, GSO_TCPV4, type Packet } from '../contract/packet.ts';
import { R } from '../contract/reasons.ts';
import { PMTU_DO, PMTU_STRICT, PMTU_WANT } from '../ip/datagrams.ts';
import type { Hooks } from '../ip/hooks.ts';
import type { Interface } from '../ip/interface.ts';
import type { Path, PathTable } from '../ip/path.ts';
import { ROUTE_BROADCAST, type RouteTable } from '../ip/route-table.ts';
import { wr16 } from '../wire/bytes.ts';
import * as ipv4 from '../wire/ipv4.ts';
import { Fragmenter } from './fragment.ts';
import type { Identification } from './identification.ts';

/** Sends datagrams of one stack. */
export class Ip4Output {
  private readonly context: Context;
  private readonly routes: RouteTable;
  private readonly paths: PathTable;
  private readonly hooks: Hooks;
  private readonly identification: Identification;
  private readonly fragmenter: Fragmenter;

  constructor(
    context: Context,
    routes: RouteTable,
    paths: PathTable,
    hooks: Hooks,
    identification: Identification,
  ) {
    this.context = context;
    this.routes = routes;
    this.paths = paths;
    this.hooks = hooks;
    this.identification = identification;
    this.fragmenter = new Fragmenter(context);
  }

  /**
   * Sends a packet whose head is at its transport header, over a held path. TAKEN: it is gone (sent, or dropped and
   * counted). FULL: nothing happened, the packet is as it was; ask again when `path.face` has room.
   * Datagrams that fit go with DF and identification 0: they are atomic (RFC 6864 4.1). `pmtu` says what becomes of others.
   */
  send(
    packet: Packet,
    path: Path,
    protocol: number,
    ttl: number,
    tos: number,
    pmtu: number = PMTU_STRICT,
  ): number {
    this.paths.refresh(path);
    if (path.route === undefined) {
      this.context.drop(packet, R.NO_ROUTE);
      return TAKEN;
    }
    const { face } = path;
    if (face.full) return FULL;
    const gso = packet.gsoType !== GSO_NONE;
    const fits = gso || packet.length + ipv4.IPV4_MIN_HEADER <= path.pmtu;
    if (!fits && pmtu !== PMTU_WANT) {
      this.context.drop(packet, R.TOO_BIG);
      return TAKEN;
    }
    this.context.stats.counters[C.IpOutRequests]++;
    const { local, remote } = path;
    const df = gso || (fits && (!path.mtuLocked || pmtu === PMTU_DO));
    const id = df ? 0 : this.identification.next(remote);
    const o = packet.push(ipv4.IPV4_MIN_HEADER);
    packet.network = o;
    const flags = df ? ipv4.IPV4_DF : 0;
    ipv4.writeIpv4(packet.bytes, o, tos, packet.length, id, flags, ttl, protocol, local, remote);
    this.transmit(packet, face, path.nextHop, path.pmtu);
    return TAKEN;
  }

  /** Sends the batch's answers: complete datagrams, head at the IP header. What a full link refuses is dropped. */
  drainAnswers(): void {
    const { answers } = this.context;
    this.fragmenter.resume();
    for (let packet = answers.shift(); packet !== undefined; packet = answers.shift()) {
      const destination = ipv4.ipv4Destination(packet.bytes, packet.network);
      const route = this.routes.lookup(destination);
      if (route === undefined || route.type === ROUTE_BROADCAST) {
        this.context.drop(packet, R.NO_ROUTE);
        continue;
      }
      this.context.stats.counters[C.IpOutRequests]++;
      const mtu = this.mtuOf(packet, destination, route.face);
      if (packet.length > mtu) this.letCut(packet, destination);
      this.transmit(packet, route.face, route.gateway !== 0 ? route.gateway : destination, mtu);
    }
  }

  /** The stack closes: what waits half-sent is dropped. */
  close(): void {
    this.fragmenter.closeAll();
  }

  /** What an answer may have on its way: strangers' paths are not known, and what all paths take needs no look-up. */
  private mtuOf({ bytes, network, length }: Packet, destination: number, face: Interface): number {
    const { mtu } = face.link;
    if (length <= this.context.options.minPmtuBytes) return mtu;
    const id = this.paths.find(ipv4.ipv4Source(bytes, network), destination);
    const learned = id === NONE ? 0 : this.paths.at(id).learnedMtu;
    return learned !== 0 && learned < mtu ? learned : mtu;
  }

  /** An answer is ours, whatever of the question it mirrors: as Linux's ICMP, it goes in fragments when it must. */
  private letCut({ bytes, network }: Packet, destination: number): void {
    wr16(bytes, network + 4, this.identification.next(destination));
    wr16(bytes, network + 6, 0);
    ipv4.setIpv4Checksum(bytes, network);
  }

  /** A datagram of somebody else's goes on: RFC 1812 5.2.1. The packet is gone afterwards. */
  sendForwarded(packet: Packet, face: Interface, nextHop: number): void {
    if (this.accepted(POSTROUTING, packet)) this.handOver(packet, face, nextHop, face.link.mtu);
  }

  /** Hooks, checksum and out. The packet is gone afterwards. */
  private transmit(packet: Packet, face: Interface, nextHop: number, mtu: number): void {
    if (!this.accepted(OUTPUT, packet) || !this.accepted(POSTROUTING, packet)) return;
    this.handOver(packet, face, nextHop, mtu);
  }

  private handOver(packet: Packet, face: Interface, nextHop: number, mtu: number): void {
    if (CHECKS) assert(packet.bytes[packet.head] >>> 4 === 4, 'an IP packet starts with its version');
    if (packet.length > mtu && packet.gsoType === GSO_NONE) {
      if (this.fragmenter.send(packet, face, nextHop, mtu) === FULL) this.context.drop(packet, R.LINK_FULL);
      return;
    }
    if (packet.checksum === CHECKSUM_PARTIAL && (face.link.features & FEATURE_CHECKSUM) === 0) {
      packet.completeChecksum();
    }
    if (packet.gsoType === GSO_TCPV4 && (face.link.features & FEATURE_TSO4) === 0) {
      this.context.drop(packet, R.LINK_MARKS);
      return;
    }
    const { length } = packet;
    if (face.transmit(packet, nextHop) === FULL) {
      this.context.drop(packet, R.LINK_FULL);
      return;
    }
    this.context.stats.counters[C.IpExtOutOctets] += length;
  }

  private accepted(point: number, packet: Packet): boolean {
    const verdict = this.hooks.run(point, packet);
    if (verdict === ACCEPT) return true;
    if (verdict === DROP) this.context.drop(packet, R.HOOK_DROP);
    return false;
  }
}
