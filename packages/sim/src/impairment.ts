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
  /** Held back: `delayUs` has it. */
  reordered: boolean;
  /** The bit to flip, or -1. */
  corruptBit: number;
  /** Microseconds under way, without the wait for the rate. */
  delayUs: number;
}

/** Decides packet by packet. One per direction. */
export class Fates {
  private readonly prng: Prng;
  private readonly how: Required<Pick<Impairment, 'loss' | 'duplicate' | 'reorder' | 'corrupt'>>;
  private readonly delayUs: number;
  private readonly jitterUs: number;
  private readonly reorderUs: number;
  private readonly fate: Fate = {
    ...{ lost: false, duplicated: false, reordered: false },
    ...{ corruptBit: -1, delayUs: 0 },
  };

  constructor(how: Impairment, seed: number) {
    const { loss = 0, duplicate = 0, reorder = 0, corrupt = 0 } = how;
    this.how = { loss, duplicate, reorder, corrupt };
    this.delayUs = Math.max(1, how.delayUs ?? 1);
    this.jitterUs = how.jitterUs ?? 0;
    this.reorderUs = how.reorderUs ?? 1000;
    this.prng = new Prng(seed);
  }

  /** The fate of the next packet, of `length` octets: six draws, always. One record, good until the next call. */
  next(length: number): Fate {
    const { fate, how, prng } = this;
    fate.lost = prng.chance(how.loss);
    fate.duplicated = prng.chance(how.duplicate);
    fate.reordered = prng.chance(how.reorder);
    const corrupted = prng.chance(how.corrupt);
    const bit = prng.below(Math.max(1, length * 8));
    fate.corruptBit = corrupted ? bit : -1;
    const jitterUs = Math.floor(prng.unit() * (this.jitterUs + 1));
    fate.delayUs = this.delayUs + jitterUs + (fate.reordered ? this.reorderUs : 0);
    return fate;
  }
}
