// ICMP errors we send: whom one may tell (RFC 1122 3.2.2, RFC 1812 4.3.2.7), how much is quoted, how often.

import type { Context } from '../context.ts';
import { C } from '../contract/counters.ts';
import { CAST_HOST, CHECKSUM_NONE, GSO_NONE, type Packet } from '../contract/packet.ts';
import { R } from '../contract/reasons.ts';
import type { Path } from '../ip/path.ts';
import { IP4_BROADCAST, isMulticast4, isValidSource4 } from '../wire/address.ts';
import { wr16, wr32 } from '../wire/bytes.ts';
import { complement } from '../wire/checksum.ts';
import {
  ICMP_DEST_UNREACHABLE,
  ICMP_HEADER,
  ICMP_PARAMETER_PROBLEM,
  ICMP_TIME_EXCEEDED,
  isIcmpError,
  UNREACH_HOST,
  writeIcmp,
} from '../wire/icmpv4.ts';
import {
  IPV4_DF,
  IPV4_MIN_HEADER,
  ipv4Destination,
  ipv4FragmentOffset,
  ipv4Protocol,
  ipv4Source,
  PROTO_ICMP,
  writeIpv4,
} from '../wire/ipv4.ts';
import { IcmpRate } from './icmp-rate.ts';
import type { Identification } from './identification.ts';

/** TOS of an error: internetwork control (RFC 1812 4.3.2.5). */
const TOS_CONTROL = 0xc0;
/** What an error puts in front of the datagram it quotes. */
const HEADERS = IPV4_MIN_HEADER + ICMP_HEADER;
/** What of a transport header an error quotes at least. */
const QUOTED_OCTETS = 8;

/** Which address of ours speaks about a datagram: its destination when that is ours, else one of where it came in by. */
export interface Speaker {
  /** 0: none can. */
  speakerAbout(packet: Packet): number;
}

/** Turns offending datagrams into ICMP errors to their senders. */
export class Icmp4Errors {
  private readonly context: Context;
  private readonly rate: IcmpRate;
  private readonly identification: Identification;
  private readonly speaker: Speaker | undefined;

  constructor(context: Context, identification: Identification, speaker?: Speaker) {
    this.context = context;
    this.speaker = speaker;
    this.rate = new IcmpRate(context);
    this.identification = identification;
  }

  /**
   * Answers the datagram (network offset set, anything behind it) with an error of this type and code, or drops it
   * where none may be sent. `reason` is why the datagram itself was not used; it is counted either way.
   */
  send(packet: Packet, type: number, code: number, word: number, reason: number): void {
    const { context } = this;
    context.stats.count(reason);
    if (context.tap !== undefined) context.tap.drop(packet, reason, context.nowUs);
    if (!mayTell(packet)) {
      packet.release();
      return;
    }
    const source = ipv4Source(packet.bytes, packet.network);
    const local = this.speaker?.speakerAbout(packet) ?? ipv4Destination(packet.bytes, packet.network);
    if (local === 0) {
      packet.release();
      return;
    }
    const limited = this.rate.take(source);
    if (limited >= 0) {
      context.stats.count(limited);
      packet.release();
      return;
    }
    packet.completeChecksum();
    this.cut(packet);
    // A link may lend packets with nothing in front of them.
    if (packet.headroom < HEADERS && !context.pool.copyToSlot(packet)) {
      context.drop(packet, R.NO_BUFFER);
      return;
    }
    this.build(packet, local, source, type, code, word);
    const { counters } = context.stats;
    counters[C.IcmpOutMsgs]++;
    if (type === ICMP_DEST_UNREACHABLE) counters[C.IcmpOutDestUnreachs]++;
    else if (type === ICMP_TIME_EXCEEDED) counters[C.IcmpOutTimeExcds]++;
    else if (type === ICMP_PARAMETER_PROBLEM) counters[C.IcmpOutParmProbs]++;
    context.answer(packet);
  }

  /**
   * Tells the far end of a path that its host is unreachable, about a datagram that is here no more: its first eight octets
   * of transport, two int32 words, are all that is quoted (RFC 792).
   */
  hostUnreachable(path: Path, protocol: number, word0: number, word1: number, reason: number): void {
    const packet = this.context.pool.allocate(IPV4_MIN_HEADER + QUOTED_OCTETS);
    if (packet === undefined) return;
    const o = packet.put(IPV4_MIN_HEADER + QUOTED_OCTETS);
    const { ttl } = this.context.options;
    writeIpv4(packet.bytes, o, 0, packet.length, 0, IPV4_DF, ttl, protocol, path.remote, path.local);
    wr32(packet.bytes, o + IPV4_MIN_HEADER, word0);
    wr32(packet.bytes, o + IPV4_MIN_HEADER + 4, word1);
    packet.network = o;
    this.send(packet, ICMP_DEST_UNREACHABLE, UNREACH_HOST, 0, reason);
  }

  /** The datagram from its IP header on, as much of it as is quoted. R1122.15. */
  private cut(packet: Packet): void {
    packet.push(packet.head - packet.network);
    packet.trim(Math.min(packet.length, this.context.options.icmpErrorBytes - HEADERS));
  }

  /** [ IP 20 | ICMP 8 | the datagram ]: the new headers go in front of the old one. */
  private build(
    packet: Packet,
    local: number,
    source: number,
    type: number,
    code: number,
    word: number,
  ): void {
    const icmp = packet.push(ICMP_HEADER);
    writeIcmp(packet.bytes, icmp, type, code, 0, word >>> 16, word & 0xffff);
    wr16(packet.bytes, icmp + 2, complement(packet.sumFrom(icmp)));
    const o = packet.push(IPV4_MIN_HEADER);
    const id = this.identification.next(source);
    const { ttl } = this.context.options;
    writeIpv4(packet.bytes, o, TOS_CONTROL, packet.length, id, 0, ttl, PROTO_ICMP, local, source);
    packet.network = o;
    packet.transport = icmp;
    packet.path = -1;
    packet.checksum = CHECKSUM_NONE;
    packet.gsoType = GSO_NONE;
    packet.gsoSize = 0;
  }
}

/** No error about an ICMP error, a later fragment, what went to many, or to a source that is no single host. R1122.17. */
function mayTell(packet: Packet): boolean {
  const b = packet.bytes;
  const o = packet.network;
  const destination = ipv4Destination(b, o);
  if (packet.cast !== CAST_HOST || isMulticast4(destination) || destination === IP4_BROADCAST) return false;
  if (ipv4FragmentOffset(b, o) !== 0) return false;
  if (!isValidSource4(ipv4Source(b, o)) && b[o + 12] !== 127) return false;
  if (ipv4Protocol(b, o) !== PROTO_ICMP) return true;
  const icmp = o + ((b[o] & 15) << 2);
  return icmp < packet.tail && !isIcmpError(b[icmp]);
}
