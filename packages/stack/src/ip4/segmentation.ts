// What a super-segment of TCP or a super-datagram of UDP stands for, and how one piece of it is cut out. Source: virtio 1.2 5.1.6.2;
// RFC 9293 3.1 and RFC 3168 6.1.2 for the flags, RFC 6864 4 for the identifications.
//
//   [ IP | TCP | gsoSize octets | gsoSize octets | rest ]   ->   [ IP | TCP | gsoSize ] [ IP | TCP | gsoSize ] [ IP | TCP | rest ]
//   [ IP | UDP | gsoSize octets | gsoSize octets | rest ]   ->   [ IP | UDP | gsoSize ] [ IP | UDP | gsoSize ] [ IP | UDP | rest ]

import {
  CHECKSUM_NONE,
  CHECKSUM_PARTIAL,
  CHECKSUM_VALID,
  copyOctets,
  GSO_TCPV4,
  GSO_UDP_L4,
  type Packet,
} from '../contract/packet.ts';
import type { PacketPool } from '../contract/packet-pool.ts';
import { rd16, rd32, wr16, wr32 } from '../wire/bytes.ts';
import { fold, pseudoHeaderSum } from '../wire/checksum.ts';
import * as ipv4 from '../wire/ipv4.ts';
import * as tcp from '../wire/tcp.ts';
import * as udp from '../wire/udp.ts';

/** Datagrams in one super-datagram: Linux's UDP_MAX_SEGMENTS. */
export const UDP_SEGMENTS_MAX = 128;

/** Only the first piece says CWR (RFC 3168 6.1.2: once), and only the last one FIN and PSH. ECE stays on all. */
const NOT_FIRST = ~tcp.TCP_CWR;
const NOT_LAST = ~(tcp.TCP_FIN | tcp.TCP_PSH);

