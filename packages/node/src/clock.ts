// The real clock: monotonic, from process.hrtime's source.

import { performance } from 'node:perf_hooks';
import type { Clock } from '@tunstack/stack/contract';

/** Readings of performance.now(), reduced to int32. */
export class NodeClock implements Clock {
  nowMs(): number {
    // `| 0` reduces modulo 2^32 for any reading below 2^53.
    return Math.floor(performance.now()) | 0;
  }

  nowUs(): number {
    return Math.floor(performance.now() * 1000) | 0;
  }
}
