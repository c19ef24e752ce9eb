// The rules of one wire at work: asks each about each packet, and writes down what was decided.

import { Prng } from '@tunstack/stack/base';
import { summary } from '@tunstack/stack/dissect';
import { type Crossing, newVerdict, type Verdict } from './crossing.ts';
import type { Rule } from './rules.ts';

/** Lines that are kept: the last ones. */
const LOG_LINES = 20_000;

/** See the head of this file. */
export class Rulebook {
  /** One line for each packet: moment, direction, number, packet, and what was decided; the oldest go first. */
  readonly log: string[] = [];
  private readonly judges: readonly ((crossing: Crossing, verdict: Verdict) => void)[];

  /** Equal seeds and equal packets give equal verdicts. Each rule draws from a stream of its own. */
  constructor(rules: readonly Rule[], seed: number) {
    const seeds = new Prng(seed);
    this.judges = rules.map((rule) => rule.begin(new Prng(seeds.int32())));
  }

  judge(crossing: Crossing): Verdict {
    const verdict = newVerdict();
    for (const judge of this.judges) {
      judge(crossing, verdict);
      if (verdict.settled) break;
    }
    this.write(crossing, verdict);
    return verdict;
  }

  private write({ atUs, direction, number, octets }: Crossing, { words }: Verdict): void {
    if (this.log.length >= LOG_LINES) this.log.splice(0, LOG_LINES >> 1);
    const what = words.length === 0 ? 'pass' : words.join('; ');
    this.log.push(
      `${(atUs / 1000).toFixed(3)} ${direction === 0 ? '->' : '<-'} #${number} ${summary(octets)}: ${what}`,
    );
  }
}
