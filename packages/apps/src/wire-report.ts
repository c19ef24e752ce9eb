// What tun-wire prints: a line a second, and the counts at the end.

import type { DirectionCounts } from './two-ends.ts';
import type { LatenessReport } from './wire-lateness.ts';

/** `dropped`: what the kernel lost before we read it, where that is known; `late`: how late what was delayed left. */
interface EndCounts extends DirectionCounts {
  readonly dropped: number | undefined;
  readonly late: LatenessReport;
}

/** A to B, B to A. */
export interface WireCounts {
  readonly seed: number;
  readonly seconds: number;
  readonly ab: EndCounts;
  readonly ba: EndCounts;
}

/** What befell packets, in the order it is told. */
const HAPPENINGS = ['lost', 'duplicated', 'reordered', 'corrupted', 'overflowed', 'refused'] as const;

/** `a > b: 100 packets, 8400 bytes: carried 99, lost 1, ...` for both directions. */
export function formatCounts({ seed, seconds, ab, ba }: WireCounts): string {
  const line = (name: string, counts: EndCounts): string => {
    const words = HAPPENINGS.map((what) => `${what} ${counts[what]}`).join(', ');
    const dropped = counts.dropped === undefined ? '' : `, dropped by kernel ${counts.dropped}`;
    const { p50Us, p99Us, maxUs } = counts.late;
    const late = maxUs === 0 ? '' : `, late by ${p50Us} us (p50), ${p99Us} us (p99), ${maxUs} us (max)`;
    return `${name}: ${counts.packets} packets, ${counts.bytes} bytes: carried ${counts.carried}, ${words}${dropped}${late}\n`;
  };
  return `\nseed ${seed}, ${seconds.toFixed(1)} s\n${line('a > b', ab)}${line('b > a', ba)}`;
}

type Both = readonly [DirectionCounts, DirectionCounts];

/** What changed since, by the second: as an object for --json. */
export function difference(now: Both, before: Both, seconds: number): Record<'ab' | 'ba', Rates> {
  const of = (i: 0 | 1): Rates => {
    const happened = HAPPENINGS.map((what) => [what, now[i][what] - before[i][what]] as const);
    return {
      packetsPerSecond: Math.round((now[i].packets - before[i].packets) / seconds),
      bitsPerSecond: Math.round(((now[i].bytes - before[i].bytes) * 8) / seconds),
      ...Object.fromEntries(happened),
    };
  };
  return { ab: of(0), ba: of(1) };
}

export interface Rates {
  readonly packetsPerSecond: number;
  readonly bitsPerSecond: number;
  readonly [happening: string]: number;
}

/** The same in words; what did not happen is left out. */
export function formatRates(rates: Record<'ab' | 'ba', Rates>): string {
  const words = ({ packetsPerSecond, bitsPerSecond, ...happened }: Rates): string => {
    const told = Object.entries(happened).filter(([, value]) => value > 0);
    const load = `${packetsPerSecond} packets/s ${(bitsPerSecond / 1e6).toFixed(2)} mbit/s`;
    return [load, ...told.map(([what, value]) => `${what} ${value}`)].join(' ');
  };
  return `a > b: ${words(rates.ab)}; b > a: ${words(rates.ba)}\n`;
}
