// craft writes what the hot face reads: the two faces of the wire agree.

import { fc, test as property } from '@fast-check/vitest';
import { describe, expect, test } from 'vitest';
import { formatIp4 } from './address.ts';
import { complement, pseudoHeaderSum, sumBytes } from './checksum.ts';
import {
  craftIcmp,
  craftIcmpEcho,
  craftIcmpError,
  craftIpv4,
  craftLayer,
  craftTcp,
  craftUdp,
  PROTO_EXPERIMENT,
  repairChecksums,
} from './craft.ts';
import { dissectIpv4 } from './dissect.ts';
import * as icmp from './icmpv4.ts';
import * as ip from './ipv4.ts';
import * as tcp from './tcp.ts';
import { parseTcpOptions, TcpOptions } from './tcp-options.ts';
import {
  anyOctets,
  icmpFields,
  ipv4Fields,
  tcpFields,
  udpFields,
  wellFormed,
  wrongIpOptions,
} from './testing/arbitraries.ts';
import * as captures from './testing/captures.ts';
import * as udp from './udp.ts';

const { ECHO_REPLY, ECHO_REQUEST, PORT_UNREACHABLE, UDP_HELLO, TCP_HELLO, TCP_SYN_OF_LINUX } = captures;

const ends = { source: '10.9.0.1', destination: '10.9.0.2' };

describe('the hot face reads what craft wrote', () => {
  property.prop([ipv4Fields])('an IPv4 header', (f) => {
    const b = craftIpv4(f);
    expect(ip.checkIpv4(b, 0, b.length)).toBe(ip.IPV4_OK);
    const options = f.options ?? new Uint8Array(0);
    const header = ip.ipv4HeaderLength(b, 0);
    expect(header).toBe(20 + 4 * Math.ceil(options.length / 4));
    expect([...b.subarray(20, 20 + options.length)]).toEqual([...options]);
    expect([...b.subarray(header)]).toEqual([...f.payload]);
    expect(ip.ipv4TotalLength(b, 0)).toBe(b.length);
    const flags = f.df === true ? ip.IPV4_DF : 0;
    expect([ip.ipv4Tos(b, 0), ip.ipv4Id(b, 0), ip.ipv4Flags(b, 0)]).toEqual([f.tos ?? 0, f.id ?? 0, flags]);
    expect([ip.ipv4Ttl(b, 0), ip.ipv4Protocol(b, 0)]).toEqual([f.ttl ?? 64, f.protocol]);
    expect([ip.ipv4Source(b, 0), ip.ipv4Destination(b, 0)]).toEqual([f.source, f.destination]);
  });

  property.prop([udpFields])('a UDP datagram', (f) => {
    const b = craftUdp(f);
    const o = ip.ipv4HeaderLength(b, 0);
    const length = 8 + f.payload.length;
    expect([udp.udpSourcePort(b, o), udp.udpDestinationPort(b, o)]).toEqual([
      f.sourcePort,
      f.destinationPort,
    ]);
    expect([udp.udpLength(b, o), ip.ipv4Protocol(b, 0)]).toEqual([length, ip.PROTO_UDP]);
    const pseudo = pseudoHeaderSum(Number(f.source), Number(f.destination), ip.PROTO_UDP, length);
    expect(complement(pseudo + sumBytes(b, o, length))).toBe(0);
    expect(udp.udpChecksum(b, o)).not.toBe(0);
  });

  property.prop([tcpFields])('a TCP segment', (f) => {
    const b = craftTcp(f);
    const o = ip.ipv4HeaderLength(b, 0);
    expect([tcp.tcpSourcePort(b, o), tcp.tcpDestinationPort(b, o)]).toEqual([
      f.sourcePort,
      f.destinationPort,
    ]);
    expect([tcp.tcpSeq(b, o), tcp.tcpAck(b, o)]).toEqual([f.seq | 0, f.ack | 0]);
    expect([tcp.tcpWindow(b, o), tcp.tcpUrgent(b, o)]).toEqual([f.window, f.urgent]);
    const header = tcp.tcpHeaderLength(b, o);
    expect([...b.subarray(o + header)]).toEqual([...f.payload]);
    const pseudo = pseudoHeaderSum(Number(f.source), Number(f.destination), ip.PROTO_TCP, b.length - o);
    expect(complement(pseudo + sumBytes(b, o, b.length - o))).toBe(0);
    const options = new TcpOptions();
    expect(parseTcpOptions(b, o + tcp.TCP_HEADER, o + header, options)).toBe(true);
    const said = f.options.findLast((option) => option.option === 'mss');
    expect(options.mss).toBe(said === undefined ? 0 : said.mss);
    expect(options.sackPermitted).toBe(f.options.some((option) => option.option === 'sack-permitted'));
    const stamps = f.options.findLast((option) => option.option === 'timestamps');
    expect(options.timestamps).toBe(stamps !== undefined);
    expect([options.tsVal, options.tsEcr]).toEqual(stamps ? [stamps.value | 0, stamps.echo | 0] : [0, 0]);
  });

  property.prop([icmpFields])('an ICMP message', (f) => {
    const b = craftIcmp(f);
    const o = ip.ipv4HeaderLength(b, 0);
    expect([icmp.icmpType(b, o), icmp.icmpCode(b, o)]).toEqual([f.type, f.code]);
    expect([icmp.icmpId(b, o), icmp.icmpSequence(b, o)]).toEqual([f.id, f.sequence]);
    expect(complement(sumBytes(b, o, b.length - o))).toBe(0);
    expect(ip.ipv4Protocol(b, 0)).toBe(ip.PROTO_ICMP);
  });

  property.prop([ipv4Fields, wrongIpOptions])(
    'a field given wrongly stands there as it was given',
    (f, wrong) => {
      const b = craftIpv4({ ...f, ...wrong });
      if (wrong.version !== undefined) expect(b[0] >>> 4).toBe(wrong.version);
      if (wrong.headerLength !== undefined) expect(ip.ipv4HeaderLength(b, 0)).toBe(wrong.headerLength);
      if (wrong.totalLength !== undefined) expect(ip.ipv4TotalLength(b, 0)).toBe(wrong.totalLength);
      if (wrong.checksum !== undefined) expect(ip.ipv4Checksum(b, 0)).toBe(wrong.checksum);
      expect(b[6] >>> 7).toBe(wrong.reserved === true ? 1 : 0);
      expect(ip.ipv4FragmentOffset(b, 0)).toBe(wrong.fragmentOffset ?? 0);
      expect((ip.ipv4Flags(b, 0) & ip.IPV4_MF) !== 0).toBe(wrong.mf ?? false);
    },
  );
});

