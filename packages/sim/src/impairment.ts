// What one direction of a wire does to packets. The verdict on packet i is a function of (seed, direction, i) alone:
// each packet draws the same number of random numbers, whatever happens to it.

import { Prng } from '@tunstack/stack/base';

/** How a wire behaves. All probabilities 0 .. 1, times in microseconds. */
export interface Impairment {
  /** Lost. */
  readonly loss?: number;
  /** Arrives twice. */
  readonly duplicate?: number;
  /** Is held back by `reorderUs` and so overtaken. */
  readonly reorder?: number;
  readonly reorderUs?: number;
  /** One bit is flipped, anywhere in the datagram. */
  readonly corrupt?: number;
  /** Propagation, at least 1 us. */
  readonly delayUs?: number;
  /** Added to it, uniform in 0 .. jitterUs; what overtakes, overtakes. */
  readonly jitterUs?: number;
  /** Bits a second; 0: no limit. */
  readonly rateBps?: number;
  /** Octets that may wait for the rate. */
  readonly queueBytes?: number;
}

/** What happens to one packet. */
export interface Fate {
  lost: boolean;
  duplicated: boolean;
  /** The bit to flip, or -1. */
  corruptBit: number;
  /** Microseconds under way, without the wait for the rate. */
  delayUs: number;
}

/** Decides packet by packet. One per direction. */
export class Fates {
  private readonly prng: Prng;
  private readonly how: Impairment;

  constructor(how: Impairment, seed: number) {
    this.how = how;
    this.prng = new Prng(seed);
  }

  /** The fate of the next packet, of `length` octets: six draws, always. */
  next(length: number): Fate {
    const { how, prng } = this;
    const lost = prng.chance(how.loss ?? 0);
    const duplicated = prng.chance(how.duplicate ?? 0);
    const reordered = prng.chance(how.reorder ?? 0);
    const corrupted = prng.chance(how.corrupt ?? 0);
    const bit = prng.below(Math.max(1, length * 8));
    const jitter = Math.floor(prng.unit() * ((how.jitterUs ?? 0) + 1));
    const delayUs = Math.max(1, how.delayUs ?? 1) + jitter + (reordered ? (how.reorderUs ?? 1000) : 0);
    return { lost, duplicated, corruptBit: corrupted ? bit : -1, delayUs };
  }
}
