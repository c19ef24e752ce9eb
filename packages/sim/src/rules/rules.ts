// Rules: what a wire does to the packets that a matcher picks. Descriptions, composed in a list: each is asked in its turn,
// and adds to the verdict. What they draw comes from the wire's seed.

import type { Prng } from '@tunstack/stack/base';
import { LINE_FULL, Line, type LineOptions, type QueueLimit } from '../network/line.ts';
import type { Crossing, Verdict } from './crossing.ts';
import { all, any, during, type Matcher } from './matchers.ts';

/** A description, and how to begin with it. */
export interface Rule {
  readonly name: string;
  /** For one wire. `prng` is this rule's own. */
  begin(prng: Prng): (crossing: Crossing, verdict: Verdict) => void;
}

/** A rule that does the same to whatever matches; `does` writes the verdict. */
function rule(
  verb: string,
  matcher: Matcher,
  does: (verdict: Verdict, crossing: Crossing, prng: Prng) => void,
): Rule {
  const name = `${verb} ${matcher.name}`;
  return {
    name,
    begin(prng) {
      const holds = matcher.begin(prng);
      return (crossing, verdict) => {
        if (!holds(crossing)) return;
        verdict.words.push(name);
        does(verdict, crossing, prng);
      };
    },
  };
}

/** Lets it through: no later rule is asked. */
export function pass(matcher: Matcher): Rule {
  return rule('pass', matcher, (verdict) => {
    verdict.settled = true;
  });
}

/**
 * Loses it. Later rules are asked all the same, so that what they count does not depend on it.
 *
 * @example
 * rules.drop(when.nth(3, when.data))
 */
export function drop(matcher: Matcher): Rule {
  return rule('drop', matcher, (verdict) => {
    verdict.dropped = true;
  });
}

/** Takes this many microseconds longer, and up to `jitterUs` more. */
export function delay(us: number, matcher: Matcher = any, jitterUs = 0): Rule {
  return rule(`delay ${us}+${jitterUs}us`, matcher, (verdict, _crossing, prng) => {
    verdict.delayUs += us + (jitterUs > 0 ? prng.below(jitterUs + 1) : 0);
  });
}

/** Arrives `times` more, each `us` after the one before. */
export function duplicate(matcher: Matcher, times = 1, us = 1): Rule {
  return rule(`duplicate ${times}x`, matcher, (verdict) => {
    for (let i = 1; i <= times; i++) verdict.doublesUs.push(i * us);
  });
}

/** Waits until `packets` others of its direction have overtaken it, but a second at most. */
export function reorder(matcher: Matcher, packets = 3): Rule {
  return rule(`reorder by ${packets}`, matcher, (verdict) => {
    verdict.behind = packets;
  });
}

/** One bit is flipped: this one, counted from the IP header on, in each octet the lowest first; or any. */
export function corrupt(matcher: Matcher, bit = -1): Rule {
  return rule(`corrupt${bit < 0 ? '' : ` bit ${bit}`}`, matcher, (verdict, { length }, prng) => {
    const chosen = prng.below(Math.max(1, length * 8));
    verdict.flips.push(bit < 0 ? chosen : Math.min(bit, length * 8 - 1));
  });
}

/** Only its first octets arrive; its headers say what they said. */
export function truncate(octets: number, matcher: Matcher): Rule {
  return rule(`truncate to ${octets}`, matcher, (verdict) => {
    verdict.truncateTo = verdict.truncateTo < 0 ? octets : Math.min(verdict.truncateTo, octets);
  });
}

/** Nothing gets through while fromMs <= time < toMs (of what matches). */
export function partition(fromMs: number, toMs: number, matcher: Matcher = any): Rule {
  return rule('partition', all(during(fromMs, toMs), matcher), (verdict) => {
    verdict.dropped = true;
  });
}

/** Serializes at this rate; whatever comes waits. Each direction has a line of its own. */
export function rate(rateBps: number, matcher: Matcher = any): Rule {
  return queue({ rateBps, queue: { bytes: Number.POSITIVE_INFINITY } }, matcher);
}

/** A rate with a bounded queue in front of it: drop-tail, or with ECN. Each direction has a line of its own. */
export function queue(line: LineOptions, matcher: Matcher = any): Rule {
  const name = `queue ${line.rateBps} bit/s ${describe(line.queue)} ${matcher.name}`;
  return {
    name,
    begin(prng) {
      const holds = matcher.begin(prng);
      const lines = [new Line(line), new Line(line)];
      return (crossing, verdict) => {
        if (!holds(crossing) || verdict.dropped) return;
        const own = lines[crossing.direction];
        const us = own.admit(crossing.length, crossing.atUs, (crossing.octets[1] & 3) !== 0);
        if (us === LINE_FULL) {
          verdict.dropped = true;
          verdict.words.push(`full: ${name}`);
          return;
        }
        verdict.delayUs += us;
        verdict.congestion ||= own.mark;
        if (own.mark) verdict.words.push(`mark CE: ${name}`);
      };
    },
  };
}

/** The two-state channel of Gilbert and Elliott. Probabilities per packet. */
export interface GilbertElliott {
  /** From good to bad, and from bad to good. */
  readonly worse: number;
  readonly better: number;
  /** Loss while good (default 0) and while bad (default 1). */
  readonly lossGood?: number;
  readonly lossBad?: number;
}

/** Loses in bursts: each direction has a state of its own. Draws two numbers a packet, whatever happens. */
export function bursts(channel: GilbertElliott, matcher: Matcher = any): Rule {
  const { worse, better, lossGood = 0, lossBad = 1 } = channel;
  const name = `bursts ${worse}/${better} ${matcher.name}`;
  return {
    name,
    begin(prng) {
      const holds = matcher.begin(prng);
      const bad = [false, false];
      return (crossing, verdict) => {
        if (!holds(crossing)) return;
        const { direction } = crossing;
        const turns = prng.chance(bad[direction] ? better : worse);
        if (turns) bad[direction] = !bad[direction];
        if (!prng.chance(bad[direction] ? lossBad : lossGood)) return;
        verdict.dropped = true;
        verdict.words.push(name);
      };
    },
  };
}

function describe(limit: QueueLimit | undefined): string {
  return limit === undefined ? '' : Object.entries(limit).flat().join(' ');
}
