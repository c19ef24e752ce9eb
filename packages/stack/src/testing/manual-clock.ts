// A clock that a test moves by hand. Both readings start shortly before they wrap.

import type { Clock } from '../contract/clock.ts';

export class ManualClock implements Clock {
  ms: number;
  us: number;

  constructor(ms = 0x7fff_ffff - 5_000, us = 0x7fff_ffff - 5_000_000) {
    this.ms = ms;
    this.us = us;
  }

  nowMs(): number {
    return this.ms;
  }

  nowUs(): number {
    return this.us;
  }

  /** Moves both readings on by whole milliseconds. */
  advanceMs(ms: number): void {
    this.ms = (this.ms + ms) | 0;
    this.us = (this.us + ms * 1000) | 0;
  }
}
