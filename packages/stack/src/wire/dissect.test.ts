import { fc, test as property } from '@fast-check/vitest';
import { describe, expect, test } from 'vitest';
import { formatIp4 } from './address.ts';
import {
  craftIcmp,
  craftIcmpError,
  craftIpv4,
  craftLayer,
  craftTcp,
  craftUdp,
  type TcpFields,
} from './craft.ts';
import { dissectIpv4 } from './dissect.ts';
import { anyOctets, icmpFields, tcpFields, udpFields } from './testing/arbitraries.ts';
import { ECHO_REQUEST, PORT_UNREACHABLE, TCP_SYN_OF_LINUX, UDP_HELLO } from './testing/captures.ts';

const ends = { source: '10.9.0.1', destination: '10.9.0.2' };
const ports = { sourcePort: 40_000, destinationPort: 7 };

describe('captured frames', () => {
  test('a ping of Linux', () => {
    expect(dissectIpv4(ECHO_REQUEST)).toEqual({
      layer: 'ipv4',
      version: 4,
      headerLength: 20,
      tos: 0,
      totalLength: 84,
      id: 0xc981,
      reserved: false,
      df: true,
      mf: false,
      fragmentOffset: 0,
      ttl: 64,
      protocol: 1,
      checksum: 0x5d14,
      checksumOk: true,
      source: '10.9.0.1',
      destination: '10.9.0.1',
      options: new Uint8Array(0),
      next: {
        layer: 'icmp',
        type: 8,
        code: 0,
        checksum: 0x960a,
        checksumOk: true,
        id: 0x5664,
        sequence: 1,
        next: { layer: 'data', protocol: 1, bytes: ECHO_REQUEST.slice(28) },
      },
    });
  });

  test('a port unreachable of Linux, with its quote', () => {
    const { tos, next } = dissectIpv4(PORT_UNREACHABLE);
    expect(tos).toBe(0xc0);
    expect(next).toMatchObject({ layer: 'icmp', type: 3, code: 3, checksumOk: true });
    const quote = 'next' in next ? next.next : next;
    expect(quote).toEqual(dissectIpv4(UDP_HELLO));
    // Loopback leaves the checksum to be completed.
    expect(quote).toMatchObject({
      checksumOk: true,
      next: { ...ports, sourcePort: 38_786, checksumOk: false },
    });
  });
});

test('a SYN of Linux', () => {
  expect(dissectIpv4(TCP_SYN_OF_LINUX).next).toEqual({
    layer: 'tcp',
    sourcePort: 33_722,
    destinationPort: 7,
    seq: 3_104_658_979,
    ack: 0,
    headerLength: 40,
    reserved: 0,
    flags: ['SYN'],
    window: 65_495,
    checksum: 0x1442,
    // Loopback leaves the checksum to be completed.
    checksumOk: false,
    urgent: 0,
    options: [
      { option: 'mss', mss: 65_495 },
      { option: 'sack-permitted' },
      { option: 'timestamps', value: 1_121_774_069, echo: 0 },
      { option: 'nop' },
      { option: 'window-scale', shift: 10 },
    ],
    next: { layer: 'data', protocol: 6, bytes: new Uint8Array(0) },
  });
});

describe('dissect is the inverse of craft', () => {
  property.prop([tcpFields])('for TCP', (f) => {
    const { next } = dissectIpv4(craftTcp(f));
    const { sourcePort, destinationPort, seq, ack, flags, window, urgent, options } = f;
    expect(next).toMatchObject({
      ...{ layer: 'tcp', sourcePort, destinationPort, seq, ack, flags, window, urgent, reserved: 0 },
      checksumOk: true,
      next: { layer: 'data', bytes: f.payload },
    });
    expect(next).not.toHaveProperty('malformed');
    if (next.layer !== 'tcp') return;
    expect(next.options.slice(0, options.length)).toEqual(options);
    // What is behind them pads them to words.
    const padding = next.options.slice(options.length);
    expect(padding.length).toBeLessThan(2);
    for (const option of padding) {
      expect(option).toMatchObject({ option: 'eol' });
      if (option.option === 'eol') expect(option.padding?.every((octet) => octet === 0)).toBe(true);
    }
  });

  property.prop([udpFields])('for UDP', (f) => {
    const { source, destination, next, malformed, checksumOk } = dissectIpv4(craftUdp(f));
    expect([source, destination]).toEqual([formatIp4(Number(f.source)), formatIp4(Number(f.destination))]);
    expect([checksumOk, malformed]).toEqual([true, undefined]);
    expect(next).toMatchObject({
      layer: 'udp',
      sourcePort: f.sourcePort,
      destinationPort: f.destinationPort,
      length: 8 + f.payload.length,
      checksumOk: true,
      next: { layer: 'data', bytes: f.payload },
    });
  });

  property.prop([icmpFields])('for ICMP', (f) => {
    const { next } = dissectIpv4(craftIcmp(f));
    const { type, code, id, sequence, payload } = f;
    expect(next).toMatchObject({ layer: 'icmp', type, code, id, sequence, checksumOk: true });
    if (next.layer === 'icmp') expect(craftLayer(next.next)).toEqual(payload);
  });
});

