// TCP segments for tests of the stack: built from fields, and read back by the naive codec with the laws of what we send.

import { assert } from '../base/assert.ts';
import { formatIp4 } from '../wire/address.ts';
import { wr16 } from '../wire/bytes.ts';
import { complement, fold, pseudoHeaderSum, sumBytes } from '../wire/checksum.ts';
import * as ipv4 from '../wire/ipv4.ts';
import { TCP_ACK, TCP_CHECKSUM_AT, TCP_HEADER, writeTcp } from '../wire/tcp.ts';
import { meaningOf, readNaiveOptions, readNaiveTcp } from '../wire/testing/naive-tcp.ts';
import { type Ip4Fields, ip, ip4Frame, PEER, US } from './frames.ts';

export interface TcpFields extends Omit<Ip4Fields, 'flags' | 'options' | 'protocol'> {
  /** The 16 bits of IPv4 flags and fragment offset. */
  readonly ipFlags?: number;
  /** IPv4 option octets, padded to a multiple of 4 with zeros. */
  readonly ipOptions?: readonly number[];
  /** 4000 */
  readonly sport?: number;
  /** 7 */
  readonly dport?: number;
  /** 0 */
  readonly seq?: number;
  /** 0 */
  readonly ack?: number;
  /** TCP_FIN .. TCP_CWR: TCP_ACK. */
  readonly flags?: number;
  /** Not scaled: 65535. */
  readonly window?: number;
  /** 0 */
  readonly urgent?: number;
  /** TCP option octets, padded to a multiple of 4 with zeros (EOL). */
  readonly options?: readonly number[];
  /** Instead of the right one, in words: 0 .. 15. */
  readonly dataOffset?: number;
  /** Instead of the right one. */
  readonly checksum?: number;
}

/** A TCP segment from PEER:4000 to US:7 with its IPv4 header: an ACK with DF, unless `flags` and `ipFlags` say otherwise. */
export function tcpFrame(fields: TcpFields, payload: Uint8Array = new Uint8Array(0)): Uint8Array {
  const {
    ipFlags = ipv4.IPV4_DF,
    ipOptions = [],
    sport = 4000,
    dport = 7,
    seq = 0,
    ack = 0,
    ...rest
  } = fields;
  const { flags = TCP_ACK, window = 65_535, urgent = 0, options = [], dataOffset, checksum, ...ip4 } = rest;
  const header = TCP_HEADER + ((options.length + 3) & ~3);
  const segment = new Uint8Array(header + payload.length);
  writeTcp(segment, 0, sport, dport, seq, ack, (dataOffset ?? header >> 2) << 2, flags, window, 0, urgent);
  segment.set(options, TCP_HEADER);
  segment.set(payload, header);
  const pseudo = pseudoHeaderSum(
    ip(fields.src ?? PEER),
    ip(fields.dst ?? US),
    ipv4.PROTO_TCP,
    segment.length,
  );
  const right = complement(pseudo + sumBytes(segment, 0, segment.length));
  wr16(segment, TCP_CHECKSUM_AT, checksum ?? right);
  return ip4Frame({ ...ip4, flags: ipFlags, options: ipOptions, protocol: ipv4.PROTO_TCP }, segment);
}

export interface ReadTcp {
  readonly src: string;
  readonly dst: string;
  readonly tos: number;
  readonly ttl: number;
  /** IPv4 identification. */
  readonly id: number;
  /** IPV4_DF and IPV4_MF bits. */
  readonly ipFlags: number;
  readonly sport: number;
  readonly dport: number;
  /** int32 */
  readonly seq: number;
  /** int32 */
  readonly ack: number;
  /** TCP_FIN .. TCP_CWR. */
  readonly flags: number;
  /** Not scaled. */
  readonly window: number;
  readonly urgent: number;
  /** Octets of the TCP header with its options. */
  readonly header: number;
  /** Octets; 0: absent. */
  readonly mss: number;
  /** -1: absent. */
  readonly windowScale: number;
  readonly sackPermitted: boolean;
  readonly timestamps: boolean;
  /** int32, 0 without timestamps. */
  readonly tsVal: number;
  readonly tsEcr: number;
  /** Left and right edges, int32. */
  readonly sack: readonly [left: number, right: number][];
  /** The option octets as they stand there. */
  readonly options: Uint8Array;
  readonly payload: Uint8Array;
}

