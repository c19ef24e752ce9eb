// tun-wire's flags, and the impairments of both directions that they stand for.

import { parsePrefix } from '@tunstack/stack/wire';
import { COMMON_FLAGS, type Flags, type Given, UsageError } from './cli.ts';
import type { LaneImpairment } from './wire-lane.ts';
import {
  pairFlag,
  parseBdp,
  parseChance,
  parsePackets,
  parseRate,
  parseSize,
  parseTime,
} from './wire-units.ts';

export const WIRE_FLAGS: Flags = {
  tap: { type: 'boolean', help: 'Ethernet frames (TAP) instead of bare datagrams (TUN)' },
  loss: { type: 'string', value: 'P', help: 'lose: 1%, or 0.01' },
  delay: { type: 'string', value: 'TIME', help: 'propagation: 20ms, 500us' },
  jitter: { type: 'string', value: 'TIME', help: 'added to it, uniform from 0; what overtakes, overtakes' },
  reorder: { type: 'string', value: 'P', help: 'hold back, so that others overtake' },
  'reorder-delay': { type: 'string', value: 'TIME', default: '1ms', help: 'for so long' },
  duplicate: { type: 'string', value: 'P', help: 'deliver twice' },
  corrupt: { type: 'string', value: 'P', help: 'flip one bit, anywhere' },
  rate: { type: 'string', value: 'RATE', help: 'bits a second: 50mbit, 100kbit, 1gbit' },
  queue: {
    type: 'string',
    value: 'SIZE',
    default: '256kb',
    help: 'what may wait for the rate: 100kb, 100p, 2bdp',
  },
  seed: { type: 'string', value: 'N', help: 'decides all that is random (default: drawn, and told)' },
  realtime: {
    type: 'boolean',
    help: 'run before all other programs (SCHED_FIFO): to measure beside busy ones',
  },
  mtu: { type: 'string', value: 'BYTES', default: '1500', help: 'MTU of both devices' },
  name: { type: 'string', value: 'NAME', default: 'wire%d', help: 'name of both devices' },
  'address-a': { type: 'string', value: 'ADDR/LEN', help: "the kernel's address in NSA" },
  'address-b': { type: 'string', value: 'ADDR/LEN', help: "the kernel's address in NSB" },
  log: { type: 'string', value: 'FILE', help: 'write the verdict on each packet' },
  ...COMMON_FLAGS,
  verbose: { type: 'boolean', short: 'v', help: 'print a line each second' },
};

/** A to B, B to A. Throws UsageError. */
export function impairmentFlags(given: Given): readonly [LaneImpairment, LaneImpairment] {
  const chance = (name: string) => pairFlag(given, name, parseChance, 'a share, as 1% or 0.01') ?? NONE;
  const time = (name: string) => pairFlag(given, name, parseTime, 'a time, as 20ms, 500us or 1s') ?? NONE;
  const [loss, reorder, duplicate, corrupt] = ['loss', 'reorder', 'duplicate', 'corrupt'].map(chance);
  const [delayUs, jitterUs, reorderUs] = ['delay', 'jitter', 'reorder-delay'].map(time);
  const rateBps = pairFlag(given, 'rate', parseRate, 'a rate, as 50mbit, 100kbit or 1gbit') ?? NONE;
  const queue = queueFlag(given, rateBps, delayUs[0] + delayUs[1]);
  const direction = (i: 0 | 1): LaneImpairment => ({
    ...{ loss: loss[i], reorder: reorder[i], duplicate: duplicate[i], corrupt: corrupt[i] },
    ...{ delayUs: delayUs[i], jitterUs: jitterUs[i], reorderUs: reorderUs[i] },
    ...{ rateBps: rateBps[i], ...queue[i] },
  });
  return [direction(0), direction(1)];
}

const NONE: readonly [number, number] = [0, 0];

type Queue = Pick<LaneImpairment, 'queueBytes' | 'queuePackets'>;

/** `bdp`: what the rate sends in a round trip of both delays. A limit in packets is none in octets. */
function queueFlag(
  given: Given,
  rateBps: readonly [number, number],
  roundTripUs: number,
): readonly [Queue, Queue] {
  const like = 'a size, as 100kb, 100p or 2bdp';
  const text = given.text('queue') ?? '';
  if (/\dp\b/.test(text)) {
    const [there, back] = pairFlag(given, 'queue', parsePackets, like) ?? NONE;
    const packets = (queuePackets: number): Queue => ({ queueBytes: Number.MAX_VALUE, queuePackets });
    return [packets(there), packets(back)];
  }
  const inProducts = text.includes('bdp');
  const [there, back] = pairFlag(given, 'queue', inProducts ? parseBdp : parseSize, like) ?? NONE;
  if (!inProducts) return [{ queueBytes: there }, { queueBytes: back }];
  const product = rateBps.map((bps) => (bps * roundTripUs) / 8e6);
  if (product.includes(0)) {
    throw new UsageError('--queue in bdp is a rate times a round trip: give --rate and --delay too');
  }
  return [{ queueBytes: product[0] * there }, { queueBytes: product[1] * back }];
}

/** An address with its prefix length. Throws UsageError. */
export function addressFlag(given: Given, name: string): string | undefined {
  const text = given.text(name);
  if (text !== undefined && (parsePrefix(text) === undefined || !text.includes('/'))) {
    throw new UsageError(`--${name} takes an address with prefix length, as 10.7.0.1/24, not '${text}'`);
  }
  return text;
}
