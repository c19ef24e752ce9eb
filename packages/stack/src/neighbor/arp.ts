// ARP: RFC 826's merge rule, RFC 5227's announcements and conflicts, proxy answers (RFC 1027). What arrives marks; requests,
// replies and what waited for them leave in the drain.

import { Fifo } from '../base/fifo.ts';
import { type Context, WORK_ARP } from '../context.ts';
import { C } from '../contract/counters.ts';
import { FULL } from '../contract/link.ts';
import { CAST_HOST, type Packet } from '../contract/packet.ts';
import { R } from '../contract/reasons.ts';
import { isLoopback4, isMulticast4 } from '../wire/address.ts';
import * as arp from '../wire/arp.ts';
import {
  ETHER_BROADCAST_HIGH,
  ETHER_BROADCAST_LOW,
  ETHER_HEADER,
  ETHERTYPE_ARP,
  etherSourceHigh,
  etherSourceLow,
  isStationEther,
  writeEther,
} from '../wire/ether.ts';
import { type Neighbor, PROBE, type Station } from './neighbor.ts';
import type { Neighbors } from './neighbors.ts';

/** Addresses whose last defence is remembered. */
const DEFENDED_MAX = 1024;

/** What ARP asks of those who know addresses. */
export interface AddressPolicy {
  /** We speak for `target` on this station when `sender` asks: our own (arp_ignore), or as a proxy. */
  answersFor(station: Station, target: number, sender: number): boolean;
  /** The address is one of ours on this station. */
  isOwn(station: Station, address: number): boolean;
  /** Somebody else has this address, or is probing for it: it may be one that we want. */
  contested(station: Station, address: number, high: number, low: number): void;
  /** Somebody else uses an address of ours. */
  conflict(station: Station, address: number, high: number, low: number): void;
}

/** A frame that leaves in the drain. */
interface Outgoing {
  readonly packet: Packet;
  readonly station: Station;
}

/** ARP of one stack. */
export class Arp {
  private readonly context: Context;
  private readonly neighbors: Neighbors;
  private readonly policy: AddressPolicy;
  private readonly outgoing: Fifo<Outgoing>;
  /** When each address was defended last (RFC 5227 2.4), in seconds of uptime. */
  private readonly defended: Map<number, number> = new Map();

  constructor(context: Context, neighbors: Neighbors, policy: AddressPolicy) {
    this.context = context;
    this.neighbors = neighbors;
    this.policy = policy;
    this.outgoing = new Fifo(context.options.answersMax);
  }

  /** An ARP packet, head behind the Ethernet header. It is used up. R826.3. */
  packetArrives(station: Station, packet: Packet): void {
    const b = packet.bytes;
    const o = packet.head;
    if (!arp.checkArp(b, o, packet.linear)) {
      this.context.drop(packet, R.ARP_BAD);
      return;
    }
    const operation = arp.arpOperation(b, o);
    const sender = arp.arpSender(b, o);
    const high = arp.arpSenderHigh(b, o);
    const low = arp.arpSenderLow(b, o);
    if (!isTrustworthy(packet, operation, sender, high, low)) {
      this.context.drop(packet, R.ARP_MARTIAN);
      return;
    }
    const target = arp.arpTarget(b, o);
    if (this.policy.isOwn(station, sender)) {
      this.conflictArrives(station, packet, sender, high, low);
      return;
    }
    // RFC 5227 2.1.1: who has, or wants, what we are asking for.
    this.policy.contested(station, sender === 0 ? target : sender, high, low);
    const asked = operation === arp.ARP_REQUEST && this.policy.answersFor(station, target, sender);
    // RFC 826: who is known is corrected whatever it says; who is not is learned only by asking us, or by answering us. R826.2.
    if (sender !== 0) {
      const answers = operation === arp.ARP_REPLY && packet.cast === CAST_HOST;
      this.neighbors.learn(station, sender, high, low, answers, asked);
    }
    if (!asked) {
      packet.release();
      return;
    }
    this.turnRound(station, packet, target, sender, high, low);
  }

  /** Asks whether somebody has `address`, without saying that we might (RFC 5227 2.1.1: sender 0). */
  probe(station: Station, address: number): void {
    this.request(station, 0, address, ETHER_BROADCAST_HIGH, ETHER_BROADCAST_LOW);
  }

