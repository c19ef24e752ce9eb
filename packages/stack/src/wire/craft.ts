// The human face of the wire, writing: packets from readable fields. RFC 791, RFC 792, RFC 768, 9293.
// For tests, fuzzers and lessons; the core may not import it. Every field may be given, wrongly too: a value that is
// given is written as it is (cut to the width of its field), one that is not given is computed as the standards say.

import { parseIp4 } from './address.ts';
import { wr16, wr32 } from './bytes.ts';
import { complement, pseudoHeaderSum, sumBytes } from './checksum.ts';
import {
  ICMP_DEST_UNREACHABLE,
  ICMP_ECHO,
  ICMP_ECHO_REPLY,
  ICMP_HEADER,
  UNREACH_PORT,
  writeIcmp,
} from './icmpv4.ts';
import * as ip from './ipv4.ts';
import {
  type IcmpLayer,
  type Ipv4Layer,
  type Layer,
  TCP_FLAG_NAMES,
  type TcpFlag,
  type TcpLayer,
  type TcpOption,
  type UdpLayer,
} from './layers.ts';
import { udpComplement } from './repair.ts';
import * as tcp from './tcp.ts';
import { tcpOptionOctets } from './tcp-option-list.ts';
import { UDP_CHECKSUM_AT, UDP_HEADER, writeUdp } from './udp.ts';

export { type ArpFields, craftArp, craftFrame, craftFrameLayer, type FrameFields } from './frame.ts';
export { repairChecksums } from './repair.ts';

/** Dotted decimal, or an int32 word. */
export type Address = string | number;

/** A protocol number for experiments: what octets are sent as when nothing else is said (RFC 3692). */
export const PROTO_EXPERIMENT = 253;

/** The octets an ICMP error makes of a datagram at most, all headers included (RFC 1812 4.3.2.3). */
const ERROR_MAX = 576;

/** Fields of the IPv4 header that have a default. */
export interface Ipv4Options {
  /** 4 */
  version?: number;
  /** Octets, 0 .. 60; of header and options. */
  headerLength?: number;
  /** 0 */
  tos?: number;
  /** Octets; of header, options and payload. */
  totalLength?: number;
  /** 0 */
  id?: number;
  /** The flag that must be zero: false. */
  reserved?: boolean;
  /** Don't fragment: false. */
  df?: boolean;
  /** More fragments: false. */
  mf?: boolean;
  /** Octets, a multiple of 8: 0. */
  fragmentOffset?: number;
  /** 64 */
  ttl?: number;
  /** That of the payload's layer, or PROTO_EXPERIMENT. */
  protocol?: number;
  /** Computed over the header length. */
  checksum?: number;
  /** Raw options, padded with zeros to words: none. */
  options?: Uint8Array;
}

export interface Ipv4Fields extends Ipv4Options {
  source: Address;
  destination: Address;
  /** None. */
  payload?: Uint8Array | Layer;
}

export interface UdpFields {
  source: Address;
  destination: Address;
  sourcePort: number;
  destinationPort: number;
  payload?: Uint8Array;
  /** Octets; of header and payload. */
  length?: number;
  /** Computed, and never 0; 0 says that there is none. */
  checksum?: number;
  /** Fields of the datagram around it. */
  ip?: Ipv4Options;
}

export interface TcpFields {
  source: Address;
  destination: Address;
  sourcePort: number;
  destinationPort: number;
  /** Of 32 bits, signed or not: 0. */
  seq?: number;
  ack?: number;
  /** ACK alone. */
  flags?: readonly TcpFlag[];
  /** Not scaled: 65535. */
  window?: number;
  /** 0 */
  urgent?: number;
  /** As they are given, padded with zeros (EOL) to words: none. */
  options?: readonly TcpOption[];
  payload?: Uint8Array;
  /** Octets, 0 .. 60; of header and options. */
  headerLength?: number;
  /** The four bits behind the data offset: 0. */
  reserved?: number;
  /** Computed. */
  checksum?: number;
  /** Fields of the datagram around it. */
  ip?: Ipv4Options;
}

