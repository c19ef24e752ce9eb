// Receive offload in software: segments of one flow that arrive right behind each other in a link's slab become the super-segment
// that a device would have handed up. Source: the rules of Linux's inet_gro_receive and tcp_gro_receive; virtio 1.2 5.1.6.4.
//
//   slab:  [ IP | TCP | text 1 ] [ IP | TCP | text 2 ] [ IP | TCP | text 3 ]
//          [ IP | TCP | text 1 | text 2 | text 3 ]        gsoSize = octets of text 1
//
// What came can be told from what was made of it: Segmenter gives back the same octets (gro.prop.test.ts).

import { add } from '../base/int.ts';
import type { Context } from '../context.ts';
import { C } from '../contract/counters.ts';
import {
  CHECKSUM_NONE,
  CHECKSUM_PARTIAL,
  CHECKSUM_VALID,
  GSO_NONE,
  GSO_TCPV4,
  type Packet,
} from '../contract/packet.ts';
import type { BatchInput, PacketInput } from '../ip/interface.ts';
import { rd16, rd32, wr16 } from '../wire/bytes.ts';
import { fold, pseudoHeaderSum } from '../wire/checksum.ts';
import * as ipv4 from '../wire/ipv4.ts';
import * as tcp from '../wire/tcp.ts';
import { atomic, leavePartial } from './segmentation.ts';

/** Version 4, no options. */
const PLAIN_IPV4 = 0x45;
const HEADERS_MIN = ipv4.IPV4_MIN_HEADER + tcp.TCP_HEADER;
/** What the first segment of several may say; and what all others may say besides, which ends them (RFC 3168 6.1.2: CWR once). */
const FIRST_MAY = tcp.TCP_ACK | tcp.TCP_ECE | tcp.TCP_CWR;
const LAST_MAY = tcp.TCP_PSH | tcp.TCP_FIN;

/**
 * Stands between the interfaces of a stack and IP. It holds one packet at most, and none between two polls: whatever is no
 * continuation of it sends it on first, so that the order in which packets arrive is kept, across flows as well.
 */
export class Gro implements BatchInput {
  private readonly context: Context;
  private readonly input: PacketInput;
  private held: Packet | undefined = undefined;
  /** Octets of both headers, and of the first segment's text. */
  private headers = 0;
  private size = 0;
  /** Segments in it, 0: nobody asked yet whether others may be put behind it; the sequence number behind them; the flags of the last. */
  private segments = 0;
  private nextSeq = 0;
  private lastFlags = 0;

  constructor(context: Context, input: PacketInput) {
    this.context = context;
    this.input = input;
  }

  receive(packet: Packet): void {
    const { held } = this;
    if (held !== undefined) {
      if (packet.follows(held) && this.begins(held) && this.continues(held, packet)) {
        this.merge(held, packet);
        return;
      }
      this.batchEnds();
    }
    if (packet.lent && this.context.options.gro) this.held = packet;
    else this.input.receive(packet);
  }

  /** What is held goes on: nothing more will come behind it. */
  batchEnds(): void {
    const { held } = this;
    if (held === undefined) return;
    const { segments } = this;
    this.held = undefined;
    this.segments = 0;
    if (segments > 1) this.complete(held);
    this.input.receive(held);
  }

  /**
   * True for a segment that others may be put behind: plain text, whole, with right checksums. Asked when there is another: most that
   * come alone go on unseen.
   */
  private begins(packet: Packet): boolean {
    if (this.segments > 0) return true;
    if (packet.gsoType !== GSO_NONE) return false;
    const { bytes: b, head: o, length } = packet;
    if (length <= HEADERS_MIN || b[o] !== PLAIN_IPV4 || ipv4.ipv4Protocol(b, o) !== ipv4.PROTO_TCP)
      return false;
    const t = o + ipv4.IPV4_MIN_HEADER;
    const flags = tcp.tcpFlags(b, t);
    if ((flags & ~FIRST_MAY) !== 0 || (flags & tcp.TCP_ACK) === 0) return false;
    const headers = ipv4.IPV4_MIN_HEADER + tcp.tcpHeaderLength(b, t);
    if (headers < HEADERS_MIN || headers >= length || ipv4.ipv4TotalLength(b, o) !== length) return false;
    if (ipv4.ipv4IsFragment(b, o) || !sumsRight(packet)) return false;
    this.headers = headers;
    this.size = length - headers;
    this.segments = 1;
    this.nextSeq = add(tcp.tcpSeq(b, t), this.size);
    this.lastFlags = flags;
    return true;
  }

