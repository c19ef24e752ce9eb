// The examples of docs/protocol-testing.md: they are the files beside it, they run, and they say what they promise.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { root, run } from './support/namespace.ts';

const EXAMPLES: Readonly<Record<string, RegExp>> = {
  'sim-rules':
    /^[\d.]+ -> #1 .*\[S\].*: drop nth 1 SYN\n(?:.*\n)*.*: drop nth 3 data & from 0\n(?:.*\n)*20000 octets in [\d.]+ ms, \d+ frames kept the law\n$/,
  'sim-dumbbell':
    /^[\d.]+ \+ [\d.]+ \+ [\d.]+ Mbit\/s, Jain's index (?:0\.[6-9]\d|1\.00)\nlost: \d+ in the queue, \d+ in bursts\n$/,
  'sim-shrink':
    /^found in run \d+, made smaller \d+ times\n\[\{"first":\[[\d,]*\],"second":\[[\d,]*\]\}\]\n$/,
  'sim-histories': /^100 histories of \d+ commands kept the laws\n$/,
  'sim-replay':
    /^\d hosts, \d flows, \d+ bit\/s\nall laws held, \d+ events\nwritten to .*world-.*trace\.txt\n$/,
};

const document = readFileSync(join(root, 'docs/protocol-testing.md'), 'utf8');

test('the document shows the files as they are', () => {
  const shown = [...document.matchAll(/^```js\n([\s\S]*?)^```$/gm)].map((match) => match[1]);
  expect(shown).toEqual(
    Object.keys(EXAMPLES).map((name) => readFileSync(join(root, `docs/examples/${name}.mjs`), 'utf8')),
  );
});

describe('the example', () => {
  test.each(Object.entries(EXAMPLES))('%s runs, and says what it promises', async (name, promised) => {
    const path = join(root, 'docs/examples', `${name}.mjs`);
    const { code, stdout, stderr } = await run([process.execPath, path], 60_000);
    expect(`${stdout}${stderr}`).toMatch(promised);
    expect(code).toBe(0);
  });

  test('that shrinks finds a list of a few packets, each of which it takes', async () => {
    const { stdout } = await run([process.execPath, join(root, 'docs/examples/sim-shrink.mjs')], 60_000);
    const [{ first, second }] = JSON.parse(stdout.split('\n')[1]) as [{ first: number[]; second: number[] }];
    expect(first.length + second.length).toBeGreaterThan(0);
    expect(first.length + second.length).toBeLessThan(6);
  });
});

test('the document names every rule, matcher and check that there is', async () => {
  const { check, rules, when } = await import('@tunstack/sim');
  const names = [check, rules, when].flatMap((group) => Object.keys(group));
  expect(names.length).toBeGreaterThan(30);
  expect(names.filter((name) => !new RegExp(`\\b${name}\\b`).test(document))).toEqual([]);
});
