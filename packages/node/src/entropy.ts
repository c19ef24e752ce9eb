// Cryptographic entropy, drawn from the system in blocks.

import { randomFillSync } from 'node:crypto';
import type { Entropy } from '@tunstack/stack/contract';

export class NodeEntropy implements Entropy {
  private readonly words: Int32Array = new Int32Array(256);
  private at: number = this.words.length;

  int32(): number {
    if (this.at === this.words.length) {
      randomFillSync(this.words);
      this.at = 0;
    }
    return this.words[this.at++];
  }
}