/**
 * Reads a frame that the stack sent, and fails when a law of sending is broken: both checksums right (a device has
 * completed what was left to it), reserved bits 0, options whole, each once and each where it may stand.
 */
export function readTcpFrame(frame: Uint8Array): ReadTcp {
  assert(ipv4.checkIpv4(frame, 0, frame.length) === ipv4.IPV4_OK, 'what is sent passes our own IPv4 check');
  assert(ipv4.ipv4TotalLength(frame, 0) === frame.length, 'a frame holds one datagram');
  assert(ipv4.ipv4Protocol(frame, 0) === ipv4.PROTO_TCP, 'the frame is TCP');
  const segment = frame.slice(ipv4.ipv4HeaderLength(frame, 0));
  const source = ipv4.ipv4Source(frame, 0);
  const destination = ipv4.ipv4Destination(frame, 0);
  const pseudo = pseudoHeaderSum(source, destination, ipv4.PROTO_TCP, segment.length);
  assert(segment.length >= TCP_HEADER, 'a segment has a whole header');
  assert(
    fold(pseudo + sumBytes(segment, 0, segment.length)) === 0xffff,
    'the TCP checksum of what is sent is right',
  );
  const tcp = readNaiveTcp(segment);
  const header = tcp.dataOffset * 4;
  assert(header >= TCP_HEADER && header <= segment.length, 'the data offset lies within the segment');
  assert(tcp.reserved === 0, 'the reserved bits are sent as 0 (RFC 9293 3.1)');
  return {
    src: formatIp4(source),
    dst: formatIp4(destination),
    tos: ipv4.ipv4Tos(frame, 0),
    ttl: ipv4.ipv4Ttl(frame, 0),
    id: ipv4.ipv4Id(frame, 0),
    ipFlags: ipv4.ipv4Flags(frame, 0),
    sport: tcp.sourcePort,
    dport: tcp.destinationPort,
    seq: tcp.seq,
    ack: tcp.ack,
    flags: segment[13],
    window: tcp.window,
    urgent: tcp.urgent,
    header,
    ...readOptions(segment.slice(TCP_HEADER, header), tcp.syn),
    payload: segment.slice(header),
  };
}

type ReadOptions = Pick<
  ReadTcp,
  'mss' | 'windowScale' | 'sackPermitted' | 'timestamps' | 'tsVal' | 'tsEcr' | 'sack' | 'options'
>;

function readOptions(options: Uint8Array, syn: boolean): ReadOptions {
  const { list, rest, good } = readNaiveOptions(options);
  assert(good, 'every option has a length within the header');
  assert(
    rest.every((octet) => octet === 0),
    'the padding behind EOL is zeros (MUST-69)',
  );
  const kinds = list.map(({ kind }) => kind).filter((kind) => kind > 1);
  assert(new Set(kinds).size === kinds.length, 'an option is sent once a segment');
  const said = meaningOf(list);
  assert(kinds.includes(2) === (said.mss !== undefined), 'an MSS option has 4 octets');
  assert(kinds.includes(3) === (said.windowScale !== undefined), 'a window scale option has 3 octets');
  assert(kinds.includes(4) === said.sackPermitted, 'a SACK-permitted option has 2 octets');
  assert(kinds.includes(5) === said.sack.length > 0, 'a SACK option has 1 to 4 blocks');
  assert(kinds.includes(8) === (said.timestamps !== undefined), 'a timestamps option has 10 octets');
  assert(syn || said.mss === undefined, 'MSS is sent with SYN only (MUST-65)');
  assert(syn || said.windowScale === undefined, 'window scale is sent with SYN only (RFC 7323 2.2)');
  assert(syn || !said.sackPermitted, 'SACK-permitted is sent with SYN only (RFC 2018 section 2)');
  assert((said.windowScale ?? 0) <= 14, 'the shift that is sent is at most 14 (RFC 7323 2.3)');
  return {
    mss: said.mss ?? 0,
    windowScale: said.windowScale ?? -1,
    sackPermitted: said.sackPermitted,
    timestamps: said.timestamps !== undefined,
    tsVal: said.timestamps?.[0] ?? 0,
    tsEcr: said.timestamps?.[1] ?? 0,
    sack: said.sack,
    options,
  };
}
