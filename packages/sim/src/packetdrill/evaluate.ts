// From what a script wrote in a system call to values: constants by name, `htons(8080)`, `O_RDWR|O_NONBLOCK`.

import type { Expression } from './ast.ts';
import { CONSTANTS } from './constants.ts';
import { ANY, type Fields, Unsupported, type Value } from './target.ts';

/** Throws Unsupported for names that nobody here knows. */
export function evaluate(expression: Expression, symbols: Map<string, Value> = new Map()): Value {
  switch (expression.kind) {
    case 'ellipsis':
      return ANY;
    case 'integer':
    case 'float':
    case 'string':
      return expression.value;
    case 'word':
      return word(expression.name, symbols);
    case 'array':
    case 'tuple':
      return expression.items.map((item) => evaluate(item, symbols));
    case 'struct': {
      const fields: Record<string, Value> = {};
      for (const { name, value } of expression.fields) fields[name] = evaluate(value, symbols);
      return fields;
    }
    case 'call':
      return call(expression.name, expression.arguments, symbols);
    case 'binary':
      return binary(expression.operator, whole(expression.left, symbols), whole(expression.right, symbols));
    case 'unary': {
      const value = whole(expression.operand, symbols);
      return expression.operator === '-' ? -value : ~value;
    }
    case 'assign': {
      const value = evaluate(expression.value, symbols);
      symbols.set(expression.name, value);
      return value;
    }
    case 'opaque':
      throw new Unsupported(`'${expression.text}' in a system call`);
  }
}

function word(name: string, symbols: Map<string, Value>): Value {
  if (name === 'NULL') return null;
  const value = symbols.get(name) ?? CONSTANTS[name];
  if (value === undefined) throw new Unsupported(`the name ${name}`);
  return value;
}

/** Ports and addresses have the host's order here: `htons` changes nothing. */
function call(name: string, args: readonly Expression[], symbols: Map<string, Value>): Value {
  const [argument] = args;
  if (argument === undefined || !/^(htons|htonl|ntohs|ntohl|inet_addr)$/.test(name))
    throw new Unsupported(`${name}() in a system call`);
  return evaluate(argument, symbols);
}

function whole(expression: Expression, symbols: Map<string, Value>): number {
  const value = evaluate(expression, symbols);
  if (typeof value !== 'number') throw new Unsupported('arithmetic with what is no number');
  return value;
}

function binary(operator: string, a: number, b: number): number {
  switch (operator) {
    case '|':
      return (a | b) >>> 0;
    case '^':
      return (a ^ b) >>> 0;
    case '&':
      return (a & b) >>> 0;
    case '<<':
      return (a << b) >>> 0;
    case '>>':
      return a >>> b;
    case '+':
      return a + b;
    case '-':
      return a - b;
    case '*':
      return a * b;
    default:
      return Math.trunc(a / b);
  }
}

/** True for an array, and for a tuple. */
export function isList(value: Value | undefined): value is readonly Value[] {
  return Array.isArray(value);
}

/** True for a struct's members. */
export function isFields(value: Value | undefined): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** What a script wrote against what a call answered; `...` is everything, members that are not named are not compared. */
export function agrees(expected: Value, actual: Value | undefined): boolean {
  if (expected === ANY || actual === ANY) return true;
  if (actual === undefined) return false;
  if (isFields(expected)) {
    if (!isFields(actual)) return false;
    return Object.entries(expected).every(([name, value]) => agrees(value, actual[name]));
  }
  if (isList(expected)) {
    if (!isList(actual)) return false;
    return expected.length <= actual.length && expected.every((value, i) => agrees(value, actual[i]));
  }
  if (typeof expected === 'number' && typeof actual === 'number') return (expected | 0) === (actual | 0);
  return expected === actual;
}

/** A value as the script would write it. */
export function showValue(value: Value | undefined): string {
  if (value === ANY || value === undefined) return '...';
  if (typeof value === 'string') return JSON.stringify(value);
  if (isList(value)) return `[${value.map(showValue).join(', ')}]`;
  if (isFields(value))
    return `{${Object.entries(value)
      .map(([name, member]) => `${name}=${showValue(member)}`)
      .join(', ')}}`;
  return value === null ? 'NULL' : String(value as number);
}
