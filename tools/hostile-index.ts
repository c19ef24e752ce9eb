// The register of hostile input: which test holds the stack to each row. Written to docs/hostile-input.md.
//
//   rows     docs/hostile-input.csv; a row that is open, or is not ours to answer, says why
//   tests    prove by `[hostile 24]` or `[hostile 2, 4]` in a test's name, in a table of names, or in a comment above it
//   judged   at least one test of each row stands in a file that uses the oracle, packages/stack/src/testing/ordeal.ts

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { HOSTILE_DATAGRAMS, HOSTILE_ETHERNET } from '@tunstack/sim';
import { cell, links, type Mention, parseCsv, proofsOf } from './rfc-index.ts';
import { filesBelow } from './tidy.ts';

/** One row of docs/hostile-input.csv. */
export interface HostileRow {
  readonly no: number;
  readonly name: string;
  readonly input: string;
  readonly expected: string;
  /** '': proven; 'open': not all of it yet; 'not shipped': there is nothing here that would read it. */
  readonly status: string;
  readonly reason: string;
}

/** A test that names a row; `id` is the row's number. */
export interface Proof extends Mention {
  /** Its file uses the oracle. */
  readonly judged: boolean;
}

/** All that the register says. */
export interface Register {
  readonly rows: readonly HostileRow[];
  readonly proofs: readonly Proof[];
  /** Rows whose frames are replayed into a TAP. */
  readonly replayed: ReadonlySet<number>;
}

const ROWS = 'docs/hostile-input.csv';
/** The generated page. */
export const HOSTILE_PAGE = 'docs/hostile-input.md';
/** Rows that are frames by themselves: each must be replayed from the kernel's side. */
export const FRAME_ROWS: readonly number[] = [
  ...[1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15],
  ...[17, 18, 19, 20, 35, 36, 41, 42, 43, 46, 47],
];

/** The register of the checkout at `root`. */
export function readRegister(root: string): Register {
  const text = (path: string): string => readFileSync(join(root, path), 'utf8');
  const tests = ['packages', 'test'].flatMap((folder) =>
    filesBelow(root, folder, (path) => path.endsWith('.test.ts')),
  );
  return {
    rows: parseCsv(text(ROWS)).map(([no, name, input, expected, status, reason]) => {
      return { no: Number(no), name, input, expected, status, reason };
    }),
    proofs: tests.flatMap((path) => hostileProofsOf(path, text(path))),
    replayed: new Set(Object.keys({ ...HOSTILE_DATAGRAMS, ...HOSTILE_ETHERNET }).map(Number)),
  };
}

/** The rows that a text names: `[hostile 2, 4]`. */
export function rowsIn(text: string): string[] {
  const found = [...text.matchAll(/\[hostile (\d+(?:, \d+)*)\]/g)].flatMap(([, list]) => list.split(', '));
  return [...new Set(found)];
}

/** What a test file proves: by names and comments, and by strings of a table that a loop makes tests of. */
export function hostileProofsOf(path: string, text: string): Proof[] {
  const judged = /\bnew Ordeal\(/.test(text);
  const byName = proofsOf(path, text, rowsIn);
  const known = new Set(byName.map(({ id, name }) => `${id} ${name}`));
  const byTable = [...text.matchAll(/\blaw:\s*'((?:\\.|[^'\\])*)'/g)].flatMap(({ 1: law, index }) => {
    const line = text.slice(0, index).split('\n').length;
    return rowsIn(law).map((id) => ({ id, path, line, name: law }));
  });
  return [...byName, ...byTable.filter(({ id, name }) => !known.has(`${id} ${name}`))].map((mention) => {
    return { ...mention, name: mention.name.replace(/^\[hostile [\d, ]+\] /, ''), judged };
  });
}

/** Rows that are not open and not refused, and that no test proves with the oracle. */
export function unprovenRows({ rows, proofs }: Register): string[] {
  return rows
    .filter(({ status }) => status === '')
    .filter(({ no }) => !proofs.some(({ id, judged }) => judged && Number(id) === no))
    .map(({ no, name }) => `${no} (${name}): no test that uses the oracle names it`);
}

/** Rows that wait for something, or for nothing, as the CSV says: number and reason. */
export function rowsThatAre({ rows }: Register, status: string): string[] {
  return rows
    .filter((row) => row.status === status)
    .map(({ no, name, reason }) => `${no} ${name}: ${reason}`);
}

/** Tests of rows that there are not, proofs of what is not shipped, and statuses without a reason. */
export function strayRows({ rows, proofs }: Register): string[] {
  const problems: string[] = [];
  for (const { id, path, line } of proofs) {
    const row = rows.find(({ no }) => no === Number(id));
    if (row === undefined) problems.push(`${path}:${line} names row ${id}, which ${ROWS} does not have`);
    if (row?.status === 'not shipped')
      problems.push(`${path}:${line} proves row ${id}, which is not shipped`);
  }
  for (const { no, status, reason } of rows) {
    if (!['', 'open', 'not shipped'].includes(status)) problems.push(`row ${no} has the status ${status}`);
    if ((status === '') !== (reason === ''))
      problems.push(`row ${no}: a reason goes with a status, and only so`);
  }
  return problems;
}

/** The page. */
export function formatRegister(register: Register): string {
  const rows = register.rows.map(({ no, name, input, expected, status, reason }) => {
    const tests = links(register.proofs.filter(({ id }) => Number(id) === no));
    const answer =
      status === '' ? tests : [`**${status}**: ${cell(reason)}`, tests].filter(Boolean).join('<br>');
    const replayed = register.replayed.has(no) ? 'yes' : '';
    return `| ${no} | ${cell(name)} | ${cell(input)} | ${cell(expected)} | ${replayed} | ${answer} |`;
  });
  return [
    '# Hostile input, row by row',
    '',
    `Generated from ${ROWS} and from the tests that name its rows (\`[hostile 24]\`); do not edit.`,
    'To write it anew: `UPDATE=1 npx vitest run tools/hostile-index.test.ts`. Numbers of lines may be behind by an edit.',
    '',
    'Of every row the same is demanded, by one oracle (`packages/stack/src/testing/ordeal.ts`): no exception, no hang, no',
    'change of other connections, bounded memory, a reason that is counted, at most one reply for each packet, and the',
    'next good packet is served. Rows marked *replayed* are also a capture that `tcpreplay` sends from the kernel into a',
    'TAP (`test/e2e/hostile.test.ts`), made by the same generators (`packages/sim/src/hostile-rows.ts`).',
    '',
    tally(register),
    '',
    '| no | class | input | expected | replayed | tests |',
    '| --- | --- | --- | --- | --- | --- |',
    ...rows,
    '',
  ].join('\n');
}

function tally({ rows }: Register): string {
  const count = (status: string): number => rows.filter((row) => row.status === status).length;
  return `${count('')} of ${rows.length} rows proven, ${count('open')} open, ${count('not shipped')} not shipped.`;
}
