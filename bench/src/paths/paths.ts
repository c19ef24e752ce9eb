// TCP on a bad path, in real time: the kernel to the kernel, ours to the kernel, the kernel to ours, in turn, through the same
// seeded wire. `npm run bench -- paths`; what the figures mean: docs/performance.md.

import { writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { CELLS, type Cell, parseCell } from './cells.ts';
import {
  type CellRuns,
  formatCells,
  formatSummary,
  LOADS,
  type Load,
  type Run,
  resultOf,
  summaryOf,
} from './report.ts';
import { type Fetched, type Lane, PathRig } from './rig.ts';

/** How often a run is made again whose wire was late, before its seed goes without. */
const ATTEMPTS = 3;
const NOTHING: Fetched = { seconds: 0, bytes: 0, rate: 0 };

/**
 * Why the scheduler, not the seed, decided, or undefined: packets left the wire late by more than 1 ms and 5 % of the round trip
 * at the 99th percentile, or the kernel dropped some before the wire read them.
 */
export function latenessOf({ rttMs }: Cell, { ab, ba }: { ab: Lane; ba: Lane }): string | undefined {
  const dropped = (ab.dropped ?? 0) + (ba.dropped ?? 0);
  if (dropped > 0) return `the kernel dropped ${dropped}`;
  const [lateUs, mostUs] = [Math.max(ab.late.p99Us, ba.late.p99Us), Math.max(1000, rttMs * 50)];
  return lateUs > mostUs ? `late by ${lateUs} us (p99), ${mostUs} may be` : undefined;
}

/** One transfer over a wire of its own. */
export async function transfer(cell: Cell, load: Load, seed: number, seconds: number): Promise<Run> {
  const rig = await PathRig.open(cell, seed);
  try {
    await rig.send(load.from);
    let error: string | undefined;
    const fetched = await rig.receive(load.to, load.from, seconds).catch((reason: Error) => {
      // It is what this path did to a connection: it counts.
      error = reason.message;
      return NOTHING;
    });
    const sender = await rig.counts(load.from);
    const wire = await rig.cut();
    return { load: load.name, seed, ...(error !== undefined && { error }), fetched, sender, wire };
  } finally {
    await rig.close();
  }
}

interface Settings {
  readonly seconds: number;
  readonly seeds: number;
  /** To see that it runs on a busy machine, not to quote. */
  readonly keepLate: boolean;
}

/** A program that did not start must not end a measurement of hours. */
function whyRejected(cell: Cell, run: Run | Error, keepLate: boolean): string | undefined {
  if (run instanceof Error) return run.message;
  return keepLate ? undefined : latenessOf(cell, run.wire);
}

/** All loads of all seeds, in turn. */
async function measure(cell: Cell, { seeds, seconds, keepLate }: Settings): Promise<CellRuns> {
  const runs: Run[] = [];
  let rejected = 0;
  for (let seed = 1; seed <= seeds; seed++) {
    for (const load of LOADS) {
      for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
        const run = await transfer(cell, load, seed, seconds).catch((error: Error) => error);
        const why = whyRejected(cell, run, keepLate);
        if (!(run instanceof Error) && why === undefined) {
          if (run.error !== undefined)
            console.error(`${cell.name}, seed ${seed}, ${load.name}: ${run.error}`);
          runs.push(run);
          break;
        }
        rejected++;
        console.error(`${cell.name}, seed ${seed}, ${load.name}: rejected: ${why}`);
      }
    }
  }
  return { cell, runs, rejected };
}

/** A flag's whole number from 1 on. Throws. */
export function whole(name: string, text: string): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 1) throw new Error(`--${name} takes a whole number, not ${text}`);
  return value;
}

/** `paths [--seconds N] [--seeds N] [--cells NAME,NAME] [--keep-late] [--list] [--json FILE]`; answers the exit code. */
export async function paths(args: readonly string[]): Promise<number> {
  const { values } = parseArgs({
    args: [...args],
    options: {
      seconds: { type: 'string', default: '15' },
      seeds: { type: 'string', default: '5' },
      cells: { type: 'string' },
      'keep-late': { type: 'boolean', default: false },
      list: { type: 'boolean', default: false },
      json: { type: 'string' },
    },
  });
  const cells = values.cells?.split(',').map(parseCell) ?? CELLS;
  if (values.list) {
    console.log(cells.map(({ name }) => name).join('\n'));
    return 0;
  }
  const settings: Settings = {
    seconds: whole('seconds', values.seconds),
    seeds: whole('seeds', values.seeds),
    keepLate: values['keep-late'],
  };
  const all: CellRuns[] = [];
  for (const cell of cells) {
    all.push(await measure(cell, settings));
    console.error(formatCells(all.slice(-1)).split('\n')[1]);
    // After each cell: what was measured outlives a run that is broken off.
    if (values.json !== undefined) writeFileSync(values.json, `${report(all, settings)}\n`);
  }
  console.log(`${formatCells(all)}\n${formatSummary(all.map(resultOf))}`);
  return all.every(({ runs }) => runs.length > 0) ? 0 : 1;
}

function report(all: readonly CellRuns[], settings: Settings): string {
  const results = all.map(resultOf);
  const summary = { send: summaryOf(results, 'send'), receive: summaryOf(results, 'receive') };
  return JSON.stringify({ ...settings, summary, results, cells: all }, undefined, 2);
}