export interface IcmpFields {
  source: Address;
  destination: Address;
  type: number;
  /** 0 */
  code?: number;
  /** The halves of the header's second word: 0. */
  id?: number;
  sequence?: number;
  payload?: Uint8Array;
  /** Computed. */
  checksum?: number;
  /** Fields of the datagram around it. */
  ip?: Ipv4Options;
}

/** An echo request; a reply with `reply: true`. */
export interface IcmpEchoFields extends Omit<IcmpFields, 'type'> {
  reply?: boolean;
}

export interface IcmpErrorFields {
  /** The datagram that caused it. As much is quoted as 576 octets hold; `quote` limits it further. */
  quoting: Uint8Array;
  /** Octets of the datagram to quote. */
  quote?: number;
  /** Who reports: its destination. */
  source?: Address;
  /** Who is told: its source. */
  destination?: Address;
  /** Destination unreachable. */
  type?: number;
  /** Port unreachable when the type is not given, else 0. */
  code?: number;
  /** Next-hop MTU of a fragmentation-needed (RFC 1191): the second half of the header's second word. */
  mtu?: number;
  checksum?: number;
  ip?: Ipv4Options;
}

/**
 * An IPv4 datagram. Throws RangeError for text that is no address, and for what no header can say (options over 40
 * octets, more than 65,535 in all) unless headerLength or totalLength is given.
 *
 * @example
 * craftIpv4({ source: '10.9.0.1', destination: '10.9.0.2', ttl: 1, payload: new Uint8Array(8) });
 */
export function craftIpv4(fields: Ipv4Fields): Uint8Array {
  const payload = octetsOf(fields.payload ?? new Uint8Array(0));
  const options = fields.options ?? new Uint8Array(0);
  const header = ip.IPV4_MIN_HEADER + ((options.length + 3) & ~3);
  const total = header + payload.length;
  if (fields.headerLength === undefined && header > ip.IPV4_MAX_HEADER) {
    throw new RangeError(`${options.length} octets of options are more than 40`);
  }
  if (fields.totalLength === undefined && total > 65_535) {
    throw new RangeError(`a datagram of ${total} octets is longer than 65535`);
  }
  const b = new Uint8Array(total);
  b.set(options, ip.IPV4_MIN_HEADER);
  b.set(payload, header);
  const protocol = fields.protocol ?? protocolOf(fields.payload);
  writeFields(b, fields, fields.headerLength ?? header, fields.totalLength ?? total, protocol);
  if (fields.checksum === undefined) ip.setIpv4Checksum(b, 0);
  else wr16(b, 10, fields.checksum);
  return b;
}

/** All header fields but the checksum. */
function writeFields(
  b: Uint8Array,
  fields: Ipv4Fields,
  headerLength: number,
  totalLength: number,
  protocol: number,
): void {
  b[0] = ((fields.version ?? 4) << 4) | ((headerLength >>> 2) & 15);
  b[1] = fields.tos ?? 0;
  wr16(b, 2, totalLength);
  wr16(b, 4, fields.id ?? 0);
  const flags = (fields.reserved ? 0x8000 : 0) | (fields.df ? ip.IPV4_DF : 0) | (fields.mf ? ip.IPV4_MF : 0);
  wr16(b, 6, flags | (((fields.fragmentOffset ?? 0) >>> 3) & 0x1fff));
  b[8] = fields.ttl ?? 64;
  b[9] = protocol;
  wr32(b, 12, word(fields.source));
  wr32(b, 16, word(fields.destination));
}

/**
 * A UDP datagram with its IPv4 header.
 *
 * @example
 * craftUdp({ source: '10.9.0.1', sourcePort: 40000, destination: '10.9.0.2', destinationPort: 7, payload });
 */
