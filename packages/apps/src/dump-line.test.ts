// Lines of frames are tcpdump's: what `tcpdump -nS` 4.99.3 printed for these octets, and nothing ever throws.

import { fc, test as property } from '@fast-check/vitest';
import { expect, test } from 'vitest';
import { formatIp6 } from './dump-ipv6.ts';
import { datagramLine, frameLine, hexDump } from './dump-line.ts';

const octets = (hex: string): Uint8Array => Uint8Array.from(Buffer.from(hex, 'hex'));
const PING = '4500002400014000400100000a0900010a09000208000000000100010011223344556677';
const SOLICITATION = `6000000000083aff${'fe80'.padEnd(31, '0')}1ff02${'2'.padStart(28, '0')}8500000000000000`;
const UDP6 = `60000000000d114020010db800000000000000000000000120010db80000000100000000000000029c400007000d000068656c6c6f`;
const TCP6 = `600000000014064020010db800000000000000000000000120010db80000000100000000000000029c40000700000001000000025010040000000000`;
const REPORT = `6000000000240001${'fe80'.padEnd(31, '0')}1ff02${'16'.padStart(28, '0')}3a000502000001008f0000000000000104000000ff02${'2'.padStart(28, '0')}`;
const NEIGHBOR = `6000000000183aff${'0'.repeat(32)}ff0200000000000000000001ff0000018700000000000000fe80${'1'.padStart(28, '0')}`;
const ARP_REQUEST = '00010800060400010200000000010a0900010000000000000a090002';
const ARP_REPLY = '00010800060400020200000000020a0900020200000000010a090001';
const ENDS = '020000000002020000000001';
const FRONT = '02:00:00:00:00:01 > 02:00:00:00:00:02, ethertype';

test.each([
  ['ICMP', PING, 'IP 10.9.0.1 > 10.9.0.2: ICMP echo request, id 1, seq 1, length 16'],
  ['ICMPv6', SOLICITATION, 'IP6 fe80::1 > ff02::2: ICMP6, router solicitation, length 8'],
  [
    'a hop-by-hop option',
    REPORT,
    'IP6 fe80::1 > ff02::16: HBH ICMP6, multicast listener report v2, 1 group record(s), length 28',
  ],
  [
    'no address',
    NEIGHBOR,
    'IP6 :: > ff02::1:ff00:1: ICMP6, neighbor solicitation, who has fe80::1, length 24',
  ],
  ['UDP over IPv6', UDP6, 'IP6 2001:db8::1.40000 > 2001:db8:0:1::2.7: UDP, length 5'],
  ['TCP over IPv6', TCP6, 'IP6 2001:db8::1.40000 > 2001:db8:0:1::2.7: Flags [.], ack 2, win 1024, length 0'],
  ['another version', '5000000000', 'unknown ip 5'],
])("a datagram's line is tcpdump's: %s", (_, hex, line) => {
  expect(datagramLine(octets(hex), false)).toBe(line);
  // -e on a TUN puts `ip: ` in place of the protocol's name.
  expect(datagramLine(octets(hex), true)).toBe(`ip: ${line.replace(/^IP6? /, '')}`);
});

