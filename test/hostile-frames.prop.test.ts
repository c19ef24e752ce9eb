// Rows of docs/hostile-input.csv that single frames are: the generators that test/e2e/hostile.test.ts replays, each with what may
// come of it. The demands that all rows share are in packages/stack/src/testing/ordeal.ts.

import { fc, test as property } from '@fast-check/vitest';
import {
  BAD_ETHERNET_FRAMES,
  BAD_FRAMES,
  type BadEthernetFrame,
  type EthernetTarget,
  HOSTILE_DATAGRAMS,
  HOSTILE_ETHERNET,
} from '@tunstack/sim';
import type { ReasonName, TcpSocket, UdpSocket } from '@tunstack/stack';
import { Prng } from '@tunstack/stack/base';
import { repairChecksums } from '@tunstack/stack/craft';
import { TCP_ACK, TCP_FIN, TCP_RST, TCP_SYN } from '@tunstack/stack/wire';
import { expect, test } from 'vitest';
import {
  ip,
  Ordeal,
  type OrdealGround,
  type Outcome,
  stackOnEthernet,
  stackWith,
} from '../packages/stack/src/testing/index.ts';

const soak = process.env.SOAK === '1';
const RUNS = { numRuns: soak ? 2000 : 40 };
/** Behind an IPv4 header without options. */
const FLAGS_AT = 20 + 13;
/** The sender's address of ARP in Ethernet. */
const SENDER_AT = 14 + 14;
const SEEDS = fc.integer();

const TARGET: EthernetTarget = {
  address: ip('10.0.0.2'),
  peer: ip('10.0.0.1'),
  broadcast: ip('10.0.0.255'),
  openPort: 7,
  closedPort: 9,
  connectedPort: 5000,
  remotePort: 6000,
  tcpPort: 80,
  tcpLocalPort: 5001,
  tcpRemotePort: 6001,
  echoId: 77,
  station: '02:00:00:00:00:02',
  peerStation: '02:00:00:00:00:01',
};

/** Fragments that are taken wait; what they become, if they do, is octets of no meaning. */
const OF_FRAGMENTS: readonly ReasonName[] = [
  'IP_FRAGMENT_OVERLAP',
  'IP_FRAGMENT_DUPLICATE',
  'IP_FRAGMENT_TINY',
  'IP_FRAGMENT_EMPTY',
  'IP_FRAGMENT_RAGGED',
  'IP_FRAGMENT_BEYOND',
  'IP_REASSEMBLY_FULL',
  'ICMP_BAD_CHECKSUM',
  'UDP_TRUNCATED',
  'UDP_BAD_LENGTH',
  'UDP_BAD_CHECKSUM',
  'TCP_BAD_CHECKSUM',
  'TCP_BAD_OFFSET',
];

/** What a SYN or a segment of no connection comes to. */
const OF_STRANGERS: readonly ReasonName[] = [
  'TCP_NO_CONNECTION',
  'TCP_RST_UNKNOWN',
  'TCP_LISTEN_NO_SYN',
  'TCP_LISTEN_FULL',
  'TCP_SYN_AGAIN',
  'TCP_SYN_RECEIVED_SYN',
  'TCP_OUT_OF_WINDOW',
  'TCP_BAD_ACK',
  'TCP_NO_ACK',
  'TCP_NO_TIMESTAMP',
  'TCP_PAWS',
  'TCP_NO_SYN',
];

interface Row {
  readonly law: string;
  readonly outcome: Outcome;
}

