// Where IP meets its transports: the one place that knows them all. ICMP | UDP | TCP, and the errors that go up and down.

import { NONE } from './base/index-pool.ts';
import type { Context } from './context.ts';
import { C } from './contract/counters.ts';
import { EMSGSIZE, EPROTO, OK } from './contract/errno.ts';
import { CAST_HOST, GSO_NONE, type Packet } from './contract/packet.ts';
import { R } from './contract/reasons.ts';
import type { EchoSockets } from './icmp/echo-sockets.ts';
import { ERROR_QUOTED, type IcmpEngine } from './icmp/engine.ts';
import type { Quote } from './icmp/quote.ts';
import type { PathTable } from './ip/path.ts';
import { plateauBelow } from './ip/plateau.ts';
import type { Icmp4Errors } from './ip4/icmp-error.ts';
import type { Igmp } from './ip4/igmp.ts';
import type { Upper } from './ip4/input.ts';
import { cutPiece, gsoHeaders, gsoText, makePartial } from './ip4/segmentation.ts';
import { ERROR_HARD, ERROR_SOFT, ERROR_TOO_BIG, type TcpEngine } from './tcp/engine.ts';
import { PORT_UNREACHABLE, type UdpEngine } from './udp/engine.ts';
import { ICMP_DEST_UNREACHABLE, UNREACH_PORT, UNREACH_PROTOCOL } from './wire/icmpv4.ts';
import { IPV4_MIN_MTU, ipv4Protocol, PROTO_ICMP, PROTO_IGMP, PROTO_TCP, PROTO_UDP } from './wire/ipv4.ts';

/** The transports of one stack. */
export interface Transports {
  readonly tcp: TcpEngine;
  readonly udp: UdpEngine;
  readonly icmp: IcmpEngine;
  readonly echo: EchoSockets;
  readonly icmpErrors: Icmp4Errors;
  readonly igmp: Igmp;
}

/** Hands datagrams to their transport by protocol number. */
export class Deliver implements Upper {
  private readonly context: Context;
  private readonly paths: PathTable;
  private transports: Transports | undefined = undefined;

  constructor(context: Context, paths: PathTable) {
    this.context = context;
    this.paths = paths;
  }

  /** Input is made before the transports, which need output: they are joined here. */
  connect(transports: Transports): void {
    this.transports = transports;
  }

  deliver(packet: Packet): void {
    const { tcp, icmp, icmpErrors, igmp } = this.transports as Transports;
    const { counters } = this.context.stats;
    switch (ipv4Protocol(packet.bytes, packet.network)) {
      case PROTO_TCP:
        counters[C.IpInDelivers]++;
        tcp.segmentArrives(packet);
        return;
      case PROTO_UDP:
        counters[C.IpInDelivers]++;
        if (packet.gsoType === GSO_NONE) this.datagramArrives(packet);
        else this.superArrives(packet);
        return;
      case PROTO_ICMP:
        counters[C.IpInDelivers]++;
        if (icmp.messageArrives(packet) === ERROR_QUOTED) this.errorArrives(packet);
        return;
      default:
        if (ipv4Protocol(packet.bytes, packet.network) === PROTO_IGMP && packet.cast !== CAST_HOST) {
          counters[C.IpInDelivers]++;
          igmp.messageArrives(packet);
          return;
        }
        icmpErrors.send(packet, ICMP_DEST_UNREACHABLE, UNREACH_PROTOCOL, 0, R.IP_UNKNOWN_PROTOCOL);
    }
  }

  private datagramArrives(packet: Packet): void {
    const { udp, icmpErrors } = this.transports as Transports;
    if (udp.datagramArrives(packet) !== PORT_UNREACHABLE) return;
    if (packet.cast !== CAST_HOST) this.context.drop(packet, R.UDP_NO_LISTENER);
    else icmpErrors.send(packet, ICMP_DEST_UNREACHABLE, UNREACH_PORT, 0, R.UDP_NO_PORT);
  }

  /** A super-datagram, head at its UDP header: each datagram that it stands for arrives, as if no device had put them together. */
  private superArrives(packet: Packet): void {
    const { context } = this;
    const headers = gsoHeaders(packet);
    if (headers === 0 || !makePartial(packet)) {
      context.drop(packet, R.UDP_GSO);
      return;
    }
    const text = gsoText(packet, headers);
    let done = 0;
    let index = 0;
    do {
      const piece = cutPiece(context.pool, packet, headers, done, index++);
      if (piece === undefined) {
        context.drop(packet, R.NO_BUFFER);
        return;
      }
      piece.cast = packet.cast;
      piece.ingress = packet.ingress;
      piece.path = packet.path;
      piece.addressSum = packet.addressSum;
      piece.pull(piece.transport - piece.network);
      this.datagramArrives(piece);
      done += packet.gsoSize;
    } while (done < text);
    packet.release();
  }

  /**
   * Gives the quoted error to the transport that sent the datagram; what it knows nothing of teaches us nothing. R1122.16,
   * R1122.23, R1122.24.
   */
  private errorArrives(packet: Packet): void {
    const { tcp, udp, icmp, echo } = this.transports as Transports;
    const { quote } = icmp;
    const code = quote.errno();
    let known = false;
    if (quote.protocol === PROTO_UDP) {
      known = udp.errorArrives(quote.path, quote.localPath, quote.localPort, quote.remotePort, code);
    } else if (quote.protocol === PROTO_TCP) {
      known = tcp.errorArrives(
        kindForTcp(code),
        quote.path,
        quote.localPort,
        quote.remotePort,
        (quote.word4 << 16) | quote.word6,
        code === OK ? quote.hint() : code,
      );
    } else if (quote.protocol === PROTO_ICMP) {
      known = echo.errorArrives(quote);
    }
    if (!known) {
      // As in Linux, whose UDP and TCP count it and whose ping sockets do not.
      if (quote.protocol !== PROTO_ICMP) this.context.stats.counters[C.IcmpInErrors]++;
      this.context.drop(packet, R.ICMP_QUOTE_UNKNOWN);
      return;
    }
    const mtu = code === EMSGSIZE ? this.mtuOf(quote) : 0;
    if (mtu >= IPV4_MIN_MTU && quote.path !== NONE) {
      this.paths.learnMtu(this.paths.at(quote.path), mtu);
      if (quote.protocol === PROTO_TCP) tcp.pathShrank(quote.path, quote.localPort, quote.remotePort);
    }
    if (code === OK && quote.protocol !== PROTO_ICMP) this.context.drop(packet, R.ICMP_SOFT_ERROR);
    else packet.release();
  }

  /** RFC 1191 section 5: a router of old says 0, and one tries what is common below the length that was too large. */
  private mtuOf({ mtu, path, quotedLength }: Quote): number {
    if (mtu !== 0 || path === NONE) return mtu;
    // No more was sent than the path was believed to take: a length above is none of ours, or had the header added twice.
    const length = Math.min(quotedLength, this.paths.at(path).pmtu);
    return length > IPV4_MIN_MTU ? plateauBelow(length) : 0;
  }
}

/** RFC 9293 3.9.2.2: hard are protocol and port unreachable, and what a filter forbids; a parameter problem is soft (MUST-56). */
function kindForTcp(code: number): number {
  if (code === EMSGSIZE) return ERROR_TOO_BIG;
  return code === OK || code === EPROTO ? ERROR_SOFT : ERROR_HARD;
}
