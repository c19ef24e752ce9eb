// tun-wire's flags, and the impairments of both directions that they stand for.

import type { Impairment } from '@tunstack/sim';
import { parsePrefix } from '@tunstack/stack/wire';
import { COMMON_FLAGS, type Flags, type Given, UsageError } from './cli.ts';
import { pairFlag, parseBdp, parseChance, parseRate, parseSize, parseTime } from './wire-units.ts';

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
  queue: { type: 'string', value: 'SIZE', default: '256kb', help: 'what may wait for the rate: 100kb, 2bdp' },
  seed: { type: 'string', value: 'N', help: 'decides all that is random (default: drawn, and told)' },
  mtu: { type: 'string', value: 'BYTES', default: '1500', help: 'MTU of both devices' },
  name: { type: 'string', value: 'NAME', default: 'wire%d', help: 'name of both devices' },
  'address-a': { type: 'string', value: 'ADDR/LEN', help: "the kernel's address in NSA" },
  'address-b': { type: 'string', value: 'ADDR/LEN', help: "the kernel's address in NSB" },
  log: { type: 'string', value: 'FILE', help: 'write the verdict on each packet' },
  ...COMMON_FLAGS,
  verbose: { type: 'boolean', short: 'v', help: 'print a line each second' },
};

/** A to B, B to A. Throws UsageError. */
export function impairmentFlags(given: Given): readonly [Impairment, Impairment] {
  const chance = (name: string) => pairFlag(given, name, parseChance, 'a share, as 1% or 0.01') ?? NONE;
  const time = (name: string) => pairFlag(given, name, parseTime, 'a time, as 20ms, 500us or 1s') ?? NONE;
  const [loss, reorder, duplicate, corrupt] = ['loss', 'reorder', 'duplicate', 'corrupt'].map(chance);
  const [delayUs, jitterUs, reorderUs] = ['delay', 'jitter', 'reorder-delay'].map(time);
  const rateBps = pairFlag(given, 'rate', parseRate, 'a rate, as 50mbit, 100kbit or 1gbit') ?? NONE;
  const queueBytes = queueFlag(given, rateBps, delayUs[0] + delayUs[1]);
  const direction = (i: 0 | 1): Impairment => ({
    ...{ loss: loss[i], reorder: reorder[i], duplicate: duplicate[i], corrupt: corrupt[i] },
    ...{ delayUs: delayUs[i], jitterUs: jitterUs[i], reorderUs: reorderUs[i] },
    ...{ rateBps: rateBps[i], queueBytes: queueBytes[i] },
  });
  return [direction(0), direction(1)];
}

const NONE: readonly [number, number] = [0, 0];

/** `bdp`: what the rate sends in a round trip of both delays. */
function queueFlag(
  given: Given,
  rateBps: readonly [number, number],
  roundTripUs: number,
): readonly [number, number] {
  const factors = /bdp/.test(given.text('queue') ?? '')
    ? pairFlag(given, 'queue', parseBdp, 'a size, as 100kb or 2bdp')
    : undefined;
  const sizes = factors ?? pairFlag(given, 'queue', parseSize, 'a size, as 100kb or 2bdp') ?? NONE;
  if (factors === undefined) return sizes;
  const product = rateBps.map((bps) => (bps * roundTripUs) / 8e6);
  if (product.includes(0)) {
    throw new UsageError('--queue in bdp is a rate times a round trip: give --rate and --delay too');
  }
  return [product[0] * factors[0], product[1] * factors[1]];
}

/** An address with its prefix length. Throws UsageError. */
export function addressFlag(given: Given, name: string): string | undefined {
  const text = given.text(name);
  if (text !== undefined && (parsePrefix(text) === undefined || !text.includes('/'))) {
    throw new UsageError(`--${name} takes an address with prefix length, as 10.7.0.1/24, not '${text}'`);
  }
  return text;
}
