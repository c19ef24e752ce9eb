// One line about an IPv6 datagram (RFC 8200), as `tcpdump -nS` prints it: what the kernel says of itself on a TUN or TAP
// (RFC 4861, RFC 3810), echo, and UDP and TCP by wire/summary. Never throws; octets that are not there read as 0.

import { summary } from '@tunstack/stack/dissect';
import { PROTO_TCP, PROTO_UDP, rd16 } from '@tunstack/stack/wire';

export const IPV6_HEADER = 40;
const HOP_BY_HOP = 0;
const FRAGMENT = 44;
const ICMP6 = 58;
const DESTINATION_OPTIONS = 60;
/** A datagram with more extension headers than this is not looked into. */
const EXTENSIONS_MAX = 8;

/** RFC 5952: lower case, no leading zeros, the longest run of two or more zero groups as `::`, the first of equals. */
export function formatIp6(b: Uint8Array, o: number): string {
  const groups = Array.from({ length: 8 }, (_, i) => rd16(b, o + 2 * i));
  let [best, length] = [-1, 1];
  for (let i = 0, run = 0; i < 8; i++) {
    run = groups[i] === 0 ? run + 1 : 0;
    if (run > length) [best, length] = [i - run + 1, run];
  }
  const hex = (from: number, to: number): string =>
    groups
      .slice(from, to)
      .map((group) => group.toString(16))
      .join(':');
  return best < 0 ? hex(0, 8) : `${hex(0, best)}::${hex(best + length, 8)}`;
}

/** Without `IP6 ` in front. */
export function summary6(b: Uint8Array): string {
  if (b.length < IPV6_HEADER) return '[|ip6]';
  const claimed = rd16(b, 4);
  const present = Math.min(claimed, b.length - IPV6_HEADER);
  const missing = claimed > present ? `truncated-ip6 - ${claimed - present} bytes missing!` : '';
  const whole = b.subarray(0, IPV6_HEADER + present);
  const ends = `${formatIp6(b, 8)} > ${formatIp6(b, 24)}: `;
  let names = '';
  let next = b[6];
  let o = IPV6_HEADER;
  for (let i = 0; i < EXTENSIONS_MAX && (next === HOP_BY_HOP || next === DESTINATION_OPTIONS); i++) {
    if (o + 8 > whole.length) return `${missing}${ends}${names}[|ip6]`;
    names += next === HOP_BY_HOP ? 'HBH ' : 'DSTOPT ';
    next = whole[o];
    o += 8 * (whole[o + 1] + 1);
  }
  if (o > whole.length) return `${missing}${ends}${names}[|ip6]`;
  const length = IPV6_HEADER + claimed - o;
  if (next === FRAGMENT && o + 8 <= whole.length) {
    return `${missing}${ends}${names}frag (${rd16(whole, o + 2) & ~7}|${length - 8})`;
  }
  if (next === ICMP6) return `${missing}${ends}${names}${icmp6Line(whole, o, length)}`;
  if (next === PROTO_TCP || next === PROTO_UDP) return `${missing}${transport(whole, o, next, ends)}`;
  return `${missing}${ends}${names} ip-proto-${next} ${length}`;
}

/** What wire/summary says of the same segment over IPv4, with these addresses instead. */
function transport(whole: Uint8Array, o: number, protocol: number, ends: string): string {
  const payload = whole.subarray(o, o + 0xffff - 20);
  const b = new Uint8Array(20 + payload.length);
  b[0] = 0x45;
  b[2] = b.length >> 8;
  b[3] = b.length;
  b[9] = protocol;
  b.set(payload, 20);
  const [source, destination] = ends.slice(0, -2).split(' > ');
  return summary(b)
    .slice('IP '.length)
    .replace(/^0\.0\.0\.0(\.\d+)? > 0\.0\.0\.0(\.\d+)?/, `${source}$1 > ${destination}$2`);
}

const TYPES: Readonly<Record<number, string>> = {
  1: 'destination unreachable',
  2: 'packet too big',
  3: 'time exceeded',
  4: 'parameter problem',
  130: 'multicast listener query',
  131: 'multicast listener report',
  132: 'multicast listener done',
  133: 'router solicitation',
  134: 'router advertisement',
  137: 'redirect',
};

function icmp6Line(b: Uint8Array, o: number, length: number): string {
  if (o + 4 > b.length) return '[|icmp6]';
  return `ICMP6, ${icmp6Text(b, o)}, length ${length}`;
}

function icmp6Text(b: Uint8Array, o: number): string {
  const type = b[o];
  const there = (octets: number): boolean => o + octets <= b.length;
  switch (type) {
    case 128:
    case 129:
      return `echo ${type === 128 ? 'request' : 'reply'}, id ${rd16(b, o + 4)}, seq ${rd16(b, o + 6)}`;
    case 135:
      return `neighbor solicitation${there(24) ? `, who has ${formatIp6(b, o + 8)}` : ''}`;
    case 136:
      return `neighbor advertisement${there(24) ? `, tgt is ${formatIp6(b, o + 8)}` : ''}`;
    case 143:
      return `multicast listener report v2, ${there(8) ? rd16(b, o + 6) : 0} group record(s)`;
    default:
      return TYPES[type] ?? `type-#${type}`;
  }
}
