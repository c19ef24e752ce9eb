// Arguments and results of system calls: constants, strings, arrays, structures and C's operators.

import type { Expression, Position, StructField } from './ast.ts';
import { integerValue, type TokenCursor } from './token-cursor.ts';

type BinaryOperator = Extract<Expression, { kind: 'binary' }>['operator'];

/** From loosest to tightest, as in C. */
const LEVELS: readonly (readonly BinaryOperator[])[] = [
  ['|'],
  ['^'],
  ['&'],
  ['<<', '>>'],
  ['+', '-'],
  ['*', '/'],
];
/** Behind a result, `+` and `*` begin the next event, so there no arithmetic stands outside parentheses. */
const RESULT_LEVELS = LEVELS.slice(0, 3);

const ESCAPES: Readonly<Record<string, number>> = {
  n: 10,
  t: 9,
  r: 13,
  a: 7,
  b: 8,
  f: 12,
  v: 11,
};

/** One argument: everything the language has. */
export function parseExpression(cursor: TokenCursor): Expression {
  if (cursor.is('word') && cursor.isMark('=', 1)) {
    const at = cursor.at;
    const name = cursor.advance().text;
    cursor.advance();
    return { kind: 'assign', at, name, value: parseExpression(cursor) };
  }
  return binary(cursor, LEVELS, 0);
}

/** What a call must return; `*`, `?` and `...` are all one: not checked. */
export function parseResult(cursor: TokenCursor): Expression {
  const at = cursor.at;
  if (cursor.acceptMark('*') || cursor.acceptMark('?')) return { kind: 'ellipsis', at };
  return binary(cursor, RESULT_LEVELS, 0);
}

/** Expressions with commas between, up to the mark that closes them, which is taken too. */
export function parseExpressions(cursor: TokenCursor, close: string): Expression[] {
  const items: Expression[] = [];
  if (cursor.acceptMark(close)) return items;
  for (;;) {
    items.push(parseExpression(cursor));
    if (cursor.acceptMark(close)) return items;
    if (!cursor.acceptMark(',')) cursor.expected(`',' or '${close}'`);
  }
}

function binary(
  cursor: TokenCursor,
  levels: readonly (readonly BinaryOperator[])[],
  level: number,
): Expression {
  if (level === levels.length) return unary(cursor);
  let left = binary(cursor, levels, level + 1);
  for (;;) {
    const at = cursor.at;
    const operator = levels[level].find((candidate) => isOperator(cursor, candidate));
    if (operator === undefined) return left;
    for (let i = 0; i < operator.length; i++) cursor.advance();
    left = { kind: 'binary', at, operator, left, right: binary(cursor, levels, level + 1) };
  }
}

function isOperator(cursor: TokenCursor, operator: BinaryOperator): boolean {
  return operator.length === 2 ? cursor.isDouble(operator[0]) : cursor.isMark(operator);
}

function unary(cursor: TokenCursor): Expression {
  const at = cursor.at;
  if (cursor.acceptMark('~')) return { kind: 'unary', at, operator: '~', operand: unary(cursor) };
  if (cursor.acceptMark('-')) return { kind: 'unary', at, operator: '-', operand: unary(cursor) };
  return primary(cursor);
}

function primary(cursor: TokenCursor): Expression {
  const { kind, text, at } = cursor.current;
  switch (kind) {
    case 'ellipsis':
      cursor.advance();
      return { kind: 'ellipsis', at };
    case 'integer':
      cursor.advance();
      return { kind: 'integer', at, value: integerValue(text), text };
    case 'float':
      cursor.advance();
      return { kind: 'float', at, value: Number(text), text };
    case 'string':
      return string(cursor, at);
    case 'word':
      cursor.advance();
      if (!cursor.acceptMark('(')) return { kind: 'word', at, name: text };
      return { kind: 'call', at, name: text, arguments: parseExpressions(cursor, ')') };
    default:
      return bracketed(cursor, at);
  }
}

function bracketed(cursor: TokenCursor, at: Position): Expression {
  if (cursor.acceptMark('[')) return { kind: 'array', at, items: parseExpressions(cursor, ']') };
  if (cursor.acceptMark('(')) {
    const inner = parseExpression(cursor);
    cursor.mark(')');
    return inner;
  }
  if (cursor.isMark('{')) return braces(cursor, at);
  return cursor.expected('a value');
}

/** A structure when its members have names, else a tuple. MPLS stacks and GRE headers are read over. */
function braces(cursor: TokenCursor, at: Position): Expression {
  const mpls = cursor.isMark('(', 1) && cursor.ahead(2).text === 'label';
  const gre = cursor.ahead(1).text.toLowerCase() === 'flags' && !cursor.isMark('=', 2);
  if (mpls || gre) return { kind: 'opaque', at, text: cursor.balanced() };
  cursor.mark('{');
  if (!startsField(cursor)) return { kind: 'tuple', at, items: parseExpressions(cursor, '}') };
  const fields: StructField[] = [];
  do fields.push(field(cursor));
  while (cursor.acceptMark(','));
  cursor.mark('}');
  return { kind: 'struct', at, fields };
}

/** `name=` or `name(count)=`: a call such as `htons(80)` has no `=` behind it. */
function startsField(cursor: TokenCursor): boolean {
  if (!cursor.is('word')) return false;
  if (cursor.isMark('=', 1)) return true;
  return cursor.isMark('(', 1) && cursor.isMark(')', 3) && cursor.isMark('=', 4);
}

function field(cursor: TokenCursor): StructField {
  const name = cursor.word('the name of a field');
  let count: Expression | undefined;
  if (cursor.acceptMark('(')) {
    count = parseExpression(cursor);
    cursor.mark(')');
  }
  cursor.mark('=', ` behind the field ${name}`);
  return { name, count, value: parseExpression(cursor) };
}

function string(cursor: TokenCursor, at: Position): Expression {
  let value = '';
  while (cursor.is('string')) value += unescapeString(cursor.advance().text);
  const prefix = cursor.is('ellipsis');
  if (prefix) cursor.advance();
  return { kind: 'string', at, value, prefix };
}

/** C's escapes resolved; one character of the answer is one octet, so what is not ASCII becomes its UTF-8. */
export function unescapeString(text: string): string {
  return text.replace(
    /\\x([\da-fA-F]{1,2})|\\([0-7]{1,3})|\\([\s\S])|[^\0-\x7f]+/g,
    (all: string, hex?: string, octal?: string, letter?: string) => {
      if (hex !== undefined) return String.fromCharCode(Number.parseInt(hex, 16));
      if (octal !== undefined) return String.fromCharCode(Number.parseInt(octal, 8) & 0xff);
      if (letter !== undefined) return letter in ESCAPES ? String.fromCharCode(ESCAPES[letter]) : letter;
      return encodeURIComponent(all).replace(/%(..)/g, (_, octet: string) =>
        String.fromCharCode(Number.parseInt(octet, 16)),
      );
    },
  );
}
