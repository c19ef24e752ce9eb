// The SYN,ACK of a connection that nobody remembers: RFC 4987 3.6. An answer of this batch, as a RST is; it is sent once.

import { add } from '../../base/int.ts';
import type { Context } from '../../context.ts';
import { C } from '../../contract/counters.ts';
import { CHECKSUM_PARTIAL, type Packet } from '../../contract/packet.ts';
import { R } from '../../contract/reasons.ts';
import { wr16 } from '../../wire/bytes.ts';
import { fold } from '../../wire/checksum.ts';
import {
  IPV4_DF,
  IPV4_MIN_HEADER,
  ipv4Destination,
  ipv4Source,
  PROTO_TCP,
  writeIpv4,
} from '../../wire/ipv4.ts';
import { TCP_ACK, TCP_CHECKSUM_AT, TCP_ECE, TCP_HEADER, TCP_SYN, writeTcp } from '../../wire/tcp.ts';
import { synOptionsLength, writeSynOptions } from '../../wire/tcp-options.ts';
import { noteOf, type SynCookies, timestampWithNote } from '../cookies.ts';
import { ecnOfSyn } from '../ecn.ts';
import type { IsnGenerator } from '../isn.ts';
import type { Listener } from '../listener.ts';
import { CONTINUE, type Segment } from '../segment.ts';
import { MSS_DEFAULT, ownMssFor, SYN_WINDOW_MAX, windowScaleFor } from '../synchronize.ts';

/** In front of TCP and its options: IP, and what links and tunnels push. */
const HEADROOM = 192;

/**
 * Answers the SYN in `seg` with <SEQ=cookie><ACK=SEG.SEQ+1><CTL=SYN,ACK>. Only with timestamps is there a place to note
 * scaling, SACK and ECN, so without them all three stay out. `mtu`: of the link it came by. CONTINUE, or DROP: no packet was left.
 * The SYN stays the caller's.
 */
export function answerWithCookie(
  context: Context,
  cookies: SynCookies,
  isn: IsnGenerator,
  listener: Listener,
  packet: Packet,
  seg: Segment,
  mtu: number,
): number {
  const { options } = context;
  const answer = context.pool.allocate(0, HEADROOM);
  if (answer === undefined) return seg.drop(R.NO_BUFFER);
  const local = ipv4Destination(packet.bytes, packet.network);
  const remote = ipv4Source(packet.bytes, packet.network);
  const timestamps = seg.options.timestamps && options.tcpTimestamps;
  const sack = timestamps && seg.options.sackPermitted && options.tcpSack;
  const scaling = timestamps && seg.options.windowScale >= 0 && options.tcpWindowScaling;
  const ecn = timestamps && ecnOfSyn(seg, options.tcpEcn);
  const scale = scaling ? windowScaleFor(options.tcpReceiveBytesMax) : -1;
  const length = TCP_HEADER + synOptionsLength(sack, timestamps, scale);
  const o = answer.push(length);
  const b = answer.bytes;
  const window = Math.min(SYN_WINDOW_MAX, options.tcpReceiveBytes);
  const flags = TCP_SYN | TCP_ACK | (ecn ? TCP_ECE : 0);
  const { localPort, remotePort } = seg;
  const ports = (localPort << 16) | remotePort;
  const peerMss = Math.max(seg.options.mss === 0 ? MSS_DEFAULT : seg.options.mss, options.tcpMssMin);
  const seq = cookies.isn(local, remote, ports, seg.seq, peerMss, context.uptimeS);
  writeTcp(b, o, localPort, remotePort, seq, add(seg.seq, 1), length, flags, window, 0, 0);
  const clock = add(context.nowMs, isn.timestampOffset(local, remote));
  const tsVal = timestampWithNote(clock, noteOf(scaling ? seg.options.windowScale : -1, sack, ecn));
  writeSynOptions(b, o + TCP_HEADER, ownMssFor(mtu), sack, timestamps, tsVal, seg.options.tsVal, scale);
  wr16(b, o + TCP_CHECKSUM_AT, fold(packet.addressSum + PROTO_TCP + length));
  answer.transport = o;
  answer.checksum = CHECKSUM_PARTIAL;
  answer.checksumStart = o;
  answer.checksumAt = o + TCP_CHECKSUM_AT;
  answer.network = answer.push(IPV4_MIN_HEADER);
  const ttl = listener.ttl !== 0 ? listener.ttl : options.ttl;
  writeIpv4(b, answer.network, listener.tos, answer.length, 0, IPV4_DF, ttl, PROTO_TCP, local, remote);
  context.stats.counters[C.TcpOutSegs]++;
  context.stats.counters[C.TcpExtSyncookiesSent]++;
  context.answer(answer);
  return CONTINUE;
}