describe('craft makes the packets that Linux sent', () => {
  const linux = { source: '10.9.0.1', destination: '10.9.0.1' };

  test('an echo request and its reply', () => {
    const payload = ECHO_REQUEST.slice(28);
    const echo = { ...linux, id: 0x5664, sequence: 1, payload };
    expect(craftIcmpEcho({ ...echo, ip: { id: 0xc981, df: true } })).toEqual(ECHO_REQUEST);
    expect(craftIcmpEcho({ ...echo, reply: true, ip: { id: 0xc982 } })).toEqual(ECHO_REPLY);
  });

  test('a UDP datagram, and the port unreachable about it', () => {
    const payload = Uint8Array.from('hello', (c) => c.charCodeAt(0));
    const ports = { sourcePort: 38_786, destinationPort: 7 };
    const around = { ip: { id: 0xbc24, df: true } };
    expect(craftUdp({ ...linux, ...ports, ...around, payload, checksum: 0x1432 })).toEqual(UDP_HELLO);
    expect(craftIcmpError({ quoting: UDP_HELLO, ip: { tos: 0xc0, id: 0xc983 } })).toEqual(PORT_UNREACHABLE);
  });
});

test('craft makes the segments that Linux sent', () => {
  const ends = { source: '10.9.0.1', destination: '10.9.0.1' };
  const here = { ...ends, sourcePort: 7, destinationPort: 33_722, ip: { id: 0x47c5, df: true } };
  const there = { ...ends, sourcePort: 33_722, destinationPort: 7, ip: { id: 0x5dde, df: true } };
  const nop = { option: 'nop' } as const;
  const syn = craftTcp({
    ...there,
    flags: ['SYN'],
    seq: 3_104_658_979,
    window: 65_495,
    options: [
      { option: 'mss', mss: 65_495 },
      { option: 'sack-permitted' },
      { option: 'timestamps', value: 1_121_774_069, echo: 0 },
      nop,
      { option: 'window-scale', shift: 10 },
    ],
  });
  const hello = craftTcp({
    ...here,
    flags: ['PSH', 'ACK'],
    seq: 1_359_730_372,
    ack: 3_104_658_980,
    window: 64,
    options: [nop, nop, { option: 'timestamps', value: 1_107_837_242, echo: 1_121_774_069 }],
    payload: Uint8Array.from('hello', (c) => c.charCodeAt(0)),
  });
  const completed = [TCP_SYN_OF_LINUX, TCP_HELLO].map((b) => b.slice());
  for (const b of completed) repairChecksums(b);
  expect([syn, hello]).toEqual(completed);
  expect(tcp.tcpChecksum(syn, 20)).toBe(captures.TCP_SYN_CHECKSUM);
  expect(tcp.tcpChecksum(hello, 20)).toBe(captures.TCP_HELLO_CHECKSUM);
});

