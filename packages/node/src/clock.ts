// The real clock: monotonic, from process.hrtime's source.

import { performance } from 'node:perf_hooks';
import type { Clock } from '@tunstack/stack/contract';

/**
 * Readings of performance.now(), reduced to int32. Within a pump all parts read one moment: the host takes it by `hold`,
 * and until `release` it is what `nowMs` and `nowUs` say.
 */
export class NodeClock implements Clock {
  /** The moment held, as both: read once, and not boxed again for each reading. */
  private heldMs = 0;
  private heldUs = 0;
  private held = false;

  /** Reads the clock, for this and all that follows until the next `hold` or `release`. */
  hold(): void {
    const ms = performance.now();
    this.heldMs = msOf(ms);
    this.heldUs = usOf(ms);
    this.held = true;
  }

  /** From here on every reading is a new one. */
  release(): void {
    this.held = false;
  }

  nowMs(): number {
    return this.held ? this.heldMs : msOf(performance.now());
  }

  nowUs(): number {
    return this.held ? this.heldUs : usOf(performance.now());
  }
}

// `| 0` reduces modulo 2^32 for any reading below 2^53.

function msOf(ms: number): number {
  return Math.floor(ms) | 0;
}

function usOf(ms: number): number {
  return Math.floor(ms * 1000) | 0;
}
