// IPv4 output: the one place of this layer that sends. Writes the header, runs the hooks, hands the packet to its link.

import { assert, CHECKS } from '../base/assert.ts';
import { NONE } from '../base/index-pool.ts';
import type { Context } from '../context.ts';
import { C } from '../contract/counters.ts';
import { ACCEPT, DROP, OUTPUT, POSTROUTING } from '../contract/hook.ts';
import {
  FEATURE_CHECKSUM,
  FEATURE_TSO_ECN,
  FEATURE_TSO4,
  FEATURE_USO,
  FULL,
  TAKEN,
} from '../contract/link.ts';
import { CHECKSUM_PARTIAL, GSO_NONE, GSO_TCPV4, type Packet } from '../contract/packet.ts';
import { R } from '../contract/reasons.ts';
import { PMTU_DO, PMTU_STRICT, PMTU_WANT } from '../ip/datagrams.ts';
import type { Hooks } from '../ip/hooks.ts';
import type { Interface } from '../ip/interface.ts';
import type { Path, PathTable } from '../ip/path.ts';
import { ROUTE_BROADCAST, type RouteTable } from '../ip/route-table.ts';
import { IP4_BROADCAST, isMulticast4 } from '../wire/address.ts';
import { wr16 } from '../wire/bytes.ts';
import * as ipv4 from '../wire/ipv4.ts';
import { Fragmenter } from './fragment.ts';
import { Segmenter } from './gso.ts';
import type { Identification } from './identification.ts';
import { gsoHeaders, makePartial, saysReduced, wireLength } from './segmentation.ts';

/** Sends datagrams of one stack. */
export class Ip4Output {
  /** Where copies for this host go; set by whoever composes the stack. */
  loopback: Interface | undefined = undefined;
  private readonly context: Context;
  private readonly routes: RouteTable;
  private readonly paths: PathTable;
  private readonly hooks: Hooks;
  private readonly identification: Identification;
  private readonly fragmenter: Fragmenter;
  private readonly segmenter: Segmenter;

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
    this.segmenter = new Segmenter(context, this.fragmenter);
  }

  /**
   * Sends a packet whose head is at its transport header, over a held path. TAKEN: it is gone (sent, or dropped and
   * counted). FULL: nothing happened, the packet is as it was; ask again when `path.face` has room.
   * Datagrams that fit go with DF and identification 0: they are atomic (RFC 6864 4.1). `pmtu` says what becomes of others. R6864.1.
   */
  send(
    packet: Packet,
    path: Path,
    protocol: number,
    ttl: number,
    tos: number,
    pmtu: number = PMTU_STRICT,
    loops = false,
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
    if (isMulticast4(path.nextHop) || path.nextHop === IP4_BROADCAST) {
      this.toMany(packet, path, loops);
      return TAKEN;
    }
    this.transmit(packet, face, path.nextHop, path.pmtu);
    return TAKEN;
  }

  /** Sends the batch's answers: complete datagrams, head at the IP header. What a full link refuses is dropped. */
  drainAnswers(): void {
    const { answers } = this.context;
    this.fragmenter.resume();
    this.segmenter.resume();
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

  /** Sends a complete datagram, head at its header, by this interface. The packet is gone afterwards. */
  sendComplete(packet: Packet, face: Interface, nextHop: number): void {
    this.context.stats.counters[C.IpOutRequests]++;
    this.transmit(packet, face, nextHop, face.link.mtu);
  }

  /** RFC 1112 6.1: a copy for those of this host that listen, and none beyond it with TTL 0. */
  private toMany(packet: Packet, { face, nextHop, pmtu }: Path, loops: boolean): void {
    const { counters } = this.context.stats;
    counters[nextHop === IP4_BROADCAST ? C.IpExtOutBcastPkts : C.IpExtOutMcastPkts]++;
    const copy = loops && !face.loopback ? this.context.pool.clone(packet) : undefined;
    if (ipv4.ipv4Ttl(packet.bytes, packet.network) === 0) packet.release();
    else this.transmit(packet, face, nextHop, pmtu);
    if (copy === undefined) return;
    const { loopback } = this;
    if (loopback === undefined || loopback.transmit(copy, nextHop) === FULL) copy.release();
  }

  /** The stack closes: what waits half-sent is dropped. */
  close(): void {
    this.fragmenter.closeAll();
    this.segmenter.closeAll();
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
    if (packet.gsoType !== GSO_NONE) {
      this.handOverSuper(packet, face, nextHop, mtu);
      return;
    }
    if (packet.length > mtu) {
      if (this.fragmenter.send(packet, face, nextHop, mtu) === FULL) this.context.drop(packet, R.LINK_FULL);
      return;
    }
    this.toLink(packet, face, nextHop);
  }

  /** A super-segment goes as one where its link takes it so, and else as its pieces. */
  private handOverSuper(packet: Packet, face: Interface, nextHop: number, mtu: number): void {
    const headers = gsoHeaders(packet);
    if (headers === 0 || !makePartial(packet)) {
      this.context.drop(packet, R.LINK_MARKS);
      return;
    }
    const { features } = face.link;
    let passes = false;
    if (packet.gsoType === GSO_TCPV4) {
      // Text may be cut anew where a datagram may be cut: nobody can tell (and pieces need no reassembly).
      if (wireLength(packet) > mtu) packet.gsoSize = mtu - headers;
      const needed = FEATURE_TSO4 | (saysReduced(packet) ? FEATURE_TSO_ECN : 0);
      passes = (features & needed) === needed;
    } else passes = (features & FEATURE_USO) !== 0 && wireLength(packet) <= mtu;
    if (packet.gsoSize <= 0) this.context.drop(packet, R.LINK_MARKS);
    else if (passes) this.toLink(packet, face, nextHop);
    else if (this.segmenter.send(packet, face, nextHop, mtu) === FULL) this.context.drop(packet, R.LINK_FULL);
  }

  private toLink(packet: Packet, face: Interface, nextHop: number): void {
    const { features } = face.link;
    if (packet.checksum === CHECKSUM_PARTIAL && (features & FEATURE_CHECKSUM) === 0)
      packet.completeChecksum();
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
