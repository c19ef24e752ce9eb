// Ethernet as a stack's owner sees it: neighbours, static and proxy entries, claims and conflicts (`ip neigh`, `arping`).

import type { Context } from './context.ts';
import type { EventTarget } from './contract/events.ts';
import type { Packet } from './contract/packet.ts';
import { R } from './contract/reasons.ts';
import type { Interface } from './ip/interface.ts';
import { ROUTE_LOCAL, type RouteTable } from './ip/route-table.ts';
import type { Icmp4Errors } from './ip4/icmp-error.ts';
import { type AddressPolicy, Arp } from './neighbor/arp.ts';
import { type ClaimEnd, Claims } from './neighbor/claims.ts';
import { NEIGHBOR_STATES, type Station } from './neighbor/neighbor.ts';
import { Neighbors, type Unreachable } from './neighbor/neighbors.ts';
import type { Timed } from './pump.ts';
import { invalidArgument } from './socket/errors.ts';
import { formatIp4, type Prefix, parseIp4, parsePrefix, prefixMask } from './wire/address.ts';
import { formatEther, isStationEther, parseEther } from './wire/ether.ts';
import { ICMP_DEST_UNREACHABLE, UNREACH_HOST } from './wire/icmpv4.ts';

/** First octet of an address that somebody chose for himself: not a group, locally administered (IEEE 802 8.2.2). */
const LOCAL_STATION = 0x02;
/** Things to tell that wait, and proxied networks. */
const NEWS_MAX = 256;

/** One line of `ip neigh`. */
export interface NeighborEntry {
  readonly address: string;
  /** Undefined: not known (yet). */
  readonly etherAddress: string | undefined;
  readonly state: string;
  readonly face: string;
}

/** What happens to our addresses on a link. */
export interface EthernetHandler {
  /** Another station claims an address of ours, or one that was being claimed. */
  conflict?(face: string, address: string, etherAddress: string): void;
  /** A claim with probes succeeded: nobody has the address. Add it now. */
  claimed?(face: string, address: string): void;
}

/** Who asks for the outside world to be told. */
interface Waking {
  wake(): void;
}

/** Made by a stack: `stack.ethernet`. */
export class EthernetFace implements AddressPolicy, ClaimEnd, Unreachable, EventTarget {
  readonly neighbors: Neighbors;
  readonly arp: Arp;
  readonly timed: readonly Timed[];
  pendingEvents = 0;
  handler: EthernetHandler = {};
  private readonly context: Context;
  private readonly routes: RouteTable;
  private readonly icmpErrors: Icmp4Errors;
  private readonly claims: Claims;
  private readonly waking: Waking;
  private readonly proxied: Prefix[] = [];
  private readonly news: (() => void)[] = [];

  constructor(context: Context, routes: RouteTable, icmpErrors: Icmp4Errors, waking: Waking) {
    this.context = context;
    this.routes = routes;
    this.icmpErrors = icmpErrors;
    this.waking = waking;
    this.neighbors = new Neighbors(context, this);
    this.arp = new Arp(context, this.neighbors, this);
    this.claims = new Claims(context, this.arp, this);
    this.timed = [this.neighbors, this.claims];
  }

  /** `ip neigh show`. */
  list(): NeighborEntry[] {
    return this.neighbors.all().map(({ station, address, state, known, high, low }) => ({
      address: formatIp4(address),
      etherAddress: known ? formatEther(high, low) : undefined,
      state: NEIGHBOR_STATES[state],
      face: (station as Interface).name,
    }));
  }

  /** `ip neigh replace ADDRESS lladdr ETHER nud permanent dev FACE`. */
  addNeighbor(face: Interface, address: string, etherAddress: string): void {
    requireEthernet(face);
    const word = addressOf(address);
    const [high, low] = stationOf(etherAddress);
    if (!this.neighbors.setPermanent(face, word, high, low))
      invalidArgument('address', address, 'one for which the neighbour table has room');
    this.waking.wake();
  }

  /** `ip neigh del`: false when there is none. */
  removeNeighbor(face: Interface, address: string): boolean {
    const neighbor = this.neighbors.find(face, addressOf(address));
    if (neighbor === undefined) return false;
    this.neighbors.remove(neighbor);
    this.waking.wake();
    return true;
  }

