// Cutting a datagram that is larger than its link or path takes: RFC 791 3.2, "An Example Fragmentation Procedure".

import type { Context } from '../context.ts';
import { C } from '../contract/counters.ts';
import { FULL, TAKEN } from '../contract/link.ts';
import { copyOctets, type Packet } from '../contract/packet.ts';
import { R } from '../contract/reasons.ts';
import type { Interface } from '../ip/interface.ts';
import { rd16, wr16 } from '../wire/bytes.ts';
import * as ipv4 from '../wire/ipv4.ts';
import { copyIpv4Options } from '../wire/ipv4-options.ts';

const OFFSET_MASK = 0x1fff;
const OPTIONS_MAX = ipv4.IPV4_MAX_HEADER - ipv4.IPV4_MIN_HEADER;

/** A datagram that is being cut: how far, and where its fragments go. */
class Cut {
  readonly packet: Packet;
  readonly face: Interface;
  readonly nextHop: number;
  readonly mtu: number;
  /** Octets of data that left. */
  done = 0;

  constructor(packet: Packet, face: Interface, nextHop: number, mtu: number) {
    this.packet = packet;
    this.face = face;
    this.nextHop = nextHop;
    this.mtu = mtu;
  }
}

/**
 * Sends datagrams in fragments. A link that gets full in the middle of one keeps the rest of it waiting here, and with it
 * everybody else: its `room` is 0. So at most one waits for each link.
 */
export class Fragmenter {
  private readonly context: Context;
  private readonly options: Uint8Array = new Uint8Array(OPTIONS_MAX);
  private waiting: Cut[] = [];

  constructor(context: Context) {
    this.context = context;
  }

  /**
   * Cuts a datagram, head at its complete IP header, into fragments of up to `mtu` octets and sends them to `nextHop`.
   * TAKEN: it is gone, or goes on leaving when there is room. FULL: nothing happened. A fragment is cut further (RFC 791:
   * as a router does). With DF it is dropped: TOO_BIG, and whether somebody is told is the caller's affair.
   */
  send(packet: Packet, face: Interface, nextHop: number, mtu: number): number {
    if (face.full) return FULL;
    const { bytes: b, network: o } = packet;
    const uncut = (ipv4.ipv4Flags(b, o) & ipv4.IPV4_DF) !== 0 || mtu - ipv4.ipv4HeaderLength(b, o) < 8;
    if (uncut) {
      this.context.drop(packet, R.TOO_BIG);
      return TAKEN;
    }
    // The checksum is one of the whole: no device can complete it any more.
    packet.completeChecksum();
    if (!packet.linearize()) {
      this.context.drop(packet, R.FRAGMENT_NO_BUFFER);
      return TAKEN;
    }
    const cut = new Cut(packet, face, nextHop, mtu);
    if (!this.advance(cut)) this.wait(cut);
    return TAKEN;
  }

  /** Goes on where links were full. Called before anything else is sent. */
  resume(): void {
    if (this.waiting.length === 0) return;
    this.waiting = this.waiting.filter((cut) => !this.advance(cut));
  }

  /** The stack closes: what did not leave is dropped. */
  closeAll(): void {
    for (const { packet } of this.waiting.splice(0)) this.context.drop(packet, R.SEND_CLOSED);
  }

  /** A datagram that waits outlives the batch it came with. */
  private wait(cut: Cut): void {
    if (cut.packet.own()) this.waiting.push(cut);
    else this.context.drop(cut.packet, R.FRAGMENT_NO_BUFFER);
  }

  /** Sends fragments until all left or there is no room; true when the datagram is gone. */
  private advance(cut: Cut): boolean {
    const { packet, face, nextHop } = cut;
    const { counters } = this.context.stats;
    const data = packet.length - ipv4.ipv4HeaderLength(packet.bytes, packet.network);
    while (cut.done < data) {
      if (face.full) return false;
      const fragment = this.next(cut, data);
      if (fragment === undefined) {
        this.context.drop(packet, R.FRAGMENT_NO_BUFFER);
        return true;
      }
      const { length } = fragment;
      const octets = length - ipv4.ipv4HeaderLength(fragment.bytes, fragment.network);
      if (face.transmit(fragment, nextHop) === FULL) {
        fragment.release();
        return false;
      }
      cut.done += octets;
      counters[C.IpFragCreates]++;
      counters[C.IpExtOutOctets] += length;
    }
    counters[C.IpFragOKs]++;
    packet.release();
    return true;
  }

  /** The next fragment: the first has all options, the others those that are to be copied (RFC 791 3.1). R791.8. */
  private next({ packet, mtu, done }: Cut, data: number): Packet | undefined {
    const { bytes: b, network: o } = packet;
    const whole = ipv4.ipv4HeaderLength(b, o);
    const optionsAt = o + ipv4.IPV4_MIN_HEADER;
    const first = done === 0;
    const header = first
      ? whole
      : ipv4.IPV4_MIN_HEADER + copyIpv4Options(b, optionsAt, o + whole - optionsAt, this.options);
    const left = data - done;
    const length = left <= mtu - header ? left : (mtu - header) & ~7;
    const fragment = this.context.pool.allocate(header + length);
    if (fragment === undefined) return undefined;
    const f = fragment.put(header + length);
    const to = fragment.bytes;
    copyOctets(b, o, to, f, first ? header : ipv4.IPV4_MIN_HEADER);
    if (!first) copyOctets(this.options, 0, to, f + ipv4.IPV4_MIN_HEADER, header - ipv4.IPV4_MIN_HEADER);
    copyOctets(b, o + whole + done, to, f + header, length);
    const place = rd16(b, o + 6);
    // What is cut may be a fragment itself: its place, and that more follow it, are inherited.
    const more = length < left ? ipv4.IPV4_MF : place & ipv4.IPV4_MF;
    to[f] = 0x40 | (header >> 2);
    wr16(to, f + 2, header + length);
    wr16(to, f + 6, more | (((place & OFFSET_MASK) + (done >> 3)) & OFFSET_MASK));
    ipv4.setIpv4Checksum(to, f);
    fragment.network = f;
    return fragment;
  }
}