export function craftUdp(fields: UdpFields): Uint8Array {
  const payload = fields.payload ?? new Uint8Array(0);
  const b = new Uint8Array(UDP_HEADER + payload.length);
  b.set(payload, UDP_HEADER);
  const length = fields.length ?? b.length;
  writeUdp(b, 0, fields.sourcePort, fields.destinationPort, length, fields.checksum ?? 0);
  const source = word(fields.source);
  const destination = word(fields.destination);
  if (fields.checksum === undefined) {
    const sum = pseudoHeaderSum(source, destination, ip.PROTO_UDP, length & 0xffff);
    wr16(b, UDP_CHECKSUM_AT, udpComplement(sum + sumBytes(b, 0, b.length)));
  }
  return craftIpv4({ protocol: ip.PROTO_UDP, ...fields.ip, source, destination, payload: b });
}

/**
 * A TCP segment with its IPv4 header. Throws RangeError for options over 40 octets unless headerLength is given.
 *
 * @example
 * const ends = { source: '10.9.0.1', sourcePort: 40000, destination: '10.9.0.2', destinationPort: 7 };
 * craftTcp({ ...ends, flags: ['SYN'], seq: 1, options: [{ option: 'mss', mss: 1460 }] });
 */
export function craftTcp(fields: TcpFields): Uint8Array {
  const options = tcpOptionOctets(fields.options ?? []);
  const length = tcp.TCP_HEADER + ((options.length + 3) & ~3);
  if (fields.headerLength === undefined && length > tcp.TCP_MAX_HEADER) {
    throw new RangeError(`${options.length} octets of TCP options are more than 40`);
  }
  const payload = fields.payload ?? new Uint8Array(0);
  const b = new Uint8Array(length + payload.length);
  const { seq = 0, ack = 0, flags = ['ACK'], window = 65_535, urgent = 0, reserved = 0 } = fields;
  const { sourcePort, destinationPort, headerLength = length, checksum = 0 } = fields;
  const numbers = { sourcePort, destinationPort, seq, ack, window, checksum, urgent };
  b.set(tcpHeader({ ...numbers, headerLength, reserved, flags }));
  b.set(options, tcp.TCP_HEADER);
  b.set(payload, length);
  const source = word(fields.source);
  const destination = word(fields.destination);
  if (fields.checksum === undefined) {
    const sum = pseudoHeaderSum(source, destination, ip.PROTO_TCP, b.length);
    wr16(b, tcp.TCP_CHECKSUM_AT, complement(sum + sumBytes(b, 0, b.length)));
  }
  return craftIpv4({ protocol: ip.PROTO_TCP, ...fields.ip, source, destination, payload: b });
}

/** The 20 octets before the options. */
function tcpHeader(
  fields: Omit<TcpLayer, 'layer' | 'flags' | 'options' | 'next'> & { flags: readonly TcpFlag[] },
): Uint8Array {
  const b = new Uint8Array(tcp.TCP_HEADER);
  const { sourcePort, destinationPort, seq, ack, headerLength, window, checksum, urgent } = fields;
  const flags = fields.flags.reduce((bits, flag) => bits | (1 << TCP_FLAG_NAMES.indexOf(flag)), 0);
  tcp.writeTcp(b, 0, sourcePort, destinationPort, seq, ack, headerLength, flags, window, checksum, urgent);
  b[12] |= fields.reserved & 15;
  return b;
}

/** An ICMP message with its IPv4 header: `craftIcmp({ source, destination, type: 13, payload: new Uint8Array(12) })`. */
export function craftIcmp(fields: IcmpFields): Uint8Array {
  const payload = fields.payload ?? new Uint8Array(0);
  const b = new Uint8Array(ICMP_HEADER + payload.length);
  b.set(payload, ICMP_HEADER);
  const { type, code = 0, id = 0, sequence = 0, source, destination } = fields;
  writeIcmp(b, 0, type, code, 0, id, sequence);
  wr16(b, 2, fields.checksum ?? complement(sumBytes(b, 0, b.length)));
  return craftIpv4({ protocol: ip.PROTO_ICMP, ...fields.ip, source, destination, payload: b });
}

/** An echo request, or a reply: `craftIcmpEcho({ source, destination, id: 1, sequence: 1 })`. */
export function craftIcmpEcho(fields: IcmpEchoFields): Uint8Array {
  const { reply = false, ...rest } = fields;
  return craftIcmp({ ...rest, type: reply ? ICMP_ECHO_REPLY : ICMP_ECHO });
}

