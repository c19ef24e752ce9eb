// Rows: what a bench answers, how pairs of runs become one, which goal a ratio has, and how rows are printed.

/** What a ratio is to reach: at least, or with `most` at most. */
export interface Goal {
  readonly must: number;
  readonly aim?: number;
  readonly most?: true;
}

/** `aim`: the goal's aim holds, too; `must`: only that; `missed`: not even that. */
export type Met = 'aim' | 'must' | 'missed';

/** One comparison. `ratio` is ours / anchor; whether more or less is better follows from the unit. */
export interface MeasuredRow {
  readonly name: string;
  readonly ours: number;
  readonly anchor: number;
  readonly ratio: number;
  /** Least and greatest ratio of one pair of runs. */
  readonly spread: readonly [number, number];
  readonly runs: number;
  readonly unit: string;
  /** What the anchor is, where the name does not say. */
  readonly against?: string;
  readonly goal?: Goal;
  readonly met?: Met;
}

/** A comparison that could not be made here, and why: a peer that cannot be built. */
export interface OpenRow {
  readonly name: string;
  readonly open: string;
  readonly against?: string;
}

export type Row = MeasuredRow | OpenRow;

/** How hard to try. */
export interface Effort {
  /** Few and short: to see that it runs, not to quote. */
  readonly quick: boolean;
  /** Pairs of runs of one comparison. */
  readonly runs: number;
  /** Of one run, where a run is one of time. */
  readonly seconds: number;
  /** The bench/dist of another build of ours, which is then the anchor of all that runs as a process beside the kernel. */
  readonly against?: string | undefined;
  /** Rates also per second of CPU of the server's process. */
  readonly cpu: boolean;
  /** Only comparisons that have this in 'NAME / ANCHOR', or in their name where they have one anchor. */
  readonly only?: string | undefined;
}

/** One question, and the rows that answer it. */
export interface Bench {
  readonly name: string;
  run(effort: Effort): Promise<Row[]>;
}

/** Whether a comparison is wanted. */
export function wanted(name: string, { only }: Effort): boolean {
  return only === undefined || name.includes(only);
}

/** Middle of the values, or of the two in the middle. */
export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const half = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[half] : (sorted[half - 1] + sorted[half]) / 2;
}

export const atLeast = (must: number, aim?: number): Goal => (aim === undefined ? { must } : { must, aim });
export const atMost = (must: number, aim?: number): Goal => ({ ...atLeast(must, aim), most: true });

/** How far a ratio comes. */
export function metBy(ratio: number, { must, aim, most }: Goal): Met {
  const reaches = (goal: number): boolean => (most ? ratio <= goal : ratio >= goal);
  if (!reaches(must)) return 'missed';
  return aim !== undefined && reaches(aim) ? 'aim' : 'must';
}

/** What a row has beside its figures. */
export interface RowExtras {
  readonly against?: string;
  readonly goal?: Goal | undefined;
}

/** A row from pairs that were measured alternately: medians of both sides, and of the ratios pair by pair. */
export function rowOf(
  name: string,
  unit: string,
  pairs: readonly (readonly [number, number])[],
  { against, goal }: RowExtras = {},
): MeasuredRow {
  const ratios = pairs.map(([ours, anchor]) => ours / anchor);
  const ratio = median(ratios);
  return {
    name,
    ours: median(pairs.map(([ours]) => ours)),
    anchor: median(pairs.map(([, anchor]) => anchor)),
    ratio,
    spread: [Math.min(...ratios), Math.max(...ratios)],
    runs: pairs.length,
    unit,
    ...(against !== undefined && { against }),
    ...(goal !== undefined && { goal, met: metBy(ratio, goal) }),
  };
}

/**
 * A row of a figure that has a limit instead of an anchor: at most `must`, and better `aim`, both in `unit`.
 *
 * @example limitRow('idle connection', 'B', [1200, 1210], 1536, 768).met; // 'must'
 */
export function limitRow(
  name: string,
  unit: string,
  values: readonly number[],
  must: number,
  aim?: number,
): MeasuredRow {
  const goal = atMost(1, aim === undefined ? undefined : aim / must);
  return rowOf(
    name,
    unit,
    values.map((value) => [value, must]),
    { against: 'the limit', goal },
  );
}

/** Measures ours and anchor in turn; a first pair of each warms up and does not count. */
export function alternate(
  name: string,
  unit: string,
  runs: number,
  ours: () => number,
  anchor: () => number,
): MeasuredRow {
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

const HEADS = ['name', 'ours', 'anchor', 'ratio', 'spread', 'runs', 'unit', 'against', 'goal', 'met'];
/** Figures stand right, words left. */
const LEFT: ReadonlySet<string> = new Set(['name', 'unit', 'against', 'goal', 'met']);

/** The rows as a table; an open one says why. */
export function formatTable(rows: readonly Row[]): string {
  const lines = [HEADS, ...rows.filter(isMeasured).map(cellsOf)];
  const widths = HEADS.map((_, column) => Math.max(...lines.map((line) => line[column].length)));
  const pad = (text: string, column: number): string => {
    return LEFT.has(HEADS[column]) ? text.padEnd(widths[column]) : text.padStart(widths[column]);
  };
  return [...lines.map((line) => line.map(pad).join('  ').trimEnd()), ...openLines(rows)].join('\n');
}

/** The same for a document. */
export function formatMarkdown(rows: readonly Row[]): string {
  const lines = [HEADS, HEADS.map(() => '---'), ...rows.filter(isMeasured).map(cellsOf)];
  const table = lines.map((line) => `| ${line.join(' | ')} |`);
  const open = openLines(rows).map((line) => `- ${line}`);
  return [...table, ...(open.length > 0 ? ['', ...open] : [])].join('\n');
}

const isMeasured = (row: Row): row is MeasuredRow => 'ratio' in row;

function cellsOf(row: MeasuredRow): string[] {
  const { name, ours, anchor, ratio, spread, runs, unit, against = '', goal, met = '' } = row;
  const [least, greatest] = spread.map((value) => value.toFixed(2));
  return [
    ...[name, figure(ours), figure(anchor), ratio.toFixed(3), `${least}..${greatest}`, `${runs}`],
    ...[unit, against, goalText(goal), met],
  ];
}

function goalText(goal: Goal | undefined): string {
  if (goal === undefined) return '';
  const sign = goal.most ? '<=' : '>=';
  return `${sign} ${short(goal.must)}${goal.aim === undefined ? '' : ` (${short(goal.aim)})`}`;
}

/** One for each anchor that is missing, for one reason. */
function openLines(rows: readonly Row[]): string[] {
  const reasons = new Map<string, string[]>();
  for (const row of rows) {
    if (!('open' in row)) continue;
    const why = `${row.against === undefined ? '' : `against ${row.against}: `}${row.open}`;
    reasons.set(why, [...(reasons.get(why) ?? []), row.name]);
  }
  return [...reasons].map(([why, names]) => `open, ${why}: ${names.join('; ')}`);
}

const short = (value: number): string => `${Number(value.toPrecision(3))}`;

function figure(value: number): string {
  return Math.abs(value) >= 1000 ? Math.round(value).toLocaleString('en-US') : value.toPrecision(3);
}
