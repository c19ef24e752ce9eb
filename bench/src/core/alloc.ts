// Octets allocated per echoed packet in steady state, whole stack, link in memory. There is nothing in C to compare
// with: the anchor is the goal, 16 octets a packet. A child measures, for V8 takes its flags at the start.

import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { type Bench, type Effort, type Row, rowOf } from '../rows.ts';

const GOAL_BYTES = 16;
/** The young generation, MiB: it must hold all that is allocated, so that the difference of two readings is that. */
const SEMI_SPACE = 512;

interface Measured {
  readonly bytes: number;
  readonly ns: number;
  readonly collections: number;
}

async function measure(protocol: string, payload: string, packets: number): Promise<Measured> {
  const flags = [`--max-semi-space-size=${SEMI_SPACE}`, `--min-semi-space-size=${SEMI_SPACE}`];
  const program = fileURLToPath(new URL('./alloc-run.js', import.meta.url));
  const words = [...flags, program, protocol, payload, `${packets}`];
  const { stdout } = await promisify(execFile)(process.execPath, words, { timeout: 120_000 });
  const measured = JSON.parse(stdout) as Measured;
  if (measured.collections > 0)
    throw new Error(`alloc ${protocol}: V8 collected meanwhile, the figure is void`);
  return measured;
}

export const alloc: Bench = {
  name: 'alloc',
  async run({ quick, runs }: Effort): Promise<Row[]> {
    const packets = quick ? 100_000 : 1_000_000;
    const rows: Row[] = [];
    for (const load of ['icmp 56', 'udp 56', 'udp 1400']) {
      const [protocol, payload] = load.split(' ');
      const pairs: [number, number][] = [];
      for (let run = 0; run < Math.min(runs, 5); run++) {
        pairs.push([(await measure(protocol, payload, packets)).bytes, GOAL_BYTES]);
      }
      rows.push(rowOf(`alloc echo ${load} / goal`, 'B/packet', pairs));
    }
    return rows;
  },
};
