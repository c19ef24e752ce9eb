// What `paths` found: a table, the same as JSON, and what it comes to.

import { median } from '../rows.ts';
import type { Cell } from './cells.ts';
import type { Fetched, Lane, SenderCounts, Whose } from './rig.ts';

/** Who sends and who receives. */
export interface Load {
  readonly name: 'kernel to kernel' | 'ours to kernel' | 'kernel to ours';
  readonly from: Whose;
  readonly to: Whose;
}

/** The first is what the others are compared with. */
export const LOADS: readonly Load[] = [
  { name: 'kernel to kernel', from: 'kernel', to: 'kernel' },
  { name: 'ours to kernel', from: 'ours', to: 'kernel' },
  { name: 'kernel to ours', from: 'kernel', to: 'ours' },
];

/** One transfer that counts. */
export interface Run {
  readonly load: Load['name'];
  readonly seed: number;
  /** Why nothing or little came, where an end complained: its goodput is 0. */
  readonly error?: string;
  readonly fetched: Fetched;
  readonly sender: SenderCounts;
  readonly wire: { readonly ab: Lane; readonly ba: Lane };
}

/** All transfers of one cell, and how many were thrown away because the wire was late. */
export interface CellRuns {
  readonly cell: Cell;
  readonly runs: readonly Run[];
  readonly rejected: number;
}

/** Medians of goodput, Mbit/s; `ratio` is that of the medians to the kernel's. Undefined: no run counted. */
interface Side {
  readonly mbit: number | undefined;
  readonly ratio: number | undefined;
}

/** One line of the table. */
export interface CellResult {
  readonly name: string;
  readonly seeds: number;
  readonly rejected: number;
  readonly kernelMbit: number | undefined;
  readonly send: Side;
  readonly receive: Side;
}

/** Of all cells: the median ratio, how many reach the goal, the worst. */
export interface Summary {
  readonly cells: number;
  readonly median: number;
  readonly reached: number;
  readonly least: number;
  readonly worst: string;
}

/** Ours / kernel's, in a cell. */
export const GOAL = 0.7;

/** The line of a cell. */
export function resultOf({ cell, runs, rejected }: CellRuns): CellResult {
  const goodput = (load: Load): number | undefined => {
    const of = runs.filter((run) => run.load === load.name).map(({ fetched }) => fetched.rate * 8e-6);
    return of.length === 0 ? undefined : median(of);
  };
  const [kernel, send, receive] = LOADS.map(goodput);
  const side = (mbit: number | undefined): Side => {
    const both = mbit !== undefined && kernel !== undefined && kernel > 0;
    return { mbit, ratio: both ? mbit / kernel : undefined };
  };
  const seeds = new Set(runs.map(({ seed }) => seed)).size;
  return {
    ...{ name: cell.name, seeds, rejected, kernelMbit: kernel },
    ...{ send: side(send), receive: side(receive) },
  };
}

/** Over the cells that have a ratio; undefined when none has. */
export function summaryOf(results: readonly CellResult[], of: 'send' | 'receive'): Summary | undefined {
  const ratios = results.flatMap(({ name, [of]: { ratio } }) =>
    ratio === undefined ? [] : [{ name, ratio }],
  );
  if (ratios.length === 0) return undefined;
  const worst = ratios.reduce((least, each) => (each.ratio < least.ratio ? each : least));
  return {
    cells: ratios.length,
    median: median(ratios.map(({ ratio }) => ratio)),
    reached: ratios.filter(({ ratio }) => ratio >= GOAL).length,
    ...{ least: worst.ratio, worst: worst.name },
  };
}

const figure = (value: number | undefined): string => value?.toFixed(2) ?? '-';

const COLUMNS = [
  'cell',
  'seeds',
  'k>k',
  'ours>k',
  'ratio',
  'k>ours',
  'ratio',
  'again k/o',
  'RTO k/o',
  'late',
];

/** Goodput in Mbit/s, the ratios, retransmitted segments and timeouts of the senders, runs rejected. */
export function formatCells(all: readonly CellRuns[]): string {
  const rows = all.map((cellRuns) => {
    const { name, seeds, kernelMbit, send, receive, rejected } = resultOf(cellRuns);
    const total = (which: 'TcpRetransSegs' | 'TcpExtTCPTimeouts'): string => {
      const sum = (load: Load): number =>
        cellRuns.runs
          .filter((run) => run.load === load.name)
          .reduce((all, { sender }) => all + sender[which], 0);
      return `${sum(LOADS[0])}/${sum(LOADS[1])}`;
    };
    const sides = [send, receive].flatMap(({ mbit, ratio }) => [figure(mbit), figure(ratio)]);
    const sent = [total('TcpRetransSegs'), total('TcpExtTCPTimeouts')];
    return [name, `${seeds}`, figure(kernelMbit), ...sides, ...sent, `${rejected}`];
  });
  const lines = [COLUMNS, ...rows];
  const widths = COLUMNS.map((_, column) => Math.max(...lines.map((line) => line[column].length)));
  return lines
    .map((line) =>
      line.map((text, i) => (i === 0 ? text.padEnd(widths[i]) : text.padStart(widths[i]))).join('  '),
    )
    .join('\n');
}

/** `we send: median 0.95, 22 of 24 cells >= 0.7, least 0.41 (...)`. */
export function formatSummary(results: readonly CellResult[]): string {
  const line = (words: string, of: 'send' | 'receive'): string => {
    const summary = summaryOf(results, of);
    if (summary === undefined) return `${words}: no cell was measured`;
    const { cells, median: middle, reached, least, worst } = summary;
    const reach = `${reached} of ${cells} cells >= ${GOAL}`;
    return `${words}: median ${figure(middle)}, ${reach}, least ${figure(least)} (${worst})`;
  };
  const rejected = results.reduce((sum, each) => sum + each.rejected, 0);
  return [line('we send', 'send'), line('we receive', 'receive'), `runs rejected: ${rejected}`].join('\n');
}
