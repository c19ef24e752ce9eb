// IPv4 input: RFC 791 3.2, RFC 1122 3.2.1. Checks the datagram, decides whether it is for us, hands it to transport.

import { NONE } from '../base/index-pool.ts';
import type { Context } from '../context.ts';
import { C } from '../contract/counters.ts';
import { ACCEPT, DROP, INPUT, PREROUTING } from '../contract/hook.ts';
import {
  CAST_ALL,
  CAST_GROUP,
  CAST_HOST,
  CHECKSUM_NONE,
  CHECKSUM_PARTIAL,
  type Packet,
} from '../contract/packet.ts';
import { R } from '../contract/reasons.ts';
import type { Groups } from '../ip/groups.ts';
import type { Hooks } from '../ip/hooks.ts';
import type { Interface, PacketInput } from '../ip/interface.ts';
import type { Path, PathTable } from '../ip/path.ts';
import {
  ROUTE_BROADCAST,
  ROUTE_LOCAL,
  ROUTE_UNICAST,
  type Route,
  type RouteTable,
} from '../ip/route-table.ts';
import { IP4_BROADCAST, isLoopback4, isMulticast4, isThisNetwork4, isValidSource4 } from '../wire/address.ts';
import { ICMP_PARAMETER_PROBLEM } from '../wire/icmpv4.ts';
import * as ipv4 from '../wire/ipv4.ts';
import { checkIpv4Options, ipv4OptionFault, OPTIONS_MALFORMED, OPTIONS_OK } from '../wire/ipv4-options.ts';
import type { Defragmenter } from './defragment.ts';
import type { Icmp4Errors } from './icmp-error.ts';

/** What stands above IP: takes a datagram for us, `head` at its transport header, `network` at its IP header. */
export interface Upper {
  deliver(packet: Packet): void;
}

/** Takes a datagram that is not for us, where we forward. */
export interface Router {
  arrives(packet: Packet): void;
}

const ADMITTED = -1;
/** For us among others: a group we are in, or everybody. */
const TO_GROUP = -2;
const TO_ALL = -3;

/** Takes packets whose head is at an IPv4 header. */
export class Ip4Input implements PacketInput {
  private readonly context: Context;
  private readonly faces: readonly Interface[];
  private readonly routes: RouteTable;
  private readonly paths: PathTable;
  private readonly hooks: Hooks;
  private readonly upper: Upper;
  private readonly router: Router;
  private readonly errors: Icmp4Errors;
  private readonly defragmenter: Defragmenter;
  private readonly groups: Groups;

  constructor(
    context: Context,
    faces: readonly Interface[],
    routes: RouteTable,
    paths: PathTable,
    hooks: Hooks,
    upper: Upper,
    router: Router,
    errors: Icmp4Errors,
    defragmenter: Defragmenter,
    groups: Groups,
  ) {
    this.context = context;
    this.faces = faces;
    this.routes = routes;
    this.paths = paths;
    this.hooks = hooks;
    this.upper = upper;
    this.router = router;
    this.errors = errors;
    this.defragmenter = defragmenter;
    this.groups = groups;
  }

