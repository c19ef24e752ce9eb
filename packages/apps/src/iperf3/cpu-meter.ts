// How much of a CPU this process used, in percent of the time that passed.

import { performance } from 'node:perf_hooks';
import type { CpuUse } from './results.ts';

export class CpuMeter {
  private readonly start: NodeJS.CpuUsage = process.cpuUsage();
  private readonly startMs: number = performance.now();

  /** Since this meter was made. */
  read(): CpuUse {
    const { user, system } = process.cpuUsage(this.start);
    // Microseconds of milliseconds, in percent.
    const share = (us: number): number => us / 10 / Math.max(0.001, performance.now() - this.startMs);
    return { total: share(user + system), user: share(user), system: share(system) };
  }
}