/**
 * An ICMP error about a datagram; by default the port unreachable that its destination would answer.
 *
 * @example
 * craftIcmpError({ quoting: packet, type: ICMP_DEST_UNREACHABLE, code: UNREACH_NEEDFRAG, mtu: 1400, source: router });
 */
export function craftIcmpError(fields: IcmpErrorFields): Uint8Array {
  const { quoting, type = ICMP_DEST_UNREACHABLE, mtu: sequence = 0, checksum, ip: around } = fields;
  const limit = fields.quote ?? ERROR_MAX - ip.IPV4_MIN_HEADER - ICMP_HEADER;
  return craftIcmp({
    source: fields.source ?? ip.ipv4Destination(quoting, 0),
    destination: fields.destination ?? ip.ipv4Source(quoting, 0),
    type,
    code: fields.code ?? (fields.type === undefined ? UNREACH_PORT : 0),
    sequence,
    payload: quoting.slice(0, limit),
    ...(checksum !== undefined && { checksum }),
    ...(around !== undefined && { ip: around }),
  });
}

/**
 * The octets of a layer, every field as it stands there: `craftLayer(dissectIpv4(packet))` is the packet again. A tree
 * that was changed keeps its old checksums; `repairChecksums` sees to them.
 */
export function craftLayer(layer: Layer): Uint8Array {
  switch (layer.layer) {
    case 'data':
      return layer.bytes;
    case 'tcp':
      return joined(tcpHeader(layer), tcpOptionOctets(layer.options), craftLayer(layer.next));
    case 'udp':
      return udpOctets(layer);
    case 'icmp':
      return icmpOctets(layer);
    case 'ipv4':
      return ipv4Octets(layer);
  }
}

function udpOctets(layer: UdpLayer): Uint8Array {
  const header = new Uint8Array(UDP_HEADER);
  writeUdp(header, 0, layer.sourcePort, layer.destinationPort, layer.length, layer.checksum);
  return joined(header, craftLayer(layer.next), layer.trailer);
}

function icmpOctets(layer: IcmpLayer): Uint8Array {
  const header = new Uint8Array(ICMP_HEADER);
  writeIcmp(header, 0, layer.type, layer.code, layer.checksum, layer.id, layer.sequence);
  return joined(header, craftLayer(layer.next));
}

function ipv4Octets(layer: Ipv4Layer): Uint8Array {
  const header = new Uint8Array(ip.IPV4_MIN_HEADER);
  writeFields(header, layer, layer.headerLength, layer.totalLength, layer.protocol);
  wr16(header, 10, layer.checksum);
  return joined(header, layer.options, craftLayer(layer.next), layer.trailer);
}

function joined(...parts: readonly (Uint8Array | undefined)[]): Uint8Array {
  const present = parts.filter((part) => part !== undefined);
  const b = new Uint8Array(present.reduce((length, part) => length + part.length, 0));
  let at = 0;
  for (const part of present) {
    b.set(part, at);
    at += part.length;
  }
  return b;
}

function octetsOf(payload: Uint8Array | Layer): Uint8Array {
  return payload instanceof Uint8Array ? payload : craftLayer(payload);
}

function protocolOf(payload: Uint8Array | Layer | undefined): number {
  if (payload === undefined || payload instanceof Uint8Array) return PROTO_EXPERIMENT;
  switch (payload.layer) {
    case 'data':
      return payload.protocol;
    case 'tcp':
      return ip.PROTO_TCP;
    case 'udp':
      return ip.PROTO_UDP;
    case 'icmp':
      return ip.PROTO_ICMP;
    case 'ipv4':
      return 4; // IP within IP, RFC 2003
  }
}

function word(address: Address): number {
  if (typeof address === 'number') return address | 0;
  const parsed = parseIp4(address);
  if (parsed === undefined) throw new RangeError(`'${address}' is no IPv4 address, as '10.9.0.2' is one`);
  return parsed;
}
