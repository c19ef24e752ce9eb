// One line about a packet, in the words of `tcpdump -n` (4.99). For dumps and traces, never throws.

import { formatIp4 } from './address.ts';
import { rd16 } from './bytes.ts';
import * as icmp from './icmpv4.ts';
import * as ip from './ipv4.ts';
import { UDP_HEADER, udpDestinationPort, udpLength, udpSourcePort } from './udp.ts';

/** What of a datagram's payload is there, and how long it claims to be. */
interface Payload {
  readonly b: Uint8Array;
  readonly o: number;
  /** Octets by the total length. */
  readonly claimed: number;
  /** Octets present. */
  readonly present: number;
  readonly mf: boolean;
  readonly source: string;
  readonly destination: string;
}

/**
 * The datagram in `length` octets at `offset`, in one line as `tcpdump -n` prints it (TCP as `tcpdump -nq` does).
 *
 * @example
 * summary(packet);   // 'IP 10.9.0.1.40000 > 10.9.0.2.7: UDP, length 5'
 */
export function summary(bytes: Uint8Array, offset = 0, length: number = bytes.length - offset): string {
  const start = offset > 0 ? Math.trunc(offset) : 0;
  const b = bytes.subarray(start, start + (length > 0 ? Math.trunc(length) : 0));
  if (b.length > 0 && b[0] >>> 4 !== 4) return `unknown ip ${b[0] >>> 4}`;
  if (b.length < ip.IPV4_MIN_HEADER) return 'IP  [|ip]';
  const header = ip.ipv4HeaderLength(b, 0);
  const total = ip.ipv4TotalLength(b, 0);
  if (header < ip.IPV4_MIN_HEADER) return `IP bad-hlen ${header}`;
  if (total < header) return `IP bad-len ${total}`;
  const missing = total > b.length ? `truncated-ip - ${total - b.length} bytes missing! ` : '';
  if (header > b.length) return `IP ${missing} [|ip]`;
  return `IP ${missing}${payloadLine({
    b,
    o: header,
    claimed: total - header,
    present: Math.min(total, b.length) - header,
    mf: (ip.ipv4Flags(b, 0) & ip.IPV4_MF) !== 0,
    source: formatIp4(ip.ipv4Source(b, 0)),
    destination: formatIp4(ip.ipv4Destination(b, 0)),
  })}`;
}

function payloadLine(payload: Payload): string {
  const { b, source, destination, claimed } = payload;
  const protocol = ip.ipv4Protocol(b, 0);
  const ends = `${source} > ${destination}: `;
  if (ip.ipv4FragmentOffset(b, 0) !== 0) return `${ends}ip-proto-${protocol}`;
  switch (protocol) {
    case ip.PROTO_UDP:
      return payload.present < 4 ? `${ends} [|udp]` : `${portsOf(payload)}${udpLine(payload)}`;
    case ip.PROTO_TCP:
      return payload.present < 4 ? `${ends}[|tcp]` : `${portsOf(payload)}${tcpLine(payload)}`;
    case ip.PROTO_ICMP:
      return `${ends}${icmpLine(payload) ?? ' [|icmp]'}`;
    default:
      return `${ends} ip-proto-${protocol} ${claimed}`;
  }
}

function portsOf({ b, o, source, destination }: Payload): string {
  return `${source}.${udpSourcePort(b, o)} > ${destination}.${udpDestinationPort(b, o)}: `;
}

function udpLine({ b, o, claimed, present, mf }: Payload): string {
  if (claimed < UDP_HEADER) return `truncated-udp ${claimed}`;
  if (present < UDP_HEADER) return ' [|udp]';
  const length = udpLength(b, o);
  if (length < UDP_HEADER) return `truncated-udplength ${length}`;
  const payload = length - UDP_HEADER;
  const room = claimed - UDP_HEADER;
  return payload > room && !mf ? `UDP, bad length ${payload} > ${room}` : `UDP, length ${payload}`;
}

function tcpLine({ b, o, claimed, present }: Payload): string {
  if (present < 20) return ' [|tcp]';
  const header = (b[o + 12] >>> 4) << 2;
  return header < 20 || header > claimed
    ? `tcp ${claimed} [bad hdr length ${header}]`
    : `tcp ${claimed - header}`;
}

