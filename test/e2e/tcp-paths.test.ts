// The bench of bad paths, `npm run bench -- paths` and `-- share`: that it runs and says what it should. No speed is asked for.

import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { CELLS, parseCell, wireFlags } from '../../bench/src/paths/cells.ts';
import { latenessOf } from '../../bench/src/paths/paths.ts';
import { type CellRuns, formatSummary, LOADS, type Run, resultOf } from '../../bench/src/paths/report.ts';
import { root, run } from '../support/namespace.ts';
import { skipWithout } from '../support/tcp-checks.ts';

const folder = mkdtempSync(join(tmpdir(), 'tunstack-paths-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const soak = process.env.SOAK === '1';
const bench = (...words: string[]) =>
  run([process.execPath, join(root, 'bench/dist/main.js'), ...words], 180_000);

const lane = {
  packets: 100,
  lost: 1,
  reordered: 0,
  overflowed: 0,
  late: { p50Us: 1, p99Us: 900, maxUs: 9000 },
};
const sender = {
  ...{ TcpRetransSegs: 0, TcpExtTCPTimeouts: 0, TcpExtTCPLossProbes: 0, TcpExtTCPDSACKRecv: 0 },
};

/** Runs of a cell with these goodputs, in Mbit/s, of the three loads in their order. */
function runsOf(name: string, ...goodputs: readonly (readonly number[])[]): CellRuns {
  const runs = goodputs.flatMap((each, i) =>
    each.map(
      (mbit, seed): Run => ({
        ...{ load: LOADS[i].name, seed, sender, wire: { ab: lane, ba: lane } },
        fetched: { seconds: 1, bytes: mbit * 125_000, rate: mbit * 125_000 },
      }),
    ),
  );
  return { cell: parseCell(name), runs, rejected: 1 };
}

describe('the grid of bad paths', () => {
  test('its 24 cells have each loss with each round trip, and all other values among them', () => {
    const values = (of: (cell: (typeof CELLS)[number]) => unknown) => new Set(CELLS.map(of)).size;
    expect(CELLS.length).toBe(24);
    expect(values(({ lossPercent, rttMs }) => `${lossPercent} ${rttMs}`)).toBe(24);
    expect(
      values(({ lossPercent, reorderPercent, queueBdp }) => `${lossPercent} ${reorderPercent} ${queueBdp}`),
    ).toBe(24);
    expect(values(({ controller, rttMs }) => `${controller} ${rttMs}`)).toBe(12);
  });

  test('a cell is found again by its name', () => {
    expect(CELLS.map(({ name }) => parseCell(name))).toEqual(CELLS);
    expect(() => parseCell('vegas rtt20 loss1 q2')).toThrow(
      /there is no 'vegas'; there are cubic, reno, bbr/,
    );
    expect(() => parseCell('cubic rtt20')).toThrow(/'cubic rtt20' is no cell, as 'cubic rtt20/);
  });

  test('the wire of a cell has half its round trip each way', () => {
    const flags = wireFlags(parseCell('cubic rtt1 loss0.01 reorder1 q0.5'), 7).join(' ');
    expect(flags).toBe('--rate 50mbit --delay 500us --loss 0.01% --reorder 1% --queue 0.5bdp --seed 7');
  });

  test('a ratio is one of medians, and a load without a run has none', () => {
    const result = resultOf(runsOf('cubic rtt20 loss1 q2', [10, 30, 20], [10, 10, 40], []));
    expect(result).toMatchObject({ seeds: 3, kernelMbit: 20, send: { mbit: 10, ratio: 0.5 } });
    expect(result.receive).toEqual({ mbit: undefined, ratio: undefined });
  });

  test('the summary tells the median cell, how many reach the goal, and the worst by its name', () => {
    const runs = [
      runsOf('reno rtt1 loss0 q2', [10], [10], [10]),
      runsOf('bbr rtt20 loss0 q2', [10], [7], [10]),
      runsOf('cubic rtt20 loss0 q2', [10], [2], [5]),
    ];
    expect(formatSummary(runs.map(resultOf)).split('\n')).toEqual([
      'we send: median 0.70, 2 of 3 cells >= 0.7, least 0.20 (cubic rtt20 loss0 q2)',
      'we receive: median 1.00, 2 of 3 cells >= 0.7, least 0.50 (cubic rtt20 loss0 q2)',
      'runs rejected: 3',
    ]);
  });

  test('a wire is late beyond 1 ms and 5 % of the round trip, or when the kernel dropped', () => {
    const late = { ab: lane, ba: { ...lane, late: { ...lane.late, p99Us: 4000 } } };
    expect(latenessOf(parseCell('cubic rtt20 loss0 q2'), late)).toBe('late by 4000 us (p99), 1000 may be');
    expect(latenessOf(parseCell('cubic rtt100 loss0 q2'), late)).toBeUndefined();
    expect(latenessOf(CELLS[0], { ab: { ...lane, dropped: 3 }, ba: lane })).toBe('the kernel dropped 3');
  });
});

describe.skipIf(skipWithout('chrt', 'ip'))('TCP on a bad path, in real time', () => {
  test('octets arrive in all three loads of two cells, and the report says so', async () => {
    const file = join(folder, 'paths.json');
    const names = ['cubic rtt20 loss1 reorder1 q0.5', 'bbr rtt1 loss0 q2'];
    const flags = ['--seconds', '2', '--seeds', '1', '--keep-late', '--json', file];
    const { code, stdout, stderr } = await bench('paths', '--cells', names.join(','), ...flags);
    expect(code, stderr).toBe(0);
    const { cells, results } = JSON.parse(readFileSync(file, 'utf8')) as {
      cells: CellRuns[];
      results: { name: string }[];
    };
    expect(results.map(({ name }) => name)).toEqual(names);
    for (const { runs } of cells) {
      expect(runs.map(({ load, error }) => ({ load, error }))).toEqual(
        LOADS.map(({ name: load }) => ({ load })),
      );
      for (const { fetched, wire } of runs) {
        expect(fetched.bytes).toBeGreaterThan(0);
        expect(wire.ab.packets).toBeGreaterThan(fetched.bytes / 1500);
      }
    }
    // The first cell loses, so both senders sent again.
    const [kernel, ours] = cells[0].runs.map((each) => each.sender.TcpRetransSegs);
    expect([kernel > 0, ours > 0]).toEqual([true, true]);
    expect(stdout).toMatch(/^we send: median \d\.\d\d, \d of 2 cells >= 0\.7/m);
  });

  if (soak)
    test('two flows share a bottleneck, and both get some', { timeout: 200_000 }, async () => {
      const { code, stdout, stderr } = await bench('share', '--seconds', '5', '--runs', '1');
      expect(code, stderr).toBe(0);
      const [, ours] = /^ours [\d.]+, kernel [\d.]+ Mbit\/s: ([\d.]+)/m.exec(stdout) ?? [];
      expect(Number(ours)).toBeGreaterThan(0);
      expect(Number(ours)).toBeLessThan(1);
    });
});
