// Entropy from a seed: equal seeds give equal stacks.

import { Prng } from '../base/prng.ts';
import type { Entropy } from '../contract/entropy.ts';

export class SeededEntropy implements Entropy {
  private readonly prng: Prng;

  constructor(seed: number) {
    this.prng = new Prng(seed);
  }

  int32(): number {
    return this.prng.int32();
  }
}
