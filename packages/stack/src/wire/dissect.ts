// The human face of the wire, reading: a packet as a tree of readable objects. RFC 791, RFC 792, RFC 768,
// RFC 9293. For tests, dumps and lessons; the core may not import it. Nothing here throws, whatever the octets say.

import { formatIp4 } from './address.ts';
import { complement, pseudoHeaderSum, sumBytes } from './checksum.ts';
import {
  ICMP_DEST_UNREACHABLE,
  ICMP_HEADER,
  ICMP_PARAMETER_PROBLEM,
  ICMP_REDIRECT,
  ICMP_SOURCE_QUENCH,
  ICMP_TIME_EXCEEDED,
  icmpChecksum,
  icmpCode,
  icmpId,
  icmpSequence,
  icmpType,
  UNREACH_NEEDFRAG,
} from './icmpv4.ts';
import * as ip from './ipv4.ts';
import {
  type DataLayer,
  type IcmpLayer,
  type Ipv4Layer,
  type Layer,
  TCP_FLAG_NAMES,
  type TcpLayer,
  type TcpOption,
  type UdpLayer,
} from './layers.ts';
import * as tcp from './tcp.ts';
import { readTcpOptionList } from './tcp-option-list.ts';
import { UDP_HEADER, udpChecksum, udpDestinationPort, udpLength, udpSourcePort } from './udp.ts';

export {
  type ArpLayer,
  dissectFrame,
  type EtherLayer,
  type FrameData,
  frameSummary,
} from './frame.ts';
export type {
  DataLayer,
  IcmpLayer,
  Ipv4Layer,
  Layer,
  TcpFlag,
  TcpLayer,
  TcpOption,
  UdpLayer,
} from './layers.ts';
export { summary } from './summary.ts';

/** The payload of a datagram: octets [offset, end), with what its checksums need. */
interface Payload {
  readonly bytes: Uint8Array;
  readonly offset: number;
  readonly end: number;
  readonly protocol: number;
  /** Sum of both addresses. */
  readonly addressSum: number;
  /** True when all of the datagram's payload is here: no fragment, not cut short. */
  readonly whole: boolean;
  /** True inside the quote of an ICMP error. */
  readonly quoted: boolean;
}

/**
 * Reads the datagram in `length` octets at `offset`. Takes any octets: what cannot be believed is said in `malformed`,
 * and fields that lie behind the end read as 0. The octets are copied. Of 20 octets and more, `craftLayer` makes the same
 * octets again.
 *
 * @example
 * const { source, ttl, next } = dissectIpv4(packet);
 * if (next.layer === 'udp') next.destinationPort;   // 7
 */
export function dissectIpv4(
  bytes: Uint8Array,
  offset = 0,
  length: number = bytes.length - offset,
): Ipv4Layer {
  // A private copy: reads behind its end are zeros, results outlive a receive slab, odd arguments harm nobody.
  const start = clamp(offset, bytes.length);
  return readIpv4(bytes.slice(start, start + clamp(length, bytes.length - start)), false);
}

function clamp(n: number, most: number): number {
  return n > 0 ? Math.min(Math.trunc(n), most) : 0;
}

