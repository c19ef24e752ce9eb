// One line about a packet, in the words of `tcpdump -n` (4.99). For dumps and traces, never throws.

import { formatIp4 } from './address.ts';
import { rd16, rd32 } from './bytes.ts';
import * as icmp from './icmpv4.ts';
import * as ip from './ipv4.ts';
import * as tcp from './tcp.ts';
import * as tcpOptions from './tcp-options.ts';
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
 * The datagram in `length` octets at `offset`, in one line as `tcpdump -nS` prints it, without what it makes of payloads:
 * sequence numbers as they stand there, as one packet knows of no other.
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
  if (header > b.length) return `IP ${missing} ${notThere(b.length, header)} [|ip]`;
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
  if (present < tcp.TCP_HEADER) return ' [|tcp]';
  const header = tcp.tcpHeaderLength(b, o);
  if (header < tcp.TCP_HEADER) {
    return ` tcp ${claimed - header} [bad hdr length ${header} - too short, < 20]`;
  }
  const bits = tcp.tcpFlags(b, o);
  const names = 'FSRP.UEW'
    .split('')
    .filter((_, bit) => (bits & (1 << bit)) !== 0)
    .join('');
  const flags = `Flags [${names === '' ? 'none' : names}]`;
  if (header > claimed) return `${flags} [bad hdr length ${header} - too long, > ${claimed}]`;
  const length = claimed - header;
  const seq = tcp.tcpSeq(b, o) >>> 0;
  const moves = length > 0 || (bits & (tcp.TCP_SYN | tcp.TCP_FIN | tcp.TCP_RST)) !== 0;
  const parts = [flags];
  if (moves) parts.push(`seq ${seq}${length > 0 ? `:${(seq + length) >>> 0}` : ''}`);
  if ((bits & tcp.TCP_ACK) !== 0) parts.push(`ack ${tcp.tcpAck(b, o) >>> 0}`);
  parts.push(`win ${tcp.tcpWindow(b, o)}`);
  if ((bits & tcp.TCP_URG) !== 0) parts.push(`urg ${tcp.tcpUrgent(b, o)}`);
  if (header === tcp.TCP_HEADER) return `${parts.join(', ')}, length ${length}`;
  const options = optionsText(b, o + tcp.TCP_HEADER, o + header, o + present);
  const said = `${parts.join(', ')}, options [${options.text}`;
  if (!options.whole) return said;
  // The end of the list may stand before what is not there.
  const rest = length > 0 && header > present ? ` ${notThere(present, header)} [|tcp]` : '';
  return `${said}, length ${length}${rest}`;
}

function notThere(present: number, header: number): string {
  return `[remaining caplen(${present}) < header length(${header})]`;
}

const OPTION_NAMES: readonly string[] = ['eol', 'nop', 'mss', 'wscale', 'sackOK', 'sack', '', '', 'TS'];

/** Behind the opening bracket. Not whole where a length is bad or octets are not there: then no more is said. */
function optionsText(
  b: Uint8Array,
  o: number,
  end: number,
  there: number,
): { readonly text: string; readonly whole: boolean } {
  const cut = (said: string, close: boolean) => ({ text: `${said} [|tcp]${close ? '>' : ''}`, whole: false });
  const bad = (said: string, any: boolean) => ({ text: `${said}[bad opt]${any ? ']' : ''}`, whole: false });
  let text = '';
  let at = o;
  while (at < end) {
    const any = at > o;
    if (any) text += ',';
    const kind = b[at];
    const lead = kind <= tcpOptions.TCP_OPTION_NOP ? 1 : 2;
    if (at + lead > there) return cut(text, false);
    const size = lead === 1 ? 1 : b[at + 1];
    if (size < lead || at + size > end) return bad(text, any);
    const name = OPTION_NAMES[kind] ?? '';
    text += name === '' ? `unknown-${kind}` : name;
    at += lead;
    // What tcpdump knows of it, not what it says; a SACK option of a wrong length is passed over, there or not.
    let taken = kind === tcpOptions.TCP_OPTION_SACK ? size - lead : 0;
    for (const [needed, piece] of optionPieces(b, kind, at, size)) {
      if (at + needed > end) return bad(text, any);
      if (at + needed > there) return cut(text, any);
      text += piece;
      taken = Math.max(taken, needed);
    }
    at += taken;
    if (lead + taken !== size) text += `[len ${size}]`;
    if (kind === tcpOptions.TCP_OPTION_EOL) break;
  }
  return { text: `${text}]`, whole: true };
}

/** What an option says, piece after piece, each with the octets at `o`, behind kind and length, up to its end. */
function optionPieces(
  b: Uint8Array,
  kind: number,
  o: number,
  size: number,
): [needed: number, text: string][] {
  const octets = size - 2;
  switch (kind) {
    case tcpOptions.TCP_OPTION_EOL:
    case tcpOptions.TCP_OPTION_NOP:
    case tcpOptions.TCP_OPTION_SACK_PERMITTED:
      return [];
    case tcpOptions.TCP_OPTION_MSS:
      return [[2, ` ${rd16(b, o)}`]];
    case tcpOptions.TCP_OPTION_WINDOW_SCALE:
      return [[1, ` ${b[o]}`]];
    case tcpOptions.TCP_OPTION_TIMESTAMPS:
      return [[8, ` val ${rd32(b, o) >>> 0} ecr ${rd32(b, o + 4) >>> 0}`]];
    case tcpOptions.TCP_OPTION_SACK:
      if (octets % 8 !== 0) return [[0, ' invalid sack']];
      return [
        [0, ` ${octets / 8} `],
        ...Array.from({ length: octets / 8 }, (_, i): [number, string] => {
          const [left, right] = [rd32(b, o + 8 * i), rd32(b, o + 8 * i + 4)];
          return [8 * i + 8, `{${left >>> 0}:${right >>> 0}}`];
        }),
      ];
    default:
      return [
        [0, octets > 0 ? ' 0x' : ''],
        ...Array.from({ length: octets }, (_, i): [number, string] => [
          i + 1,
          (b[o + i] ?? 0).toString(16).padStart(2, '0'),
        ]),
      ];
  }
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