test.each([
  [
    'IPv4',
    `0800${PING}`,
    'IP ',
    '10.9.0.1 > 10.9.0.2: ICMP echo request, id 1, seq 1, length 16',
    ' IPv4 (0x0800), length 50: ',
  ],
  [
    'padding behind IPv4',
    `0800${PING}${'00'.repeat(10)}`,
    'IP ',
    '10.9.0.1 > 10.9.0.2: ICMP echo request, id 1, seq 1, length 16',
    ' IPv4 (0x0800), length 60: ',
  ],
  [
    'an ARP request',
    `0806${ARP_REQUEST}`,
    'ARP, ',
    'Request who-has 10.9.0.2 tell 10.9.0.1, length 28',
    ' ARP (0x0806), length 42: ',
  ],
  [
    'an ARP reply',
    `0806${ARP_REPLY}`,
    'ARP, ',
    'Reply 10.9.0.2 is-at 02:00:00:00:00:02, length 28',
    ' ARP (0x0806), length 42: ',
  ],
  [
    'a padded ARP request',
    `0806${ARP_REQUEST}${'00'.repeat(18)}`,
    'ARP, ',
    'Request who-has 10.9.0.2 tell 10.9.0.1, length 46',
    ' ARP (0x0806), length 60: ',
  ],
  ['an ARP cut short', '0806000108000604000102000000', '', ' [|arp]', ' ARP (0x0806), length 26: '],
  ['nothing behind the header', '0800', '', ' [|ip]', ' IPv4 (0x0800), length 14: '],
  [
    'an 802.1Q tag',
    `810000640800${PING}`,
    'IP ',
    '10.9.0.1 > 10.9.0.2: ICMP echo request, id 1, seq 1, length 16',
    ' 802.1Q (0x8100), length 54: vlan 100, p 0, ethertype IPv4 (0x0800), ',
  ],
])("a frame's line is tcpdump's, with its header and without: %s", (_, hex, word, text, header) => {
  expect(frameLine(octets(ENDS + hex), false)).toBe(word + text);
  expect(frameLine(octets(ENDS + hex), true)).toBe(FRONT + header + text);
});

test('a frame of a type that we do not know is shown with its header and its octets', () => {
  const line = `${FRONT} Unknown (0x1234), length 18: \n\t0x0000:  0001 0203                                ....`;
  expect(frameLine(octets(`${ENDS}123400010203`), false)).toBe(line);
  expect(frameLine(octets('0200000000'), false)).toBe(' [|ether]');
});

test.each([
  ['00010000000200030004000500060007', '1:0:2:3:4:5:6:7'],
  ['00010000000000020000000000030004', '1::2:0:0:3:4'],
  ['00010000000000020000000000000004', '1:0:0:2::4'],
  ['00000000000000000000000000000000', '::'],
  ['00000000000000000000000000000001', '::1'],
  ['fe800000000000000000000000000000', 'fe80::'],
])('an IPv6 address is written by RFC 5952: %s', (hex, text) => {
  expect(formatIp6(octets(hex), 0)).toBe(text);
});

test('octets are dumped as by tcpdump -x', () => {
  expect(hexDump(octets(PING))).toBe(
    '\n\t0x0000:  4500 0024 0001 4000 4001 0000 0a09 0001' +
      '\n\t0x0010:  0a09 0002 0800 0000 0001 0001 0011 2233\n\t0x0020:  4455 6677',
  );
  expect(hexDump(octets('500000'))).toBe('\n\t0x0000:  5000 00');
});

const known = fc.constantFrom(
  ...[PING, SOLICITATION, UDP6, TCP6, REPORT, NEIGHBOR],
  ...[`0800${PING}`, `0806${ARP_REPLY}`, `86dd${REPORT}`, `810000640800${PING}`].map((hex) => ENDS + hex),
);
const damaged = fc
  .tuple(known, fc.nat(120), fc.array(fc.tuple(fc.nat(120), fc.nat(255)), { maxLength: 4 }))
  .map(([hex, length, writes]) => {
    const b = octets(hex).slice(0, length);
    for (const [at, value] of writes) if (at < b.length) b[at] = value;
    return b;
  });

property.prop([fc.oneof(damaged, fc.uint8Array({ maxLength: 100 }))])(
  'no octets make a line throw, and lines do not depend on what lies around the octets',
  (b) => {
    const inside = new Uint8Array(b.length + 16).fill(0x60);
    inside.set(b, 8);
    const view = inside.subarray(8, 8 + b.length);
    for (const link of [false, true]) {
      expect(datagramLine(view, link)).toBe(datagramLine(b, link));
      expect(frameLine(view, link)).toBe(frameLine(b, link));
    }
  },
);
