// What one seed decides of a TCP transfer: where the ends are, how bad the wire between them is, what they do, and how much
// virtual time that may take. RFC 9293 in whole; RFC 6298 for the bound.

import { DEFAULT_OPTIONS, type Options } from '@tunstack/stack';
import { Prng } from '@tunstack/stack/base';
import { DEFAULT_START_MS } from './clock.ts';
import type { Impairment } from './impairment.ts';
import type { TcpPlan } from './tcp-application.ts';
import { TcpStream } from './tcp-stream.ts';

/** Two stacks and a wire; a client and a server in one stack; a socket that is connected to itself. */
export type Topology = 'wire' | 'loopback' | 'self';

export interface TransferPlan {
  readonly seed: number;
  readonly startMs: number;
  readonly topology: Topology;
  readonly mtu: number;
  readonly impairment: readonly [Impairment, Impairment];
  readonly options: readonly [Partial<Options>, Partial<Options>];
  readonly plans: readonly [TcpPlan, TcpPlan];
  readonly simultaneousOpen: boolean;
  /** The client writes before it is connected. */
  readonly earlyWrite: boolean;
  /** When an end aborts, virtual milliseconds, or 0: never. */
  readonly abortMs: readonly [number, number];
  readonly aborts: boolean;
  /** Virtual time that the transfer may take. */
  readonly boundMs: number;
}

const MTUS = [296, 512, 576, 1006, 1280, 1500, 1500, 1500, 4352, 9000];
const HEADERS = 40;
/** Half of the seeds have a good wire, the rest one or the other trouble, some all of them. */
const LOSS_MAX = 0.2;
/** Patience for luck that is worse than the mean of everything else: a few timeouts of two minutes. */
const BAD_LUCK_MS = 1_200_000;

/** Uniform in the logarithm, least .. most. */
function logUniform(prng: Prng, least: number, most: number): number {
  return Math.min(most, Math.floor(least * (most / least) ** prng.unit()));
}

function some(prng: Prng, chance: number, most: number): number {
  const value = prng.unit() * most;
  return prng.chance(chance) ? value : 0;
}

function planImpairment(prng: Prng): Impairment {
  const trouble = prng.unit();
  const limited = prng.chance(0.3);
  const rateBps = logUniform(prng, 2_000_000, 200_000_000);
  const queueBytes = logUniform(prng, 16 << 10, 256 << 10);
  return {
    delayUs: logUniform(prng, 1, 200_000),
    jitterUs: Math.floor(some(prng, 0.3, 20_000)),
    loss: some(prng, trouble < 0.5 ? 0.1 : 0.7, LOSS_MAX),
    duplicate: some(prng, 0.3, 0.1),
    reorder: some(prng, 0.3, 0.2),
    reorderUs: logUniform(prng, 10, 50_000),
    corrupt: some(prng, 0.3, 0.02),
    ...(limited && { rateBps, queueBytes }),
  };
}

function planOptions(prng: Prng, buffers: readonly [number, number]): Partial<Options> {
  const [tcpSendBytes, tcpReceiveBytes] = buffers;
  return {
    tcpSendBytes,
    tcpReceiveBytes,
    // Half of them may grow, the others are as large as they are.
    tcpReceiveBytesMax: prng.chance(0.5) ? Math.max(tcpReceiveBytes, 1 << 20) : tcpReceiveBytes,
    tcpTimestamps: prng.chance(0.8),
    tcpWindowScaling: prng.chance(0.85),
    tcpSack: prng.chance(0.7),
    tcpFastPath: prng.chance(0.8),
    // RFC 9293 MUST-23 wants three minutes at least; a wire that loses a third of all attempts wants more.
    tcpSynRetries: 14,
    tcpSynAckRetries: 14,
  };
}

/** One end: `sends` and `expects` are directions of the seed's streams. */
function planEnd(
  prng: Prng,
  seed: number,
  directions: readonly [number, number],
  octets: readonly [number, number],
): TcpPlan {
  const setBuffers = prng.chance(0.2);
  const [sendBuffer, receiveBuffer] = [
    logUniform(prng, 2 << 10, 1 << 20),
    logUniform(prng, 2 << 10, 1 << 20),
  ];
  const pauses = prng.chance(0.4);
  const [writePauseShare, readPauseShare] = [some(prng, 0.6, 0.1), some(prng, 0.6, 0.1)];
  return {
    sends: new TcpStream(seed, directions[0]),
    sendOctets: octets[0],
    expects: new TcpStream(seed, directions[1]),
    expectOctets: octets[1],
    writeMax: logUniform(prng, 200, 200_000),
    readMax: logUniform(prng, 200, 200_000),
    ownedShare: some(prng, 0.5, 1),
    takeShare: some(prng, 0.5, 1),
    urgentShare: some(prng, 0.15, 0.05),
    writePauseShare: pauses ? writePauseShare : 0,
    readPauseShare: pauses ? readPauseShare : 0,
    pauseMs: logUniform(prng, 1, 2000),
    endsLast: prng.chance(0.4),
    closes: prng.chance(0.3),
    noDelay: prng.chance(0.3),
    keepAliveMs: prng.chance(0.2) ? 1000 + prng.below(10_000) : 0,
    sendBuffer: setBuffers ? sendBuffer : 0,
    receiveBuffer: setBuffers ? receiveBuffer : 0,
  };
}

