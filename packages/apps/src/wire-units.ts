// The units of tun-wire's flags, as `tc netem` writes them: 1%, 20ms, 50mbit, 100kb. One value for both directions, or two
// with a comma: from A to B, and from B to A.

import { type Given, UsageError } from './cli.ts';
import { QUEUE_PACKETS_MAX } from './wire-bottleneck.ts';

/** What a value means, or undefined when it is none. */
type Parse = (text: string) => number | undefined;

/** `1%` or `0.01`, as 0 .. 1. */
export function parseChance(text: string): number | undefined {
  const match = /^(\d+(?:\.\d+)?)(%?)$/.exec(text);
  if (match === null) return undefined;
  const value = match[2] === '%' ? Number(match[1]) / 100 : Number(match[1]);
  return value <= 1 ? value : undefined;
}

const TIME_US: Readonly<Record<string, number>> = { us: 1, ms: 1000, s: 1_000_000 };
const TIME_MAX_US = 60_000_000;

/** `20ms`, `500us`, `1.5s` or `0`, as whole microseconds, up to a minute. */
export function parseTime(text: string): number | undefined {
  const us = withUnit(text, TIME_US);
  return us === undefined || us > TIME_MAX_US ? undefined : Math.round(us);
}

const RATE_BPS: Readonly<Record<string, number>> = { bit: 1, kbit: 1e3, mbit: 1e6, gbit: 1e9 };
const RATE_MIN_BPS = 1000;

/** `50mbit`, as bits a second; `0`: no limit. */
export function parseRate(text: string): number | undefined {
  const bps = withUnit(text, RATE_BPS);
  return bps === undefined || (bps > 0 && bps < RATE_MIN_BPS) || bps > 1e12 ? undefined : bps;
}

const SIZE_BYTES: Readonly<Record<string, number>> = { b: 1, kb: 1024, mb: 1024 * 1024 };
const SIZE_MAX = 1 << 30;

/** `100kb`, as octets (kb are 1024, as tc's). */
export function parseSize(text: string): number | undefined {
  const bytes = withUnit(text, SIZE_BYTES);
  return bytes === undefined || bytes === 0 || bytes > SIZE_MAX ? undefined : Math.round(bytes);
}

/** `100p`, as packets. */
export function parsePackets(text: string): number | undefined {
  const match = /^(\d+)p$/.exec(text);
  const packets = match === null ? 0 : Number(match[1]);
  return packets === 0 || packets > QUEUE_PACKETS_MAX ? undefined : packets;
}

/** `2bdp`, as a factor. */
export function parseBdp(text: string): number | undefined {
  const match = /^(\d+(?:\.\d+)?)bdp$/.exec(text);
  return match === null || Number(match[1]) === 0 ? undefined : Number(match[1]);
}

/** A number with one of these units; a bare 0 is 0 of any. */
function withUnit(text: string, units: Readonly<Record<string, number>>): number | undefined {
  if (text === '0') return 0;
  const match = /^(\d+(?:\.\d+)?)([a-z]+)$/.exec(text);
  const unit = match === null ? undefined : units[match[2]];
  return match === null || unit === undefined ? undefined : Number(match[1]) * unit;
}

/** A flag's value for each direction. Throws UsageError, which shows `like` as what would be right. */
export function pairFlag(
  given: Given,
  name: string,
  parse: Parse,
  like: string,
): readonly [number, number] | undefined {
  const text = given.text(name);
  if (text === undefined) return undefined;
  const values = text.split(',').map(parse);
  const [there, back = there] = values;
  if (values.length > 2 || there === undefined || back === undefined || values.includes(undefined)) {
    throw new UsageError(
      `--${name} takes ${like}, or two of it with a comma (A to B, B to A), not '${text}'`,
    );
  }
  return [there, back];
}
