// Frames for tests of the stack, built from the hot face of the wire: IPv4, UDP, ICMP, with right checksums.

import { parseIp4 } from '../wire/address.ts';
import { wr16 } from '../wire/bytes.ts';
import { complement, pseudoHeaderSum, sumBytes } from '../wire/checksum.ts';
import { ICMP_HEADER, writeIcmp } from '../wire/icmpv4.ts';
import { PROTO_ICMP, PROTO_UDP, setIpv4Checksum, writeIpv4 } from '../wire/ipv4.ts';
import { UDP_HEADER, writeUdp } from '../wire/udp.ts';

/** An address as an int32 word. */
export function ip(text: string): number {
  const word = parseIp4(text);
  if (word === undefined) throw new Error(`not an address: ${text}`);
  return word;
}

export interface Ip4Fields {
  readonly src?: string;
  readonly dst?: string;
  readonly tos?: number;
  readonly id?: number;
  /** The 16 bits of flags and fragment offset. */
  readonly flags?: number;
  readonly ttl?: number;
  readonly protocol?: number;
  /** Option octets, padded to a multiple of 4 with zeros. */
  readonly options?: readonly number[];
}

export const PEER = '10.0.0.1';
export const US = '10.0.0.2';

/** An IPv4 datagram from PEER to US around a payload. */
export function ip4Frame(fields: Ip4Fields, payload: Uint8Array): Uint8Array {
  const options = fields.options ?? [];
  const header = 20 + ((options.length + 3) & ~3);
  const frame = new Uint8Array(header + payload.length);
  const { tos = 0, id = 0, flags = 0, ttl = 64, protocol = PROTO_UDP } = fields;
  const [src, dst] = [ip(fields.src ?? PEER), ip(fields.dst ?? US)];
  writeIpv4(frame, 0, tos, frame.length, id, flags, ttl, protocol, src, dst);
  frame[0] = 0x40 | (header >> 2);
  frame.set(options, 20);
  setIpv4Checksum(frame, 0);
  frame.set(payload, header);
  return frame;
}

export interface UdpFields extends Ip4Fields {
  readonly sport?: number;
  readonly dport?: number;
  /** Instead of the right one. */
  readonly length?: number;
  readonly checksum?: number;
}

/** A UDP datagram from PEER:4000 to US:7. */
export function udpFrame(fields: UdpFields, payload: Uint8Array): Uint8Array {
  const udp = new Uint8Array(UDP_HEADER + payload.length);
  const { sport = 4000, dport = 7, length = udp.length } = fields;
  writeUdp(udp, 0, sport, dport, length, 0);
  udp.set(payload, UDP_HEADER);
  const [src, dst] = [ip(fields.src ?? PEER), ip(fields.dst ?? US)];
  const covered = Math.min(length, udp.length);
  const right = complement(pseudoHeaderSum(src, dst, PROTO_UDP, length) + sumBytes(udp, 0, covered));
  wr16(udp, 6, fields.checksum ?? (right === 0 ? 0xffff : right));
  return ip4Frame({ ...fields, protocol: PROTO_UDP }, udp);
}

export interface IcmpFields extends Ip4Fields {
  readonly type?: number;
  readonly code?: number;
  /** Octets 4-5 and 6-7: identifier and sequence number, or unused and MTU. */
  readonly word4?: number;
  readonly word6?: number;
  /** Added to the right checksum. */
  readonly checksumError?: number;
}

/** An ICMP message from PEER to US: an echo request unless `type` says otherwise. */
export function icmpFrame(fields: IcmpFields, data: Uint8Array): Uint8Array {
  const message = new Uint8Array(ICMP_HEADER + data.length);
  const { type = 8, code = 0, word4 = 0x1234, word6 = 1 } = fields;
  writeIcmp(message, 0, type, code, 0, word4, word6);
  message.set(data, ICMP_HEADER);
  const right = complement(sumBytes(message, 0, message.length));
  wr16(message, 2, (right + (fields.checksumError ?? 0)) & 0xffff);
  return ip4Frame({ ...fields, protocol: PROTO_ICMP }, message);
}

/** `length` octets 0, 1, 2 ... */
export function octets(length: number, first = 0): Uint8Array {
  return Uint8Array.from({ length }, (_, i) => first + i);
}
