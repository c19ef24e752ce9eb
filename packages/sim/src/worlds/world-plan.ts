// What one seed decides of a world: how many hosts, the bottleneck that they share, its faults, and who sends how much to
// whom, when, and by which congestion controller.

import { Prng } from '@tunstack/stack/base';
import type { LinkShape } from '../network/dumbbell.ts';
import type { QueueLimit } from '../network/line.ts';
import * as when from '../rules/matchers.ts';
import type { Rule } from '../rules/rules.ts';
import * as rules from '../rules/rules.ts';

/** One connection: the client sends its octets, the server sends its own back. */
export interface FlowPlan {
  readonly pair: number;
  /** The client is on the left. */
  readonly rightwards: boolean;
  readonly port: number;
  readonly startMs: number;
  readonly octets: readonly [there: number, back: number];
  /** The largest piece of one write, and of one read. */
  readonly piece: number;
}

export interface WorldPlan {
  readonly seed: number;
  /** Hosts are twice as many. */
  readonly pairs: number;
  readonly routers: 'switch' | 'stack';
  readonly mtu: number;
  readonly bottleneck: readonly [LinkShape, LinkShape];
  /** By pair. */
  readonly accessDelayUs: readonly number[];
  /** By pair, as all that follows. */
  readonly controllers: readonly string[];
  readonly timestamps: readonly boolean[];
  readonly sack: readonly boolean[];
  readonly receiveBytes: readonly number[];
  /** RFC 3168: 0 never, 1 asks for it, 2 accepts it. */
  readonly ecn: readonly number[];
  readonly pacing: readonly boolean[];
  readonly flows: readonly FlowPlan[];
  /** Virtual time that all of it may take. */
  readonly boundMs: number;
}

const CONTROLLERS = ['reno', 'cubic', 'bbr'] as const;
const PAIRS_MAX = 4;
const FLOWS_MAX = 6;
/** Patience for bad luck: a few timeouts of two minutes each. */
const BOUND_MS = 3_600_000;

/** Uniform in the logarithm, least .. most. */
function logUniform(prng: Prng, least: number, most: number): number {
  return Math.min(most, Math.floor(least * (most / least) ** prng.unit()));
}

function pick<T>(prng: Prng, list: readonly T[]): T {
  return list[prng.below(list.length)];
}

/** A probability up to `most`, or 0. */
function some(prng: Prng, chance: number, most: number): number {
  const value = prng.unit() * most;
  return prng.chance(chance) ? value : 0;
}

function planQueue(prng: Prng): QueueLimit {
  const kind = prng.below(3);
  if (kind === 0) return { bytes: logUniform(prng, 6000, 200_000) };
  if (kind === 1) return { packets: logUniform(prng, 4, 200) };
  return { bdp: pick(prng, [0.5, 1, 2]), rttUs: logUniform(prng, 10_000, 200_000) };
}

function planRules(prng: Prng): Rule[] {
  const list: Rule[] = [];
  if (prng.chance(0.2))
    list.push(rules.bursts({ worse: some(prng, 1, 0.02), better: 0.4 + prng.unit() * 0.5 }));
  if (prng.chance(0.2)) list.push(rules.reorder(when.share(some(prng, 1, 0.05)), 1 + prng.below(8)));
  if (prng.chance(0.2)) {
    const fromMs = prng.below(2000);
    list.push(rules.partition(fromMs, fromMs + 1 + prng.below(1500)));
  }
  if (prng.chance(0.2)) {
    const numbers = Array.from({ length: 1 + prng.below(4) }, () => 1 + prng.below(40));
    list.push(rules.drop(when.nth(numbers, pick(prng, [when.data, when.ack, when.syn, when.fin, when.any]))));
  }
  if (prng.chance(0.1)) list.push(rules.truncate(20 + prng.below(60), when.share(0.02)));
  return list;
}

function planBottleneck(prng: Prng, rate: number): LinkShape {
  const trouble = prng.unit();
  const shape: LinkShape = {
    rateBps: rate,
    queue: planQueue(prng),
    delayUs: logUniform(prng, 10, 80_000),
    impairment: {
      loss: some(prng, trouble < 0.5 ? 0.1 : 0.6, 0.08),
      duplicate: some(prng, 0.2, 0.05),
      reorder: some(prng, 0.3, 0.05),
      reorderUs: logUniform(prng, 100, 20_000),
      corrupt: some(prng, 0.2, 0.01),
      jitterUs: Math.floor(some(prng, 0.2, 5000)),
    },
    rules: planRules(prng),
  };
  return prng.chance(0.2) ? { ...shape, ecnBytes: logUniform(prng, 6000, 60_000) } : shape;
}

/** Decides everything about the world of a seed. */
export function planWorld(seed: number): WorldPlan {
  const prng = new Prng(seed);
  const pairs = 1 + prng.below(PAIRS_MAX);
  const each = <T>(make: () => T): T[] => Array.from({ length: pairs }, make);
  const rate = logUniform(prng, 500_000, 100_000_000);
  const there = planBottleneck(prng, rate);
  // A quarter of them are slower on the way back.
  const back = planBottleneck(prng, prng.chance(0.25) ? Math.max(200_000, rate / 10) : rate);
  return {
    seed,
    pairs,
    routers: prng.chance(0.3) ? 'stack' : 'switch',
    mtu: pick(prng, [576, 1280, 1500, 1500, 1500]),
    bottleneck: [there, back],
    accessDelayUs: each(() => logUniform(prng, 1, 20_000)),
    controllers: each(() => pick(prng, CONTROLLERS)),
    timestamps: each(() => prng.chance(0.8)),
    sack: each(() => prng.chance(0.8)),
    receiveBytes: each(() => logUniform(prng, 4096, 1 << 20)),
    flows: Array.from({ length: 1 + prng.below(FLOWS_MAX) }, (_, i) => ({
      pair: prng.below(pairs),
      rightwards: prng.chance(0.7),
      port: 1000 + i,
      startMs: prng.below(1000),
      octets: [logUniform(prng, 1, 100_000), logUniform(prng, 1, 20_000)] as const,
      piece: logUniform(prng, 100, 50_000),
    })),
    ecn: each(() => prng.below(3)),
    pacing: each(() => prng.chance(0.7)),
    boundMs: BOUND_MS,
  };
}
