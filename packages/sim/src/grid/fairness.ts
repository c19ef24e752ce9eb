// Flows that share one bottleneck, and how fairly they do: Jain, Chiu and Hawe's index, 1984.

import { dumbbell } from '../network/dumbbell.ts';
import { World } from '../world.ts';
import { Flow } from './flow.ts';

/** (sum x)^2 / (n * sum x^2): 1 when all have the same, 1/n when one has all. */
export function jainIndex(shares: readonly number[]): number {
  const sum = shares.reduce((total, x) => total + x, 0);
  const squares = shares.reduce((total, x) => total + x * x, 0);
  return squares === 0 ? 1 : (sum * sum) / (shares.length * squares);
}

export interface Sharing {
  /** The controller of each flow. */
  readonly controllers: readonly string[];
  readonly rateMbit: number;
  readonly rttMs: number;
  readonly queueBdp: number;
  /** Virtual seconds; the first `settleSeconds` of them are not counted. */
  readonly seconds: number;
  readonly settleSeconds: number;
  /** Milliseconds between the starts of two flows. Default 0. */
  readonly staggerMs?: number;
  readonly seed: number;
}

export interface SharingResult {
  readonly index: number;
  readonly goodputMbit: readonly number[];
}

/** Each flow goes from a host of its own on the left to one on the right, through the bottleneck of a dumbbell. */
export function runSharing(sharing: Sharing): SharingResult {
  const { controllers, rateMbit, rttMs, queueBdp, seconds, settleSeconds, staggerMs = 0, seed } = sharing;
  const world = new World({ seed });
  try {
    const rateBps = rateMbit * 1e6;
    const { left, right } = dumbbell(world, {
      pairs: controllers.length,
      bottleneck: { rateBps, delayUs: (rttMs * 1000) / 2, queue: { bdp: queueBdp, rttUs: rttMs * 1000 } },
      options: (name) => ({ tcpCongestion: controllers[Number(/\d+$/.exec(name)?.[0] ?? 0)] }),
    });
    const flows = left.map(
      (host, i) => new Flow(world, host, right[i], { port: 7, startMs: 1 + i * staggerMs }),
    );
    world.runFor(settleSeconds * 1000);
    const before = flows.map(({ delivered }) => delivered);
    world.runFor((seconds - settleSeconds) * 1000);
    const us = (seconds - settleSeconds) * 1e6;
    const goodputMbit = flows.map(({ delivered }, i) => ((delivered - before[i]) * 8) / us);
    return { index: jainIndex(goodputMbit), goodputMbit };
  } finally {
    world.close();
  }
}
