// Seeded entropy: equal seeds give equal stacks.

import { Prng } from '@tunstack/stack/base';
import type { Entropy } from '@tunstack/stack/contract';

export class SimEntropy implements Entropy {
  private readonly prng: Prng;

  constructor(seed: number) {
    this.prng = new Prng(seed);
  }

  int32(): number {
    return this.prng.int32();
  }
}