  receive(packet: Packet): void {
    const { counters } = this.context.stats;
    counters[C.IpInReceives]++;
    counters[C.IpExtInOctets] += packet.length;
    const broken = this.check(packet);
    if (broken !== ADMITTED) {
      this.context.drop(packet, broken);
      return;
    }
    if (!this.accepted(PREROUTING, packet)) return;
    const b = packet.bytes;
    const o = packet.network;
    const source = ipv4.ipv4Source(b, o);
    const destination = ipv4.ipv4Destination(b, o);
    packet.addressSum = (source >>> 16) + (source & 0xffff) + (destination >>> 16) + (destination & 0xffff);
    packet.path = this.paths.find(destination, source);
    const known = packet.path !== NONE && this.admittedBefore(packet);
    const foreign = known ? ADMITTED : this.admit(packet, source, destination);
    const onward = foreign === R.IP_NOT_LOCAL && this.context.options.forwarding;
    if (foreign >= 0 && !onward) {
      this.context.drop(packet, foreign);
      return;
    }
    // Whatever the frame was: of what goes to many nobody is told an error (RFC 1122 3.2.2).
    if (foreign === TO_GROUP) packet.cast = CAST_GROUP;
    else if (foreign === TO_ALL) packet.cast = CAST_ALL;
    if (ipv4.ipv4HeaderLength(b, o) > ipv4.IPV4_MIN_HEADER && !this.optionsFit(packet)) return;
    if (onward) {
      this.router.arrives(packet);
      return;
    }
    // RFC 1122 3.3.6: who sends to all stations must say so in IP, too. R1122.34.
    if (foreign === ADMITTED && packet.cast !== CAST_HOST) {
      this.context.drop(packet, R.IP_LINK_BROADCAST);
      return;
    }
    const whole = ipv4.ipv4IsFragment(b, o) ? this.defragmenter.receive(packet) : packet;
    if (whole === undefined || !this.accepted(INPUT, whole)) return;
    whole.transport = whole.pull(ipv4.ipv4HeaderLength(whole.bytes, whole.network));
    this.upper.deliver(whole);
  }

  /** For a socket bound to one address: the path (that address, any), or NONE. */
  localPath(packet: Packet): number {
    return this.paths.find(ipv4.ipv4Destination(packet.bytes, packet.network), 0);
  }

  /** Holds the path back to the sender of a packet; undefined: no room, or no route leads there. */
  acquirePath(packet: Packet): Path | undefined {
    const b = packet.bytes;
    const o = packet.network;
    const path = this.paths.acquire(ipv4.ipv4Destination(b, o), ipv4.ipv4Source(b, o));
    if (path === undefined || path.route !== undefined) return path;
    this.paths.release(path);
    return undefined;
  }

  /** MTU of the link that a packet came by. */
  linkMtu(packet: Packet): number {
    return this.faces[packet.ingress].link.mtu;
  }

  /** The header by itself; trims what a link padded. R791.2. */
  private check(packet: Packet): number {
    const b = packet.bytes;
    const o = packet.network;
    switch (ipv4.checkIpv4(b, o, packet.length)) {
      case ipv4.IPV4_OK:
        break;
      case ipv4.IPV4_SHORT:
        return R.IP_TRUNCATED;
      case ipv4.IPV4_BAD_VERSION:
        return R.IP_BAD_VERSION;
      case ipv4.IPV4_BAD_HEADER_LENGTH:
        return R.IP_BAD_HEADER;
      case ipv4.IPV4_BAD_CHECKSUM:
        return R.IP_BAD_CHECKSUM;
      default:
        return ipv4.ipv4TotalLength(b, o) > packet.length ? R.IP_TRUNCATED : R.IP_BAD_TOTAL_LENGTH;
    }
    // Only a flat packet can be read as one datagram; links of a stack may hand up pieces.
    if (!packet.linearize()) return R.NO_BUFFER;
    packet.trim(ipv4.ipv4TotalLength(packet.bytes, packet.network));
    if (packet.checksum === CHECKSUM_PARTIAL && !partialInside(packet)) packet.checksum = CHECKSUM_NONE;
    return ADMITTED;
  }

  /**
   * Options that can be walked over: the others are told of (RFC 1122 3.2.2.5), source routes are dropped in silence. A
   * host acts on none: to record a route or a time is optional (RFC 1122 3.2.1.8). False: the packet is gone.
   */
  private optionsFit(packet: Packet): boolean {
    const { bytes: b, network: o } = packet;
    const at = o + ipv4.IPV4_MIN_HEADER;
    const length = ipv4.ipv4HeaderLength(b, o) - ipv4.IPV4_MIN_HEADER;
    const found = checkIpv4Options(b, at, length);
    if (found === OPTIONS_OK) return true;
    if (found !== OPTIONS_MALFORMED) {
      this.context.drop(packet, R.IP_SOURCE_ROUTE);
      return false;
    }
    // RFC 792: the pointer is the first octet of the second word.
    const pointer = ipv4.IPV4_MIN_HEADER + ipv4OptionFault(b, at, length);
    this.errors.send(packet, ICMP_PARAMETER_PROBLEM, 0, pointer << 24, R.IP_BAD_OPTIONS);
    return false;
  }