const ROWS: Readonly<Record<number, Row>> = {
  1: {
    law: '[hostile 1] ping of death: what ends beyond 65,535 octets is dropped',
    outcome: { reasons: ['IP_FRAGMENT_BEYOND', 'IP_FRAGMENT_RAGGED'], silent: true },
  },
  2: {
    law: '[hostile 2] teardrop: fragments across each other end their datagram, or wait',
    outcome: { reasons: OF_FRAGMENTS, mayPass: true },
  },
  3: {
    law: '[hostile 3] FragmentSmack: what never becomes whole waits within its limits, and is forgotten',
    outcome: { reasons: OF_FRAGMENTS, mayPass: true },
  },
  4: {
    law: '[hostile 4] nested overlaps: the same of fragments of eight octets, with other octets each time',
    outcome: { reasons: OF_FRAGMENTS, mayPass: true },
  },
  5: {
    law: '[hostile 5] tiny fragments: no header of TCP is split',
    outcome: { reasons: OF_FRAGMENTS, mayPass: true },
  },
  6: {
    law: '[hostile 6] more fragments to come, and a length that is no multiple of eight',
    outcome: { reasons: ['IP_FRAGMENT_RAGGED', 'IP_FRAGMENT_TINY'], silent: true },
  },
  7: { law: '[hostile 7] a fragment of nothing', outcome: { reasons: ['IP_FRAGMENT_EMPTY'], silent: true } },
  8: {
    law: '[hostile 8] versions and lengths that cannot be',
    outcome: {
      reasons: ['IP_BAD_HEADER', 'IP_BAD_VERSION', 'IP_TRUNCATED', 'IP_BAD_TOTAL_LENGTH'],
      silent: true,
    },
  },
  9: {
    law: '[hostile 9] options that come apart, source routes, forty octets of nothing',
    outcome: { reasons: ['IP_BAD_OPTIONS', 'IP_SOURCE_ROUTE'], mayPass: true },
  },
  10: {
    law: '[hostile 10] a wrong checksum of IP, ICMP, UDP or TCP',
    outcome: {
      reasons: ['IP_BAD_CHECKSUM', 'ICMP_BAD_CHECKSUM', 'UDP_BAD_CHECKSUM', 'TCP_BAD_CHECKSUM'],
      silent: true,
    },
  },
  11: {
    law: '[hostile 11] land: from our own address and port',
    outcome: { reasons: ['IP_MARTIAN_SOURCE'], silent: true },
  },
  12: {
    law: '[hostile 12] martians, and TCP to all',
    outcome: {
      reasons: ['IP_MARTIAN_SOURCE', 'IP_MARTIAN_DESTINATION', 'IP_BROADCAST', 'IP_MULTICAST'],
      silent: true,
    },
  },
  13: {
    law: '[hostile 13] smurf and fraggle: what asks many is not answered',
    outcome: { reasons: ['IP_BROADCAST', 'IP_MULTICAST', 'UDP_NO_LISTENER'], silent: true },
  },
  14: {
    law: '[hostile 14] ICMP about ICMP, quotes cut short, with options, of strangers',
    outcome: {
      reasons: ['ICMP_BAD_QUOTE', 'ICMP_QUOTE_NOT_OURS', 'ICMP_QUOTE_UNKNOWN', 'ICMP_SOFT_ERROR'],
      mayPass: true,
      silent: true,
    },
  },
  15: {
    law: '[hostile 15] fragmentation needed, with any MTU',
    outcome: { reasons: [], mayPass: true, silent: true },
  },
  17: { law: '[hostile 17] redirects to anywhere', outcome: { reasons: ['ICMP_REDIRECT'], silent: true } },
  18: {
    law: '[hostile 18] a TCP data offset below 5, or beyond the segment',
    outcome: { reasons: ['TCP_BAD_OFFSET'], silent: true },
  },
  19: {
    law: '[hostile 19] TCP options of every kind with lengths that are not theirs',
    outcome: { reasons: OF_STRANGERS, mayPass: true },
  },
  20: {
    law: '[hostile 20] an MSS of next to nothing, shifts above 14, options that came apart',
    outcome: { reasons: OF_STRANGERS, mayPass: true },
  },
  35: {
    law: '[hostile 35] urgent pointers beyond the segment, without text, at a shut window',
    outcome: { reasons: OF_STRANGERS, mayPass: true },
  },
  36: {
    law: '[hostile 36] all combinations of flags and reserved bits',
    outcome: { reasons: OF_STRANGERS, mayPass: true },
  },
  41: {
    law: '[hostile 41] UDP lengths below 8 and beyond the datagram, port 0, no checksum',
    outcome: {
      reasons: ['UDP_TRUNCATED', 'UDP_BAD_LENGTH', 'UDP_BAD_CHECKSUM', 'UDP_PORT_ZERO', 'UDP_NO_PORT'],
      mayPass: true,
    },
  },
  42: {
    law: '[hostile 42] ARP that makes no sense or lies',
    outcome: { reasons: ['ETHER_TRUNCATED', 'ARP_BAD', 'ARP_MARTIAN', 'ARP_CONFLICT'], mayPass: true },
  },
  43: {
    law: '[hostile 43] runts, padding, VLAN tags, lengths for types, jumbo frames',
    outcome: {
      reasons: [
        'ETHER_TRUNCATED',
        'ETHER_VLAN',
        'ETHER_LENGTH',
        'ETHER_OTHER_HOST',
        'ETHER_BAD_SOURCE',
        'ETHER_UNKNOWN_TYPE',
        'IP_TRUNCATED',
        'IP_LINK_BROADCAST',
        'UDP_NO_PORT',
      ],
    },
  },
  46: {
    law: '[hostile 46] IP in IP, GRE, protocols that nobody knows: nothing is unpacked',
    outcome: { reasons: ['IP_UNKNOWN_PROTOCOL'] },
  },
  47: {
    law: '[hostile 47] reads of 0 to 20 octets, and IPv6',
    outcome: { reasons: ['IP_TRUNCATED', 'IP_BAD_VERSION'], silent: true },
  },
};

