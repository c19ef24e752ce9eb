// Every row of hostile input has its test, and docs/hostile-input.md says which.  UPDATE=1 writes that page.

import { readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import * as hostile from './hostile-index.ts';
import { withoutLines } from './rfc-index.ts';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const register = hostile.readRegister(root);

describe('hostile input', () => {
  test('the list of rows is whole', () => {
    expect(register.rows.map(({ no }) => no)).toEqual(Array.from({ length: 48 }, (_, i) => i + 1));
    expect(register.rows.filter(({ name, input, expected }) => !name || !input || !expected)).toEqual([]);
  });

  test('every row is proven with the oracle, or says why not', () => {
    expect(hostile.unprovenRows(register)).toEqual([]);
  });

  test('no test names a row that there is not, or that is not shipped', () => {
    expect(hostile.strayRows(register)).toEqual([]);
  });

  test('exactly these rows are open, and these are not shipped', () => {
    expect(hostile.rowsThatAre(register, 'open')).toEqual([]);
    expect(hostile.rowsThatAre(register, 'not shipped').map((row) => Number.parseInt(row, 10))).toEqual([
      44, 45,
    ]);
  });

  test('every row that is a frame by itself is replayed from the kernel', () => {
    expect([...register.replayed].sort((a, b) => a - b)).toEqual(hostile.FRAME_ROWS);
  });

  test('docs/hostile-input.md is up to date', () => {
    const page = hostile.formatRegister(register);
    const path = join(root, hostile.HOSTILE_PAGE);
    if (process.env.UPDATE !== undefined) writeFileSync(path, page);
    const hint = 'UPDATE=1 npx vitest run tools/hostile-index.test.ts writes it';
    expect(withoutLines(readFileSync(path, 'utf8')), hint).toBe(withoutLines(page));
  });
});

describe('the register itself', () => {
  const row = (no: number, status = '', reason = ''): hostile.HostileRow => {
    return { no, name: 'a', input: 'b', expected: 'c', status, reason };
  };
  const of = (rows: readonly hostile.HostileRow[], text: string): hostile.Register => {
    return { rows, proofs: hostile.hostileProofsOf('test/a.test.ts', text), replayed: new Set() };
  };
  const judge = 'new Ordeal(bench);\n';

  test('reads rows from names, from tables, from comments above, and from lists', () => {
    const text = [
      "test('[hostile 1] one', () => {});",
      "property.prop([seeds])('[hostile 2, 4] two', () => {});",
      '// [hostile 5]',
      "test('five', () => {});",
      "const rows = { 6: { law: '[hostile 6] six' } };",
    ].join('\n');
    const found = hostile.hostileProofsOf('test/a.test.ts', text);
    expect(found.map(({ id, name, line }) => `${id} ${name} ${line}`)).toEqual([
      '1 one 1',
      '2 two 2',
      '4 two 2',
      '5 five 4',
      '6 six 5',
    ]);
  });

  test('a test that is skipped proves nothing', () => {
    expect(of([row(1)], `${judge}test.skip('[hostile 1] one', () => {});`).proofs).toEqual([]);
    expect(of([row(1)], `${judge}test.todo('[hostile 1] one');`).proofs).toEqual([]);
  });

  test('finds a row without a test, and one whose tests ask no oracle', () => {
    expect(hostile.unprovenRows(of([row(1)], ''))).toHaveLength(1);
    expect(hostile.unprovenRows(of([row(1)], "test('[hostile 1] one', f);"))).toHaveLength(1);
    expect(hostile.unprovenRows(of([row(1)], `${judge}test('[hostile 1] one', f);`))).toEqual([]);
    expect(hostile.unprovenRows(of([row(1, 'open', 'later')], ''))).toEqual([]);
  });

  test('finds tests of rows that are not there or not shipped, and statuses without a reason', () => {
    expect(hostile.strayRows(of([row(1)], "test('[hostile 2] two', f);"))).toHaveLength(1);
    expect(hostile.strayRows(of([row(2, 'not shipped', 'no')], "test('[hostile 2] two', f);"))).toHaveLength(
      1,
    );
    expect(hostile.strayRows(of([row(1, 'open'), row(2, '', 'why'), row(3, 'later', 'x')], ''))).toHaveLength(
      3,
    );
  });
});
