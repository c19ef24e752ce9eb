// The index of the RFCs' requirements: which code claims each, which test proves it. Written to docs/rfc-index.md.
//
//   code claims  by the id in a comment: `MUST-31`, `MUST-30..33`, `R6298.3`, `R6298.7..9`   packages/*/src, but tests
//   tests prove  by the id in a test's name, or in a comment                                 *.test.ts of packages and test
//   not built    docs/rfc9293-refused.csv and docs/rfc-other-refused.csv say why
//
// RFC 9293 numbers its requirements itself. The other RFCs do not, and one clause may demand several things: so theirs are
// numbered here, `R6298.3` for the third row of RFC 6298 in docs/rfc-other.csv. A row keeps its number for ever: new ones
// are added behind the last of their RFC.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { filesBelow, isTest } from './tidy.ts';

/** One row of docs/rfc9293.csv or docs/rfc-other.csv. */
export interface Requirement {
  readonly id: string;
  readonly level: string;
  readonly section: string;
  readonly text: string;
}

/** A place that names a requirement. */
export interface Mention {
  readonly id: string;
  /** From the root. */
  readonly path: string;
  /** From 1. */
  readonly line: number;
  /** The test's name, or its file's for a comment outside all tests; of code, the path below its src. */
  readonly name: string;
}

/** All that the index says. */
export interface Index {
  readonly requirements: readonly Requirement[];
  /** Reasons by id. */
  readonly refused: ReadonlyMap<string, string>;
  readonly claims: readonly Mention[];
  readonly proofs: readonly Mention[];
}

/** Lists of requirements, and of those that are not built. */
const LISTS = [
  { title: 'RFC 9293', requirements: 'docs/rfc9293.csv', refused: 'docs/rfc9293-refused.csv' },
  { title: 'Other RFCs', requirements: 'docs/rfc-other.csv', refused: 'docs/rfc-other-refused.csv' },
] as const;
/** The generated page. */
export const INDEX_PAGE = 'docs/rfc-index.md';

