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
  craftTcp,
  craftUdp,
  type IcmpErrorFields,
  type TcpFields,
} from './craft.ts';
import type { TcpOption } from './layers.ts';
import { summary } from './summary.ts';
import { anyOctets, anyTcpFields, icmpFields, ipOptions } from './testing/arbitraries.ts';
import * as captures from './testing/captures.ts';

const ends = { source: '10.9.0.1', destination: '10.9.0.2' };
const there = 'IP 10.9.0.1 > 10.9.0.2: ';
const back = 'IP 10.9.0.2 > 10.9.0.1: ';
const hello = { ...ends, sourcePort: 40_000, destinationPort: 9, payload: new Uint8Array(5) };
const quoting = craftUdp(hello);
const payload = new Uint8Array(5);
const tcp = craftIpv4({ ...ends, protocol: 6, payload: Uint8Array.of(0x9c, 0x40, 0, 80, 0, 0, 0, 1) });
const SYN_OPTIONS: readonly TcpOption[] = [
  { option: 'mss', mss: 1460 },
  { option: 'sack-permitted' },
  { option: 'timestamps', value: 1, echo: 0 },
  { option: 'nop' },
  { option: 'window-scale', shift: 7 },
];
const error = (fields: Partial<IcmpErrorFields>) => summary(craftIcmpError({ quoting, ...fields }));

