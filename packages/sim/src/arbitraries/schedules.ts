// Arbitrary networks: which packets are lost, one by one; and what a wire does from when to when. They shrink to fewer
// faults, not to other seeds: what is left of a failing list is what the failure takes.

import * as when from '../rules/matchers.ts';
import type { Rule } from '../rules/rules.ts';
import * as rules from '../rules/rules.ts';
import type { Arbitrary, FastCheck } from './fast-check.ts';

/** Packets by their numbers, from 1, in the order that each end sends them. */
export interface DropList {
  readonly first: readonly number[];
  readonly second: readonly number[];
}

/** Up to `most` packets of each direction, among the first `among`. */
export function dropLists(fc: FastCheck, among = 40, most = 6): Arbitrary<DropList> {
  const numbers = fc
    .uniqueArray(fc.integer({ min: 1, max: among }), { maxLength: most })
    .map((list) => list.sort((a, b) => a - b));
  return fc.record({ first: numbers, second: numbers });
}

/** The rules that lose these packets and no others. */
export function rulesOfDrops({ first, second }: DropList): Rule[] {
  return [rules.drop(when.nth(first, when.from(0))), rules.drop(when.nth(second, when.from(1)))];
}

/** What a wire does for a while. Shares 0 .. 1, virtual milliseconds since the world began. */
export type Weather =
  | { readonly does: 'partition'; readonly fromMs: number; readonly toMs: number }
  | {
      readonly does: 'lose' | 'duplicate' | 'corrupt';
      readonly fromMs: number;
      readonly toMs: number;
      readonly share: number;
    }
  | {
      readonly does: 'delay';
      readonly fromMs: number;
      readonly toMs: number;
      readonly us: number;
      readonly jitterUs: number;
    }
  | {
      readonly does: 'reorder';
      readonly fromMs: number;
      readonly toMs: number;
      readonly share: number;
      readonly packets: number;
    };

/** A few of them, one after the other or at once. */
export type NetworkSchedule = readonly Weather[];

/** Schedules within the first `untilMs`; each item lasts up to a fifth of that. */
export function networkSchedules(fc: FastCheck, untilMs = 5000, most = 5): Arbitrary<NetworkSchedule> {
  const span = fc
    .tuple(fc.nat(untilMs), fc.integer({ min: 1, max: Math.max(1, Math.floor(untilMs / 5)) }))
    .map(([fromMs, lasts]) => ({ fromMs, toMs: fromMs + lasts }));
  const share = fc.integer({ min: 1, max: 50 }).map((percent) => percent / 100);
  const item: Arbitrary<Weather> = fc.oneof(
    span.map((times) => ({ does: 'partition' as const, ...times })),
    fc
      .tuple(fc.constantFrom('lose' as const, 'duplicate' as const, 'corrupt' as const), span, share)
      .map(([does, times, part]) => ({ does, ...times, share: part })),
    fc
      .tuple(span, fc.nat(200_000), fc.nat(50_000))
      .map(([times, us, jitterUs]) => ({ does: 'delay' as const, ...times, us, jitterUs })),
    fc
      .tuple(span, share, fc.integer({ min: 1, max: 10 }))
      .map(([times, part, packets]) => ({ does: 'reorder' as const, ...times, share: part, packets })),
  );
  return fc.array(item, { maxLength: most });
}

/** The rules of a schedule, for `world.wire({ rules })`. */
export function rulesOfSchedule(schedule: NetworkSchedule): Rule[] {
  return schedule.map(ruleOf);
}

function ruleOf(item: Weather): Rule {
  const { fromMs, toMs } = item;
  const then = when.during(fromMs, toMs);
  switch (item.does) {
    case 'partition':
      return rules.partition(fromMs, toMs);
    case 'lose':
      return rules.drop(when.share(item.share, then));
    case 'duplicate':
      return rules.duplicate(when.share(item.share, then));
    case 'corrupt':
      return rules.corrupt(when.share(item.share, then));
    case 'delay':
      return rules.delay(item.us, then, item.jitterUs);
    case 'reorder':
      return rules.reorder(when.share(item.share, then), item.packets);
  }
}
