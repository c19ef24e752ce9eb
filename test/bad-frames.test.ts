// A live stack against bad frames by the hundred thousand. `SOAK=1` throws a million with a fresh seed; `SEED=n` repeats one.

import { randomInt } from 'node:crypto';
import { BAD_FRAMES, GOOD_FRAMES, type Target } from '@tunstack/sim';
import type { CounterName, ReasonName, Stats } from '@tunstack/stack';
import { REASONS } from '@tunstack/stack';
import { Prng } from '@tunstack/stack/base';
import { expect, test } from 'vitest';
import { Besieged } from './support/besieged.ts';

const soak = process.env.SOAK === '1';
const seeds: readonly number[] =
  process.env.SEED !== undefined ? [Number(process.env.SEED)] : soak ? [randomInt(2 ** 31)] : [1, 2, 3, 4];
const framesPerSeed = (soak ? 1_000_000 : 100_000) / seeds.length;

/** Reasons that octets over a plain link cannot bring about, and why. */
const UNREACHABLE: Partial<Record<ReasonName, string>> = {
  IGMP_BAD: 'a group that the stack is in: see ip4/igmp.test.ts',
  IGMP_UNKNOWN_TYPE: 'the same',
  UDP_GSO: 'only a device with offloads marks a packet as a super-datagram: see udp/arrives.test.ts',
  TCP_REJECTED: 'an application that decides itself says so',
  TCP_RST_TIME_WAIT: 'an option that is off: see tcp/timeouts/time-wait.test.ts',
  TCP_SYN_FULL: 'where cookies are off, or a listener defers: see tcp/arrives/cookie.test.ts',
  LINK_BAD_MARKS: 'only a device with offloads brings marks',
  LINK_MARKS: 'only a device with offloads is given marks that it may not pass on',
  LINK_REFUSED: 'a device says so: see packages/tun',
  LINK_TOO_LONG: 'a pair says so: see links/veth.test.ts',
  LINK_NO_BUFFER: 'a link that keeps packets says so; the probe reads them out at once',
  TOO_BIG: 'what may not be cut was refused before, unless its path shrank since: see ip4/output.test.ts',
  ...unreachable('frames without Ethernet', [
    'ETHER_TRUNCATED',
    'ETHER_OTHER_HOST',
    'ETHER_BAD_SOURCE',
    'ETHER_LENGTH',
    'ETHER_VLAN',
    'ETHER_UNKNOWN_TYPE',
    'ARP_BAD',
    'ARP_MARTIAN',
    'ARP_OWN',
    'ARP_CONFLICT',
    'NEIGHBOR_TABLE_FULL',
    'NEIGHBOR_PENDING_FULL',
    'NEIGHBOR_FAILED',
    'IP_LINK_BROADCAST',
    'ETHER_OTHER_GROUP',
  ]),
  ...unreachable('a host does not forward, nor ask for the way back', [
    'FORWARD_NO_ROUTE',
    'FORWARD_TOO_BIG',
    'FORWARD_LINK_LOCAL',
    'FORWARD_QUEUE_FULL',
    'TTL_EXCEEDED',
    'IP_SOURCE_FILTERED',
  ]),
};

function unreachable(why: string, names: readonly ReasonName[]): Partial<Record<ReasonName, string>> {
  return Object.fromEntries(names.map((name) => [name, why]));
}

/**
 * Reasons that take the numbers of a connection, or one that nobody accepts (test/tcp-mutants.test.ts hits each), or a pool
 * without a slot at the right moment (tests beside the code do). A frame may hit one by luck here, too.
 */
const ELSEWHERE: ReadonlySet<ReasonName> = new Set<ReasonName>([
  'FRAGMENT_NO_BUFFER',
  'IP_REASSEMBLY_NO_BUFFER',
  'TCP_OUT_OF_WINDOW',
  'TCP_PAWS',
  'TCP_NO_TIMESTAMP',
  'TCP_RST_CHALLENGED',
  'TCP_SYN_CHALLENGED',
  'TCP_NO_ACK',
  'TCP_OLD_ACK',
  'TCP_REASSEMBLY_FULL',
  'TCP_RECEIVE_MEMORY',
  'TCP_AFTER_CLOSE',
  'TCP_LISTEN_FULL',
]);