/** The stack of `ground` with everything open that a frame of TARGET may meet. */
function inhabited({ stack }: OrdealGround): UdpSocket {
  stack.udpSocket({ readable: echo }).bind('0.0.0.0', TARGET.openPort);
  const connected = stack.udpSocket({ error: () => {} });
  connected.bind('10.0.0.2', TARGET.connectedPort);
  connected.connect('10.0.0.1', TARGET.remotePort);
  stack.echoSocket({}, TARGET.echoId);
  stack.tcpListener({ acceptable: (l) => l.accept({})?.abort() }).listen('0.0.0.0', TARGET.tcpPort);
  const opening: TcpSocket = stack.tcpSocket({ error: () => {} });
  opening.connect('10.0.0.1', TARGET.tcpRemotePort, { localPort: TARGET.tcpLocalPort });
  stack.pump();
  return connected;
}

/** All routes, as text. */
const routesOf = ({ stack }: OrdealGround): string[] =>
  stack.routes().map(({ prefix, length, gateway, source }) => `${prefix}/${length} ${gateway} ${source}`);

function echo(socket: UdpSocket): void {
  for (let d = socket.receive(); d !== undefined; d = socket.receive()) {
    try {
      socket.sendTo(d.bytes, d.offset, d.length, d.address, d.port);
    } catch {
      // To port 0, or to where no route leads.
    }
  }
}

/** A new stack, its ordeal, and the frames of this row. */
function besiege(row: number, seed: number): { ground: OrdealGround; ordeal: Ordeal; connected: UdpSocket } {
  const ground = row in HOSTILE_ETHERNET ? stackOnEthernet() : stackWith();
  const connected = inhabited(ground);
  ground.link.take();
  const ordeal = new Ordeal(ground);
  ordeal.endure(framesOf(row, seed), ROWS[row].outcome);
  return { ground, ordeal, connected };
}

function framesOf(row: number, seed: number): Uint8Array[] {
  const prng = new Prng(seed);
  const datagrams = (HOSTILE_DATAGRAMS[row] ?? []).map((name) => BAD_FRAMES[name]);
  const frames = (HOSTILE_ETHERNET[row] ?? []).map((name) => BAD_ETHERNET_FRAMES[name]);
  return Array.from({ length: 6 }, () =>
    [...datagrams, ...frames].map((generate) => generate(prng, TARGET)),
  ).flat();
}

for (const [row, { law }] of Object.entries(ROWS)) {
  property.prop([SEEDS], RUNS)(law, (seed) => besiege(Number(row), seed).ordeal.end());
}

/** Read naively: an option whose length cannot be, or a source route. */
function mayNotPass(frame: Uint8Array): boolean {
  for (let at = 20; at < (frame[0] & 15) * 4 && frame[at] !== 0; ) {
    if (frame[at] === 131 || frame[at] === 137) return true;
    const size = frame[at] === 1 ? 1 : (frame[at + 1] ?? 0);
    if (size < 1 || (frame[at] !== 1 && size < 2) || at + size > (frame[0] & 15) * 4) return true;
    at += size;
  }
  return false;
}

