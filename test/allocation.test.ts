// The gate: what a packet allocates in steady state, octets of heap and array buffers, through the whole stack. The program is the
// bench's (bench/src/core/alloc-run.ts), in a process of its own, for V8 takes its flags at the start.

import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { describe, expect, test } from 'vitest';
import { root } from './support/namespace.ts';

const LIMIT_BYTES = 16;
const PACKETS = 100_000;
/** Nothing is collected meanwhile, and nothing compiled beside it: two runs do the same. */
const FLAGS = [
  '--max-semi-space-size=512',
  '--min-semi-space-size=512',
  '--no-memory-reducer',
  '--single-threaded',
];
const ATTEMPTS = 3;

/** Infinity: V8 collected all the same, and the figure is void. */
async function measure(batch: number, load: string): Promise<number> {
  const words = [...FLAGS, 'bench/dist/core/alloc-run.js', `${PACKETS}`, `${batch}`, ...load.split(' ')];
  const { stdout } = await promisify(execFile)(process.execPath, words, { cwd: root });
  const { bytes, collections } = JSON.parse(stdout) as { bytes: number; collections: number };
  return collections === 0 ? bytes : Number.POSITIVE_INFINITY;
}

/** What a compiler keeps in a register in one run it may box in the next; what the program allocates is there each time. */
async function allocated(batch: number, load: string): Promise<number> {
  let least = Number.POSITIVE_INFINITY;
  for (let i = 0; i < ATTEMPTS && least > LIMIT_BYTES; i++)
    least = Math.min(least, await measure(batch, load));
  return least;
}

describe('a packet allocates next to nothing, alone and in a batch', () => {
  test.each([
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
  ])('%s', async (load) => {
    const [alone, batched] = await Promise.all([allocated(1, load), allocated(64, load)]);
    expect(alone).toBeLessThanOrEqual(LIMIT_BYTES);
    expect(batched).toBeLessThanOrEqual(LIMIT_BYTES);
  });
});