/** The index of the checkout at `root`. */
export function readIndex(root: string): Index {
  const text = (path: string): string => readFileSync(join(root, path), 'utf8');
  const below = (folder: string): string[] => filesBelow(root, folder, (path) => path.endsWith('.ts'));
  const code = below('packages').filter((path) => /^packages\/[^/]+\/src\//.test(path) && !isTest(path));
  const tests = [...below('packages'), ...below('test')].filter((path) => path.endsWith('.test.ts'));
  return {
    requirements: LISTS.flatMap((list) =>
      parseCsv(text(list.requirements)).map(([id, level, section, what]) => {
        return { id, level, section, text: what };
      }),
    ),
    refused: new Map(
      LISTS.flatMap((list) => parseCsv(text(list.refused)).map(([id, reason]) => [id, reason] as const)),
    ),
    claims: code.flatMap((path) => claimsOf(path, text(path))),
    proofs: tests.flatMap((path) => proofsOf(path, text(path))),
  };
}

/** The rows of a CSV (RFC 4180) without its header. */
export function parseCsv(text: string): string[][] {
  const rows: string[][] = [];
  for (const line of text.split(/\r?\n/).slice(1)) {
    if (line === '') continue;
    const cells = [...line.matchAll(/(?:^|,)(?:"((?:[^"]|"")*)"|([^,]*))/g)];
    rows.push(cells.map(([, quoted, plain]) => quoted?.replaceAll('""', '"') ?? plain));
  }
  return rows;
}

/** The ids in a text, each once, ranges spelt out. */
export function idsIn(text: string): string[] {
  const found = new Set<string>();
  for (const [, prefix, first, last] of text.matchAll(
    /\b((?:MUST|SHLD|MAY|REC)-|R\d{3,4}\.)(\d+)(?:\.\.(?:\1)?(\d+))?(?!\d)/g,
  )) {
    for (let n = Number(first); n <= Number(last ?? first); n++) found.add(`${prefix}${n}`);
  }
  return [...found];
}

/** What the comments of a code file claim: one mention an id and line. */
export function claimsOf(path: string, text: string): Mention[] {
  const name = path.replace(/^packages\/(?:stack\/src\/)?/, '').replace('/src/', '/');
  return comments(text).flatMap(({ text: words, line }) =>
    idsIn(words).map((id) => ({ id, path, line, name })),
  );
}

/** What a test file proves: one mention an id and test. `read` finds the ids. */
export function proofsOf(
  path: string,
  text: string,
  read: (words: string) => readonly string[] = idsIn,
): Mention[] {
  const named = testNames(text);
  const found = new Map<string, Mention>();
  const add = (id: string, line: number, name: string): void => {
    const key = `${id} ${name}`;
    if (!found.has(key)) found.set(key, { id, path, line, name });
  };
  for (const { name, line } of named) for (const id of read(name)) add(id, line, name);
  const lines = text.split('\n');
  const file = path.slice(path.lastIndexOf('/') + 1);
  for (const { text: words, line } of comments(text)) {
    for (const id of read(words)) {
      const test = testOf(line, lines, named);
      // What stands over the whole file is worth a link only where no test says it itself.
      if (test === undefined && named.some(({ name }) => read(name).includes(id))) continue;
      add(id, test?.line ?? line, test?.name ?? file);
    }
  }
  return [...found.values()];
}

interface Named {
  readonly name: string;
  /** Where its call begins, from 1. */
  readonly line: number;
}

/** The comments of a file, a line of them each. A line-wise reading: quotes that contain `//` after a space fool it. */
function comments(text: string): { text: string; line: number }[] {
  const found: { text: string; line: number }[] = [];
  for (const [i, line] of text.split('\n').entries()) {
    const comment = /(?:^|\s)(?:\/\/|\/\*)(.*)$|^\s*\*(.*)$/.exec(line);
    if (comment !== null) found.push({ text: comment[1] ?? comment[2], line: i + 1 });
  }
  return found;
}

/** Names of tests and of their groups; what is skipped or to do proves nothing and is none. */
function testNames(text: string): Named[] {
  const found: Named[] = [];
  const call = /\b(?:test|it|describe)(?:\.only|\.fails|\.concurrent)?\(\s*|\)\(\s*/g;
  for (const match of text.matchAll(call)) {
    const after = match.index + match[0].length;
    const name = /^(['"`])((?:\\.|(?!\1)[^\\])*)\1\s*,/s.exec(text.slice(after, after + 400))?.[2];
    if (name === undefined) continue;
    found.push({ name: name.replaceAll(/\\(.)/g, '$1'), line: text.slice(0, after).split('\n').length });
  }
  return found;
}

/** The test that a comment belongs to: the one that it stands over, else the one that it stands in. */
function testOf(line: number, lines: readonly string[], named: readonly Named[]): Named | undefined {
  let next = line;
  while (next < lines.length && /^\s*(?:\/\/|\/?\*|$)/.test(lines[next])) next++;
  if (/^\s*(?:test|it|describe|property)\b/.test(lines[next] ?? '')) {
    const over = named.find((test) => test.line > next);
    // A comment at the head of a file stands over no test, though one may follow.
    if (over !== undefined && lines.slice(line, next).every((between) => between.trim() !== '')) return over;
  }
  // A test ends where a line closes it at the margin that it began at; a group does not count as a place to stand in.
  const inside = named.filter((test) => test.line <= line).at(-1);
  if (inside === undefined) return undefined;
  const closed = lines.slice(inside.line, line - 1).some((between) => /^\}?\)+;/.test(between));
  return closed ? undefined : inside;
}

/** Of RFC 9293 its MUSTs; of the others what they recommend, too: there a SHOULD that nobody answers would be no row at all. */
const isDemanded = ({ id, level }: Requirement): boolean =>
  level.startsWith('MUST') || (isOther(id) && level.startsWith('SHOULD'));
const isOther = (id: string): boolean => /^R\d/.test(id);
const ids = (mentions: readonly Mention[]): Set<string> => new Set(mentions.map(({ id }) => id));

/** Requirements that code claims and no test proves, with the place of the first claim. */
export function unprovenClauses({ claims, proofs }: Index): string[] {
  const proven = ids(proofs);
  const first = new Map([...claims].reverse().map((claim) => [claim.id, claim]));
  return [...first.values()]
    .reverse()
    .filter(({ id }) => !proven.has(id))
    .map(({ id, path, line }) => `${id} is claimed in ${path}:${line} and no test names it`);
}

/** Everything demanded that is neither claimed and proven, nor refused with a reason. */
export function unansweredClauses({ requirements, refused, claims, proofs }: Index): string[] {
  const [claimed, proven] = [ids(claims), ids(proofs)];
  return requirements
    .filter(isDemanded)
    .filter(({ id }) => !refused.has(id) && !(claimed.has(id) && proven.has(id)))
    .map(({ id, section, text }) => {
      const lacks = [claimed.has(id) ? '' : 'no code', proven.has(id) ? '' : 'no test'].filter(Boolean);
      return `${id} (${section}: ${text}): ${lacks.join(', ')}`;
    });
}

/** Ids that no list has, and claims of what is refused. */
export function strayClauses({ requirements, refused, claims, proofs }: Index): string[] {
  const known = new Set(requirements.map(({ id }) => id));
  const problems = [...claims, ...proofs]
    .filter(({ id }) => !known.has(id))
    .map(({ id, path, line }) => `${path}:${line} names ${id}, which no list of requirements has`);
  for (const id of refused.keys()) {
    if (!known.has(id)) problems.push(`${id} is refused, and no list of requirements has it`);
  }
  for (const { id, path, line } of claims) {
    if (refused.has(id)) problems.push(`${path}:${line} claims ${id}, which is refused`);
  }
  return problems;
}

/** The page. */
export function formatIndex(index: Index): string {
  return [
    '# The RFCs, requirement by requirement',
    '',
    `Generated from ${LISTS.flatMap((list) => [list.requirements, list.refused]).join(', ')} and the ids that`,
    'comments and tests name; do not edit. To write it anew: `UPDATE=1 npx vitest run tools/rfc-index.test.ts`. Numbers of',
    'lines may be behind by an edit.',
    ...LISTS.flatMap(({ title }, list) => {
      const requirements = index.requirements.filter(({ id }) => isOther(id) === list > 0);
      return [
        ...['', `## ${title}`, '', tally({ ...index, requirements }), ''],
        '| id | level | section | requirement | code | test |',
        '| --- | --- | --- | --- | --- | --- |',
        ...requirements.map((requirement) => rowOf(index, requirement)),
      ];
    }),
    '',
  ].join('\n');
}

function rowOf({ refused, claims, proofs }: Index, { id, level, section, text }: Requirement): string {
  const code = links(claims.filter((claim) => claim.id === id));
  const test = links(proofs.filter((proof) => proof.id === id));
  const reason = refused.get(id);
  const answer = reason === undefined ? `${code || '-'} | ${test || '-'}` : `no: ${cell(reason)} | ${test}`;
  return `| ${id} | ${level} | ${section} | ${cell(text)} | ${answer} |`;
}

/** How many of each kind are built and proven, and how many refused. */
function tally({ requirements, refused, claims, proofs }: Index): string {
  const [claimed, proven] = [ids(claims), ids(proofs)];
  const kinds = new Map<string, Requirement[]>();
  for (const requirement of requirements) {
    const kind = requirement.level.replace(' NOT', '');
    kinds.set(kind, [...(kinds.get(kind) ?? []), requirement]);
  }
  const words = [...kinds].map(([kind, all]) => {
    const done = all.filter(({ id }) => claimed.has(id) && proven.has(id)).length;
    const no = all.filter(({ id }) => refused.has(id)).length;
    return `${kind}: ${done} of ${all.length} built and proven${no > 0 ? `, ${no} refused` : ''}`;
  });
  return `${words.join('; ')}.`;
}

/** Links of one cell; further places of one name are told apart by number. */
export function links(mentions: readonly Mention[]): string {
  const seen = new Map<string, number>();
  return mentions
    .map(({ path, line, name }) => {
      const count = (seen.get(name) ?? 0) + 1;
      seen.set(name, count);
      const text = count === 1 ? cell(name) : `(${count})`;
      return `[${text}](../${path}#L${line})`;
    })
    .join('<br>');
}

/** Text that Markdown leaves as it is, inside a table and a link. */
export function cell(text: string): string {
  return text.replaceAll(/\s+/g, ' ').replaceAll(/[\\|[\]<>*_`]/g, '\\$&');
}

/** The page without its line numbers: every edit above a claim moves it, and that makes nothing wrong. */
export function withoutLines(page: string): string {
  return page.replaceAll(/#L\d+/g, '');
}
