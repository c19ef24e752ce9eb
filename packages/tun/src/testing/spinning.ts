// Whether the event loop of this process goes round without rest, as it does over a descriptor that is always ready.
import { performance } from 'node:perf_hooks';
import { setTimeout as delay } from 'node:timers/promises';

const WINDOWS = 20;
const WINDOW_MS = 60;

/** True when the loop was busy for most of each of several windows: garbage collection and a loaded machine come and go. */
export async function isSpinning(): Promise<boolean> {
  for (let i = 0; i < WINDOWS; i++) {
    const before = performance.eventLoopUtilization();
    await delay(WINDOW_MS);
    if (performance.eventLoopUtilization(before).utilization < 0.5) return false;
  }
  return true;
}
