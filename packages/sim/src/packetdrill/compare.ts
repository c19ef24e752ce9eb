// The first difference between a packet that the script expects and one that came: in the order and the words of packetdrill.

import type { IcmpBody, PacketAction, QuotedPacket, TcpBody, TcpOption, UdpBody } from './ast.ts';
import type { LivePacket } from './from-wire.ts';

const IP_HEADER = 20;
const TCP_FLAGS: readonly (readonly [letter: string, name: string])[] = [
  ['F', 'tcp_fin'],
  ['S', 'tcp_syn'],
  ['R', 'tcp_rst'],
  ['P', 'tcp_psh'],
  ['.', 'tcp_ack'],
  ['U', 'tcp_urg'],
  ['E', 'tcp_ece'],
  ['W', 'tcp_cwr'],
  ['A', 'tcp_ae'],
];
const ECN_BITS: Readonly<Record<string, readonly number[]>> = {
  noecn: [0],
  ect1: [1],
  ect0: [2],
  ce: [3],
  ect01: [1, 2],
};

/** How exactly timestamps are held to their time, and what else is no difference. */
export interface Tolerance {
  /** Microseconds of one tick of the script's timestamps; 0: they are not compared (packetdrill's default). */
  readonly tickUs: number;
  readonly toleranceUs: number;
  /** A PSH more than the script has is none: see Target. */
  readonly pushesBursts: boolean;
}

/** undefined: none. */
export function difference(
  expected: PacketAction,
  live: LivePacket,
  tolerance: Tolerance,
): string | undefined {
  const { packet, layer } = live;
  if (expected.body.protocol !== packet.body.protocol) {
    return field('ipv4_protocol', protocolOf(expected), layer.protocol);
  }
  const around = ipDifference(expected, live);
  if (around !== undefined) return around;
  switch (expected.body.protocol) {
    case 'tcp':
      return tcpDifference(expected.body, packet.body as TcpBody, live, tolerance);
    case 'udp':
      return field('udp_len', expected.body.length + 8, (packet.body as UdpBody).length + 8);
    case 'icmp':
      return icmpDifference(expected.body, packet.body as IcmpBody);
    default:
      return `nobody can compare ${expected.body.protocol}`;
  }
}

/** packetdrill's line for one field. */
function field(name: string, expected: number, actual: number): string | undefined {
  if (expected >>> 0 === actual >>> 0) return undefined;
  const show = (value: number): string => `${value >>> 0} (0x${(value >>> 0).toString(16)})`;
  return `live packet field ${name}: expected: ${show(expected)} vs actual: ${show(actual)}`;
}

function protocolOf({ body }: PacketAction): number {
  return { tcp: 6, udp: 17, udplite: 136, icmp: 1, sctp: 132 }[body.protocol];
}

function ipDifference({ ip, ports }: PacketAction, { layer }: LivePacket): string | undefined {
  if (!layer.checksumOk) return 'live packet field ipv4_checksum is wrong';
  if (layer.next.layer !== 'ipv4' && layer.next.layer !== 'data' && layer.next.checksumOk === false) {
    return `live packet field ${layer.next.layer}_checksum is wrong`;
  }
  if (ip.ecn !== undefined && !ECN_BITS[ip.ecn].includes(layer.tos & 3)) {
    return field('ipv4_ecn', ECN_BITS[ip.ecn][0], layer.tos & 3);
  }
  if (ip.tos !== undefined && ip.tos !== layer.tos) return field('ipv4_tos', ip.tos, layer.tos);
  if (ip.dscp !== undefined && ip.dscp !== layer.tos >>> 2)
    return field('ipv4_dscp', ip.dscp, layer.tos >>> 2);
  if (ip.ttl !== undefined && ip.ttl !== layer.ttl) return field('ipv4_ttl', ip.ttl, layer.ttl);
  if (ports === undefined || (layer.next.layer !== 'tcp' && layer.next.layer !== 'udp')) return undefined;
  return (
    field('source_port', ports.source, layer.next.sourcePort) ??
    field('destination_port', ports.destination, layer.next.destinationPort)
  );
}