  /** True when `packet` is the next segment of the held one, and says nothing else: same header, next number, room for it. */
  private continues(held: Packet, packet: Packet): boolean {
    const { headers } = this;
    const { length } = packet;
    if (packet.gsoType !== GSO_NONE || packet.cast !== held.cast) return false;
    if (length <= headers || length - headers > this.size) return false;
    if (held.length + length - headers > ipv4.IPV4_MAX_TOTAL) return false;
    const { bytes: a, head: p } = held;
    const { bytes: b, head: o } = packet;
    const t = p + ipv4.IPV4_MIN_HEADER;
    const u = o + ipv4.IPV4_MIN_HEADER;
    if (tcp.tcpSeq(b, u) !== this.nextSeq || ipv4.ipv4TotalLength(b, o) !== length) return false;
    // Version, TOS with its ECN mark | flags | TTL, protocol | addresses.
    if (rd16(a, p) !== rd16(b, o) || rd16(a, p + 6) !== rd16(b, o + 6) || rd16(a, p + 8) !== rd16(b, o + 8))
      return false;
    if (rd32(a, p + 12) !== rd32(b, o + 12) || rd32(a, p + 16) !== rd32(b, o + 16)) return false;
    const id = atomic(a, p) ? 0 : (ipv4.ipv4Id(a, p) + this.segments) & 0xffff;
    if (ipv4.ipv4Id(b, o) !== id) return false;
    const may = (tcp.tcpFlags(a, t) & tcp.TCP_ECE) | tcp.TCP_ACK;
    if ((tcp.tcpFlags(b, u) & ~LAST_MAY) !== may) return false;
    // Ports | acknowledgment | data offset | window | options: timestamps must be equal, too.
    if (rd32(a, t) !== rd32(b, u) || rd32(a, t + 8) !== rd32(b, u + 8) || a[t + 12] !== b[u + 12])
      return false;
    if (tcp.tcpWindow(a, t) !== tcp.tcpWindow(b, u)) return false;
    for (let i = tcp.TCP_HEADER; i < headers - ipv4.IPV4_MIN_HEADER; i += 4) {
      if (rd32(a, t + i) !== rd32(b, u + i)) return false;
    }
    return sumsRight(packet);
  }

  private merge(held: Packet, packet: Packet): void {
    const { length } = packet;
    const text = length - this.headers;
    const flags = tcp.tcpFlags(packet.bytes, packet.head + ipv4.IPV4_MIN_HEADER);
    held.absorb(packet, this.headers);
    this.context.stats.counters[C.TcpExtTCPRcvCoalesce]++;
    this.segments++;
    this.nextSeq = add(this.nextSeq, text);
    this.lastFlags = flags;
    if (text < this.size || (flags & LAST_MAY) !== 0) this.batchEnds();
  }

  /** The headers speak for all of it; the checksum of the text was right, and is left to be completed. */
  private complete(packet: Packet): void {
    const { bytes: b, head: o, length } = packet;
    wr16(b, o + 2, length);
    ipv4.setIpv4Checksum(b, o);
    b[o + ipv4.IPV4_MIN_HEADER + 13] |= this.lastFlags & LAST_MAY;
    leavePartial(packet, o);
    packet.gsoType = GSO_TCPV4;
    packet.gsoSize = this.size;
  }
}

/** Both checksums: only what is whole may be mixed with others. What was summed here is not summed again. */
function sumsRight(packet: Packet): boolean {
  const { bytes: b, head: o, length } = packet;
  if (ipv4.checkIpv4(b, o, length) !== ipv4.IPV4_OK) return false;
  const t = o + ipv4.IPV4_MIN_HEADER;
  if (packet.checksum === CHECKSUM_PARTIAL) {
    return packet.checksumStart === t && packet.checksumAt === t + tcp.TCP_CHECKSUM_AT;
  }
  if (packet.checksum !== CHECKSUM_NONE) return true;
  const segment = length - ipv4.IPV4_MIN_HEADER;
  const pseudo = pseudoHeaderSum(ipv4.ipv4Source(b, o), ipv4.ipv4Destination(b, o), ipv4.PROTO_TCP, segment);
  if (fold(pseudo + packet.sumFrom(t)) !== 0xffff) return false;
  packet.checksum = CHECKSUM_VALID;
  return true;
}