function readIpv4(all: Uint8Array, quoted: boolean): Ipv4Layer {
  const available = all.length;
  const b = available < ip.IPV4_MIN_HEADER ? padded(all) : all;
  const headerLength = ip.ipv4HeaderLength(b, 0);
  const totalLength = ip.ipv4TotalLength(b, 0);
  const malformed = ipv4Fault(b, available, quoted);
  // Where a length is no use, the header is taken to be the shortest, and the datagram all there is.
  const usable = headerLength >= ip.IPV4_MIN_HEADER && headerLength <= available;
  const fits = usable && totalLength >= headerLength && totalLength <= available;
  const payload: Payload = {
    bytes: all,
    offset: usable ? headerLength : Math.min(ip.IPV4_MIN_HEADER, available),
    end: fits ? totalLength : available,
    protocol: ip.ipv4Protocol(b, 0),
    addressSum: sumBytes(b, 12, 8),
    whole: fits && !ip.ipv4IsFragment(b, 0),
    quoted,
  };
  const inside = usable && b[0] >>> 4 === 4 && ip.ipv4FragmentOffset(b, 0) === 0;
  return {
    layer: 'ipv4',
    version: b[0] >>> 4,
    headerLength,
    tos: ip.ipv4Tos(b, 0),
    totalLength,
    id: ip.ipv4Id(b, 0),
    reserved: (b[6] & 0x80) !== 0,
    df: (ip.ipv4Flags(b, 0) & ip.IPV4_DF) !== 0,
    mf: (ip.ipv4Flags(b, 0) & ip.IPV4_MF) !== 0,
    fragmentOffset: ip.ipv4FragmentOffset(b, 0),
    ttl: ip.ipv4Ttl(b, 0),
    protocol: payload.protocol,
    checksum: ip.ipv4Checksum(b, 0),
    checksumOk: usable && complement(sumBytes(b, 0, headerLength)) === 0,
    source: formatIp4(ip.ipv4Source(b, 0)),
    destination: formatIp4(ip.ipv4Destination(b, 0)),
    options: all.slice(ip.IPV4_MIN_HEADER, payload.offset),
    next: inside ? readPayload(payload) : data(payload),
    ...(payload.end < available && { trailer: all.slice(payload.end) }),
    ...(malformed !== undefined && { malformed }),
  };
}

/** A header too short, with zeros for what is missing. */
function padded(bytes: Uint8Array): Uint8Array {
  const longer = new Uint8Array(ip.IPV4_MIN_HEADER);
  longer.set(bytes);
  return longer;
}

function ipv4Fault(b: Uint8Array, available: number, quoted: boolean): string | undefined {
  if (available < ip.IPV4_MIN_HEADER) return `only ${available} of 20 header octets`;
  if (b[0] >>> 4 !== 4) return `version ${b[0] >>> 4}, not 4`;
  const header = ip.ipv4HeaderLength(b, 0);
  if (header < ip.IPV4_MIN_HEADER) return `header length ${header} is below 20`;
  if (header > available) return `header length ${header}, but only ${available} octets`;
  const total = ip.ipv4TotalLength(b, 0);
  if (total < header) return `total length ${total} is below header length ${header}`;
  // An error quotes as much of a datagram as its sender liked (RFC 792, RFC 1812 4.3.2.3).
  if (total > available && !quoted) return `total length ${total}, but only ${available} octets`;
  return undefined;
}

function readPayload(payload: Payload): Layer {
  switch (payload.protocol) {
    case ip.PROTO_ICMP:
      return readIcmp(payload);
    case ip.PROTO_TCP:
      return readTcp(payload);
    case ip.PROTO_UDP:
      return readUdp(payload);
    default:
      return data(payload);
  }
}

function data(payload: Payload, malformed?: string): DataLayer {
  const { bytes, offset, end, protocol } = payload;
  return {
    layer: 'data',
    protocol,
    bytes: bytes.slice(offset, end),
    ...(malformed !== undefined && { malformed }),
  };
}

function readIcmp(payload: Payload): IcmpLayer | DataLayer {
  const { bytes, offset: o, end, whole } = payload;
  if (end - o < ICMP_HEADER) return data(payload, whole ? 'shorter than an ICMP header' : undefined);
  const type = icmpType(bytes, o);
  const needFrag = type === ICMP_DEST_UNREACHABLE && icmpCode(bytes, o) === UNREACH_NEEDFRAG;
  const behind: Payload = { ...payload, offset: o + ICMP_HEADER };
  return {
    layer: 'icmp',
    type,
    code: icmpCode(bytes, o),
    checksum: icmpChecksum(bytes, o),
    ...(whole && { checksumOk: complement(sumBytes(bytes, o, end - o)) === 0 }),
    id: icmpId(bytes, o),
    sequence: icmpSequence(bytes, o),
    ...(needFrag && icmpSequence(bytes, o) > 0 && { mtu: icmpSequence(bytes, o) }),
    next: quotes(type, behind) ? readIpv4(bytes.slice(behind.offset, end), true) : data(behind),
  };
}