  private admittedBefore(packet: Packet): boolean {
    const { loopback } = this.faces[packet.ingress];
    const path = this.paths.at(packet.path);
    if (!path.admitted(this.routes.generation, loopback)) return false;
    // What came by another link than the way back goes by is asked again (RFC 3704 2.2).
    return this.context.options.rpFilter !== 1 || path.face.id === packet.ingress;
  }

  /** Source and destination of a stranger: may it be, and is it for us? (R1122.3, R1122.4, R1122.45) */
  private admit(packet: Packet, source: number, destination: number): number {
    const face = this.faces[packet.ingress];
    if (isThisNetwork4(source) && !isNamelessQuery(packet, source, destination)) return R.IP_MARTIAN_SOURCE;
    if (isThisNetwork4(destination)) return R.IP_MARTIAN_DESTINATION;
    if (!face.loopback && source !== 0) {
      if (!isValidSource4(source)) return R.IP_MARTIAN_SOURCE;
      if (isLoopback4(destination)) return R.IP_MARTIAN_DESTINATION;
      const back = this.routes.lookup(source);
      const ours = back?.type === ROUTE_LOCAL && this.context.options.acceptLocal;
      if (back !== undefined && back.type !== ROUTE_UNICAST && !ours) return R.IP_MARTIAN_SOURCE;
      if (!this.passesReversePath(back, face)) return R.IP_SOURCE_FILTERED;
    }
    if (destination === IP4_BROADCAST) return this.admitToAll(packet);
    if (isMulticast4(destination)) return this.admitToGroup(packet, face, destination);
    const route = this.routes.lookup(destination);
    if (route !== undefined && route.type === ROUTE_BROADCAST) return this.admitToAll(packet);
    return route !== undefined && route.type === ROUTE_LOCAL ? ADMITTED : R.IP_NOT_LOCAL;
  }

  /** UDP alone: no TCP (RFC 9293 MUST-57), and no echo for everybody at once (RFC 1122 3.2.2.6). R1122.26. */
  private admitToAll({ bytes, network }: Packet): number {
    if (ipv4.ipv4Protocol(bytes, network) !== ipv4.PROTO_UDP) return R.IP_BROADCAST;
    this.context.stats.counters[C.IpExtInBcastPkts]++;
    return TO_ALL;
  }

  private admitToGroup({ bytes, network }: Packet, face: Interface, group: number): number {
    const protocol = ipv4.ipv4Protocol(bytes, network);
    const known = protocol === ipv4.PROTO_UDP || protocol === ipv4.PROTO_IGMP;
    if (!known || !this.groups.hears(face, group)) return R.IP_MULTICAST;
    this.context.stats.counters[C.IpExtInMcastPkts]++;
    return TO_GROUP;
  }

  /** RFC 3704 2.2 and 2.4. */
  private passesReversePath(back: Route | undefined, face: Interface): boolean {
    const { rpFilter } = this.context.options;
    if (rpFilter === 0) return true;
    return back !== undefined && (rpFilter === 2 || back.face === face || back.type === ROUTE_LOCAL);
  }

  private accepted(point: number, packet: Packet): boolean {
    const verdict = this.hooks.run(point, packet);
    if (verdict === ACCEPT) return true;
    if (verdict === DROP) this.context.drop(packet, R.HOOK_DROP);
    return false;
  }
}

/** A switch without an address may ask for members (RFC 4541 2.1.1). */
function isNamelessQuery({ bytes, network }: Packet, source: number, destination: number): boolean {
  return source === 0 && isMulticast4(destination) && ipv4.ipv4Protocol(bytes, network) === ipv4.PROTO_IGMP;
}

/** A partial checksum's places must lie in the datagram: a device or a peer may say anything. */
function partialInside(packet: Packet): boolean {
  const first = packet.network + ipv4.ipv4HeaderLength(packet.bytes, packet.network);
  const { checksumStart: start, checksumAt: at, tail } = packet;
  return start >= first && at >= start && at + 2 <= tail;
}
