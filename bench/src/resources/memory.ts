// What a connection costs in memory when nothing happens to it: octets of heap and array buffers after garbage collection. No anchor
// but the limit: the kernel's and other stacks' are in docs/performance.md.

import { runJson } from '../rig/run-json.ts';
import { type Bench, type Effort, limitRow, type Row, rowOf, wanted } from '../rows.ts';

const RUNS_MAX = 5;
const CONNECTIONS = 10_000;
/** Rows are kept in tables that double: with those that warm up (memory-run.ts) this many fill theirs. */
const ENTRIES: number = 65_536 - 2048;
/** What an entry takes, its places in all tables included; and what tables that have just doubled have too much. */
const ENTRY_BYTES = 64;
const NOT_FULL_BYTES = 8;

interface Kind {
  readonly name: string;
  readonly words: string;
  readonly count: number;
  readonly must: number;
  readonly aim?: number;
}

const established = (name: string, words: string): Kind => ({
  name: `memory ESTABLISHED, ${name}`,
  words,
  count: CONNECTIONS,
  must: 1536,
  aim: 768,
});
const asleep = (name: string, words: string): Kind => ({
  name: `memory ${name}`,
  words,
  count: ENTRIES,
  must: ENTRY_BYTES + NOT_FULL_BYTES,
});

const KINDS: readonly Kind[] = [
  established('core handle', 'core fresh'),
  established('core handle, after a request and its answer', 'core used'),
  established('core handle, each from an address of its own', 'core scattered'),
  asleep('TIME-WAIT', 'core time-wait'),
  asleep('SYN-RECEIVED', 'core embryonic'),
];

/** What net's face has on top: its anchor is the core handle. */
const FACES = ['fresh', 'used'] as const;

async function bytesOf(words: string, count: number): Promise<number> {
  const options = { flags: ['--expose-gc'] };
  const { bytes } = await runJson<{ bytes: number }>('resources/memory-run.js', [words, `${count}`], options);
  return bytes;
}

export const memory: Bench = {
  name: 'memory',
  async run(effort: Effort): Promise<Row[]> {
    const runs = Math.min(effort.runs, effort.quick ? 1 : RUNS_MAX);
    const rows: Row[] = [];
    for (const { name, words, count, must, aim } of KINDS) {
      if (!wanted(name, effort)) continue;
      const values: number[] = [];
      for (let run = 0; run < runs; run++) values.push(await bytesOf(words, count));
      rows.push(limitRow(name, 'B', values, must, aim));
    }
    for (const phase of effort.quick ? FACES.slice(0, 1) : FACES) {
      const name = `memory ESTABLISHED, TcpSocket of net's face, ${phase}`;
      if (!wanted(name, effort)) continue;
      const pairs: [number, number][] = [];
      for (let run = 0; run < runs; run++) {
        pairs.push([
          await bytesOf(`node ${phase}`, CONNECTIONS),
          await bytesOf(`core ${phase}`, CONNECTIONS),
        ]);
      }
      rows.push(rowOf(name, 'B', pairs, { against: 'the core handle' }));
    }
    return rows;
  },
};