property.prop([SEEDS], RUNS)(
  '[hostile 9] a ping with options that come apart, or with a source route, is not taken',
  (seed) => {
    const ordeal = new Ordeal(stackWith());
    const frames = framesOf(9, seed).filter(mayNotPass);
    ordeal.endure(frames, { reasons: ['IP_BAD_OPTIONS', 'IP_SOURCE_ROUTE'] });
    ordeal.end();
  },
);

property.prop([SEEDS], RUNS)(
  '[hostile 15] whatever MTU a router is said to have, the path takes 552 octets, and no more than the link',
  (seed) => {
    const { connected, ordeal } = besiege(15, seed);
    connected.dontFragment = true;
    for (let e = connected.takeError(); e !== undefined; e = connected.takeError());
    expect(connected.send(new Uint8Array(552 - 28))).toBe(true);
    expect(() => connected.send(new Uint8Array(1501 - 28))).toThrow('EMSGSIZE');
    ordeal.end();
  },
);

property.prop([SEEDS], RUNS)('[hostile 17] a redirect makes no route, and changes none', (seed) => {
  expect(routesOf(besiege(17, seed).ground)).toEqual(routesOf(stackWith()));
});

property.prop([SEEDS, fc.integer({ min: 1, max: 200 })], RUNS)(
  '[hostile 42] nobody becomes a neighbour who did not ask us, and of those who ask no more than the table holds',
  (seed, count) => {
    const neighborsMax = 16;
    const ground = stackOnEthernet({ options: { neighborsMax } });
    const ordeal = new Ordeal(ground);
    const known = ground.stack.ethernet.list().length;
    const prng = new Prng(seed);
    const frames = (name: BadEthernetFrame): Uint8Array[] =>
      Array.from({ length: count }, () => BAD_ETHERNET_FRAMES[name](prng, TARGET));
    const { outcome } = ROWS[42];
    ordeal.withstand(frames('gratuitousArp'), outcome);
    const senseless = (['badArp', 'badArpOperation', 'badArpSender', 'arpConflict'] as const).flatMap(frames);
    // The broadcast of our network may become one: what goes there asks no neighbour.
    const dropped = senseless.filter((frame) => frame[SENDER_AT] !== 10 || frame[SENDER_AT + 3] !== 255);
    ordeal.withstand(dropped, { reasons: ['ARP_BAD', 'ARP_MARTIAN', 'ARP_CONFLICT'] });
    expect(ground.stack.ethernet.list().length).toBe(known);
    ordeal.endure(frames('arpSenders'), outcome);
    expect(ground.stack.ethernet.list().length).toBeGreaterThan(known);
    expect(ground.stack.ethernet.list().length).toBeLessThanOrEqual(neighborsMax);
    ordeal.end();
  },
);

property.prop([SEEDS, fc.integer({ min: 0, max: 255 })], RUNS)(
  '[hostile 36] nothing but a SYN alone opens a connection',
  (seed, flags) => {
    const ground = stackWith();
    inhabited(ground);
    ground.link.take();
    const before = ground.stack.tcpConnectionCount;
    const frame = BAD_FRAMES.flagScan(new Prng(seed), { ...TARGET, closedPort: TARGET.tcpPort });
    frame[FLAGS_AT] = flags;
    repairChecksums(frame);
    ground.link.inject(frame);
    while (ground.stack.pump());
    // FIN, SYN, RST and ACK are the low bits: only SYN of these.
    const opens = (flags & (TCP_FIN | TCP_SYN | TCP_RST | TCP_ACK)) === TCP_SYN;
    expect(ground.stack.tcpConnectionCount - before).toBe(opens ? 1 : 0);
  },
);

test('each row that can be replayed has a law here, and each law its frames', () => {
  const rows = Object.keys({ ...HOSTILE_DATAGRAMS, ...HOSTILE_ETHERNET });
  expect(Object.keys(ROWS).sort()).toEqual(rows.sort());
  for (const [row, { law }] of Object.entries(ROWS)) expect(law).toContain(`[hostile ${row}] `);
});
