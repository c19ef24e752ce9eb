// IPv4 fragments that arrive: what cannot be part of a datagram is dropped, the rest goes to reassembly. RFC 791 3.2.

import type { Context } from '../context.ts';
import { C } from '../contract/counters.ts';
import type { Packet } from '../contract/packet.ts';
import { R } from '../contract/reasons.ts';
import { FRAGMENT_KEY_WORDS, Reassembly, type ReassemblyOwner } from '../ip/reassembly.ts';
import { wr16 } from '../wire/bytes.ts';
import { ICMP_TIME_EXCEEDED, TIME_REASSEMBLY } from '../wire/icmpv4.ts';
import * as ipv4 from '../wire/ipv4.ts';
import { TCP_HEADER } from '../wire/tcp.ts';
import type { Icmp4Errors } from './icmp-error.ts';

const FITS = -1;
/** The two bits of TOS that ECN has (RFC 3168 5). */
const ECN_MASK = 3;

/** Makes whole datagrams of fragments for us. */
export class Defragmenter implements ReassemblyOwner {
  readonly reassembly: Reassembly;
  private readonly context: Context;
  private readonly errors: Icmp4Errors;
  private readonly key: Int32Array = new Int32Array(FRAGMENT_KEY_WORDS);

  constructor(context: Context, errors: Icmp4Errors) {
    this.context = context;
    this.errors = errors;
    this.reassembly = new Reassembly(context, this);
  }

  /** Takes a fragment, head at its IP header. Answers the datagram when it is whole now: flat, head at its IP header. R1122.27. */
  receive(packet: Packet): Packet | undefined {
    this.context.stats.counters[C.IpReasmReqds]++;
    const { bytes: b, network: o, length } = packet;
    this.readKey(b, o);
    const broken = faultOf(b, o, length);
    if (broken !== FITS) {
      this.context.drop(packet, broken);
      this.reassembly.discard(this.key, broken);
      return undefined;
    }
    const ecn = ipv4.ipv4Tos(b, o) & ECN_MASK;
    const offset = ipv4.ipv4FragmentOffset(b, o);
    const more = (ipv4.ipv4Flags(b, o) & ipv4.IPV4_MF) !== 0;
    packet.pull(ipv4.ipv4HeaderLength(b, o));
    const whole = this.reassembly.fragmentArrives(packet, this.key, offset, more, ecn);
    if (whole !== undefined) this.finish(whole);
    return whole;
  }

  /** RFC 1122 3.3.2: time exceeded, code 1. R1122.31. */
  timedOut(first: Packet): void {
    this.errors.send(first, ICMP_TIME_EXCEEDED, TIME_REASSEMBLY, 0, R.IP_REASSEMBLY_TIMEOUT);
  }

  /** RFC 791 3.2: "buffer identifier": source, destination, protocol, identification. R791.5. */
  private readKey(b: Uint8Array, o: number): void {
    const { key } = this;
    key[0] = ipv4.ipv4Destination(b, o);
    key[4] = ipv4.ipv4Source(b, o);
    key[8] = ipv4.ipv4Protocol(b, o);
    key[9] = ipv4.ipv4Id(b, o);
  }

  /** The first fragment's header becomes that of the whole: no fragment any more. */
  private finish({ bytes: b, network: o, length }: Packet): void {
    if (this.reassembly.congested) b[o + 1] |= ECN_MASK;
    wr16(b, o + 2, length);
    wr16(b, o + 6, 0);
    ipv4.setIpv4Checksum(b, o);
  }
}

/** FITS, or why a fragment of `length` octets can be part of no datagram. */
function faultOf(b: Uint8Array, o: number, length: number): number {
  const offset = ipv4.ipv4FragmentOffset(b, o);
  const data = length - ipv4.ipv4HeaderLength(b, o);
  if (data === 0) return R.IP_FRAGMENT_EMPTY;
  // RFC 791 3.2: all but the last are cut at multiples of eight octets. R791.4.
  if ((ipv4.ipv4Flags(b, o) & ipv4.IPV4_MF) !== 0 && (data & 7) !== 0) return R.IP_FRAGMENT_RAGGED;
  if (offset + length > ipv4.IPV4_MAX_TOTAL) return R.IP_FRAGMENT_BEYOND;
  // RFC 1858 3.2, RFC 3128: a filter must find ports and flags where it looks for them. UDP and ICMP have but eight octets.
  // R1858.1, R3128.1
  if (ipv4.ipv4Protocol(b, o) !== ipv4.PROTO_TCP) return FITS;
  return (offset === 0 ? data : offset) < TCP_HEADER ? R.IP_FRAGMENT_TINY : FITS;
}
