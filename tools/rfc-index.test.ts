// RFC 9293 is answered requirement by requirement, and docs/rfc-index.md says where.  UPDATE=1 writes that page.

import { readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import * as rfc from './rfc-index.ts';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const index = rfc.readIndex(root);

describe('RFC 9293', () => {
  test('the list of requirements is whole', () => {
    const count = (level: string): number =>
      index.requirements.filter(({ id }) => id.startsWith(`${level}-`)).length;
    expect(['MUST', 'SHLD', 'MAY', 'REC'].map(count)).toEqual([69, 31, 18, 1]);
    expect(new Set(index.requirements.map(({ id }) => id)).size).toBe(119);
    expect(index.requirements.filter(({ section, text }) => !/^3\.\d/.test(section) || text === '')).toEqual(
      [],
    );
  });

  test('no clause is claimed by code and proven by no test', () => {
    expect(rfc.unprovenClauses(index)).toEqual([]);
  });

  test('every MUST and MUST NOT is claimed and proven, or refused with a reason', () => {
    expect(rfc.unansweredClauses(index)).toEqual([]);
  });

  test('no place names a clause that there is not, or that is refused', () => {
    expect(rfc.strayClauses(index)).toEqual([]);
  });

  test('docs/rfc-index.md is up to date', () => {
    const page = rfc.formatIndex(index);
    const path = join(root, rfc.INDEX_PAGE);
    if (process.env.UPDATE !== undefined) writeFileSync(path, page);
    const hint = 'UPDATE=1 npx vitest run tools/rfc-index.test.ts writes it';
    expect(rfc.withoutLines(readFileSync(path, 'utf8')), hint).toBe(rfc.withoutLines(page));
  });
});

describe('the index itself', () => {
  const requirement = (id: string, level = 'MUST'): rfc.Requirement => ({
    id,
    level,
    section: '3.1',
    text: 'x',
  });
  const mention = (id: string, path = 'a.ts', name = 'a'): rfc.Mention => ({ id, path, line: 7, name });
  const nothing: rfc.Index = { requirements: [], refused: new Map(), claims: [], proofs: [] };
  const named = (mentions: readonly rfc.Mention[]): string[] =>
    mentions.map(({ id, line, name }) => `${id} ${line} ${name}`);

  test('reads ids, lists and ranges', () => {
    expect(rfc.idsIn('MUST-8, MUST-9; SHLD-1 and MUST-30..33, REC-1.')).toEqual([
      'MUST-8',
      'MUST-9',
      'SHLD-1',
      'MUST-30',
      'MUST-31',
      'MUST-32',
      'MUST-33',
      'REC-1',
    ]);
    expect(rfc.idsIn('MUST-30..MUST-32 MUST-30')).toEqual(['MUST-30', 'MUST-31', 'MUST-32']);
    expect(rfc.idsIn('MUST be, MUST-, XMUST-3')).toEqual([]);
  });

  test('reads quoted cells', () => {
    expect(rfc.parseCsv('id,text\nA,"b, ""c"""\nD,e\n')).toEqual([
      ['A', 'b, "c"'],
      ['D', 'e'],
    ]);
  });

  test('reads claims from comments of every form, and from no string', () => {
    const text = [
      '// MUST-1',
      '/** MUST-2. */',
      ' * MUST-3',
      'const a = 1; // MUST-4',
      "const b = 'MUST-5';",
      'call(/* MUST-6 */);',
    ].join('\n');
    expect(named(rfc.claimsOf('packages/stack/src/tcp/x.ts', text))).toEqual([
      'MUST-1 1 tcp/x.ts',
      'MUST-2 2 tcp/x.ts',
      'MUST-3 3 tcp/x.ts',
      'MUST-4 4 tcp/x.ts',
    ]);
    expect(rfc.claimsOf('packages/node/src/x.ts', '// MUST-1')[0].name).toBe('node/x.ts');
  });

  test('reads proofs from names of tests, of tables, of properties and of groups', () => {
    const text = [
      "test('MUST-1: one', () => {});",
      "describe('MUST-2', () => {",
      "  it('is no clause', () => {});",
      '});',
      "test.each([1])('MUST-3 of %i', () => {});",
      'property.prop([fc.integer()])(',
      "  'MUST-4 holds',",
      '  () => {},',
      ');',
      "test.skipIf(never)('MUST-5', () => {});",
    ].join('\n');
    expect(named(rfc.proofsOf('a/x.test.ts', text))).toEqual([
      'MUST-1 1 MUST-1: one',
      'MUST-2 2 MUST-2',
      'MUST-3 5 MUST-3 of %i',
      'MUST-4 7 MUST-4 holds',
      'MUST-5 10 MUST-5',
    ]);
  });

  test('takes no proof from what is skipped, to do, or mere data', () => {
    const text = ["test.skip('MUST-1', () => {});", "test.todo('MUST-2');", "const c = 'MUST-3';"].join('\n');
    expect(rfc.proofsOf('a/x.test.ts', text)).toEqual([]);
  });

  test('a comment belongs to the test that it stands over or in, else to the file', () => {
    const text = [
      '// The file. MUST-1, MUST-2',
      '',
      '// MUST-3',
      "test('over', () => {",
      '  // MUST-4',
      '  expect(1);',
      '});',
      '',
      '// MUST-5, and MUST-1 again, stand alone.',
      'const x = 1;',
      '',
      "test('MUST-2 by itself', () => {});",
    ].join('\n');
    expect(named(rfc.proofsOf('a/x.test.ts', text))).toEqual([
      'MUST-2 12 MUST-2 by itself',
      'MUST-1 1 x.test.ts',
      'MUST-3 4 over',
      'MUST-4 4 over',
      'MUST-5 9 x.test.ts',
    ]);
  });

  test('finds a claim without proof', () => {
    const found = rfc.unprovenClauses({
      ...nothing,
      claims: [mention('MUST-1'), mention('MUST-2'), mention('MUST-2', 'b.ts')],
      proofs: [mention('MUST-1')],
    });
    expect(found).toEqual(['MUST-2 is claimed in a.ts:7 and no test names it']);
  });

  test('finds a MUST without code, without test, or without both, and excuses what is refused', () => {
    const found = rfc.unansweredClauses({
      requirements: [
        ...['MUST-1', 'MUST-2', 'MUST-3', 'MUST-4', 'MUST-6'].map((id) => requirement(id)),
        requirement('MUST-5', 'MUST NOT'),
        requirement('SHLD-1', 'SHOULD'),
      ],
      refused: new Map([['MUST-6', 'no']]),
      claims: [mention('MUST-1'), mention('MUST-2')],
      proofs: [mention('MUST-1'), mention('MUST-3')],
    });
    expect(found).toEqual([
      'MUST-2 (3.1: x): no test',
      'MUST-3 (3.1: x): no code',
      'MUST-4 (3.1: x): no code, no test',
      'MUST-5 (3.1: x): no code, no test',
    ]);
  });

  test('finds an id that there is not, and a claim of what is refused', () => {
    const found = rfc.strayClauses({
      requirements: [requirement('MUST-1')],
      refused: new Map([
        ['MUST-1', 'no'],
        ['MUST-70', 'no'],
      ]),
      claims: [mention('MUST-1')],
      proofs: [mention('MUST-99')],
    });
    expect(found).toHaveLength(3);
  });

  test('links code and test, says why not, and leaves no table broken', () => {
    const page = rfc.formatIndex({
      requirements: [requirement('MUST-1'), requirement('MUST-2'), requirement('MUST-3')],
      refused: new Map([['MUST-2', 'a | b']]),
      claims: [mention('MUST-1'), mention('MUST-1')],
      proofs: [mention('MUST-1', 't.test.ts', 'a [b] | c')],
    });
    const rows = page.split('\n').filter((line) => line.startsWith('| MUST'));
    expect(rows).toEqual([
      '| MUST-1 | MUST | 3.1 | x | [a](../a.ts#L7)<br>[(2)](../a.ts#L7) | [a \\[b\\] \\| c](../t.test.ts#L7) |',
      '| MUST-2 | MUST | 3.1 | x | no: a \\| b |  |',
      '| MUST-3 | MUST | 3.1 | x | - | - |',
    ]);
    expect(page).toContain('MUST: 1 of 3 built and proven, 1 refused.');
  });

  test('a page whose lines moved is still up to date, one whose files changed is not', () => {
    expect(rfc.withoutLines('(../a.ts#L7)')).toBe(rfc.withoutLines('(../a.ts#L17)'));
    expect(rfc.withoutLines('(../a.ts#L7)')).not.toBe(rfc.withoutLines('(../b.ts#L7)'));
  });
});