/** Octets of both headers of a super-segment or super-datagram, or 0: its lengths are wrong, or it is something else. */
export function gsoHeaders(packet: Packet): number {
  const { bytes: b, network: o, tail, gsoType } = packet;
  const ip = ipv4.ipv4HeaderLength(b, o);
  if (ipv4.ipv4IsFragment(b, o)) return 0;
  const protocol = ipv4.ipv4Protocol(b, o);
  if (gsoType === GSO_TCPV4 && protocol === ipv4.PROTO_TCP && o + ip + tcp.TCP_HEADER <= tail) {
    const header = tcp.tcpHeaderLength(b, o + ip);
    return header < tcp.TCP_HEADER || o + ip + header > tail ? 0 : ip + header;
  }
  if (gsoType !== GSO_UDP_L4 || protocol !== ipv4.PROTO_UDP || o + ip + udp.UDP_HEADER > tail) return 0;
  const text = udp.udpLength(b, o + ip) - udp.UDP_HEADER;
  if (text !== tail - o - ip - udp.UDP_HEADER + packet.piecesLength) return 0;
  return text > UDP_SEGMENTS_MAX * packet.gsoSize ? 0 : ip + udp.UDP_HEADER;
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

/** True for a super-segment of TCP with CWR: a device that does not know of ECN would repeat it on every piece. */
export function saysReduced({ bytes: b, network: o }: Packet): boolean {
  return (tcp.tcpFlags(b, o + ipv4.ipv4HeaderLength(b, o)) & tcp.TCP_CWR) !== 0;
}

/**
 * True for a datagram whose identification means nothing and is 0, as ours are: its pieces have 0, too. All others count up
 * (RFC 6864 4.1 lets both). So a sender's own way survives being put together and cut again.
 */
export function atomic(b: Uint8Array, o: number): boolean {
  return ipv4.ipv4Id(b, o) === 0 && (ipv4.ipv4Flags(b, o) & ipv4.IPV4_DF) !== 0;
}

/**
 * Makes the checksum of a super-segment partial: only so is it told to a device, and only so do its pieces get theirs. False:
 * nobody vouches for it, and new sums would hide what broke it.
 */
export function makePartial(packet: Packet): boolean {
  if (packet.checksum === CHECKSUM_NONE) return false;
  if (packet.checksum === CHECKSUM_VALID) leavePartial(packet, packet.network);
  return true;
}

/**
 * Writes the pseudo-header's sum into the checksum field of a datagram of TCP or UDP, IP header at `o`: the rest is summed
 * later, in software or by a device.
 */
export function leavePartial(packet: Packet, o: number): void {
  const { bytes: b } = packet;
  const t = o + ipv4.ipv4HeaderLength(b, o);
  const length = packet.tail - t + packet.piecesLength;
  const protocol = ipv4.ipv4Protocol(b, o);
  const at = t + (protocol === ipv4.PROTO_TCP ? tcp.TCP_CHECKSUM_AT : udp.UDP_CHECKSUM_AT);
  wr16(b, at, fold(pseudoHeaderSum(ipv4.ipv4Source(b, o), ipv4.ipv4Destination(b, o), protocol, length)));
  packet.checksum = CHECKSUM_PARTIAL;
  packet.checksumStart = t;
  packet.checksumAt = at;
}

/** Octets of text of a super-segment, `headers` octets of both headers before it. */
export function gsoText(packet: Packet, headers: number): number {
  return packet.tail - packet.network - headers + packet.piecesLength;
}

/** True when a super-segment can be cut as it lies: it is flat, or its text is all in its pieces, of which each gets its part. */
export function isCuttable(packet: Packet, headers: number): boolean {
  return packet.pieces === 0 || packet.tail === packet.network + headers;
}

/**
 * The piece number `index` of a cuttable super-segment, `done` octets into its text, as a datagram of its own: head at its IP
 * header, checksum partial. Text of pieces goes along by reference. `headers`: what gsoHeaders says. Undefined: no slot is left.
 */
export function cutPiece(
  pool: PacketPool,
  packet: Packet,
  headers: number,
  done: number,
  index: number,
): Packet | undefined {
  const { bytes: from, network: o } = packet;
  const text = gsoText(packet, headers);
  const size = Math.min(packet.gsoSize, text - done);
  const flat = packet.pieces === 0 ? size : 0;
  const piece = pool.allocate(headers + flat);
  if (piece === undefined) return undefined;
  const f = piece.put(headers + flat);
  const b = piece.bytes;
  copyOctets(from, o, b, f, headers);
  if (flat > 0) copyOctets(from, o + headers + done, b, f + headers, size);
  else referTo(piece, packet, done, size);
  const t = f + ipv4.ipv4HeaderLength(b, f);
  wr16(b, f + 2, headers + size);
  if (!atomic(from, o)) wr16(b, f + 4, rd16(from, o + 4) + index);
  ipv4.setIpv4Checksum(b, f);
  if (packet.gsoType === GSO_TCPV4) {
    wr32(b, t + 4, (rd32(b, t + 4) + done) | 0);
    if (done > 0) b[t + 13] &= NOT_FIRST;
    if (done + size < text) b[t + 13] &= NOT_LAST;
  } else wr16(b, t + 4, udp.UDP_HEADER + size);
  piece.network = f;
  piece.transport = t;
  piece.priority = packet.priority;
  leavePartial(piece, f);
  return piece;
}

/** Appends `size` octets of a packet's pieces, `done` octets into them, by reference. */
function referTo(piece: Packet, packet: Packet, done: number, size: number): void {
  let skip = done;
  let left = size;
  for (let i = 0; i < packet.pieces && left > 0; i++) {
    const length = packet.pieceLength(i);
    if (skip < length) {
      const part = Math.min(left, length - skip);
      piece.append(packet.pieceArena(i), packet.pieceOffset(i) + skip, part);
      left -= part;
      skip = 0;
    } else skip -= length;
  }
}