/** undefined where too little of the message is there. */
function icmpLine(payload: Payload): string | undefined {
  const { b, o, claimed, present } = payload;
  if (present < icmp.ICMP_HEADER) return undefined;
  const what = icmpText(payload, icmp.icmpType(b, o), icmp.icmpCode(b, o));
  return what === undefined ? undefined : `ICMP ${what}, length ${claimed}`;
}

function icmpText(payload: Payload, type: number, code: number): string | undefined {
  const { b, o } = payload;
  switch (type) {
    case icmp.ICMP_ECHO:
      return `echo request, id ${icmp.icmpId(b, o)}, seq ${icmp.icmpSequence(b, o)}`;
    case icmp.ICMP_ECHO_REPLY:
      return `echo reply, id ${icmp.icmpId(b, o)}, seq ${icmp.icmpSequence(b, o)}`;
    case icmp.ICMP_DEST_UNREACHABLE:
      return unreachable(payload, code);
    case icmp.ICMP_SOURCE_QUENCH:
      return 'source quench';
    case icmp.ICMP_REDIRECT:
      return redirect(payload, code);
    case icmp.ICMP_TIME_EXCEEDED:
      return ['time exceeded in-transit', 'ip reassembly time exceeded'][code] ?? `time exceeded-#${code}`;
    case icmp.ICMP_PARAMETER_PROBLEM:
      return code === 0 ? `parameter problem - octet ${b[o + 4]}` : `parameter problem - code ${code}`;
    case icmp.ICMP_ADDRESS_MASK:
      return 'address mask request';
    default:
      return `type-#${type}`;
  }
}

/** `%` stands for the address that could not be reached. */
const UNREACHABLE: readonly string[] = [
  'net % unreachable',
  'host % unreachable',
  '',
  '',
  '',
  '% unreachable - source route failed',
  'net % unreachable - unknown',
  'host % unreachable - unknown',
  '% unreachable - source host isolated',
  'net % unreachable - admin prohibited',
  'host % unreachable - admin prohibited',
  'net % unreachable - tos prohibited',
  'host % unreachable - tos prohibited',
  'host % unreachable - admin prohibited filter',
  'host % unreachable - host precedence violation',
  'host % unreachable - precedence cutoff',
];

function unreachable({ b, o, present }: Payload, code: number): string | undefined {
  const q = o + icmp.ICMP_HEADER;
  if (present < icmp.ICMP_HEADER + ip.IPV4_MIN_HEADER) return undefined;
  const whom = formatIp4(ip.ipv4Destination(b, q));
  const mtu = icmp.icmpSequence(b, o);
  switch (code) {
    case icmp.UNREACH_PROTOCOL:
      return `${whom} protocol ${ip.ipv4Protocol(b, q)} unreachable`;
    case icmp.UNREACH_PORT:
      return portUnreachable(b, q, o + present, whom);
    case icmp.UNREACH_NEEDFRAG:
      return `${whom} unreachable - need to frag${mtu === 0 ? '' : ` (mtu ${mtu})`}`;
    default:
      return (UNREACHABLE[code] ?? `% unreachable - #${code}`).replace('%', whom);
  }
}

function portUnreachable(b: Uint8Array, q: number, end: number, whom: string): string | undefined {
  const t = q + ip.ipv4HeaderLength(b, q);
  if (t + 4 > end) return undefined;
  const protocol = ip.ipv4Protocol(b, q);
  const port = rd16(b, t + 2);
  if (protocol === ip.PROTO_UDP) return `${whom} udp port ${port} unreachable`;
  if (protocol === ip.PROTO_TCP) return `${whom} tcp port ${port} unreachable`;
  return `${whom} protocol ${protocol} port ${port} unreachable`;
}

function redirect({ b, o, present }: Payload, code: number): string | undefined {
  const q = o + icmp.ICMP_HEADER;
  if (present < icmp.ICMP_HEADER + ip.IPV4_MIN_HEADER) return undefined;
  const gateway = formatIp4((icmp.icmpId(b, o) << 16) | icmp.icmpSequence(b, o));
  const whom = formatIp4(ip.ipv4Destination(b, q));
  const kind = code === 2 || code === 3 ? 'redirect-tos' : code < 2 ? 'redirect' : `redirect-#${code}`;
  const scope = ['net ', 'host ', 'net ', 'host '][code] ?? '';
  return `${kind} ${whom} to ${scope}${gateway}`;
}