/** The reasons that end a datagram before it is delivered to a transport. */
const AT_IP = [
  'IP_TRUNCATED',
  'IP_BAD_VERSION',
  'IP_BAD_HEADER',
  'IP_BAD_TOTAL_LENGTH',
  'IP_BAD_CHECKSUM',
  'IP_BAD_OPTIONS',
  'IP_SOURCE_ROUTE',
  'IP_MARTIAN_SOURCE',
  'IP_MARTIAN_DESTINATION',
  'IP_NOT_LOCAL',
  'IP_BROADCAST',
  'IP_MULTICAST',
  'IP_UNKNOWN_PROTOCOL',
  'HOOK_DROP',
] as const satisfies readonly ReasonName[];

/** The reasons that end a fragment, alone or with others of its datagram. */
const AT_REASSEMBLY = [
  'IP_FRAGMENT_EMPTY',
  'IP_FRAGMENT_RAGGED',
  'IP_FRAGMENT_BEYOND',
  'IP_FRAGMENT_TINY',
  'IP_FRAGMENT_DUPLICATE',
  'IP_FRAGMENT_OVERLAP',
  'IP_FRAGMENT_ECN',
  'IP_REASSEMBLY_TIMEOUT',
  'IP_REASSEMBLY_NO_BUFFER',
  'IP_REASSEMBLY_FULL',
] as const satisfies readonly ReasonName[];

const AT_UDP = [
  'UDP_TRUNCATED',
  'UDP_BAD_LENGTH',
  'UDP_BAD_CHECKSUM',
  'UDP_PORT_ZERO',
  'UDP_GSO',
  'UDP_NO_PORT',
  'UDP_NO_LISTENER',
  'UDP_RECEIVE_FULL',
] as const satisfies readonly ReasonName[];

const ICMP_KINDS = [
  'IcmpInDestUnreachs',
  'IcmpInTimeExcds',
  'IcmpInParmProbs',
  'IcmpInSrcQuenchs',
  'IcmpInRedirects',
  'IcmpInEchos',
  'IcmpInEchoReps',
  'IcmpInTimestamps',
  'IcmpInTimestampReps',
  'IcmpInAddrMasks',
  'IcmpInAddrMaskReps',
] as const satisfies readonly CounterName[];

function reasons(stats: Stats, ...names: readonly ReasonName[]): number {
  return names.reduce((sum, name) => sum + stats.reason(name), 0);
}

function counters(stats: Stats, ...names: readonly CounterName[]): number {
  return names.reduce((sum, name) => sum + stats.get(name), 0);
}

