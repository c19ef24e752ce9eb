// Virtual time: a clock that stands still until it is told to move, and starts just before both of its readings wrap.

import type { Clock } from '@tunstack/stack/contract';

/** Ten seconds before either reading wraps from 2^31-1 to -2^31. */
export const DEFAULT_START_MS: number = 0x7fff_ffff - 10_000;
const START_US = 0x7fff_ffff - 10_000_000;

/** The clock of a simulated world. Elapsed time is exact, in microseconds. */
export class SimClock implements Clock {
  /** Microseconds since the world began. */
  elapsedUs = 0;
  private readonly startMs: number;

  /** `startMs`: what `nowMs` reads at the beginning, int32. */
  constructor(startMs: number = DEFAULT_START_MS) {
    this.startMs = startMs;
  }

  nowMs(): number {
    return (this.startMs + Math.floor(this.elapsedUs / 1000)) | 0;
  }

  nowUs(): number {
    return (START_US + this.elapsedUs) | 0;
  }

  /** Moves on to this point; never back. */
  advanceTo(elapsedUs: number): void {
    if (elapsedUs > this.elapsedUs) this.elapsedUs = elapsedUs;
  }
}
