// The oracle is tcpdump itself: its lines for crafted packets, and, where it is installed, for arbitrary ones.

import { execFile, spawnSync } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { fc, test as property } from '@fast-check/vitest';
import { describe, expect, test } from 'vitest';
import {
  craftIcmp,
  craftIcmpEcho,
  craftIcmpError,
  craftIpv4,
  craftUdp,
  type IcmpErrorFields,
} from './craft.ts';
import { summary } from './summary.ts';
import { anyOctets, icmpFields, ipOptions } from './testing/arbitraries.ts';
import { ECHO_REPLY, ECHO_REQUEST, PORT_UNREACHABLE, UDP_HELLO } from './testing/captures.ts';

const ends = { source: '10.9.0.1', destination: '10.9.0.2' };
const there = 'IP 10.9.0.1 > 10.9.0.2: ';
const back = 'IP 10.9.0.2 > 10.9.0.1: ';
const hello = { ...ends, sourcePort: 40_000, destinationPort: 9, payload: new Uint8Array(5) };
const quoting = craftUdp(hello);
const tcp = craftIpv4({ ...ends, protocol: 6, payload: Uint8Array.of(0x9c, 0x40, 0, 80, 0, 0, 0, 1) });
const error = (fields: Partial<IcmpErrorFields>) => summary(craftIcmpError({ quoting, ...fields }));

// All of these lines were printed by tcpdump 4.99.3 -n.
describe('lines of tcpdump', () => {
  test('captured frames', () => {
    const frames = [ECHO_REQUEST, ECHO_REPLY, UDP_HELLO, PORT_UNREACHABLE];
    expect(frames.map((b) => summary(b))).toEqual([
      'IP 10.9.0.1 > 10.9.0.1: ICMP echo request, id 22116, seq 1, length 64',
      'IP 10.9.0.1 > 10.9.0.1: ICMP echo reply, id 22116, seq 1, length 64',
      'IP 10.9.0.1.38786 > 10.9.0.1.7: UDP, length 5',
      'IP 10.9.0.1 > 10.9.0.1: ICMP 10.9.0.1 udp port 7 unreachable, length 41',
    ]);
  });

  test.each([
    [0, 'net 10.9.0.2 unreachable'],
    [1, 'host 10.9.0.2 unreachable'],
    [2, '10.9.0.2 protocol 17 unreachable'],
    [3, '10.9.0.2 udp port 9 unreachable'],
    [4, '10.9.0.2 unreachable - need to frag'],
    [5, '10.9.0.2 unreachable - source route failed'],
    [6, 'net 10.9.0.2 unreachable - unknown'],
    [7, 'host 10.9.0.2 unreachable - unknown'],
    [8, '10.9.0.2 unreachable - source host isolated'],
    [9, 'net 10.9.0.2 unreachable - admin prohibited'],
    [10, 'host 10.9.0.2 unreachable - admin prohibited'],
    [11, 'net 10.9.0.2 unreachable - tos prohibited'],
    [12, 'host 10.9.0.2 unreachable - tos prohibited'],
    [13, 'host 10.9.0.2 unreachable - admin prohibited filter'],
    [14, 'host 10.9.0.2 unreachable - host precedence violation'],
    [15, 'host 10.9.0.2 unreachable - precedence cutoff'],
    [16, '10.9.0.2 unreachable - #16'],
  ])('unreachable, code %i: %s', (code, text) => {
    expect(error({ type: 3, code })).toBe(`${back}ICMP ${text}, length 41`);
  });

  test('other errors', () => {
    expect(error({ type: 3, code: 4, mtu: 1400 })).toContain(
      'unreachable - need to frag (mtu 1400), length 41',
    );
    expect(error({ quoting: tcp })).toBe(`${back}ICMP 10.9.0.2 tcp port 80 unreachable, length 36`);
    expect(error({ type: 11 })).toBe(`${back}ICMP time exceeded in-transit, length 41`);
    expect(error({ type: 11, code: 1 })).toBe(`${back}ICMP ip reassembly time exceeded, length 41`);
    expect(error({ type: 4 })).toBe(`${back}ICMP source quench, length 41`);
    const redirect = craftIcmp({ ...ends, type: 5, code: 1, id: 0x0a09, sequence: 3, payload: quoting });
    expect(summary(redirect)).toBe(`${there}ICMP redirect 10.9.0.2 to host 10.9.0.3, length 41`);
    const parameter = craftIcmp({ ...ends, type: 12, id: 20 << 8, payload: quoting });
    expect(summary(parameter)).toBe(`${there}ICMP parameter problem - octet 20, length 41`);
    expect(summary(craftIcmp({ ...ends, type: 42 }))).toBe(`${there}ICMP type-#42, length 8`);
  });

  test('fragments and other protocols', () => {
    const more = craftUdp({ ...hello, length: 3000, ip: { mf: true } });
    expect(summary(more)).toBe('IP 10.9.0.1.40000 > 10.9.0.2.9: UDP, length 2992');
    expect(summary(craftUdp({ ...hello, ip: { fragmentOffset: 1480 } }))).toBe(`${there}ip-proto-17`);
    expect(summary(craftIpv4({ ...ends, payload: new Uint8Array(20) }))).toBe(`${there} ip-proto-253 20`);
  });

  test('packets that are not what they say', () => {
    const said = (fields: object) => summary(craftUdp({ ...hello, ...fields }));
    expect(said({ length: 50 })).toBe('IP 10.9.0.1.40000 > 10.9.0.2.9: UDP, bad length 42 > 5');
    expect(said({ length: 3 })).toBe('IP 10.9.0.1.40000 > 10.9.0.2.9: truncated-udplength 3');
    expect(said({ ip: { totalLength: 500 } })).toBe(
      'IP truncated-ip - 467 bytes missing! 10.9.0.1.40000 > 10.9.0.2.9: UDP, length 5',
    );
    expect(said({ ip: { totalLength: 10 } })).toBe('IP bad-len 10');
    expect(said({ ip: { headerLength: 12 } })).toBe('IP bad-hlen 12');
    expect(said({ ip: { version: 5 } })).toBe('unknown ip 5');
    expect(summary(quoting.slice(0, 10))).toBe('IP  [|ip]');
    expect(summary(craftIpv4({ ...ends, protocol: 17 }))).toBe(`${there} [|udp]`);
    expect(summary(craftIpv4({ ...ends, protocol: 1, payload: new Uint8Array(6) }))).toBe(`${there} [|icmp]`);
    expect(error({ quote: 20 })).toBe(`${back} [|icmp]`);
  });

  test('TCP, as tcpdump -q tells it', () => {
    const segment = Uint8Array.of(
      0x9c,
      0x40,
      0,
      80,
      ...new Uint8Array(8),
      0x50,
      0x02,
      ...new Uint8Array(6),
      1,
      2,
    );
    const b = craftIpv4({ ...ends, protocol: 6, payload: segment });
    expect(summary(b)).toBe('IP 10.9.0.1.40000 > 10.9.0.2.80: tcp 2');
  });
});

