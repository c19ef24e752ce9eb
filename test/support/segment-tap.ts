// The TCP packets of one stack as its link has them, super-segments whole: a tap in the stack, for tests on a TUN.

import { DIRECTION_IN, type Packet, type Tap } from '@tunstack/stack/contract';
import {
  ipv4HeaderLength,
  ipv4Protocol,
  PROTO_TCP,
  TCP_CWR,
  TCP_ECE,
  TCP_SYN,
  tcpFlags,
  tcpHeaderLength,
  tcpSeq,
} from '@tunstack/stack/wire';

/** One packet. */
export interface Tapped {
  readonly incoming: boolean;
  /** Unsigned, as tshark prints it. */
  readonly seq: number;
  readonly text: number;
  readonly syn: boolean;
  readonly ece: boolean;
  readonly cwr: boolean;
  /** The two ECN bits of its IP header (RFC 3168 section 5). */
  readonly ecn: number;
}

export class SegmentTap implements Tap {
  /** All packets in their order: only with `keep`. */
  readonly packets: Tapped[] = [];
  /** Packets that stand for more than one segment. */
  supersIn = 0;
  supersOut = 0;
  private readonly keep: boolean;

  constructor(keep = false) {
    this.keep = keep;
  }

  packet(packet: Packet, direction: number): void {
    const { bytes: b, head: o } = packet;
    if (packet.linear < 40 || b[o] >> 4 !== 4 || ipv4Protocol(b, o) !== PROTO_TCP) return;
    const incoming = direction === DIRECTION_IN;
    if (packet.gsoSize > 0) {
      if (incoming) this.supersIn++;
      else this.supersOut++;
    }
    if (!this.keep) return;
    const t = o + ipv4HeaderLength(b, o);
    const flags = tcpFlags(b, t);
    this.packets.push({
      incoming,
      seq: tcpSeq(b, t) >>> 0,
      text: packet.length - (t - o) - tcpHeaderLength(b, t),
      syn: (flags & TCP_SYN) !== 0,
      ece: (flags & TCP_ECE) !== 0,
      cwr: (flags & TCP_CWR) !== 0,
      ecn: b[o + 1] & 3,
    });
  }

  drop(): void {}
}