  /** Answers ARP for every address of a network in its owners' place (RFC 1027): `ip neigh add proxy`. */
  addProxy(network: string): void {
    const prefix = parsePrefix(network);
    if (prefix === undefined) invalidArgument('network', network, "a network, as '192.0.2.0/24'");
    this.proxied.push(prefix);
  }

  /** Asks a link whether anybody has this address (RFC 5227 2.1.1); `claimed` or `conflict` follows within seven seconds. */
  claim(face: Interface, address: string): void {
    requireEthernet(face);
    if (!this.claims.probe(face, addressOf(address)))
      invalidArgument('address', address, 'one at a time: too many are being claimed');
    this.waking.wake();
  }

  /** Tells a link that the address is ours now, twice, two seconds apart (RFC 5227 2.3). */
  announce(face: Interface, address: number): void {
    if (face.ethernet) this.claims.announce(face, address);
  }

  /** The station address of a new interface: as text, or chosen at random. */
  stationAddress(text: string | undefined): readonly [high: number, low: number] {
    if (text !== undefined) return stationOf(text);
    const { entropy } = this.context;
    return [(LOCAL_STATION << 8) | (entropy.int32() & 0xff), entropy.int32()];
  }

  forget(face: Interface): void {
    this.claims.removeStation(face);
    this.neighbors.removeStation(face);
  }

  clear(): void {
    this.arp.clear();
    this.neighbors.clear();
  }

  // What ARP asks.

  answersFor(station: Station, target: number, sender: number): boolean {
    if (this.routes.lookup(target)?.type === ROUTE_LOCAL) {
      return target >>> 24 !== 127 && (this.context.options.arpIgnore === 0 || this.isOwn(station, target));
    }
    // Who probes has no address yet: nobody's place is taken (RFC 5227 1.1).
    if (sender === 0) return false;
    return this.proxied.some(
      ({ address, length }) =>
        ((address ^ target) & prefixMask(length)) === 0 && ((address ^ sender) & prefixMask(length)) !== 0,
    );
  }

  isOwn(station: Station, address: number): boolean {
    return (station as Interface).addresses.some((prefix) => prefix.address === address);
  }

  contested(station: Station, address: number, high: number, low: number): void {
    const own = high === station.etherHigh && low === station.etherLow;
    if (own || !this.claims.isTentative(station, address)) return;
    this.claims.contested(station, address);
    this.conflict(station, address, high, low);
  }

  conflict(station: Station, address: number, high: number, low: number): void {
    const { name } = station as Interface;
    this.tell(() => this.handler.conflict?.(name, formatIp4(address), formatEther(high, low)));
  }

  claimed(station: Station, address: number): void {
    const { name } = station as Interface;
    this.tell(() => this.handler.claimed?.(name, formatIp4(address)));
  }

  /** RFC 1122 2.3.2.2, 3.2.2.1: who sent it hears that the host is unreachable; what we sent ourselves, by loopback. */
  unresolved(packet: Packet): void {
    this.icmpErrors.send(packet, ICMP_DEST_UNREACHABLE, UNREACH_HOST, 0, R.NEIGHBOR_FAILED);
  }

  /** For the event ring. */
  dispatch(): void {
    const { news } = this;
    try {
      for (let one = news.shift(); one !== undefined; one = news.shift()) one();
    } finally {
      // A handler that throws keeps nobody else's news.
      if (news.length > 0) this.context.events.mark(this, 1);
    }
  }

  private tell(one: () => void): void {
    if (this.news.length >= NEWS_MAX) return;
    this.news.push(one);
    this.context.events.mark(this, 1);
  }
}

function requireEthernet(face: Interface): void {
  if (!face.ethernet) invalidArgument('face', face.name, 'an interface of Ethernet');
}

function addressOf(text: string): number {
  const word = parseIp4(text);
  if (word === undefined) invalidArgument('address', text, "an IPv4 address, as '10.9.0.1'");
  return word;
}

function stationOf(text: string): readonly [high: number, low: number] {
  const address = parseEther(text);
  if (address === undefined || !isStationEther(address[0], address[1]))
    invalidArgument('etherAddress', text, "the address of one station, as '02:00:00:00:00:02'");
  return address;
}
