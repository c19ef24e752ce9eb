// Matchers: which packets a rule is for. A matcher is a description; what it counts and draws belongs to the wire that
// uses it, so one list of rules may serve many worlds.

import type { Prng } from '@tunstack/stack/base';
import type { Crossing } from './crossing.ts';

/** A description, and how to begin with it. */
export interface Matcher {
  /** As it reads in the log. */
  readonly name: string;
  /** For one wire. `prng` is this matcher's own. */
  begin(prng: Prng): (crossing: Crossing) => boolean;
}

/**
 * Packets for which `holds` says so.
 *
 * @example
 * when.where('SYN,ACK', ({ tcp }) => tcp?.flags.join() === 'SYN,ACK')
 */
export function where(name: string, holds: (crossing: Crossing) => boolean): Matcher {
  return { name, begin: () => holds };
}

/** Every packet. */
export const any: Matcher = where('any', () => true);
/** TCP segments with text, or with a flag, or nothing but an acknowledgment. */
export const data: Matcher = where('data', (crossing) => crossing.textLength > 0);
export const syn: Matcher = where('SYN', ({ tcp }) => tcp?.flags.includes('SYN') === true);
export const fin: Matcher = where('FIN', ({ tcp }) => tcp?.flags.includes('FIN') === true);
export const rst: Matcher = where('RST', ({ tcp }) => tcp?.flags.includes('RST') === true);
export const ack: Matcher = where(
  'ACK',
  ({ tcp, textLength }) => tcp !== undefined && tcp.flags.join() === 'ACK' && textLength === 0,
);

/** Sent at this end of the wire: 0 the first, 1 the second. */
export function from(end: number): Matcher {
  return where(`from ${end}`, ({ direction }) => direction === end);
}

/** Longer than so many octets, IP header included. */
export function longerThan(octets: number): Matcher {
  return where(`longer than ${octets}`, ({ length }) => length > octets);
}

/** Sent while fromMs <= time < toMs, virtual milliseconds since the world began. */
export function during(fromMs: number, toMs: number): Matcher {
  return where(`${fromMs}..${toMs} ms`, ({ atUs }) => atUs >= fromMs * 1000 && atUs < toMs * 1000);
}

/** The n-th packet (from 1) of those that match; several numbers: each of them. Both directions are counted together. */
export function nth(which: number | readonly number[], matcher: Matcher = any): Matcher {
  const numbers: readonly number[] = typeof which === 'number' ? [which] : which;
  return {
    name: `nth ${numbers.join('+')} ${matcher.name}`,
    begin(prng) {
      const holds = matcher.begin(prng);
      let count = 0;
      return (crossing) => holds(crossing) && numbers.includes(++count);
    },
  };
}

/** Each n-th packet of those that match. */
export function everyNth(n: number, matcher: Matcher = any): Matcher {
  return {
    name: `each ${n}. ${matcher.name}`,
    begin(prng) {
      const holds = matcher.begin(prng);
      let count = 0;
      return (crossing) => holds(crossing) && ++count % n === 0;
    },
  };
}

/** A share of those that match: one draw of the wire's seed each. */
export function share(probability: number, matcher: Matcher = any): Matcher {
  return {
    name: `share ${probability} of ${matcher.name}`,
    begin(prng) {
      const holds = matcher.begin(prng);
      return (crossing) => holds(crossing) && prng.chance(probability);
    },
  };
}

/** Segments with text or FIN whose numbers were seen on this wire before: retransmissions. */
export const again: Matcher = {
  name: 'again',
  begin() {
    const highest = new Map<string, number>();
    return (crossing) => {
      const { tcp, ip, textLength } = crossing;
      const numbers = textLength + (tcp?.flags.includes('FIN') === true ? 1 : 0);
      if (tcp === undefined || numbers === 0) return false;
      const key = `${ip.source}:${tcp.sourcePort} ${ip.destination}:${tcp.destinationPort}`;
      const end = (tcp.seq + numbers) | 0;
      const top = highest.get(key);
      const seen = top !== undefined && ((end - top) | 0) <= 0;
      if (!seen) highest.set(key, end);
      return seen;
    };
  },
};

/** All of these. Each is asked, so that all count what they count. */
export function all(...matchers: readonly Matcher[]): Matcher {
  return {
    name: matchers.map(({ name }) => name).join(' & '),
    begin(prng) {
      const each = matchers.map((matcher) => matcher.begin(prng));
      return (crossing) => each.map((holds) => holds(crossing)).every(Boolean);
    },
  };
}

/** Any of these. */
export function either(...matchers: readonly Matcher[]): Matcher {
  return {
    name: matchers.map(({ name }) => name).join(' | '),
    begin(prng) {
      const each = matchers.map((matcher) => matcher.begin(prng));
      return (crossing) => each.map((holds) => holds(crossing)).some(Boolean);
    },
  };
}

export function not(matcher: Matcher): Matcher {
  return {
    name: `not ${matcher.name}`,
    begin(prng) {
      const holds = matcher.begin(prng);
      return (crossing) => !holds(crossing);
    },
  };
}
