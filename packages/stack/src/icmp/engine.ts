// ICMP for IPv4: RFC 792, RFC 1122 3.2.2. Answers echo requests, gives replies to echo sockets, reads errors.

import type { Context } from '../context.ts';
import { C } from '../contract/counters.ts';
import { CHECKSUM_NONE, CHECKSUM_PARTIAL, type Packet } from '../contract/packet.ts';
import { R } from '../contract/reasons.ts';
import { turnRound } from '../ip4/turn-round.ts';
import { wr16 } from '../wire/bytes.ts';
import { fold, updateChecksum } from '../wire/checksum.ts';
import * as icmp from '../wire/icmpv4.ts';
import { PROTO_ICMP } from '../wire/ipv4.ts';
import type { EchoSockets } from './echo-sockets.ts';
import { QUOTE_OK, type Quote } from './quote.ts';

/** What `messageArrives` asks of the caller. */
export const ARRIVED = 0;
/** `quote` holds the datagram an error is about: give it to its transport. The packet is still the caller's. */
export const ERROR_QUOTED = 1;

/** Type -> counter of messages received. */
const IN_COUNTERS: ReadonlyMap<number, number> = new Map([
  [icmp.ICMP_ECHO_REPLY, C.IcmpInEchoReps],
  [icmp.ICMP_DEST_UNREACHABLE, C.IcmpInDestUnreachs],
  [icmp.ICMP_SOURCE_QUENCH, C.IcmpInSrcQuenchs],
  [icmp.ICMP_REDIRECT, C.IcmpInRedirects],
  [icmp.ICMP_ECHO, C.IcmpInEchos],
  [icmp.ICMP_TIME_EXCEEDED, C.IcmpInTimeExcds],
  [icmp.ICMP_PARAMETER_PROBLEM, C.IcmpInParmProbs],
  [icmp.ICMP_TIMESTAMP, C.IcmpInTimestamps],
  [icmp.ICMP_TIMESTAMP_REPLY, C.IcmpInTimestampReps],
  [icmp.ICMP_ADDRESS_MASK, C.IcmpInAddrMasks],
  [icmp.ICMP_ADDRESS_MASK_REPLY, C.IcmpInAddrMaskReps],
]);

/** Linux's NR_ICMP_TYPES: what lies above counts as an error, what nobody uses below does not. R1122.14. */
const LAST_TYPE = icmp.ICMP_ADDRESS_MASK_REPLY;

/** ICMP of one stack. */
export class IcmpEngine {
  readonly quote: Quote;
  private readonly context: Context;
  private readonly echoSockets: EchoSockets;

  constructor(context: Context, echoSockets: EchoSockets, quote: Quote) {
    this.context = context;
    this.echoSockets = echoSockets;
    this.quote = quote;
  }

  /** A message for us, head at its ICMP header. R792.1. */
  messageArrives(packet: Packet): number {
    const { context } = this;
    const b = packet.bytes;
    const o = packet.transport;
    if (packet.length < icmp.ICMP_HEADER) return this.drop(packet, R.ICMP_TRUNCATED);
    if (packet.checksum === CHECKSUM_NONE && fold(packet.sumFrom(o)) !== 0xffff) {
      return this.drop(packet, R.ICMP_BAD_CHECKSUM);
    }
    if (packet.checksum === CHECKSUM_PARTIAL) packet.completeChecksum();
    const type = icmp.icmpType(b, o);
    const counter = IN_COUNTERS.get(type);
    context.stats.counters[C.IcmpInMsgs]++;
    if (counter === undefined) {
      if (type > LAST_TYPE) context.stats.counters[C.IcmpInErrors]++;
      return this.drop(packet, R.ICMP_UNKNOWN_TYPE);
    }
    context.stats.counters[counter]++;
    switch (type) {
      case icmp.ICMP_ECHO:
        return this.echo(packet);
      case icmp.ICMP_ECHO_REPLY:
        this.echoSockets.replyArrives(packet);
        return ARRIVED;
      case icmp.ICMP_DEST_UNREACHABLE:
      case icmp.ICMP_TIME_EXCEEDED:
      case icmp.ICMP_PARAMETER_PROBLEM:
        return this.error(packet);
      case icmp.ICMP_REDIRECT:
        return this.drop(packet, R.ICMP_REDIRECT);
      default:
        // MUST-55: source quench, too. R1122.22, R6633.1.
        return this.drop(packet, R.ICMP_UNANSWERED_TYPE);
    }
  }

  /** RFC 1122 3.2.2.6: the same data goes back. Type 8 becomes 0, and the checksum follows by RFC 1624. R1122.25. */
  private echo(packet: Packet): number {
    const b = packet.bytes;
    const o = packet.transport;
    const code = icmp.icmpCode(b, o);
    b[o] = icmp.ICMP_ECHO_REPLY;
    const checksum = updateChecksum(icmp.icmpChecksum(b, o), (icmp.ICMP_ECHO << 8) | code, code);
    // A message of which all else is zero needs 0xffff, and to any other both zeros are the same (RFC 1624 section 3).
    wr16(b, o + 2, checksum === 0 ? 0xffff : checksum);
    turnRound(packet, this.context.options.ttl, PROTO_ICMP);
    const { counters } = this.context.stats;
    counters[C.IcmpOutMsgs]++;
    counters[C.IcmpOutEchoReps]++;
    this.context.answer(packet);
    return ARRIVED;
  }

  private error(packet: Packet): number {
    const found = this.quote.read(packet);
    return found === QUOTE_OK ? ERROR_QUOTED : this.drop(packet, found);
  }

  private drop(packet: Packet, reason: number): number {
    this.context.drop(packet, reason);
    return ARRIVED;
  }
}
