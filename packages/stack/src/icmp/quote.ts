// The datagram that an ICMP error quotes: RFC 792, RFC 1122 3.2.2, with the doubts of RFC 5927.

import { NONE } from '../base/index-pool.ts';
import {
  ECONNREFUSED,
  EHOSTUNREACH,
  EMSGSIZE,
  ENETUNREACH,
  ENOPROTOOPT,
  EPROTO,
  OK,
} from '../contract/errno.ts';
import type { Packet } from '../contract/packet.ts';
import { R } from '../contract/reasons.ts';
import type { PathTable } from '../ip/path.ts';
import { rd16 } from '../wire/bytes.ts';
import * as icmp from '../wire/icmpv4.ts';
import {
  IPV4_MIN_HEADER,
  ipv4Destination,
  ipv4FragmentOffset,
  ipv4Protocol,
  ipv4Source,
  ipv4TotalLength,
} from '../wire/ipv4.ts';

export const QUOTE_OK = -1;

/** One per stack, reused: what the last error that arrived says. Valid until the next one. */
export class Quote {
  /** Who reports it. */
  reporter = 0;
  type = 0;
  code = 0;
  /** Next-hop MTU of a fragmentation-needed, else 0. */
  mtu = 0;
  /** The quoted datagram's total length: what was too large. */
  quotedLength = 0;
  protocol = 0;
  /** Path of the quoted datagram, and of (our address, any); NONE: we have no such path. */
  path: number = NONE;
  localPath: number = NONE;
  /** First four octets of the quoted transport header: for UDP and TCP the ports. */
  localPort = 0;
  remotePort = 0;
  /** Octets 4 and 6 of it: an echo's identifier and sequence number, or half a TCP sequence number each. */
  word4 = 0;
  word6 = 0;
  private readonly paths: PathTable;

  constructor(paths: PathTable) {
    this.paths = paths;
  }

  /** Reads the quote of an ICMP error, head at its ICMP header. QUOTE_OK, or the reason why it counts for nothing. */
  read(packet: Packet): number {
    const b = packet.bytes;
    const o = packet.transport;
    const q = o + icmp.ICMP_HEADER;
    const available = packet.tail - q;
    if (available < IPV4_MIN_HEADER || b[q] >>> 4 !== 4) return R.ICMP_BAD_QUOTE;
    const header = (b[q] & 15) << 2;
    // Eight octets of the transport header at least (RFC 792); of later fragments nothing can be known.
    if (header < IPV4_MIN_HEADER || available < header + 8) return R.ICMP_BAD_QUOTE;
    if (ipv4FragmentOffset(b, q) !== 0) return R.ICMP_BAD_QUOTE;
    const local = ipv4Source(b, q);
    const remote = ipv4Destination(b, q);
    // We sent it, so its source is the address the error came to.
    if (local !== ipv4Destination(b, packet.network)) return R.ICMP_QUOTE_NOT_OURS;
    this.reporter = ipv4Source(b, packet.network);
    this.type = icmp.icmpType(b, o);
    this.code = icmp.icmpCode(b, o);
    const needFrag = this.type === icmp.ICMP_DEST_UNREACHABLE && this.code === icmp.UNREACH_NEEDFRAG;
    this.mtu = needFrag ? icmp.icmpSequence(b, o) : 0;
    this.quotedLength = ipv4TotalLength(b, q);
    this.protocol = ipv4Protocol(b, q);
    this.path = this.paths.find(local, remote);
    this.localPath = this.paths.find(local, 0);
    const t = q + header;
    this.localPort = rd16(b, t);
    this.remotePort = rd16(b, t + 2);
    this.word4 = rd16(b, t + 4);
    this.word6 = rd16(b, t + 6);
    return QUOTE_OK;
  }

  /** What a soft error hints at, for a connection that dies of silence later. */
  hint(): number {
    return this.type === icmp.ICMP_DEST_UNREACHABLE && this.code === icmp.UNREACH_NET
      ? ENETUNREACH
      : EHOSTUNREACH;
  }

  /** The errno of a hard error, or OK for what may pass (RFC 1122 4.2.3.9; Linux icmp_err_convert). R1122.19. */
  errno(): number {
    if (this.type === icmp.ICMP_PARAMETER_PROBLEM) return EPROTO;
    if (this.type !== icmp.ICMP_DEST_UNREACHABLE) return OK;
    switch (this.code) {
      case icmp.UNREACH_PROTOCOL:
        return ENOPROTOOPT;
      case icmp.UNREACH_PORT:
        return ECONNREFUSED;
      case icmp.UNREACH_NEEDFRAG:
        return EMSGSIZE;
      case icmp.UNREACH_NET_UNKNOWN:
      case icmp.UNREACH_NET_PROHIBITED:
        return ENETUNREACH;
      case icmp.UNREACH_HOST_UNKNOWN:
      case icmp.UNREACH_ISOLATED:
      case icmp.UNREACH_HOST_PROHIBITED:
      case icmp.UNREACH_PRECEDENCE:
      case icmp.UNREACH_CUTOFF:
      case icmp.UNREACH_ADMIN:
        return EHOSTUNREACH;
      default:
        return OK;
    }
  }
}
