// Octets allocated per packet in steady state, whole stack, link in memory, at one packet a pump and at 64. There is nothing in C to
// compare with: the anchor is the limit.

import { runJson } from '../rig/run-json.ts';
import { type Bench, type Effort, limitRow, type Row, wanted } from '../rows.ts';

const MUST_BYTES = 16;
const AIM_BYTES = 1;
const RUNS_MAX = 5;
/** The young generation, MiB: it must hold all that is allocated, so that the difference of two readings is that. */
const SEMI_SPACE = 512;
const BATCHES = [1, 64];

/** As alloc-run.ts takes them; what counts as a packet is a datagram sent back, or a segment with text. */
export const ALLOC_LOADS: readonly string[] = [
  'icmp 56',
  'udp 56',
  'udp 1400',
  'tcp in plain',
  'tcp out plain',
  'tcp echo plain',
  'tcp in offload',
  'tcp out offload',
  'tcp echo offload',
];

interface Measured {
  readonly bytes: number;
  readonly ns: number;
  readonly collections: number;
}

/** Octets of heap and array buffers that one packet costs. Throws when V8 collected meanwhile. */
export async function allocatedPerPacket(load: string, batch: number, packets: number): Promise<number> {
  const flags = [`--max-semi-space-size=${SEMI_SPACE}`, `--min-semi-space-size=${SEMI_SPACE}`];
  const words = [`${packets}`, `${batch}`, ...load.split(' ')];
  const { bytes, collections } = await runJson<Measured>('core/alloc-run.js', words, { flags });
  if (collections > 0) throw new Error(`alloc ${load}: V8 collected meanwhile, the figure is void`);
  return bytes;
}

export const alloc: Bench = {
  name: 'alloc',
  async run(effort: Effort): Promise<Row[]> {
    const { quick, runs } = effort;
    const rows: Row[] = [];
    for (const load of ALLOC_LOADS) {
      for (const batch of BATCHES) {
        const name = `alloc ${load}, batch ${batch}`;
        if (!wanted(name, effort)) continue;
        const values: number[] = [];
        for (let run = 0; run < Math.min(runs, quick ? 1 : RUNS_MAX); run++) {
          values.push(await allocatedPerPacket(load, batch, quick ? 100_000 : 1_000_000));
        }
        rows.push(limitRow(name, 'B/packet', values, MUST_BYTES, AIM_BYTES));
      }
    }
    return rows;
  },
};
