// What one stack counted: nstat's counters and, beside them, how often each reason code was given.

import { COUNTER_NAMES, type CounterName } from './contract/counters.ts';
import { REASON_COUNTERS, REASONS, type ReasonName } from './contract/reasons.ts';

/** Counters of one stack. float64, so they never wrap in practice. */
export class Stats {
  /** By place in COUNTER_NAMES: `stats.counters[C.IpInReceives]++`. */
  readonly counters: Float64Array = new Float64Array(COUNTER_NAMES.length);
  /** By reason code. */
  readonly reasons: Float64Array = new Float64Array(REASONS.length);

  /** Counts one packet under its reason and under all that the table says go with it. */
  count(reason: number): void {
    this.reasons[reason]++;
    const counters = REASON_COUNTERS[reason];
    for (let i = 0; i < counters.length; i++) this.counters[counters[i]]++;
  }

  /** A counter by its nstat name. `stack.stats.get('UdpNoPorts')`. */
  get(name: CounterName): number {
    return this.counters[COUNTER_NAMES.indexOf(name)];
  }

  /** How often a reason was given. */
  reason(name: ReasonName): number {
    return this.reasons[REASONS.findIndex((reason) => reason.name === name)];
  }

  /** All counters, by nstat name, zeros included. */
  nstat(): Record<CounterName, number> {
    return Object.fromEntries(COUNTER_NAMES.map((name, i) => [name, this.counters[i]])) as Record<
      CounterName,
      number
    >;
  }

  /** Reasons that were given at least once, by name. */
  drops(): Partial<Record<ReasonName, number>> {
    const given = REASONS.map((reason, code) => [reason.name, this.reasons[code]] as const);
    return Object.fromEntries(given.filter(([, count]) => count > 0));
  }
}
