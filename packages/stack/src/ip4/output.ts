// IPv4 output: the one place of this layer that sends. Writes the header, runs the hooks, hands the packet to its link.

import { assert, CHECKS } from '../base/assert.ts';
import type { Context } from '../context.ts';
import { C } from '../contract/counters.ts';
import { ACCEPT, DROP, OUTPUT, POSTROUTING } from '../contract/hook.ts';
import { FEATURE_CHECKSUM, FEATURE_TSO4, FULL, TAKEN } from '../contract/link.ts';
import { CHECKSUM_PARTIAL, GSO_NONE, GSO_TCPV4, type Packet } from '../contract/packet.ts';
import { R } from '../contract/reasons.ts';
import type { Hooks } from '../ip/hooks.ts';
import type { Interface } from '../ip/interface.ts';
import type { Path, PathTable } from '../ip/path.ts';
import { ROUTE_BROADCAST, type RouteTable } from '../ip/route-table.ts';
import { IPV4_DF, IPV4_MIN_HEADER, ipv4Destination, writeIpv4 } from '../wire/ipv4.ts';

/** Sends datagrams of one stack. */
export class Ip4Output {
  private readonly context: Context;
  private readonly routes: RouteTable;
  private readonly paths: PathTable;
  private readonly hooks: Hooks;

  constructor(context: Context, routes: RouteTable, paths: PathTable, hooks: Hooks) {
    this.context = context;
    this.routes = routes;
    this.paths = paths;
    this.hooks = hooks;
  }

  /**
   * Sends a packet whose head is at its transport header, over a held path. TAKEN: it is gone (sent, or dropped and
   * counted). FULL: nothing happened, the packet is as it was; ask again when `path.face` has room.
   * Datagrams go with DF and identification 0: they are atomic (RFC 6864 section 4.1), their size was checked before.
   */
  send(packet: Packet, path: Path, protocol: number, ttl: number, tos: number): number {
    this.paths.refresh(path);
    if (path.route === undefined) {
      this.context.drop(packet, R.NO_ROUTE);
      return TAKEN;
    }
    const { face } = path;
    if (face.full) return FULL;
    if (packet.length + IPV4_MIN_HEADER > path.pmtu && packet.gsoType === GSO_NONE) {
      this.context.drop(packet, R.TOO_BIG);
      return TAKEN;
    }
    this.context.stats.counters[C.IpOutRequests]++;
    const o = packet.push(IPV4_MIN_HEADER);
    packet.network = o;
    writeIpv4(packet.bytes, o, tos, packet.length, 0, IPV4_DF, ttl, protocol, path.local, path.remote);
    this.transmit(packet, face, path.nextHop);
    return TAKEN;
  }

  /** Sends the batch's answers: complete datagrams, head at the IP header. What a full link refuses is dropped. */
  drainAnswers(): void {
    const { answers } = this.context;
    for (let packet = answers.shift(); packet !== undefined; packet = answers.shift()) {
      const route = this.routes.lookup(ipv4Destination(packet.bytes, packet.network));
      if (route === undefined || route.type === ROUTE_BROADCAST) {
        this.context.drop(packet, R.NO_ROUTE);
        continue;
      }
      if (packet.length > route.face.link.mtu) {
        this.context.drop(packet, R.TOO_BIG);
        continue;
      }
      this.context.stats.counters[C.IpOutRequests]++;
      const nextHop = route.gateway !== 0 ? route.gateway : ipv4Destination(packet.bytes, packet.network);
      this.transmit(packet, route.face, nextHop);
    }
  }

  /** A datagram of somebody else's goes on: RFC 1812 5.2.1. The packet is gone afterwards. */
  sendForwarded(packet: Packet, face: Interface, nextHop: number): void {
    if (this.accepted(POSTROUTING, packet)) this.handOver(packet, face, nextHop);
  }

  /** Hooks, checksum and out. The packet is gone afterwards. */
  private transmit(packet: Packet, face: Interface, nextHop: number): void {
    if (!this.accepted(OUTPUT, packet) || !this.accepted(POSTROUTING, packet)) return;
    this.handOver(packet, face, nextHop);
  }

  private handOver(packet: Packet, face: Interface, nextHop: number): void {
    if (CHECKS) assert(packet.bytes[packet.head] >>> 4 === 4, 'an IP packet starts with its version');
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
