// The RFCs are answered requirement by requirement, and docs/rfc-index.md says where.  UPDATE=1 writes that page.

import { readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import * as rfc from './rfc-index.ts';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const index = rfc.readIndex(root);

describe('the RFCs', () => {
  test('the list of RFC 9293 is whole', () => {
    const count = (level: string): number =>
      index.requirements.filter(({ id }) => id.startsWith(`${level}-`)).length;
    expect(['MUST', 'SHLD', 'MAY', 'REC'].map(count)).toEqual([69, 31, 18, 1]);
    const own = index.requirements.filter(({ id }) => !id.startsWith('R') || id.startsWith('REC-'));
    expect(new Set(own.map(({ id }) => id)).size).toBe(119);
    expect(own.filter(({ section, text }) => !/^3\.\d/.test(section) || text === '')).toEqual([]);
  });

  test('the list of the other RFCs numbers the rows of each from 1, by level, section and text', () => {
    const others = index.requirements.filter(({ id }) => /^R\d/.test(id));
    expect(others).toHaveLength(149);
    const next = new Map<string, number>();
    for (const { id, level, text } of others) {
      const [rfc, row] = id.split('.');
      expect(Number(row), id).toBe((next.get(rfc) ?? 0) + 1);
      next.set(rfc, Number(row));
      expect(['MUST', 'MUST NOT', 'SHOULD', 'SHOULD NOT', 'MAY', '-'], id).toContain(level);
      expect(text, id).not.toBe('');
    }
  });

  test('no clause is claimed by code and proven by no test', () => {
    expect(rfc.unprovenClauses(index)).toEqual([]);
  });

  test('every MUST, and of the other RFCs every SHOULD, is claimed and proven, or refused with a reason', () => {
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
    expect(rfc.idsIn('R6298.1, R791.2; R1122.9..11 and RFC 6298 5.1.')).toEqual([
      'R6298.1',
      'R791.2',
      'R1122.9',
      'R1122.10',
      'R1122.11',
    ]);
    expect(rfc.idsIn('R7323.4..R7323.5')).toEqual(['R7323.4', 'R7323.5']);
    expect(rfc.idsIn('MUST be, MUST-, XMUST-3, R.IP_3, R12.1, PR1122.1')).toEqual([]);
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
        requirement('R791.1', 'SHOULD NOT'),
        requirement('R791.2', 'MAY'),
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
      'R791.1 (3.1: x): no code, no test',
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
