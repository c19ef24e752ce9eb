// The benches run: what they measured is not looked at here, only that they answer in the shape that others read.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { root } from './support/namespace.ts';

const run = async (words: readonly string[]): Promise<number | null> => {
  const child = spawn(process.execPath, words, { cwd: root, stdio: ['ignore', 'ignore', 'inherit'] });
  const [code] = (await once(child, 'close')) as [number | null];
  return code;
};

test('a bench writes rows of one shape', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'tunstack-bench-'));
  try {
    const file = join(folder, 'rows.json');
    expect(await run(['bench/dist/main.js', '--quick', '--json', file, 'parse', 'checksum'])).toBe(0);
    const rows = JSON.parse(await readFile(file, 'utf8')) as Record<string, unknown>[];
    expect(rows.length).toBe(6);
    for (const row of rows) {
      expect(row).toEqual({
        name: expect.stringMatching(/^(parse|checksum) /),
        ours: expect.any(Number),
        anchor: expect.any(Number),
        ratio: expect.any(Number),
        spread: [expect.any(Number), expect.any(Number)],
        runs: 2,
        unit: expect.any(String),
      });
    }
  } finally {
    await rm(folder, { recursive: true });
  }
});