  /** Says whose `address` is, to all: gratuitous ARP, RFC 5227 2.3. It leaves in the next drain. */
  announce(station: Station, address: number): void {
    this.request(station, address, address, ETHER_BROADCAST_HIGH, ETHER_BROADCAST_LOW);
  }

  drain(): void {
    const { neighbors } = this;
    for (const neighbor of neighbors.dirty) {
      neighbors.dirty.delete(neighbor);
      if (neighbor.asks) this.ask(neighbor);
    }
    for (let out = this.outgoing.shift(); out !== undefined; out = this.outgoing.shift()) {
      if (out.station.transmitFrame(out.packet) === FULL) this.context.drop(out.packet, R.LINK_FULL);
    }
    this.context.work &= ~WORK_ARP;
  }

  /** The stack closes. */
  clear(): void {
    for (let out = this.outgoing.shift(); out !== undefined; out = this.outgoing.shift())
      out.packet.release();
  }

  /** To all while nobody is known to have it; to the one who had it, to see whether he still does (RFC 4861 7.3.3). */
  private ask(neighbor: Neighbor): void {
    neighbor.asks = false;
    const { station, address } = neighbor;
    const one = neighbor.state === PROBE;
    const high = one ? neighbor.high : ETHER_BROADCAST_HIGH;
    const low = one ? neighbor.low : ETHER_BROADCAST_LOW;
    this.request(station, station.askingAddress(address), address, high, low);
  }

  private request(station: Station, sender: number, target: number, high: number, low: number): void {
    const packet = this.context.pool.allocate(arp.ARP_LENGTH);
    if (packet === undefined) return;
    const o = packet.put(arp.ARP_LENGTH);
    const { etherHigh, etherLow } = station;
    arp.writeArp(packet.bytes, o, arp.ARP_REQUEST, etherHigh, etherLow, sender, 0, 0, target);
    this.context.stats.counters[C.ArpOutRequests]++;
    this.queue(station, packet, high, low);
  }

  /** The request itself becomes the reply. R826.1. */
  private turnRound(
    station: Station,
    packet: Packet,
    target: number,
    sender: number,
    high: number,
    low: number,
  ): void {
    packet.trim(arp.ARP_LENGTH);
    const { etherHigh, etherLow } = station;
    arp.writeArp(packet.bytes, packet.head, arp.ARP_REPLY, etherHigh, etherLow, target, high, low, sender);
    this.context.stats.counters[C.ArpOutReplies]++;
    this.queue(station, packet, high, low);
  }

  private queue(station: Station, packet: Packet, high: number, low: number): void {
    const o = packet.push(ETHER_HEADER);
    writeEther(packet.bytes, o, high, low, station.etherHigh, station.etherLow, ETHERTYPE_ARP);
    this.context.work |= WORK_ARP;
    if (!this.outgoing.push({ packet, station })) this.context.drop(packet, R.ANSWERS_FULL);
  }

  /** RFC 5227 2.4 b: an address in use is defended, but not against one that insists. R5227.4. */
  private conflictArrives(
    station: Station,
    packet: Packet,
    address: number,
    high: number,
    low: number,
  ): void {
    const own = high === station.etherHigh && low === station.etherLow;
    this.context.drop(packet, own ? R.ARP_OWN : R.ARP_CONFLICT);
    if (own) return;
    this.policy.conflict(station, address, high, low);
    const { uptimeS, options } = this.context;
    const last = this.defended.get(address);
    if (last !== undefined && uptimeS - last < options.arpDefendMs / 1000) return;
    if (this.defended.size >= DEFENDED_MAX) this.defended.clear();
    this.defended.set(address, uptimeS);
    this.announce(station, address);
  }
}

/** A sender that can be one, at the station that the frame itself came from. */
function isTrustworthy(
  { bytes, link }: Packet,
  operation: number,
  sender: number,
  high: number,
  low: number,
): boolean {
  if (operation !== arp.ARP_REQUEST && operation !== arp.ARP_REPLY) return false;
  if (!isStationEther(high, low) || isMulticast4(sender) || isLoopback4(sender) || sender === -1)
    return false;
  return etherSourceHigh(bytes, link) === high && etherSourceLow(bytes, link) === low;
}
