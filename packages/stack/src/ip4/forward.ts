// Forwarding: RFC 1812 5.2, 5.3. A datagram for somebody else goes on, one hop older, or its sender hears why not.

import { Fifo } from '../base/fifo.ts';
import { type Context, WORK_FORWARD } from '../context.ts';
import { C } from '../contract/counters.ts';
import { ACCEPT, DROP, FORWARD } from '../contract/hook.ts';
import { CAST_HOST, type Packet } from '../contract/packet.ts';
import { R } from '../contract/reasons.ts';
import type { Hooks } from '../ip/hooks.ts';
import type { Interface } from '../ip/interface.ts';
import { ROUTE_BROADCAST, type Route, type RouteTable } from '../ip/route-table.ts';
import { isLinkLocal4, isMulticast4 } from '../wire/address.ts';
import {
  ICMP_DEST_UNREACHABLE,
  ICMP_PARAMETER_PROBLEM,
  ICMP_TIME_EXCEEDED,
  UNREACH_NEEDFRAG,
  UNREACH_NET,
} from '../wire/icmpv4.ts';
import {
  IPV4_DF,
  IPV4_MIN_HEADER,
  ipv4Destination,
  ipv4Flags,
  ipv4HeaderLength,
  ipv4Source,
  ipv4Ttl,
  setIpv4Checksum,
  setIpv4Ttl,
} from '../wire/ipv4.ts';
import type { Icmp4Errors } from './icmp-error.ts';
import { record, recordFault } from './record.ts';
import { wireLength } from './segmentation.ts';

/** Sends a datagram of somebody else's: Ip4Output. */
export interface ForwardOutput {
  /** The packet is gone afterwards. */
  sendForwarded(packet: Packet, face: Interface, nextHop: number): void;
}

/** A datagram on its way. */
interface Onward {
  readonly packet: Packet;
  readonly face: Interface;
  readonly nextHop: number;
}

/** The router in a stack. It sends no redirects (R1122.20). */
export class Ip4Forward {
  private readonly context: Context;
  private readonly routes: RouteTable;
  private readonly hooks: Hooks;
  private readonly icmpErrors: Icmp4Errors;
  private readonly output: ForwardOutput;
  private readonly queue: Fifo<Onward>;
  /** What our times of day count from: drawn when the first is asked for. */
  private epochMs: number | undefined = undefined;

  constructor(
    context: Context,
    routes: RouteTable,
    hooks: Hooks,
    icmpErrors: Icmp4Errors,
    output: ForwardOutput,
  ) {
    this.context = context;
    this.routes = routes;
    this.hooks = hooks;
    this.icmpErrors = icmpErrors;
    this.output = output;
    this.queue = new Fifo(context.options.forwardQueueMax);
  }

  /** A datagram that is not for us, head at its IP header; its source was found to be one host elsewhere. */
  arrives(packet: Packet): void {
    const { context } = this;
    const b = packet.bytes;
    const o = packet.network;
    const destination = ipv4Destination(b, o);
    const barred = this.barred(packet, destination);
    if (barred >= 0) {
      context.drop(packet, barred);
      return;
    }
    const route = this.routes.lookup(destination);
    if (route === undefined) {
      this.icmpErrors.send(packet, ICMP_DEST_UNREACHABLE, UNREACH_NET, 0, R.FORWARD_NO_ROUTE);
      return;
    }
    if (route.type === ROUTE_BROADCAST) {
      context.drop(packet, R.IP_BROADCAST);
      return;
    }
    // RFC 1812 5.3.1: what arrives with TTL 1 must not go on. R791.3, R1812.1.
    if (ipv4Ttl(b, o) <= 1) {
      this.icmpErrors.send(packet, ICMP_TIME_EXCEEDED, 0, 0, R.TTL_EXCEEDED);
      return;
    }
    const { face } = route;
    const { mtu } = face.link;
    if (packet.length > mtu && (ipv4Flags(b, o) & IPV4_DF) !== 0 && wireLength(packet) > mtu) {
      // RFC 1191 section 4: with the MTU that would have done. Of a super-segment its pieces count. R791.6.
      this.icmpErrors.send(packet, ICMP_DEST_UNREACHABLE, UNREACH_NEEDFRAG, mtu, R.FORWARD_TOO_BIG);
      return;
    }
    if (ipv4HeaderLength(b, o) > IPV4_MIN_HEADER && !this.record(packet, route)) return;
    setIpv4Ttl(b, o, ipv4Ttl(b, o) - 1);
    const verdict = this.hooks.run(FORWARD, packet);
    if (verdict !== ACCEPT) {
      if (verdict === DROP) context.drop(packet, R.HOOK_DROP);
      return;
    }
    const nextHop = route.gateway !== 0 ? route.gateway : destination;
    context.work |= WORK_FORWARD;
    if (this.queue.push({ packet, face, nextHop })) context.stats.counters[C.IpForwDatagrams]++;
    else context.drop(packet, R.FORWARD_QUEUE_FULL);
  }

  drain(): void {
    for (let on = this.queue.shift(); on !== undefined; on = this.queue.shift()) {
      this.output.sendForwarded(on.packet, on.face, on.nextHop);
    }
    this.context.work &= ~WORK_FORWARD;
  }

  /** The stack closes: what was about to go on is dropped. */
  close(): void {
    for (let on = this.queue.shift(); on !== undefined; on = this.queue.shift()) {
      this.context.drop(on.packet, R.SEND_CLOSED);
    }
  }

  /** RFC 1812 5.3.13.4, 5.3.13.5: we say where it went through, and when, to who asks for it. False: the packet is gone. */
  private record(packet: Packet, { face, gateway }: Route): boolean {
    if (!this.context.options.forwardRecords) return true;
    const { bytes: b, network: o } = packet;
    const at = o + IPV4_MIN_HEADER;
    const length = ipv4HeaderLength(b, o) - IPV4_MIN_HEADER;
    const fault = recordFault(b, at, length);
    if (fault >= 0) {
      const pointer = IPV4_MIN_HEADER + fault;
      this.icmpErrors.send(packet, ICMP_PARAMETER_PROBLEM, 0, pointer << 24, R.IP_BAD_OPTIONS);
      return false;
    }
    const address = face.askingAddress(gateway !== 0 ? gateway : ipv4Destination(b, o));
    if (record(b, at, length, address, this.timeOfDay(), this.routes)) setIpv4Checksum(b, o);
    return true;
  }

  /** A stack knows no hour: a time with the high bit set is any time (RFC 791 3.1). It tells nobody how long we are up. */
  private timeOfDay(): number {
    this.epochMs ??= this.context.entropy.int32();
    return (this.context.nowMs + this.epochMs) | (1 << 31);
  }

  /** What no router passes on: RFC 1812 5.3.4 (frames to many), 5.3.7 and RFC 3927 2.7 (addresses of a link). */
  private barred({ bytes, network, cast }: Packet, destination: number): number {
    if (cast !== CAST_HOST) return R.IP_LINK_BROADCAST;
    if (isMulticast4(destination)) return R.IP_MULTICAST;
    const local = isLinkLocal4(destination) || isLinkLocal4(ipv4Source(bytes, network));
    return local ? R.FORWARD_LINK_LOCAL : -1;
  }
}