/** True when what follows is a datagram to look into. Nobody errs about an error (RFC 1122 3.2.2): one level is all. */
function quotes(type: number, behind: Payload): boolean {
  if (behind.quoted || behind.end - behind.offset < ip.IPV4_MIN_HEADER) return false;
  switch (type) {
    case ICMP_DEST_UNREACHABLE:
    case ICMP_SOURCE_QUENCH:
    case ICMP_REDIRECT:
    case ICMP_TIME_EXCEEDED:
    case ICMP_PARAMETER_PROBLEM:
      return true;
    default:
      return false;
  }
}

function readTcp(payload: Payload): TcpLayer | DataLayer {
  const { bytes, offset: o, end, whole, addressSum } = payload;
  const available = end - o;
  if (available < tcp.TCP_HEADER) return data(payload, whole ? 'shorter than a TCP header' : undefined);
  const headerLength = tcp.tcpHeaderLength(bytes, o);
  // Where the data offset is no use, the header is taken to be the shortest.
  const behind = o + (headerLength <= available ? Math.max(headerLength, tcp.TCP_HEADER) : tcp.TCP_HEADER);
  const options = readTcpOptionList(bytes.slice(o + tcp.TCP_HEADER, behind));
  const malformed = tcpFault(headerLength, available, whole, options);
  const pseudo = pseudoHeaderSum(0, 0, ip.PROTO_TCP, available) + addressSum;
  return {
    layer: 'tcp',
    sourcePort: tcp.tcpSourcePort(bytes, o),
    destinationPort: tcp.tcpDestinationPort(bytes, o),
    seq: tcp.tcpSeq(bytes, o) >>> 0,
    ack: tcp.tcpAck(bytes, o) >>> 0,
    headerLength,
    reserved: bytes[o + 12] & 15,
    flags: TCP_FLAG_NAMES.filter((_, bit) => (tcp.tcpFlags(bytes, o) & (1 << bit)) !== 0),
    window: tcp.tcpWindow(bytes, o),
    checksum: tcp.tcpChecksum(bytes, o),
    ...(whole && { checksumOk: complement(pseudo + sumBytes(bytes, o, available)) === 0 }),
    urgent: tcp.tcpUrgent(bytes, o),
    options,
    next: data({ ...payload, offset: behind }),
    ...(malformed !== undefined && { malformed }),
  };
}

function tcpFault(
  header: number,
  available: number,
  whole: boolean,
  options: readonly TcpOption[],
): string | undefined {
  if (header < tcp.TCP_HEADER) return `TCP header length ${header} is below 20`;
  if (whole && header > available) return `TCP header length ${header}, but only ${available} octets`;
  return options.at(-1)?.option === 'malformed' ? 'a TCP option of impossible length' : undefined;
}

function readUdp(payload: Payload): UdpLayer | DataLayer {
  const { bytes, offset: o, whole } = payload;
  const available = payload.end - o;
  if (available < UDP_HEADER) return data(payload, whole ? 'shorter than a UDP header' : undefined);
  const length = udpLength(bytes, o);
  const fits = length >= UDP_HEADER && length <= available;
  const end = fits ? o + length : payload.end;
  const malformed = udpFault(length, available, whole);
  return {
    layer: 'udp',
    sourcePort: udpSourcePort(bytes, o),
    destinationPort: udpDestinationPort(bytes, o),
    length,
    checksum: udpChecksum(bytes, o),
    ...(whole && fits && { checksumOk: udpChecksumOk(payload, length) }),
    next: data({ ...payload, offset: o + UDP_HEADER, end }),
    ...(end < payload.end && { trailer: bytes.slice(end, payload.end) }),
    ...(malformed !== undefined && { malformed }),
  };
}

function udpFault(length: number, available: number, whole: boolean): string | undefined {
  if (length < UDP_HEADER) return `UDP length ${length} is below 8`;
  return whole && length > available ? `UDP length ${length}, but only ${available} octets` : undefined;
}

function udpChecksumOk(payload: Payload, length: number): boolean {
  const { bytes, offset, addressSum } = payload;
  if (udpChecksum(bytes, offset) === 0) return true;
  const pseudo = pseudoHeaderSum(0, 0, ip.PROTO_UDP, length) + addressSum;
  return complement(pseudo + sumBytes(bytes, offset, length)) === 0;
}
