// The benches, by name: `npm run bench`, or `node bench/dist/main.js` on what is built. What the figures mean: docs/performance.md.

import { writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { alloc } from './core/alloc.ts';
import { checksum } from './core/checksum.ts';
import { deadlines } from './core/deadlines.ts';
import { parse } from './core/parse.ts';
import { receiveBuffer } from './core/receive-buffer.ts';
import { echo } from './device/echo.ts';
import { ping } from './device/ping.ts';
import { paths } from './paths/paths.ts';
import { share } from './paths/share.ts';
import { RESOURCE_BENCHES } from './resources/benches.ts';
import { type Bench, type Effort, formatMarkdown, formatTable, type Row } from './rows.ts';
import { TCP_BENCHES } from './tcp/benches.ts';

const BENCHES: readonly Bench[] = [
  parse,
  checksum,
  deadlines,
  receiveBuffer,
  alloc,
  echo,
  ping,
  ...TCP_BENCHES,
  ...RESOURCE_BENCHES,
];

const ALONE: Readonly<Record<string, (args: readonly string[]) => Promise<number>>> = { paths, share };

const USAGE = `usage: main.js [--quick] [--runs N] [--seconds N] [--only TEXT] [--cpu] [--json FILE] [--markdown] [--against DIR] [name...]
  --quick        few and short, to see that it runs
  --runs N       pairs of runs of one comparison (9)
  --seconds N    of one run, where it is one of time (1)
  --only TEXT    only the comparisons with this in 'NAME / ANCHOR': 'bulk in, no offload / lwIP'
  --cpu          rates of TCP also per second of the server's CPU, on a busy machine
  --json FILE    the rows, written after each bench
  --markdown     the table as a document has it
  --against DIR  another checkout's bench/dist is the anchor of echo, ping and tcp
names; the first word of one stands for all that begin with it:
  BENCHES
with flags of their own, and long, so that they run only when they are named:
  ALONE`;

const usage = (): string =>
  USAGE.replace('BENCHES', BENCHES.map(({ name }) => name).join(' ')).replace(
    'ALONE',
    Object.keys(ALONE).join(' '),
  );

/** By its name, or by the first word of it: `tcp` is all of TCP. */
function isNamed(bench: Bench, name: string): boolean {
  return bench.name === name || bench.name.startsWith(`${name}-`);
}

interface Settings {
  readonly effort: Effort;
  readonly benches: readonly Bench[];
  readonly json: string | undefined;
  readonly format: (rows: readonly Row[]) => string;
  readonly help: boolean;
}

/** Throws what is wrong with the words. */
function settingsOf(args: readonly string[]): Settings {
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: {
      json: { type: 'string' },
      markdown: { type: 'boolean', default: false },
      quick: { type: 'boolean', default: false },
      runs: { type: 'string' },
      seconds: { type: 'string' },
      against: { type: 'string' },
      only: { type: 'string' },
      cpu: { type: 'boolean', default: false },
      help: { type: 'boolean', short: 'h', default: false },
    },
  });
  const { quick, json, against, only, cpu, markdown, help } = values;
  const runs = Number(values.runs ?? (quick ? 1 : 9));
  if (!Number.isInteger(runs) || runs < 1) throw new Error(`--runs takes a whole number, not ${values.runs}`);
  const seconds = Number(values.seconds ?? (quick ? 0.15 : 1));
  if (!(seconds > 0)) throw new Error(`--seconds takes a number, not ${values.seconds}`);
  for (const name of positionals) {
    if (!BENCHES.some((bench) => isNamed(bench, name))) throw new Error(`no bench '${name}'\n${usage()}`);
  }
  const named = (bench: Bench): boolean => positionals.some((name) => isNamed(bench, name));
  const benches = positionals.length === 0 ? BENCHES : BENCHES.filter(named);
  return {
    effort: { quick, runs, seconds, against, only, cpu },
    benches,
    json,
    format: markdown ? formatMarkdown : formatTable,
    help,
  };
}

/** Answers the exit code: 1 when a bench failed. A comparison whose anchor is not there is an open row, and no failure. */
async function runAll({ effort, benches, json, format }: Settings): Promise<number> {
  const rows: Row[] = [];
  let failed = 0;
  for (const bench of benches) {
    console.error(`${bench.name} ...`);
    try {
      rows.push(...(await bench.run(effort)));
    } catch (error) {
      // What the others found is printed all the same.
      console.error(`${bench.name}: ${(error as Error).message}`);
      failed++;
    }
    // After each: what was measured outlives a run that is broken off.
    if (json !== undefined) writeFileSync(json, `${JSON.stringify(rows, undefined, 2)}\n`);
  }
  console.log(format(rows));
  return failed > 0 ? 1 : 0;
}

async function main(): Promise<number> {
  const [first, ...rest] = process.argv.slice(2);
  if (first !== undefined && Object.hasOwn(ALONE, first)) return ALONE[first](rest);
  let settings: Settings;
  try {
    settings = settingsOf(process.argv.slice(2));
  } catch (error) {
    console.error((error as Error).message);
    return 2;
  }
  if (settings.help) {
    console.log(usage());
    return 0;
  }
  return runAll(settings);
}

// So that what is done at the exit is done: children end.
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => process.exit(130));

main().then(
  (code) => {
    process.exitCode = code;
  },
  (error: Error) => {
    console.error(error.message);
    process.exitCode = 1;
  },
);
