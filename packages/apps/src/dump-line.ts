// One line about a frame or a datagram, in the words of `tcpdump -nS` (4.99): IEEE 802.3, RFC 894, RFC 826; IPv4 by
// wire/summary. For dumps: it may allocate, and it never throws, whatever the octets say.

import { summary } from '@tunstack/stack/dissect';
import { formatIp4, rd16, rd32 } from '@tunstack/stack/wire';
import { summary6 } from './dump-ipv6.ts';

const ETHER_HEADER = 14;
const VLAN_TAG = 4;
const TYPE_IPV4 = 0x0800;
const TYPE_ARP = 0x0806;
const TYPE_VLAN = 0x8100;
const TYPE_IPV6 = 0x86dd;
/** Below, the field is the length of an IEEE 802.3 frame. */
const TYPE_MIN = 0x0600;

const TYPE_NAMES: Readonly<Record<number, string>> = {
  [TYPE_IPV4]: 'IPv4',
  [TYPE_ARP]: 'ARP',
  [TYPE_VLAN]: '802.1Q',
  [TYPE_IPV6]: 'IPv6',
  34984: '802.1Q-QinQ',
  35020: 'LLDP',
};

/** An Ethernet header, with the 802.1Q tag that may stand in it. */
export interface FrameHeader {
  readonly destination: string;
  readonly source: string;
  /** The EtherType of what follows, behind the tag; below 0x0600 the length of an IEEE 802.3 frame. */
  readonly type: number;
  readonly vlan?: number;
  readonly priority?: number;
  /** Octets of header. */
  readonly length: number;
}

/** Undefined when the octets do not reach that far. */
export function readFrameHeader(b: Uint8Array): FrameHeader | undefined {
  if (b.length < ETHER_HEADER) return undefined;
  const [destination, source, type] = [formatMac(b, 0), formatMac(b, 6), rd16(b, 12)];
  if (type !== TYPE_VLAN || b.length < ETHER_HEADER + VLAN_TAG) {
    return { destination, source, type, length: ETHER_HEADER };
  }
  const tag = rd16(b, ETHER_HEADER);
  return {
    ...{ destination, source, type: rd16(b, ETHER_HEADER + 2), length: ETHER_HEADER + VLAN_TAG },
    ...{ vlan: tag & 0xfff, priority: tag >> 13 },
  };
}

/** `02:00:00:00:00:01` */
export function formatMac(b: Uint8Array, o: number): string {
  return Array.from(b.subarray(o, o + 6), (octet) => octet.toString(16).padStart(2, '0')).join(':');
}

/**
 * A bare datagram, as from a TUN. `link`: with `ip: ` in front, as -e makes it.
 *
 * @example
 * datagramLine(packet, false);   // 'IP6 fe80::1 > ff02::2: ICMP6, router solicitation, length 8'
 */
export function datagramLine(b: Uint8Array, link: boolean): string {
  const version = b.length > 0 ? b[0] >>> 4 : 4;
  if (version === 6) return link ? `ip: ${summary6(b)}` : `IP6 ${summary6(b)}`;
  const line = summary(b);
  return link ? `ip: ${line.replace(/^IP /, '')}` : line;
}

/** An Ethernet frame, as from a TAP. `link`: with its header in front, as -e makes it. */
export function frameLine(b: Uint8Array, link: boolean): string {
  const header = readFrameHeader(b);
  if (header === undefined) return ' [|ether]';
  const { type, vlan, priority, length } = header;
  const known = payloadLine(b.subarray(length), type);
  if (!link && known !== undefined) return `${known.word}${known.text}`;
  const front = `${header.source} > ${header.destination}, ${typeText(vlan === undefined ? type : TYPE_VLAN)}, length ${b.length}: `;
  const tag = vlan === undefined ? '' : `vlan ${vlan}, p ${priority}, ${typeText(type)}, `;
  return `${front}${tag}${known?.text ?? hexAscii(b.subarray(length))}`;
}

function typeText(type: number): string {
  if (type < TYPE_MIN) return '802.3';
  return `ethertype ${TYPE_NAMES[type] ?? 'Unknown'} (0x${type.toString(16).padStart(4, '0')})`;
}

/** What follows the header: the word that -e leaves out, and the rest. Undefined for what we do not know. */
function payloadLine(
  b: Uint8Array,
  type: number,
): { readonly word: string; readonly text: string } | undefined {
  switch (type) {
    case TYPE_IPV4:
      // Here tcpdump has said that it is IP before it looks.
      return b.length === 0
        ? { word: '', text: ' [|ip]' }
        : { word: 'IP ', text: summary(b).replace(/^IP /, '') };
    case TYPE_IPV6:
      return { word: 'IP6 ', text: summary6(b) };
    case TYPE_ARP:
      return arpLine(b);
    default:
      return undefined;
  }
}

function arpLine(b: Uint8Array): { readonly word: string; readonly text: string } {
  if (b.length < 8 || b.length < 8 + 2 * (b[4] + b[5])) return { word: '', text: ' [|arp]' };
  const operation = rd16(b, 6);
  const ether = rd16(b, 0) === 1 && rd16(b, 2) === TYPE_IPV4 && b[4] === 6 && b[5] === 4;
  if (!ether || operation < 1 || operation > 2) {
    return { word: 'ARP, ', text: `Unknown (${operation}), length ${b.length}` };
  }
  const [sender, target] = [formatIp4(rd32(b, 14)), formatIp4(rd32(b, 24))];
  if (operation === 2) {
    return { word: 'ARP, ', text: `Reply ${sender} is-at ${formatMac(b, 8)}, length ${b.length}` };
  }
  // A target that is already named is asked by name: a unicast probe of a neighbour (RFC 1122 2.3.2.1).
  const named = b.subarray(18, 24).some((octet) => octet !== 0) ? ` (${formatMac(b, 18)})` : '';
  const text = `Request who-has ${target}${named} tell ${sender}, length ${b.length}`;
  return { word: 'ARP, ', text };
}

const HEX_WIDTH = 39;

/** `tcpdump -x`: a line for every 16 octets, in pairs. */
export function hexDump(b: Uint8Array): string {
  let text = '';
  for (let at = 0; at < b.length; at += 16) text += `\n${hexRow(b, at)}`;
  return text;
}

/** The same with the characters beside them: what tcpdump prints of what it does not know. */
function hexAscii(b: Uint8Array): string {
  let text = '';
  for (let at = 0; at < b.length; at += 16) {
    const row = b.subarray(at, at + 16);
    const shown = Array.from(row, (octet) => (octet > 32 && octet < 127 ? String.fromCharCode(octet) : '.'));
    text += `\n${hexRow(b, at).padEnd(10 + HEX_WIDTH)}  ${shown.join('')}`;
  }
  return text;
}

function hexRow(b: Uint8Array, at: number): string {
  const digits = Array.from(b.subarray(at, at + 16), (octet) => octet.toString(16).padStart(2, '0')).join('');
  return `\t0x${at.toString(16).padStart(4, '0')}:  ${digits.replace(/.{4}(?=.)/g, '$& ')}`;
}