// All of these lines were printed by tcpdump 4.99.3 -nS.
describe('lines of tcpdump', () => {
  test('captured frames', () => {
    const { ECHO_REQUEST, ECHO_REPLY, UDP_HELLO, PORT_UNREACHABLE, TCP_SYN_OF_LINUX, TCP_HELLO } = captures;
    const frames = [ECHO_REQUEST, ECHO_REPLY, UDP_HELLO, PORT_UNREACHABLE, TCP_SYN_OF_LINUX, TCP_HELLO];
    expect(frames.map((b) => summary(b))).toEqual([
      'IP 10.9.0.1 > 10.9.0.1: ICMP echo request, id 22116, seq 1, length 64',
      'IP 10.9.0.1 > 10.9.0.1: ICMP echo reply, id 22116, seq 1, length 64',
      'IP 10.9.0.1.38786 > 10.9.0.1.7: UDP, length 5',
      'IP 10.9.0.1 > 10.9.0.1: ICMP 10.9.0.1 udp port 7 unreachable, length 41',
      'IP 10.9.0.1.33722 > 10.9.0.1.7: Flags [S], seq 3104658979, win 65495, options [mss 65495,sackOK,TS val 1121774069 ecr 0,nop,wscale 10], length 0',
      'IP 10.9.0.1.7 > 10.9.0.1.33722: Flags [P.], seq 1359730372:1359730377, ack 3104658980, win 64, options [nop,nop,TS val 1107837242 ecr 1121774069], length 5',
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

  test.each<[Partial<TcpFields>, string]>([
    [{ flags: ['SYN'], seq: 0xffff_ffff }, 'Flags [S], seq 4294967295, win 65535, length 0'],
    [{ ack: 0x8000_0000, window: 0 }, 'Flags [.], ack 2147483648, win 0, length 0'],
    [{ seq: -1, ack: 7, payload }, 'Flags [.], seq 4294967295:4, ack 7, win 65535, length 5'],
    [{ flags: ['RST', 'ACK'], seq: 5, ack: 6, window: 0 }, 'Flags [R.], seq 5, ack 6, win 0, length 0'],
    [{ flags: ['FIN', 'PSH', 'ACK'] }, 'Flags [FP.], seq 0, ack 0, win 65535, length 0'],
    [{ flags: ['URG', 'ECE', 'CWR'], urgent: 9 }, 'Flags [UEW], win 65535, urg 9, length 0'],
    [{ flags: [] }, 'Flags [none], win 65535, length 0'],
    [
      { flags: ['SYN', 'ACK'], seq: 1, ack: 2, options: SYN_OPTIONS },
      'Flags [S.], seq 1, ack 2, win 65535, options [mss 1460,sackOK,TS val 1 ecr 0,nop,wscale 7], length 0',
    ],
    [
      {
        options: [
          {
            option: 'sack',
            blocks: [
              [1, 0xffff_ffff],
              [3, 4],
            ],
          },
          { option: 'nop' },
          { option: 'eol' },
        ],
      },
      'Flags [.], ack 0, win 65535, options [sack 2 {1:4294967295}{3:4},nop,eol], length 0',
    ],
    [
      { options: [{ option: 'unknown', kind: 99, bytes: Uint8Array.of(1, 0xab) }] },
      'Flags [.], ack 0, win 65535, options [unknown-99 0x01ab], length 0',
    ],
    [
      { options: [{ option: 'unknown', kind: 4, bytes: Uint8Array.of(0) }, { option: 'nop' }] },
      'Flags [.], ack 0, win 65535, options [sackOK[len 3],eol], length 0',
    ],
    [
      { options: [{ option: 'nop' }, { option: 'malformed', bytes: Uint8Array.of(2, 0, 0) }] },
      'Flags [.], ack 0, win 65535, options [nop,[bad opt]]',
    ],
    [{ headerLength: 16 }, ' tcp 4 [bad hdr length 16 - too short, < 20]'],
    [{ headerLength: 24 }, 'Flags [.] [bad hdr length 24 - too long, > 20]'],
    [{ headerLength: 28, payload: new Uint8Array(7) }, 'Flags [.] [bad hdr length 28 - too long, > 27]'],
  ])('TCP with absolute numbers, as of tcpdump -S: %#', (fields, text) => {
    expect(summary(craftTcp({ ...ends, sourcePort: 40_000, destinationPort: 80, ...fields }))).toBe(
      `IP 10.9.0.1.40000 > 10.9.0.2.80: ${text}`,
    );
  });

  test('TCP cut short', () => {
    const syn = craftTcp({ ...ends, sourcePort: 40_000, destinationPort: 80, options: SYN_OPTIONS });
    const [start, flags] = ['IP truncated-ip -', '10.9.0.1.40000 > 10.9.0.2.80: Flags [.], ack 0, win 65535'];
    const line = (length: number): string => summary(syn.slice(0, length));
    expect(line(22)).toBe(`${start} 38 bytes missing! 10.9.0.1 > 10.9.0.2: [|tcp]`);
    expect(line(39)).toBe(`${start} 21 bytes missing! 10.9.0.1.40000 > 10.9.0.2.80:  [|tcp]`);
    expect(line(43)).toBe(`${start} 17 bytes missing! ${flags}, options [mss [|tcp]`);
    expect(line(54)).toBe(`${start} 6 bytes missing! ${flags}, options [mss 1460,sackOK,TS [|tcp]>`);
    const said = { options: [{ option: 'eol', padding: new Uint8Array(7) }], payload } as const;
    const early = craftTcp({ ...ends, sourcePort: 40_000, destinationPort: 80, ...said });
    expect(summary(early.slice(0, 42))).toBe(
      `${start} 11 bytes missing! ${flags.replace('ack', 'seq 0:5, ack')}, options [eol], length 5 [remaining caplen(22) < header length(28)] [|tcp]`,
    );
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
  const segments = fc
    .record({ ...both, sourcePort: port, destinationPort: port, rest: anyTcpFields })
    .map(({ rest, ...ends }) => craftTcp({ ...rest, ...ends }))
    .filter((b) => !/unknown-(\d|[1-6]\d|25\d)\b/.test(summary(b)));
  const packet = fc.oneof(
    datagrams,
    segments,
    segments,
    fc.tuple(segments, fc.nat()).map(([b, length]) => b.slice(0, 1 + (length % b.length))),
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
    const { stdout } = await promisify(execFile)('tcpdump', ['-n', '-t', '-S', '-r', file], {
      maxBuffer: 1 << 24,
    });
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
