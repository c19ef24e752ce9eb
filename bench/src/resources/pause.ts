// The longest pause for garbage collection, while a bulk flow goes in and one goes out.

import { type Bench, type Effort, limitRow, type Row, wanted } from '../rows.ts';
import { BULK, runLoad } from '../tcp/load.ts';
import { type Collected, childOf, watched } from './watched.ts';

const NAME = 'longest GC pause, bulk in and out';
/** Ten minutes are `--seconds 20`. */
const LONGER = 30;
/** perf_hooks' NODE_PERFORMANCE_GC_*. */
const KINDS: Readonly<Record<number, string>> = {
  1: 'minor',
  4: 'major',
  8: 'incremental',
  16: 'of weak callbacks',
};
const MUST_MS = 5;
const AIM_MS = 1;

export const pause: Bench = {
  name: 'pause',
  async run(effort: Effort): Promise<Row[]> {
    if (!wanted(NAME, effort)) return [];
    const seconds = effort.seconds * LONGER;
    // Not pinned: the collector's helpers would share a CPU with the thread that waits for them.
    const server = await watched(0).start({ mtu: 1500, cpu: undefined });
    const child = childOf(server);
    try {
      const [into, out] = BULK;
      await runLoad(server, { ...into, during: out }, seconds);
    } finally {
      await server.end();
    }
    const { longestMs, medianMs, longestKind, longestAtMs, totalMs, collections } = JSON.parse(
      await child.line(),
    ) as Collected;
    const share = (totalMs / seconds / 10).toFixed(2);
    const kind = KINDS[longestKind] ?? 'other';
    const which = `the longest ${kind}, ${(longestAtMs / 1000).toFixed(1)} s after the start`;
    console.error(
      `${NAME}: ${collections} collections, ${share} % of the time, median ${medianMs.toFixed(2)} ms; ${which}`,
    );
    return [limitRow(`${NAME}, ${seconds} s`, 'ms', [longestMs], MUST_MS, AIM_MS)];
  },
};
