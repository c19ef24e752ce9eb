// The real clock: monotonic, from process.hrtime's source.

import { performance } from 'node:perf_hooks';
import type { Clock } from '@tunstack/stack/contract';

/**
 * Readings of performance.now(), reduced to int32. Within a pump all parts read one moment: the host takes it by `hold`,
 * and until `release` it is what `nowMs` and `nowUs` say.
 */
export class NodeClock implements Clock {
  /** The moment held, milliseconds of performance.now(). */
  heldMs = 0;
  private held = false;

  /** Reads the clock, for this and all that follows until the next `hold` or `release`. */
  hold(): void {
    this.heldMs = performance.now();
    this.held = true;
  }

  /** From here on every reading is a new one. */
  release(): void {
    this.held = false;
  }

  nowMs(): number {
    // `| 0` reduces modulo 2^32 for any reading below 2^53.
    return Math.floor(this.held ? this.heldMs : performance.now()) | 0;
  }

  nowUs(): number {
    return Math.floor((this.held ? this.heldMs : performance.now()) * 1000) | 0;
  }
}
