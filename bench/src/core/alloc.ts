// Octets allocated per packet in steady state, whole stack, link in memory, at one packet a pump and at 64. There is nothing in C to
// compare with: the anchor is the limit.

import { runJson } from '../rig/run-json.ts';
import { type Bench, type Effort, limitRow, type Row, rowOf, wanted } from '../rows.ts';

const MUST_BYTES = 16;
const AIM_BYTES = 1;
const RUNS_MAX = 5;
/** Something else of the process may have been collected, of its start for instance. */
const ATTEMPTS = 3;
/** The young generation, MiB: it must hold all that is allocated, so that the difference of two readings is that. */
const SEMI_SPACE = 512;
const BATCHES = [1, 64];

/** As alloc-run.ts takes them; what counts as a packet is a datagram sent back, or a segment with text. */
const LOADS: readonly string[] = [
  'icmp 56',
  'udp 56',
  'udp 1400',
  'tcp in plain',
  'tcp out plain',
  'tcp echo plain',
  'tcp talk plain',
  'tcp in offload',
  'tcp out offload',
  'tcp echo offload',
];

interface Measured {
  readonly bytes: number;
  readonly collections: number;
}

/** Octets of heap and array buffers, as a program says that nothing is collected in. Throws when V8 collected all the same. */
async function measured(program: string, words: readonly string[]): Promise<number> {
  const size = `semi-space-size=${SEMI_SPACE}`;
  const flags = [`--max-${size}`, `--min-${size}`, '--no-memory-reducer'];
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    const { bytes, collections } = await runJson<Measured>(program, words, { flags });
    if (collections === 0) return bytes;
  }
  throw new Error(`${program} ${words.join(' ')}: V8 collected meanwhile, the figure is void`);
}

/** What the addon and the event loop cost, apart: one packet a wake-up, on both ends. */
async function overDevices(effort: Effort): Promise<Row[]> {
  const name = 'alloc icmp 56, there and back through the addon';
  if (!wanted(name, effort)) return [];
  const run = (answers: string): Promise<number> =>
    measured('core/alloc-device-run.js', [answers, effort.quick ? '50000' : '200000']);
  const pairs: [number, number][] = [];
  for (let round = 0; round < Math.min(effort.runs, RUNS_MAX); round++) {
    pairs.push([await run('stack'), await run('bare')]);
  }
  return [rowOf(name, 'B/round trip', pairs, { against: 'bare devices' })];
}

export const alloc: Bench = {
  name: 'alloc',
  async run(effort: Effort): Promise<Row[]> {
    const { quick, runs } = effort;
    const rows: Row[] = await overDevices(effort);
    for (const load of LOADS) {
      for (const batch of quick ? BATCHES.slice(1) : BATCHES) {
        const name = `alloc ${load}, batch ${batch}`;
        if (!wanted(name, effort)) continue;
        const values: number[] = [];
        for (let run = 0; run < Math.min(runs, quick ? 1 : RUNS_MAX); run++) {
          const packets = quick ? 100_000 : 1_000_000;
          values.push(await measured('core/alloc-run.js', [`${packets}`, `${batch}`, ...load.split(' ')]));
        }
        rows.push(limitRow(name, 'B/packet', values, MUST_BYTES, AIM_BYTES));
      }
    }
    return rows;
  },
};
