// The benches: `node bench/dist/main.js [--json FILE] [--quick] [--runs N] [--against DIR] [--only TEXT] [name...]`. What the
// figures mean: docs/performance.md. `--against` another checkout's bench/dist makes that build the anchor of echo, ping and tcp;
// `--only` makes just the comparisons with this in their names. A name's first word stands for all that begin with it.
// `main.js paths` and `main.js share` have flags of their own, and are long: they run only when they are named.

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
import { type Bench, type Effort, formatTable, type Row } from './rows.ts';
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
];

const ALONE: Readonly<Record<string, (args: readonly string[]) => Promise<number>>> = { paths, share };

/** By its name, or by the first word of it: `tcp` is all of TCP. */
function isNamed(bench: Bench, name: string): boolean {
  return bench.name === name || bench.name.startsWith(`${name}-`);
}

async function main(): Promise<number> {
  const [first, ...rest] = process.argv.slice(2);
  if (first !== undefined && Object.hasOwn(ALONE, first)) return ALONE[first](rest);
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      json: { type: 'string' },
      quick: { type: 'boolean', default: false },
      runs: { type: 'string' },
      against: { type: 'string' },
      only: { type: 'string' },
    },
  });
  const named = (bench: Bench): boolean => positionals.some((name) => isNamed(bench, name));
  const unknown = positionals.filter((name) => !BENCHES.some((bench) => isNamed(bench, name)));
  if (unknown.length > 0) {
    console.error(
      `no bench '${unknown[0]}'; there are ${[...BENCHES.map(({ name }) => name), ...Object.keys(ALONE)].join(', ')}`,
    );
    return 2;
  }
  const runs = Number(values.runs ?? (values.quick ? 2 : 9));
  if (!Number.isInteger(runs) || runs < 1) throw new Error(`--runs takes a whole number, not ${values.runs}`);
  const effort: Effort = { quick: values.quick, runs, against: values.against, only: values.only };
  const rows: Row[] = [];
  let failed = 0;
  for (const bench of BENCHES) {
    if (positionals.length > 0 && !named(bench)) continue;
    console.error(`${bench.name} ...`);
    try {
      rows.push(...(await bench.run(effort)));
    } catch (error) {
      // What the others found is printed all the same.
      console.error(`${bench.name}: ${(error as Error).message}`);
      failed++;
    }
  }
  console.log(formatTable(rows));
  if (values.json !== undefined) writeFileSync(values.json, `${JSON.stringify(rows, undefined, 2)}\n`);
  return failed > 0 ? 1 : 0;
}

main().then(
  (code) => {
    process.exitCode = code;
  },
  (error: Error) => {
    console.error(error.message);
    process.exitCode = 1;
  },
);