property.prop([anyOctets, fc.integer(), fc.integer()])('any octets give one line', (b, offset, length) => {
  for (const line of [summary(b), summary(b, offset, length), summary(b, offset % 40, length % 90)]) {
    expect(line).toMatch(/^[ -~]+$/);
    expect(line).not.toMatch(/undefined|NaN/);
  }
});

const tcpdump = spawnSync('tcpdump', ['--version']).error === undefined;

test.skipIf(!tcpdump && process.env.REQUIRE_TUN !== '1')('tcpdump prints the same', async () => {
  // Ports that tcpdump has no decoder for, as it decodes what is quoted as well; messages that both know.
  const port = fc.integer({ min: 40_000, max: 40_099 });
  const address = fc.integer({ min: 0x0a000000, max: 0x0affffff });
  const both = {
    source: address,
    destination: address,
    payload: fc.uint8Array({ maxLength: 60 }),
    ip: ipOptions,
  };
  const datagrams = fc.record({ ...both, sourcePort: port, destinationPort: port }).map(craftUdp);
  const packet = fc.oneof(
    datagrams,
    fc.tuple(icmpFields, fc.boolean()).map(([f, reply]) => craftIcmpEcho({ ...f, code: 0, reply })),
    fc
      .tuple(datagrams, fc.nat({ max: 20 }), fc.nat({ max: 2000 }))
      .map(([quoted, code, mtu]) =>
        craftIcmpError({ quoting: quoted, type: 3, code, mtu: code === 4 ? mtu : 0 }),
      ),
    fc
      .tuple(datagrams, fc.nat({ max: 3 }))
      .map(([quoted, code]) => craftIcmpError({ quoting: quoted, type: 11, code })),
    fc.record({ ...both, fragmentOffset: fc.integer({ min: 1, max: 99 }).map((n) => n * 8) }).map(craftIpv4),
  );
  const packets = fc.sample(packet, 300);
  const folder = await mkdtemp(join(tmpdir(), 'tunstack-summary-'));
  try {
    const file = join(folder, 'packets.pcap');
    await writeFile(file, pcap(packets));
    const { stdout } = await promisify(execFile)('tcpdump', ['-n', '-t', '-r', file], { maxBuffer: 1 << 24 });
    expect(packets.map((b) => summary(b))).toEqual(stdout.trimEnd().split('\n'));
  } finally {
    await rm(folder, { recursive: true });
  }
});

/** A classic capture file of bare IP datagrams: pcap cannot be used below it. */
function pcap(packets: readonly Uint8Array[]): Uint8Array {
  const header = Uint32Array.of(0xa1b2c3d4, 0x0004_0002, 0, 0, 65_535, 101);
  const parts = packets.map((b) => [
    ...new Uint8Array(Uint32Array.of(0, 0, b.length, b.length).buffer),
    ...b,
  ]);
  return Uint8Array.from([...new Uint8Array(header.buffer), ...parts.flat()]);
}