function tcpDifference(
  expected: TcpBody,
  actual: TcpBody,
  live: LivePacket,
  tolerance: Tolerance,
): string | undefined {
  const tcp = live.layer.next;
  const header = tcp.layer === 'tcp' ? tcp.headerLength : 0;
  const { sequence } = expected;
  const wireSeq = tcp.layer === 'tcp' ? tcp.seq : 0;
  const script = expected.options === 'any' ? header : IP_HEADER + optionOctets(expected.options);
  const total = live.layer.headerLength + script + sequence.length;
  const numbers = sequence.ignored
    ? undefined
    : field('tcp_seq', sequence.start, sequence.absolute ? wireSeq : actual.sequence.start);
  return (
    field('ipv4_total_length', total, live.layer.totalLength) ??
    numbers ??
    field('tcp_ack_seq', expected.ack ?? 0, actual.ack ?? 0) ??
    flagDifference(expected, actual, tolerance.pushesBursts) ??
    (expected.window === undefined ? undefined : field('tcp_window', expected.window, actual.window ?? 0)) ??
    field('tcp_urg_ptr', expected.urgent ?? 0, actual.urgent ?? 0) ??
    optionsDifference(expected.options, actual.options, tolerance)
  );
}

function flagDifference(expected: TcpBody, actual: TcpBody, pushesBursts: boolean): string | undefined {
  for (const [letter, name] of TCP_FLAGS) {
    if (letter === 'P' && pushesBursts && actual.flags.includes('P')) continue;
    const [wanted, got] = [expected.flags.includes(letter), actual.flags.includes(letter)];
    if (wanted !== got) return field(name, Number(wanted), Number(got));
  }
  return undefined;
}

function optionsDifference(
  expected: TcpBody['options'],
  actual: TcpBody['options'],
  tolerance: Tolerance,
): string | undefined {
  if (expected === 'any' || actual === 'any') return undefined;
  for (let i = 0; i < Math.max(expected.length, actual.length); i++) {
    const [wanted, got] = [expected[i], actual[i]];
    if (wanted === undefined || got === undefined || !sameOption(wanted, got, tolerance)) {
      return `bad value outbound TCP option ${i + 1}`;
    }
  }
  return undefined;
}

function sameOption(expected: TcpOption, actual: TcpOption, { tickUs, toleranceUs }: Tolerance): boolean {
  if (expected.kind === 'TS') {
    if (actual.kind !== 'TS') return false;
    if (expected.echo >>> 0 !== actual.echo >>> 0) return false;
    if (tickUs === 0 || expected.value === undefined) return true;
    return Math.abs(((actual.value ?? 0) - expected.value) | 0) * tickUs <= toleranceUs;
  }
  // FreeBSD's `wscale *`
  if ((expected.kind === 'wscale' || expected.kind === 'mss') && expected.value === undefined) {
    return actual.kind === expected.kind;
  }
  return JSON.stringify(expected) === JSON.stringify(actual);
}

function optionOctets(options: readonly TcpOption[]): number {
  let octets = 0;
  for (const option of options) {
    if (option.kind === 'nop' || option.kind === 'eol') octets += 1;
    else if (option.kind === 'sackOK') octets += 2;
    else if (option.kind === 'mss') octets += 4;
    else if (option.kind === 'wscale') octets += 3;
    else if (option.kind === 'TS') octets += 10;
    else if (option.kind === 'sack') octets += 2 + 8 * option.blocks.length;
  }
  return (octets + 3) & ~3;
}

function icmpDifference(expected: IcmpBody, actual: IcmpBody): string | undefined {
  if (expected.type !== actual.type && !(expected.type === 'echo' && actual.type === 'echo_request'))
    return `live packet field icmp_type: expected: ${expected.type} vs actual: ${actual.type}`;
  if (expected.code !== undefined && expected.code !== actual.code)
    return `live packet field icmp_code: expected: ${expected.code} vs actual: ${actual.code ?? '0'}`;
  if (expected.mtu !== undefined && expected.mtu !== actual.mtu)
    return field('icmp_mtu', expected.mtu, actual.mtu ?? 0);
  if (expected.id !== undefined && expected.id !== actual.id)
    return field('icmp_id', expected.id, actual.id ?? 0);
  return expected.quoted === undefined ? undefined : quotedDifference(expected.quoted, actual.quoted);
}

function quotedDifference(expected: QuotedPacket, actual: QuotedPacket | undefined): string | undefined {
  if (actual?.protocol !== expected.protocol) return `the ICMP error quotes ${actual?.protocol ?? 'nothing'}`;
  if (expected.protocol === 'udp' && actual.protocol === 'udp')
    return field('quoted udp_len', expected.length + 8, actual.length + 8);
  if (expected.protocol !== 'tcp' || actual.protocol !== 'tcp') return undefined;
  return (
    field('quoted tcp_seq', expected.sequence.start, actual.sequence.start) ??
    field('quoted tcp_data_len', expected.sequence.length, actual.sequence.length)
  );
}