describe('what cannot be believed', () => {
  const udp = { ...ends, ...ports, payload: Uint8Array.of(1, 2, 3) };

  test.each([
    [craftUdp({ ...udp, ip: { version: 6 } }), 'version 6, not 4', 'data'],
    [craftUdp({ ...udp, ip: { headerLength: 16 } }), 'header length 16 is below 20', 'data'],
    [craftUdp({ ...udp, ip: { headerLength: 60 } }), 'header length 60, but only 31 octets', 'data'],
    [craftUdp({ ...udp, ip: { totalLength: 19 } }), 'total length 19 is below header length 20', 'udp'],
    [craftUdp({ ...udp, ip: { totalLength: 32 } }), 'total length 32, but only 31 octets', 'udp'],
    [Uint8Array.of(0x45), 'only 1 of 20 header octets', 'data'],
    [new Uint8Array(0), 'only 0 of 20 header octets', 'data'],
  ])('%#: %s', (b, malformed, next) => {
    const found = dissectIpv4(b);
    expect([found.malformed, found.next.layer]).toEqual([malformed, next]);
  });

  test.each([
    [craftUdp({ ...udp, length: 7 }), 'UDP length 7 is below 8'],
    [craftUdp({ ...udp, length: 12 }), 'UDP length 12, but only 11 octets'],
    [craftIpv4({ ...ends, protocol: 17, payload: new Uint8Array(7) }), 'shorter than a UDP header'],
    [craftIpv4({ ...ends, protocol: 1, payload: new Uint8Array(7) }), 'shorter than an ICMP header'],
  ])('%#: %s', (b, malformed) => {
    expect(dissectIpv4(b)).not.toHaveProperty('malformed');
    expect(dissectIpv4(b).next).toHaveProperty('malformed', malformed);
  });

  const tcp = { ...ends, ...ports, payload: Uint8Array.of(1, 2, 3) };
  const malformedOption = { option: 'malformed', bytes: Uint8Array.of(2, 9, 1, 2) } as const;

  test.each<[Partial<TcpFields>, string, object]>([
    [{ headerLength: 16 }, 'TCP header length 16 is below 20', { bytes: tcp.payload }],
    [{ headerLength: 24 }, 'TCP header length 24, but only 23 octets', { bytes: tcp.payload }],
    [{ options: [malformedOption] }, 'a TCP option of impossible length', { bytes: tcp.payload }],
  ])('TCP, %#: %s', (fields, malformed, next) => {
    const b = craftTcp({ ...tcp, ...fields });
    expect(dissectIpv4(b).next).toMatchObject({ ...ports, checksumOk: true, malformed, next });
    expect(craftLayer(dissectIpv4(b))).toEqual(b);
  });

  test('TCP of less than a header, and in a quote that was cut short', () => {
    const stump = craftIpv4({ ...ends, protocol: 6, payload: new Uint8Array(19) });
    expect(dissectIpv4(stump).next).toMatchObject({ layer: 'data', malformed: 'shorter than a TCP header' });
    const options = [{ option: 'mss', mss: 1460 }] as const;
    const eight = dissectIpv4(craftIcmpError({ quoting: craftTcp(tcp), quote: 28 }));
    expect(eight).toHaveProperty('next.next.next.layer', 'data');
    expect(eight).not.toHaveProperty('next.next.next.malformed');
    const twenty = dissectIpv4(craftIcmpError({ quoting: craftTcp({ ...tcp, options }), quote: 40 }));
    expect(twenty).toHaveProperty('next.next.next.destinationPort', 7);
    expect(twenty).not.toHaveProperty('next.next.next.malformed');
    expect(twenty).not.toHaveProperty('next.next.next.checksumOk');
  });

  test('options of a wrong length, and what stands behind the end of the list', () => {
    const bytes = Uint8Array.of(2, 3, 1, 4, 3, 1, 5, 2, 5, 4, 1, 2, 0, 9, 9, 9);
    const unknown = { option: 'unknown', kind: 200, bytes: bytes.slice(0, 14) } as const;
    const b = craftTcp({ ...tcp, options: [unknown] });
    b.set(bytes, 40);
    expect(dissectIpv4(b).next).toHaveProperty('options', [
      { option: 'unknown', kind: 2, bytes: Uint8Array.of(1) },
      { option: 'unknown', kind: 4, bytes: Uint8Array.of(1) },
      { option: 'unknown', kind: 5, bytes: new Uint8Array(0) },
      { option: 'unknown', kind: 5, bytes: Uint8Array.of(1, 2) },
      { option: 'eol', padding: Uint8Array.of(9, 9, 9) },
    ]);
  });

  test('padding stands apart, behind the total length and behind the UDP length', () => {
    const inner = craftUdp({ ...udp, length: 10, checksum: 0 });
    const found = dissectIpv4(Uint8Array.of(...inner, 0xaa, 0xbb));
    expect(found.trailer).toEqual(Uint8Array.of(0xaa, 0xbb));
    expect(found.next).toMatchObject({ next: { bytes: Uint8Array.of(1, 2) }, trailer: Uint8Array.of(3) });
  });

  test('a datagram without a UDP checksum is right, one with a wrong one is not', () => {
    expect(dissectIpv4(craftUdp({ ...udp, checksum: 0 })).next).toMatchObject({
      checksum: 0,
      checksumOk: true,
    });
    expect(dissectIpv4(craftUdp({ ...udp, checksum: 1 })).next).toMatchObject({
      checksum: 1,
      checksumOk: false,
    });
  });

  test('a later fragment is data, of a first one no checksum can be told', () => {
    expect(dissectIpv4(craftUdp({ ...udp, ip: { fragmentOffset: 8 } })).next.layer).toBe('data');
    const first = dissectIpv4(craftUdp({ ...udp, length: 3000, ip: { mf: true } })).next;
    expect(first).toMatchObject({ ...ports, length: 3000 });
    expect(first).not.toHaveProperty('checksumOk');
    expect(first).not.toHaveProperty('malformed');
  });

  test('a quote may be cut short without being malformed', () => {
    const { next } = dissectIpv4(craftIcmpError({ quoting: craftUdp(udp), quote: 28 }));
    expect(next).toHaveProperty('next.totalLength', 31);
    expect(next).toHaveProperty('next.next.destinationPort', 7);
    expect(next).not.toHaveProperty('next.malformed');
    expect(next).not.toHaveProperty('next.next.checksumOk');
  });

  test('an error about an error is not followed further', () => {
    let b = craftUdp(udp);
    for (let depth = 0; depth < 3; depth++) b = craftIcmpError({ quoting: b });
    expect(dissectIpv4(b)).toHaveProperty('next.next.next.next.layer', 'data');
  });
});

property.prop([anyOctets, fc.integer(), fc.option(fc.integer(), { nil: undefined })])(
  'any octets, any offset and any length give a tree',
  (b, offset, length) => {
    expect(dissectIpv4(b).layer).toBe('ipv4');
    expect(dissectIpv4(b, offset, length).layer).toBe('ipv4');
    expect(dissectIpv4(b, offset % 50, (length ?? 7) % 90).layer).toBe('ipv4');
  },
);

property.prop([anyOctets, fc.nat({ max: 20 })])(
  'the place of a packet in its buffer changes nothing',
  (b, offset) => {
    const around = new Uint8Array(b.length + 40).fill(0xc3);
    around.set(b, offset);
    expect(dissectIpv4(around, offset, b.length)).toEqual(dissectIpv4(b));
  },
);
