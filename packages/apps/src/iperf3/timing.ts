// The time a measurement runs by: Node's, or a world's of the simulator.

import { performance } from 'node:perf_hooks';

/** A clock with timers. */
export interface Timing {
  /** Milliseconds with a fraction, from any origin, never backwards. */
  nowMs(): number;
  /** Calls `happen` once, after so many milliseconds; what it answers calls that off. */
  after(ms: number, happen: () => void): () => void;
}

/** Node's event loop. */
export const NODE_TIMING: Timing = {
  nowMs: () => performance.now(),
  after(ms, happen) {
    // What keeps a program alive is its device, not what it may wait for.
    const timer = setTimeout(happen, ms).unref();
    return () => clearTimeout(timer);
  },
};