/** Decides everything about the transfer of a seed. `octets`: least and most of one direction. */
export function planTransfer(seed: number, octets: readonly [number, number]): TransferPlan {
  const prng = new Prng(seed);
  const place = prng.unit();
  const topology: Topology = place < 0.9 ? 'wire' : place < 0.96 ? 'loopback' : 'self';
  const mtu = MTUS[prng.below(MTUS.length)];
  const impairment = [planImpairment(prng), planImpairment(prng)] as const;
  const buffer = (): number => logUniform(prng, 2 << 10, 1 << 20);
  const buffers = [
    [buffer(), buffer()],
    [buffer(), buffer()],
  ] as const;
  const options = [planOptions(prng, buffers[0]), planOptions(prng, buffers[1])] as const;
  const there = logUniform(prng, octets[0], octets[1]);
  const back = topology === 'self' ? there : logUniform(prng, octets[0], octets[1]);
  const aborts = prng.chance(0.1);
  const abortMs = logUniform(prng, 1, 20_000);
  const abortFirst = prng.chance(0.5);
  const simultaneousOpen = prng.chance(0.1) && topology === 'wire';
  const drafts = [
    planEnd(prng, seed, topology === 'self' ? [0, 0] : [0, 1], [there, back]),
    planEnd(prng, seed, [1, 0], [back, there]),
  ];
  const plans = settleEnds(drafts[0], drafts[1], topology === 'self', aborts);
  return {
    seed,
    // Half a minute around the moment that the clock wraps, or anywhere.
    startMs: prng.chance(0.5) ? DEFAULT_START_MS - prng.below(20_000) : prng.int32(),
    topology,
    mtu,
    impairment,
    options,
    plans,
    simultaneousOpen,
    earlyWrite: prng.chance(0.2) && !simultaneousOpen,
    abortMs: aborts ? (abortFirst ? [abortMs, 0] : [0, abortMs]) : [0, 0],
    aborts,
    boundMs: boundMs(plans, impairment, topology === 'wire' ? mtu : 65_535, options),
  };
}

/** Both cannot wait for the other to close first; and whose peer may vanish must ask whether it lives. */
function settleEnds(
  first: TcpPlan,
  second: TcpPlan,
  self: boolean,
  aborts: boolean,
): readonly [TcpPlan, TcpPlan] {
  const keepAliveMs = (plan: TcpPlan): number => (aborts ? 5000 : plan.keepAliveMs);
  return [
    { ...first, endsLast: first.endsLast && !self, keepAliveMs: keepAliveMs(first) },
    { ...second, endsLast: second.endsLast && !(first.endsLast && !self), keepAliveMs: keepAliveMs(second) },
  ];
}

/**
 * Virtual time that is enough. Each direction is reckoned as if it went one step at a time: a step is the largest segment,
 * or half of the smallest buffer where that is less; it takes a round trip, a delayed ACK and, as often as it or its answer is
 * lost, a timeout that doubles: 1 + 2p + 4p^2 ... of them. Small windows may cost a persist timeout (one RTO) each.
 * Pauses are added, and some bad luck.
 */
function boundMs(
  plans: readonly TcpPlan[],
  impairment: readonly [Impairment, Impairment],
  mtu: number,
  options: readonly [Partial<Options>, Partial<Options>],
): number {
  const [there, back] = impairment.map(oneWay);
  const rttMs = there.ms + back.ms;
  const fails = 1 - (1 - there.fails) * (1 - back.fails);
  const rtoMs = Math.max(DEFAULT_OPTIONS.tcpRtoInitialMs, 3 * rttMs);
  const stepMs = rttMs + DEFAULT_OPTIONS.tcpDelayedAckMs + rtoMs * (0.2 + fails / (1 - 2 * fails));
  let sum = BAD_LUCK_MS;
  for (const [i, plan] of plans.entries()) {
    const peer = plans[1 - i];
    const sendBytes = plan.sendBuffer || (options[i].tcpSendBytes as number);
    const receiveBytes = peer.receiveBuffer || (options[1 - i].tcpReceiveBytes as number);
    const step = Math.min(mtu - HEADERS - 12, sendBytes / 2, receiveBytes / 2);
    sum += (plan.sendOctets / step) * stepMs;
    sum += (plan.sendOctets / (plan.writeMax / 2)) * plan.writePauseShare * plan.pauseMs;
    sum += (plan.sendOctets / Math.min(peer.readMax / 2, step)) * peer.readPauseShare * plan.pauseMs;
  }
  return Math.ceil(sum);
}

/** The longest way of one direction, and how often it fails. */
function oneWay(how: Impairment): { ms: number; fails: number } {
  const {
    delayUs = 1,
    jitterUs = 0,
    reorderUs = 0,
    rateBps = 0,
    queueBytes = 0,
    loss = 0,
    corrupt = 0,
  } = how;
  const queueUs = rateBps === 0 ? 0 : (queueBytes * 8e6) / rateBps;
  return { ms: (delayUs + jitterUs + reorderUs + queueUs) / 1000, fails: 1 - (1 - loss) * (1 - corrupt) };
}
