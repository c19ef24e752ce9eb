// The benches run: what they measured is not looked at here, only that they answer in the shape that others read.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { afterAll, describe, expect, test } from 'vitest';
import type { Contestant } from '../bench/src/peers/contestant.ts';
import { CannotBuild } from '../bench/src/peers/peer.ts';
import {
  atLeast,
  atMost,
  type Effort,
  formatMarkdown,
  formatTable,
  limitRow,
  metBy,
  rowOf,
} from '../bench/src/rows.ts';
import { contest } from '../bench/src/tcp/contest.ts';
import type { Load } from '../bench/src/tcp/load.ts';
import { root } from './support/namespace.ts';
import { skipWithout } from './support/tcp-checks.ts';

const folder = mkdtempSync(join(tmpdir(), 'tunstack-bench-'));
afterAll(() => rmSync(folder, { recursive: true }));

/** Runs the benches and answers the rows that they wrote. */
async function bench(...words: readonly string[]): Promise<Record<string, unknown>[]> {
  const file = join(folder, 'rows.json');
  const child = spawn(process.execPath, ['bench/dist/main.js', '--quick', '--json', file, ...words], {
    cwd: root,
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  let errors = '';
  child.stderr.setEncoding('utf8').on('data', (more: string) => {
    errors += more;
  });
  const [code] = (await once(child, 'close')) as [number | null];
  expect(code, errors).toBe(0);
  return JSON.parse(readFileSync(file, 'utf8')) as Record<string, unknown>[];
}

const measured = {
  ours: expect.any(Number),
  anchor: expect.any(Number),
  ratio: expect.any(Number),
  spread: [expect.any(Number), expect.any(Number)],
  unit: expect.any(String),
};

test.each(['stack', 'bare'])('what a device of kind %s allocates is counted', async (kind) => {
  const words = ['bench/dist/core/alloc-device-run.js', kind, '1000'];
  const child = spawn(process.execPath, words, { cwd: root, stdio: ['ignore', 'pipe', 'inherit'] });
  const [said] = await Promise.all([text(child.stdout), once(child, 'close')]);
  expect(JSON.parse(said)).toEqual({ bytes: expect.any(Number), collections: expect.any(Number) });
});

test('a bench writes rows of one shape', async () => {
  const rows = await bench('parse', 'checksum');
  expect(rows.length).toBe(6);
  for (const row of rows) {
    expect(row).toEqual({ ...measured, name: expect.stringMatching(/^(parse|checksum) /), runs: 1 });
  }
});

describe.skipIf(skipWithout('ip', 'nsenter'))('the benches beside the kernel', () => {
  test('one of TCP starts, and one of a reflector', async () => {
    const rows = await bench('--runs', '1', '--only', 'connect and close, two CPUs', 'tcp-latency');
    expect(rows).toEqual([
      {
        ...{ ...measured, name: 'tcp connect and close, two CPUs, vnet_hdr', runs: 1 },
        against: 'kernel over veth',
      },
    ]);
    const [{ met, ...row }] = await bench('--runs', '1', '--only', 'echo icmp 56', 'echo');
    expect(row).toEqual({
      ...{ ...measured, name: 'echo icmp 56, thread', runs: 1 },
      ...{ against: 'C, epoll', goal: { must: 0.5, aim: 0.8 } },
    });
    expect(met).toMatch(/^(aim|must|missed)$/);
  });

  test('requests are answered by both modules, and eight flows get on at once', async () => {
    const rows = await bench('--runs', '1', '--seconds', '0.1', 'tcp-requests', 'tcp-flows');
    expect(rows.map(({ name, against }) => [name, against])).toEqual([
      ['64 connections, 100 B there, 1 KB back, requests', 'node:net over veth'],
      ['64 connections, 100 B there, 1 KB back, p50', 'node:net over veth'],
      ['64 connections, 100 B there, 1 KB back, p99', 'node:net over veth'],
      ['8 bulk flows in, sum, vnet_hdr', 'one flow'],
      ['8 bulk flows in, Jain, vnet_hdr', 'the same for all'],
      ['8 bulk flows out, sum, vnet_hdr', 'one flow'],
      ['8 bulk flows out, Jain, vnet_hdr', 'the same for all'],
    ]);
    for (const { ours } of rows) expect(ours).toBeGreaterThan(0);
  });
});

describe('rows', () => {
  test('a row of pairs has the medians, and the ratios pair by pair', () => {
    const pairs: [number, number][] = [
      [10, 10],
      [30, 10],
      [20, 40],
    ];
    expect(rowOf('x', 'MB/s', pairs)).toEqual({
      ...{ name: 'x', ours: 20, anchor: 10, ratio: 1, spread: [0.5, 3], runs: 3, unit: 'MB/s' },
    });
  });

  test('a goal is met by its aim, by what must be, or missed; at most is the other way round', () => {
    expect([0.4, 0.5, 0.8].map((ratio) => metBy(ratio, atLeast(0.5, 0.8)))).toEqual([
      'missed',
      'must',
      'aim',
    ]);
    expect([1.4, 1.35, 1.15].map((ratio) => metBy(ratio, atMost(1.35, 1.15)))).toEqual([
      'missed',
      'must',
      'aim',
    ]);
    expect(metBy(9, atLeast(1))).toBe('must');
  });

  test('a figure with a limit has the limit as its anchor', () => {
    expect(limitRow('idle', 'B', [700, 900, 800], 1600, 800)).toEqual({
      ...{ name: 'idle', ours: 800, anchor: 1600, ratio: 0.5, spread: [0.4375, 0.5625], runs: 3, unit: 'B' },
      ...{ against: 'the limit', goal: { must: 1, aim: 0.5, most: true }, met: 'aim' },
    });
  });

  test('the table says which goal there is and how far it is met, and why a row is open', () => {
    const row = rowOf('bulk', 'MB/s', [[1500, 1000]], { against: 'C', goal: atLeast(1.2, 2) });
    const open = ['echo', 'ping'].map((name) => ({ name, against: 'lwIP', open: 'no compiler' }));
    expect(formatTable([row, ...open]).split('\n')).toEqual([
      'name   ours  anchor  ratio      spread  runs  unit  against  goal        met',
      'bulk  1,500   1,000  1.500  1.50..1.50     1  MB/s  C        >= 1.2 (2)  must',
      'open, against lwIP: no compiler: echo; ping',
    ]);
    expect(formatMarkdown([row, { name: 'echo', open: 'no compiler' }]).split('\n')).toEqual([
      '| name | ours | anchor | ratio | spread | runs | unit | against | goal | met |',
      '| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |',
      '| bulk | 1,500 | 1,000 | 1.500 | 1.50..1.50 | 1 | MB/s | C | >= 1.2 (2) | must |',
      '',
      '- open, no compiler: echo',
    ]);
  });
});

describe('a contest', () => {
  const effort: Effort = { quick: true, runs: 3, seconds: 0.1, cpu: false };
  const load: Load = {
    ...{ mode: 'bulk-out', service: 'sink' },
    figures: [{ name: 'bulk', unit: 'MB/s', of: 'rate', scale: 1e-6 }],
  };

  /** Its client is a shell that prints this answer, whatever it is asked. */
  const answering = (name: string, script: string): Contestant => ({
    name,
    start: () =>
      Promise.resolve({ enter: ['sh', '-c', script, 'sh'], port: () => 1, end: () => Promise.resolve() }),
  });
  const rate = (megabytes: number): string => `echo '{"rate":${megabytes}e6,"seconds":0.1}'`;
  const ours = (): Contestant => answering('ours', rate(300));

  test('has a row for each rival, open where it cannot be built or does not do its load', async () => {
    const unbuilt: Contestant = {
      name: 'unbuilt',
      start: () => Promise.reject(new CannotBuild('no Go: apt install golang-go')),
    };
    const rivals = [
      { contestant: answering('slow', rate(100)), goals: { bulk: atLeast(2, 4) } },
      { contestant: unbuilt },
      { contestant: answering('broken', 'echo it fell >&2; exit 1') },
    ];
    const rows = await contest({ title: 'tun', ours, rivals, loads: [load] }, effort);
    expect(rows).toEqual([
      {
        ...{ name: 'bulk, tun', ours: 300, anchor: 100, ratio: 3, spread: [3, 3], runs: 3, unit: 'MB/s' },
        ...{ against: 'slow', goal: { must: 2, aim: 4 }, met: 'must' },
      },
      { name: 'bulk, tun', against: 'unbuilt', open: 'no Go: apt install golang-go' },
      { name: 'bulk, tun', against: 'broken', open: expect.stringContaining('it fell') },
    ]);
  });

  test('can be asked for one rival, or for one load', async () => {
    const rivals = ['slow', 'slower'].map((name) => ({ contestant: answering(name, rate(100)) }));
    const what = { title: 'tun', ours, rivals, loads: [load] };
    const against = async (only: string): Promise<(string | undefined)[]> =>
      (await contest(what, { ...effort, only })).map((row) => row.against);
    expect(await against('bulk, tun')).toEqual(['slow', 'slower']);
    expect(await against('bulk, tun / slower')).toEqual(['slower']);
    expect(await against('echo')).toEqual([]);
  });

  test('fails when ours fails', async () => {
    const rivals = [{ contestant: answering('slow', rate(100)) }];
    const what = { title: 'tun', ours: () => answering('ours', 'exit 1'), rivals, loads: [load] };
    await expect(contest(what, effort)).rejects.toThrow('ended');
  });

  test('with another build of ours has that alone, and no goal', async () => {
    const rivals = [{ contestant: answering('slow', rate(100)), goals: { bulk: atLeast(2) } }];
    const own = (against?: string): Contestant =>
      answering(against ?? 'ours', rate(against === undefined ? 300 : 200));
    const rows = await contest(
      { title: 'tun', ours: own, rivals, loads: [load] },
      { ...effort, against: 'dist' },
    );
    expect(rows).toEqual([expect.objectContaining({ against: 'dist', ratio: 1.5 })]);
    expect(rows[0]).not.toHaveProperty('goal');
  });
});