describe('craft', () => {
  test('a TCP field given wrongly stands there as it was given', () => {
    const b = craftTcp({
      ...ends,
      sourcePort: 1,
      destinationPort: 2,
      headerLength: 60,
      reserved: 9,
      checksum: 5,
    });
    expect([tcp.tcpHeaderLength(b, 20), b[32] & 15, tcp.tcpChecksum(b, 20)]).toEqual([60, 9, 5]);
    expect(b.length).toBe(40);
    const long = { option: 'unknown', kind: 99, bytes: new Uint8Array(39) } as const;
    const fields = { ...ends, sourcePort: 1, destinationPort: 2, options: [long] };
    expect(() => craftTcp(fields)).toThrow('41 octets of TCP options are more than 40');
    expect(craftTcp({ ...fields, headerLength: 20 }).length).toBe(84);
  });

  test('an error quotes what 576 octets hold, or less', () => {
    const quoting = craftIpv4({ ...ends, payload: new Uint8Array(1480) });
    expect(craftIcmpError({ quoting }).length).toBe(576);
    expect(craftIcmpError({ quoting, quote: 28 }).length).toBe(56);
    const told = dissectIpv4(craftIcmpError({ quoting, type: 3, code: 4, mtu: 1400, source: '10.9.0.254' }));
    expect([told.source, told.destination]).toEqual(['10.9.0.254', '10.9.0.1']);
    expect(told.next).toMatchObject({ layer: 'icmp', type: 3, code: 4, mtu: 1400 });
  });

  test('a UDP checksum that computes to 0 is sent as all ones (RFC 768)', () => {
    const fields = { ...ends, sourcePort: 1, destinationPort: 2 };
    const b = craftUdp({ ...fields, payload: Uint8Array.of(0, 0) });
    const o = 20;
    // Two octets that bring the sum to all ones.
    const payload = Uint8Array.of(b[o + 6], b[o + 7]);
    expect(udp.udpChecksum(craftUdp({ ...fields, payload }), o)).toBe(0xffff);
  });

  test('the protocol of a TCP layer is TCP', () => {
    const { next } = dissectIpv4(TCP_HELLO);
    expect(ip.ipv4Protocol(craftIpv4({ ...ends, payload: next }), 0)).toBe(ip.PROTO_TCP);
  });

  test('the protocol is that of the payload', () => {
    const { next } = dissectIpv4(craftUdp({ ...ends, sourcePort: 1, destinationPort: 2 }));
    expect(ip.ipv4Protocol(craftIpv4({ ...ends, payload: next }), 0)).toBe(ip.PROTO_UDP);
    expect(ip.ipv4Protocol(craftIpv4({ ...ends, payload: dissectIpv4(ECHO_REPLY) }), 0)).toBe(4);
    expect(ip.ipv4Protocol(craftIpv4(ends), 0)).toBe(PROTO_EXPERIMENT);
  });

  test('what cannot be said is refused', () => {
    expect(() => craftIpv4({ ...ends, source: '10.9.0' })).toThrow(RangeError);
    expect(() => craftIpv4({ ...ends, options: new Uint8Array(41) })).toThrow('more than 40');
    expect(() => craftIpv4({ ...ends, payload: new Uint8Array(65_516) })).toThrow('longer than 65535');
    expect(craftIpv4({ ...ends, payload: new Uint8Array(65_515) }).length).toBe(65_535);
    expect(craftIpv4({ ...ends, payload: new Uint8Array(70_000), totalLength: 100 }).length).toBe(70_020);
  });

  test('addresses are text or words', () => {
    const words = { source: 0x0a090001, destination: 0x0a090002 };
    expect(craftIpv4(words)).toEqual(craftIpv4(ends));
    expect(formatIp4(ip.ipv4Source(craftIpv4({ ...ends, source: -1 }), 0))).toBe('255.255.255.255');
  });
});

