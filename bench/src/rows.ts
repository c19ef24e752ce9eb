// Rows: what a bench answers, how pairs of runs become one, and how they are printed.

/** One comparison. `ratio` is ours / anchor; whether more or less is better follows from the unit. */
export interface Row {
  readonly name: string;
  readonly ours: number;
  readonly anchor: number;
  readonly ratio: number;
  /** Least and greatest ratio of one pair of runs. */
  readonly spread: readonly [number, number];
  readonly runs: number;
  readonly unit: string;
}

/** How hard to try. */
export interface Effort {
  /** Few and short: to see that it runs, not to quote. */
  readonly quick: boolean;
  /** Pairs of runs of one comparison. */
  readonly runs: number;
  /** The bench/dist of another build of ours, which is then the anchor of echo and ping instead of C. */
  readonly against?: string | undefined;
}

/** One question, and the rows that answer it. */
export interface Bench {
  readonly name: string;
  run(effort: Effort): Promise<Row[]>;
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const half = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[half] : (sorted[half - 1] + sorted[half]) / 2;
}

/** A row from pairs that were measured alternately: medians of both sides, and of the ratios pair by pair. */
export function rowOf(name: string, unit: string, pairs: readonly (readonly [number, number])[]): Row {
  const ratios = pairs.map(([ours, anchor]) => ours / anchor);
  return {
    name,
    ours: median(pairs.map(([ours]) => ours)),
    anchor: median(pairs.map(([, anchor]) => anchor)),
    ratio: median(ratios),
    spread: [Math.min(...ratios), Math.max(...ratios)],
    runs: pairs.length,
    unit,
  };
}

/** Measures ours and anchor in turn; a first pair of each warms up and does not count. */
export function alternate(
  name: string,
  unit: string,
  runs: number,
  ours: () => number,
  anchor: () => number,
): Row {
  const pairs: [number, number][] = [];
  for (let run = -1; run < runs; run++) {
    const pair: [number, number] = [ours(), anchor()];
    if (run >= 0) pairs.push(pair);
  }
  return rowOf(name, unit, pairs);
}

/** Nanoseconds per step of a loop that makes `steps` of them. */
export function nsPerStep(steps: number, loop: () => void): number {
  const start = process.hrtime.bigint();
  loop();
  return Number(process.hrtime.bigint() - start) / steps;
}

/** The rows as a table. */
export function formatTable(rows: readonly Row[]): string {
  const cells = rows.map(({ name, ours, anchor, ratio, spread: [least, greatest], runs, unit }) => {
    return [
      name,
      figure(ours),
      figure(anchor),
      ratio.toFixed(3),
      `${least.toFixed(2)}..${greatest.toFixed(2)}`,
      `${runs}`,
      unit,
    ];
  });
  const lines = [['name', 'ours', 'anchor', 'ratio', 'spread', 'runs', 'unit'], ...cells];
  const widths = lines[0].map((_, column) => Math.max(...lines.map((line) => line[column].length)));
  const pad = (text: string, column: number): string => {
    return column === 0 || column === 6 ? text.padEnd(widths[column]) : text.padStart(widths[column]);
  };
  return lines.map((line) => line.map(pad).join('  ').trimEnd()).join('\n');
}

function figure(value: number): string {
  return Math.abs(value) >= 1000 ? Math.round(value).toLocaleString('en-US') : value.toPrecision(3);
}
