// What a connection costs in memory when nothing happens to it: octets of heap and array buffers after garbage collection. No anchor
// but the limit: the kernel's and other stacks' are in docs/performance.md.

import { runJson } from '../rig/run-json.ts';
import { type Bench, type Effort, limitRow, type Row, wanted } from '../rows.ts';

const RUNS_MAX = 5;
const CONNECTIONS = 10_000;
/** Rows are kept in tables that double: with those that warm up (memory-run.ts) this many fill theirs. */
const ENTRIES: number = 65_536 - 256;

interface Kind {
  readonly name: string;
  readonly words: string;
  readonly count: number;
  readonly must: number;
  readonly aim?: number;
}

const KINDS: readonly Kind[] = [
  { name: 'ESTABLISHED, core handle', words: 'core fresh', count: CONNECTIONS, must: 1536, aim: 768 },
  {
    name: 'ESTABLISHED, core handle, after a request and its answer',
    words: 'core used',
    count: CONNECTIONS,
    must: 1536,
    aim: 768,
  },
  {
    name: 'ESTABLISHED, core handle, each from an address of its own',
    words: 'core scattered',
    count: CONNECTIONS,
    must: 1536,
    aim: 768,
  },
  { name: "ESTABLISHED, TcpSocket of net's face", words: 'node fresh', count: CONNECTIONS, must: Number.NaN },
  {
    name: "ESTABLISHED, TcpSocket of net's face, after a request and its answer",
    words: 'node used',
    count: CONNECTIONS,
    must: Number.NaN,
  },
  { name: 'TIME-WAIT', words: 'core time-wait', count: ENTRIES, must: 64 },
  { name: 'SYN-RECEIVED', words: 'core embryonic', count: ENTRIES, must: 64 },
];

export const memory: Bench = {
  name: 'memory',
  async run(effort: Effort): Promise<Row[]> {
    const { quick, runs } = effort;
    const rows: Row[] = [];
    for (const { name, words, count, must, aim } of KINDS) {
      if (!wanted(`memory ${name}`, effort)) continue;
      const values: number[] = [];
      for (let run = 0; run < Math.min(runs, quick ? 1 : RUNS_MAX); run++) {
        const program = 'resources/memory-run.js';
        const found = await runJson<{ bytes: number }>(program, [words, `${count}`], {
          flags: ['--expose-gc'],
        });
        values.push(found.bytes);
      }
      rows.push(limitRow(`memory ${name}`, 'B', values, must, aim));
    }
    return rows;
  },
};