describe('repairChecksums', () => {
  property.prop([wellFormed])('leaves a right packet as it is', (b) => {
    const repaired = b.slice();
    repairChecksums(repaired);
    // One's complement has two zeros; a payload that happens to be UDP or ICMP is repaired, too.
    const before = dissectIpv4(b);
    if ('checksumOk' in before.next && before.next.checksumOk === true) expect(repaired).toEqual(b);
  });

  property.prop([
    fc.oneof(udpFields.map(craftUdp), icmpFields.map(craftIcmp), tcpFields.map(craftTcp)),
    fc.array(fc.nat(), { maxLength: 4 }),
  ])('repairs a packet with any checksums', (b, noise) => {
    const o = ip.ipv4HeaderLength(b, 0);
    for (const n of noise) b[o + 8 + (n % (b.length - o))] = n;
    b[10] = noise[0] ?? 1;
    b[o + (b[9] === ip.PROTO_UDP ? 7 : b[9] === ip.PROTO_TCP ? 17 : 3)] |= 1;
    repairChecksums(b);
    expect(ip.checkIpv4(b, 0, b.length)).toBe(ip.IPV4_OK);
    expect(dissectIpv4(b).next).toMatchObject({ checksumOk: true });
  });

  property.prop([anyOctets])('takes any octets, and changes only checksums', (b) => {
    const repaired = b.slice();
    repairChecksums(repaired);
    repairChecksums(repaired);
    const changed = [...b.keys()].filter((i) => b[i] !== repaired[i]);
    const header = ip.ipv4HeaderLength(b, 0);
    const at = { [ip.PROTO_ICMP]: 2, [ip.PROTO_TCP]: 16, [ip.PROTO_UDP]: 6 }[b[9]] ?? 0;
    const fields = at === 0 ? [10, 11] : [10, 11, header + at, header + at + 1];
    expect(changed.every((i) => fields.includes(i))).toBe(true);
  });

  test('a UDP checksum covers what the UDP length claims, or all there is when that makes no sense', () => {
    const fields = { ...ends, sourcePort: 1, destinationPort: 2, payload: Uint8Array.of(1, 2, 3, 4) };
    const short = craftUdp({ ...fields, length: 10, checksum: 0x1234 });
    repairChecksums(short);
    expect(dissectIpv4(short).next).toMatchObject({ length: 10, checksumOk: true });
    for (const length of [0, 7, 13]) {
      const b = craftUdp({ ...fields, length, checksum: 0x1234 });
      repairChecksums(b);
      const pseudo = pseudoHeaderSum(0x0a090001, 0x0a090002, ip.PROTO_UDP, 12);
      expect(complement(pseudo + sumBytes(b, 20, 12))).toBe(0);
    }
  });

  test('what is shorter than a TCP header has no checksum to repair', () => {
    const b = craftIpv4({ ...ends, protocol: ip.PROTO_TCP, payload: new Uint8Array(19).fill(7) });
    const repaired = b.slice();
    repairChecksums(repaired);
    expect(repaired).toEqual(b);
  });

  test('no UDP checksum stays none, a fragment keeps its own', () => {
    const fields = { ...ends, sourcePort: 1, destinationPort: 2, payload: Uint8Array.of(1, 2, 3) };
    const none = craftUdp({ ...fields, checksum: 0 });
    const fragment = craftUdp({ ...fields, checksum: 0x1234, ip: { mf: true } });
    for (const b of [none, fragment]) {
      const repaired = b.slice();
      repairChecksums(repaired);
      expect(repaired).toEqual(b);
    }
  });
});

property.prop([anyOctets])('craftLayer of a dissected packet is the packet', (b) => {
  if (b.length >= ip.IPV4_MIN_HEADER) expect(craftLayer(dissectIpv4(b))).toEqual(b);
});
