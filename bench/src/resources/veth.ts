// Two stacks in one process, joined by a veth, against node:net over the kernel's loopback in one process: bulk, one thread each.

import { cpus } from '../rig/cpus.ts';
import { runJson } from '../rig/run-json.ts';
import { atLeast, type Bench, type Effort, type Goal, type Row, rowOf, wanted } from '../rows.ts';

const LEAST_ROUNDS = 5;
/** V8 compiles in the first second of CPU. */
const WARM_UP_S = 2;
const WARM_UP_QUICK_S = 0.3;
const GOAL = atLeast(1, 3);

interface Pair {
  readonly name: string;
  /** As veth-run.ts takes them. */
  readonly ours: string;
  readonly anchor: string;
  readonly goal?: Goal;
}

const PAIRS: readonly Pair[] = [
  { name: 'two stacks on a veth, GSO passed through', ours: 'core gso', anchor: 'loopback', goal: GOAL },
  { name: 'two stacks on a veth, segments of 1500', ours: 'core plain', anchor: 'loopback' },
  { name: "two stacks on a veth, GSO, net's face", ours: 'node gso', anchor: 'loopback' },
];

interface Rate {
  readonly rate: number;
  readonly perCpu: number;
}

export const vethBulk: Bench = {
  name: 'veth',
  async run(effort: Effort): Promise<Row[]> {
    const rounds = effort.quick ? effort.runs : Math.max(effort.runs, LEAST_ROUNDS);
    const run = (words: string): Promise<Rate> =>
      runJson<Rate>(
        'resources/veth-run.js',
        [words, `${effort.seconds}`, `${effort.quick ? WARM_UP_QUICK_S : WARM_UP_S}`],
        { cpu: cpus().stack },
      );
    const rows: Row[] = [];
    for (const { name, ours, anchor, goal } of PAIRS) {
      if (!wanted(name, effort)) continue;
      const pairs: [Rate, Rate][] = [];
      for (let round = 0; round < rounds; round++) pairs.push([await run(ours), await run(anchor)]);
      const against = 'node:net over loopback';
      const of = (figure: keyof Rate): [number, number][] =>
        pairs.map(([mine, theirs]) => [mine[figure] / 1e6, theirs[figure] / 1e6]);
      rows.push(rowOf(name, 'MB/s', of('rate'), { against, goal }));
      // Both keep one thread busy: what other work on the machine takes away does not count here.
      if (effort.cpu) rows.push(rowOf(name, 'MB/CPU-s', of('perCpu'), { against, goal }));
    }
    return rows;
  },
};