/** Where every frame went, as equations. `read`: what applications read; `transmitted`: what the link took. */
function expectConserved(stats: Stats, frames: number, read: number, transmitted: number): void {
  // In: each frame is received once; fragments make datagrams; these are dropped for a reason at IP or delivered to a transport.
  expect(stats.get('IpInReceives')).toBe(frames);
  const datagramsIn = frames - stats.get('IpReasmReqds') + stats.get('IpReasmOKs');
  expect(reasons(stats, ...AT_IP) + stats.get('IpInDelivers')).toBe(datagramsIn);
  // A fragment is dropped for a reason, or part of a datagram that has two or more.
  const joined = stats.get('IpReasmReqds') - reasons(stats, ...AT_REASSEMBLY);
  expect(joined).toBeGreaterThanOrEqual(2 * stats.get('IpReasmOKs'));
  expect(stats.get('IpReasmOKs')).toBeGreaterThan(0);
  // A transport drops it for a reason, or it is an ICMP message of a kind, or a datagram that a socket reads, drops
  // when it closes, or has no slot for. Echo replies are both of the latter.
  const replies =
    stats.get('IcmpInEchoReps') - reasons(stats, 'ICMP_NO_ECHO_SOCKET', 'ICMP_ECHO_SOCKET_FULL');
  const datagrams = read + reasons(stats, 'SOCKET_CLOSED', 'NO_BUFFER') - replies;
  const messages = counters(stats, 'IcmpInMsgs', 'TcpInSegs');
  expect(reasons(stats, ...AT_UDP) + datagrams + messages).toBe(stats.get('IpInDelivers'));
  const broken = reasons(stats, 'ICMP_TRUNCATED', 'ICMP_BAD_CHECKSUM', 'ICMP_UNKNOWN_TYPE');
  expect(counters(stats, ...ICMP_KINDS) + broken).toBe(stats.get('IcmpInMsgs'));
  // Each kind of message has its end.
  expect(stats.get('IcmpInEchos')).toBe(stats.get('IcmpOutEchoReps'));
  expect(stats.get('IcmpInRedirects')).toBe(stats.reason('ICMP_REDIRECT'));
  const unanswered = counters(
    stats,
    'IcmpInSrcQuenchs',
    'IcmpInTimestamps',
    'IcmpInTimestampReps',
    'IcmpInAddrMasks',
    'IcmpInAddrMaskReps',
  );
  expect(unanswered).toBe(stats.reason('ICMP_UNANSWERED_TYPE'));
  const errors = counters(stats, 'IcmpInDestUnreachs', 'IcmpInTimeExcds', 'IcmpInParmProbs');
  const unheard = reasons(
    stats,
    'ICMP_BAD_QUOTE',
    'ICMP_QUOTE_NOT_OURS',
    'ICMP_QUOTE_UNKNOWN',
    'ICMP_SOFT_ERROR',
  );
  expect(errors).toBeGreaterThan(unheard);
  // Out: every error owed was sent or held back by a limit. Of bad options and lost fragments some may not be told.
  const owed = reasons(stats, 'UDP_NO_PORT', 'IP_UNKNOWN_PROTOCOL');
  const mayBe = reasons(stats, 'IP_BAD_OPTIONS', 'IP_REASSEMBLY_TIMEOUT');
  const told = counters(stats, 'IcmpOutDestUnreachs', 'IcmpOutParmProbs', 'IcmpOutTimeExcds');
  const due = told + reasons(stats, 'ICMP_RATE_GLOBAL', 'ICMP_RATE_TARGET');
  expect(due).toBeGreaterThanOrEqual(owed);
  expect(due).toBeLessThanOrEqual(owed + mayBe);
  // Everything a transport or an answer sends becomes a request of IP or is dropped for a reason; so at the link.
  const sent = counters(stats, 'IcmpOutMsgs', 'UdpOutDatagrams', 'TcpOutSegs');
  expect(stats.get('IpOutRequests') + reasons(stats, 'ANSWERS_FULL', 'NO_ROUTE', 'TOO_BIG')).toBe(sent);
  const framesOut = stats.get('IpOutRequests') - stats.get('IpFragOKs') + stats.get('IpFragCreates');
  expect(transmitted + reasons(stats, 'LINK_DOWN', 'LINK_FULL', 'FRAGMENT_NO_BUFFER')).toBe(framesOut);
}

test.each(seeds)(
  `a live stack survives ${framesPerSeed} bad frames and accounts for each (SEED=%i)`,
  (seed) => {
    if (soak) process.stdout.write(`bad frames: SEED=${seed}\n`);
    const besieged = new Besieged(seed);
    const { stats } = besieged.stack;
    besieged.run(framesPerSeed);
    expectConserved(stats, besieged.frames, besieged.read, besieged.transmitted);
    expect(besieged.world.pool.inUse).toBe(0);
    expect(besieged.stack.pathCount).toBeLessThan(300);
    besieged.close();
    expect(besieged.world.pool.inUse).toBe(0);
    const names = REASONS.map(({ name }) => name as ReasonName);
    const missed = names.filter((name) => stats.reason(name) === 0 && !ELSEWHERE.has(name));
    expect(missed.sort()).toEqual(Object.keys(UNREACHABLE).sort());
  },
);

test('equal seeds make equal frames, and each class makes many different ones', () => {
  const target: Target = {
    address: 0x0a00_0002,
    peer: 0x0a00_0001,
    broadcast: 0x0a00_00ff,
    openPort: 7,
    closedPort: 9,
    connectedPort: 5000,
    remotePort: 6000,
    echoId: 77,
    tcpPort: 80,
    tcpLocalPort: 5001,
    tcpRemotePort: 6001,
  };
  for (const [name, generate] of Object.entries({ ...BAD_FRAMES, ...GOOD_FRAMES })) {
    const [one, two] = [new Prng(5), new Prng(5)];
    const made = new Set<string>();
    for (let i = 0; i < 50; i++) {
      const frame = generate(one, target);
      expect(generate(two, target), name).toEqual(frame);
      made.add(Buffer.from(frame).toString('hex'));
    }
    expect(made.size, name).toBeGreaterThan(4);
  }
});
