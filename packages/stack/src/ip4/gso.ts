// Segmentation in software: a super-segment that its link does not take leaves as the segments it stands for. Source:
// virtio 1.2 5.1.6.2; RFC 9293 3.1 and RFC 3168 6.1.2 for the flags, RFC 6864 4.3 for the identifications.
//
//   [ IP | TCP | gsoSize octets | gsoSize octets | rest ]   ->   [ IP | TCP | gsoSize ] [ IP | TCP | gsoSize ] [ IP | TCP | rest ]

import type { Context } from '../context.ts';
import { C } from '../contract/counters.ts';
import { FEATURE_CHECKSUM, FULL, TAKEN } from '../contract/link.ts';
import { CHECKSUM_PARTIAL, copyOctets, GSO_TCPV4, type Packet } from '../contract/packet.ts';
import { R } from '../contract/reasons.ts';
import type { Interface } from '../ip/interface.ts';
import { rd16, rd32, wr16, wr32 } from '../wire/bytes.ts';
import { fold, pseudoHeaderSum } from '../wire/checksum.ts';
import * as ipv4 from '../wire/ipv4.ts';
import * as tcp from '../wire/tcp.ts';

/** Only the first piece says CWR (RFC 3168 6.1.2: once), and only the last one FIN and PSH. */
const NOT_FIRST = ~tcp.TCP_CWR;
const NOT_LAST = ~(tcp.TCP_FIN | tcp.TCP_PSH);

/** A super-segment that is being cut: how far, and where its segments go. */
class Super {
  readonly packet: Packet;
  readonly face: Interface;
  readonly nextHop: number;
  /** Octets of both headers, and of text. */
  readonly headers: number;
  readonly text: number;
  done = 0;
  segments = 0;

  constructor(packet: Packet, face: Interface, nextHop: number, headers: number) {
    this.packet = packet;
    this.face = face;
    this.nextHop = nextHop;
    this.headers = headers;
    this.text = packet.length - headers;
  }
}

/** Octets of the headers of a TCP datagram, or 0: they are cut short, or it is something else. */
export function gsoHeaders({ bytes: b, network: o, tail, gsoType }: Packet): number {
  const ip = ipv4.ipv4HeaderLength(b, o);
  if (gsoType !== GSO_TCPV4 || ipv4.ipv4Protocol(b, o) !== ipv4.PROTO_TCP || ipv4.ipv4IsFragment(b, o))
    return 0;
  if (o + ip + tcp.TCP_HEADER > tail) return 0;
  const header = tcp.tcpHeaderLength(b, o + ip);
  return header < tcp.TCP_HEADER || o + ip + header > tail ? 0 : ip + header;
}

/**
 * Octets of the largest datagram that a super-segment becomes on a wire, or of the datagram itself when it is none (Linux's
 * skb_gso_network_seglen).
 */
export function wireLength(packet: Packet): number {
  const headers = gsoHeaders(packet);
  if (headers === 0) return packet.length;
  return Math.min(packet.length, headers + packet.gsoSize);
}

/**
 * Sends super-segments of TCP piece by piece. As with fragments, what a link that gets full does not take waits here, at
 * most one for each link.
 */
export class Segmenter {
  private readonly context: Context;
  private waiting: Super[] = [];

  constructor(context: Context) {
    this.context = context;
  }

  /** Cuts a super-segment, head at its IP header, and sends the pieces. TAKEN: it is gone, or goes on leaving. FULL: nothing happened. */
  send(packet: Packet, face: Interface, nextHop: number): number {
    if (face.full) return FULL;
    const headers = gsoHeaders(packet);
    if (headers === 0 || packet.gsoSize <= 0) {
      this.context.drop(packet, R.LINK_MARKS);
      return TAKEN;
    }
    if (!packet.linearize()) {
      this.context.drop(packet, R.NO_BUFFER);
      return TAKEN;
    }
    const one = new Super(packet, face, nextHop, headers);
    if (this.advance(one)) return TAKEN;
    // What waits outlives the batch it came with.
    if (packet.own()) this.waiting.push(one);
    else this.context.drop(packet, R.NO_BUFFER);
    return TAKEN;
  }

  /** Goes on where links were full. Called before anything else is sent. */
  resume(): void {
    if (this.waiting.length === 0) return;
    this.waiting = this.waiting.filter((one) => !this.advance(one));
  }

  /** The stack closes: what did not leave is dropped. */
  closeAll(): void {
    for (const { packet } of this.waiting.splice(0)) this.context.drop(packet, R.SEND_CLOSED);
  }

  /** Sends pieces until all left or there is no room; true when the super-segment is gone. */
  private advance(one: Super): boolean {
    const { packet, face, nextHop, text } = one;
    do {
      if (face.full) return false;
      const segment = this.next(one);
      if (segment === undefined) {
        this.context.drop(packet, R.NO_BUFFER);
        return true;
      }
      const { length } = segment;
      if (face.transmit(segment, nextHop) === FULL) {
        segment.release();
        return false;
      }
      one.done += length - one.headers;
      one.segments++;
      this.context.stats.counters[C.IpExtOutOctets] += length;
    } while (one.done < text);
    packet.release();
    return true;
  }

  /** The next piece, with checksums complete or as the link does them. */
  private next({ packet, face, headers, text, done, segments }: Super): Packet | undefined {
    const { bytes: from, network: o } = packet;
    const size = Math.min(packet.gsoSize, text - done);
    const segment = this.context.pool.allocate(headers + size);
    if (segment === undefined) return undefined;
    const f = segment.put(headers + size);
    const b = segment.bytes;
    copyOctets(from, o, b, f, headers);
    copyOctets(from, o + headers + done, b, f + headers, size);
    const ip = ipv4.ipv4HeaderLength(b, f);
    const t = f + ip;
    wr16(b, f + 2, headers + size);
    wr16(b, f + 4, rd16(from, o + 4) + segments);
    ipv4.setIpv4Checksum(b, f);
    wr32(b, t + 4, (rd32(from, o + ip + 4) + done) | 0);
    let flags = tcp.tcpFlags(b, t);
    if (done > 0) flags &= NOT_FIRST;
    if (done + size < text) flags &= NOT_LAST;
    b[t + 13] = flags;
    // Whatever the super-segment's was: from here it is the pseudo-header's sum, to be completed here or by the link.
    const length = headers - ip + size;
    const pseudo = pseudoHeaderSum(ipv4.ipv4Source(b, f), ipv4.ipv4Destination(b, f), ipv4.PROTO_TCP, length);
    wr16(b, t + tcp.TCP_CHECKSUM_AT, fold(pseudo));
    segment.network = f;
    segment.transport = t;
    segment.checksum = CHECKSUM_PARTIAL;
    segment.checksumStart = t;
    segment.checksumAt = t + tcp.TCP_CHECKSUM_AT;
    if ((face.link.features & FEATURE_CHECKSUM) === 0) segment.completeChecksum();
    return segment;
  }
}
