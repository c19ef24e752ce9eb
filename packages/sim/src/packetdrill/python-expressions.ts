// The parser of Python's expressions (The Python Language Reference, 6), loosest operator first.

import type { PythonExpression } from './python-ast.ts';
import { lexPython, type PythonToken, PythonUnsupported } from './python-lexer.ts';
import type { PythonValue } from './python-values.ts';

/** From loosest to tightest; unary operators and `**` bind tighter still. */
const BINARY: readonly (readonly string[])[] = [
  ['|'],
  ['^'],
  ['&'],
  ['<<', '>>'],
  ['+', '-'],
  ['*', '/', '//', '%'],
];
const COMPARISONS = new Set(['<', '>', '==', '>=', '<=', '!=', '<>', 'in', 'is', 'not']);
const CONSTANTS: ReadonlyMap<string, PythonValue> = new Map<string, PythonValue>([
  ['True', true],
  ['False', false],
  ['None', null],
]);
const NOT_OURS = new Set(['lambda', 'yield', 'await']);

/** A place in the words of a block; the base of the parser of statements. */
export class PythonExpressions {
  readonly code: string;
  private readonly tokens: readonly PythonToken[];
  private index = 0;

  constructor(code: string) {
    this.code = code;
    this.tokens = lexPython(code);
  }

  get current(): PythonToken {
    return this.tokens[this.index];
  }

  get next(): PythonToken {
    return this.tokens[Math.min(this.index + 1, this.tokens.length - 1)];
  }

  advance(): PythonToken {
    const token = this.current;
    if (token.kind !== 'end') this.index++;
    return token;
  }

  is(text: string): boolean {
    const { kind, text: found } = this.current;
    return (kind === 'mark' || kind === 'name') && found === text;
  }

  accept(text: string): boolean {
    const found = this.is(text);
    if (found) this.index++;
    return found;
  }

  expect(text: string): void {
    if (!this.accept(text)) this.unsupported(`expected '${text}'`);
  }

  unsupported(reason: string): never {
    const { kind, text, line } = this.current;
    const shown = text === '' ? kind : `'${text}'`;
    throw new PythonUnsupported(`${reason}, found ${shown}`, line);
  }

  isKind(kind: PythonToken['kind']): boolean {
    return this.current.kind === kind;
  }

  /** The source up to the word before this one. */
  textFrom(start: number): string {
    const end = this.tokens[this.index - 1].end;
    return this.code.replaceAll('\r\n', '\n').slice(start, end).replace(/\s+/g, ' ');
  }

  /** An expression, or a tuple without parentheses. */
  expressionList(): PythonExpression {
    const { line } = this.current;
    const first = this.expression();
    if (!this.is(',')) return first;
    const items = [first];
    while (this.accept(',') && this.startsExpression()) items.push(this.expression());
    return { kind: 'sequence', line, type: 'tuple', items };
  }

  expression(): PythonExpression {
    const { line } = this.current;
    const then = this.logic('or');
    if (!this.accept('if')) return then;
    const test = this.logic('or');
    this.expect('else');
    return { kind: 'conditional', line, test, then, otherwise: this.expression() };
  }

  names(): string[] {
    const names: string[] = [];
    const open = this.accept('(');
    do {
      if (this.current.kind !== 'name') this.unsupported('expected a name');
      names.push(this.advance().text);
    } while (this.accept(',') && this.current.kind === 'name');
    if (open) this.expect(')');
    return names;
  }

  private startsExpression(): boolean {
    const { kind, text } = this.current;
    if (kind === 'mark') return '([{-+~'.includes(text);
    return kind === 'number' || kind === 'string' || kind === 'fstring' || kind === 'name';
  }

  private logic(operator: 'or' | 'and'): PythonExpression {
    const { line } = this.current;
    let left = operator === 'or' ? this.logic('and') : this.not();
    while (this.accept(operator)) {
      left = {
        kind: 'logic',
        line,
        operator,
        left,
        right: operator === 'or' ? this.logic('and') : this.not(),
      };
    }
    return left;
  }

  private not(): PythonExpression {
    const { line } = this.current;
    if (this.accept('not')) return { kind: 'unary', line, operator: 'not', operand: this.not() };
    return this.comparison();
  }

  private comparison(): PythonExpression {
    const { line } = this.current;
    const first = this.binary(0);
    const rest: { operator: string; operand: PythonExpression }[] = [];
    while (COMPARISONS.has(this.current.text) && this.isOperator()) {
      let operator = this.advance().text;
      if (operator === 'not') {
        this.expect('in');
        operator = 'not in';
      } else if (operator === 'is' && this.accept('not')) {
        operator = 'is not';
      }
      rest.push({ operator: operator === '<>' ? '!=' : operator, operand: this.binary(0) });
    }
    return rest.length === 0 ? first : { kind: 'comparison', line, first, rest };
  }

  private isOperator(): boolean {
    return this.current.kind === 'mark' || this.current.kind === 'name';
  }

  private binary(level: number): PythonExpression {
    if (level === BINARY.length) return this.unary();
    const { line } = this.current;
    let left = this.binary(level + 1);
    while (this.current.kind === 'mark' && BINARY[level].includes(this.current.text)) {
      const operator = this.advance().text;
      left = { kind: 'binary', line, operator, left, right: this.binary(level + 1) };
    }
    return left;
  }

  private unary(): PythonExpression {
    const { line } = this.current;
    for (const operator of ['-', '+', '~']) {
      if (this.accept(operator)) return { kind: 'unary', line, operator, operand: this.unary() };
    }
    const base = this.trailers();
    if (!this.accept('**')) return base;
    return { kind: 'binary', line, operator: '**', left: base, right: this.unary() };
  }

  private trailers(): PythonExpression {
    let object = this.atom();
    for (;;) {
      const { line } = this.current;
      if (this.is('(')) {
        if (object.kind !== 'name') this.unsupported('only builtin functions can be called');
        const { positional, keywords } = this.callArguments();
        object = { kind: 'call', line, name: object.name, arguments: positional, keywords };
      } else if (this.accept('.')) {
        const name = this.advance().text;
        if (!this.is('(')) this.unsupported(`attributes (.${name}) are not had`);
        const { positional, keywords } = this.callArguments();
        if (keywords.size > 0) this.unsupported('methods take no keywords');
        object = { kind: 'method', line, object, name, arguments: positional };
      } else if (this.accept('[')) {
        object = this.subscript(object, line);
      } else {
        return object;
      }
    }
  }

  private callArguments(): { positional: PythonExpression[]; keywords: Map<string, PythonExpression> } {
    this.expect('(');
    const positional: PythonExpression[] = [];
    const keywords = new Map<string, PythonExpression>();
    while (!this.accept(')')) {
      if (this.current.kind === 'name' && this.next.kind === 'mark' && this.next.text === '=') {
        const name = this.advance().text;
        this.advance();
        keywords.set(name, this.expression());
      } else {
        positional.push(this.comprehended(this.expression()));
      }
      if (!this.accept(',') && !this.is(')')) this.unsupported("expected ',' or ')'");
    }
    return { positional, keywords };
  }

  private subscript(object: PythonExpression, line: number): PythonExpression {
    const from = this.is(':') ? undefined : this.expression();
    if (from !== undefined && this.accept(']')) return { kind: 'subscript', line, object, index: from };
    this.expect(':');
    const to = this.is(']') ? undefined : this.expression();
    this.expect(']');
    return { kind: 'slice', line, object, from, to };
  }

  private atom(): PythonExpression {
    const { kind, text, line } = this.current;
    if (kind === 'number') return { kind: 'constant', line, value: numberValue(this.advance().text) };
    if (kind === 'string' || kind === 'fstring') return this.strings();
    if (kind === 'name' && !NOT_OURS.has(text)) {
      this.advance();
      const constant = CONSTANTS.get(text);
      return constant === undefined
        ? { kind: 'name', line, name: text }
        : { kind: 'constant', line, value: constant };
    }
    if (this.accept('(')) {
      if (this.accept(')')) return { kind: 'sequence', line, type: 'tuple', items: [] };
      const inner = this.comprehended(this.expressionList());
      this.expect(')');
      return inner;
    }
    if (this.accept('[')) return this.list(line);
    return this.unsupported('expected a value');
  }

  private list(line: number): PythonExpression {
    const items: PythonExpression[] = [];
    while (!this.accept(']')) {
      const item = this.expression();
      if (items.length === 0 && this.is('for')) {
        const all = this.comprehended(item);
        this.expect(']');
        return all;
      }
      items.push(item);
      if (!this.accept(',') && !this.is(']')) this.unsupported("expected ',' or ']'");
    }
    return { kind: 'sequence', line, type: 'list', items };
  }

  private comprehended(item: PythonExpression): PythonExpression {
    const { line } = this.current;
    if (!this.accept('for')) return item;
    const target = this.names();
    this.expect('in');
    const of = this.logic('or');
    const test = this.accept('if') ? this.logic('or') : undefined;
    return { kind: 'comprehension', line, item, target, of, test };
  }

  /** Strings side by side are one. */
  private strings(): PythonExpression {
    const { line } = this.current;
    const parts: (string | { value: PythonExpression; repr: boolean; spec: string })[] = [];
    while (this.current.kind === 'string' || this.current.kind === 'fstring') {
      const { kind, text } = this.advance();
      if (kind === 'string') parts.push(text);
      else parts.push(...formatParts(text, line));
    }
    if (parts.every((part) => typeof part === 'string')) {
      return { kind: 'constant', line, value: parts.join('') };
    }
    return { kind: 'format', line, parts };
  }
}

function numberValue(text: string): PythonValue {
  const digits = text.replaceAll('_', '');
  if (/^0[xXoObB]/.test(digits)) return BigInt(digits.toLowerCase());
  return /[.eE]/.test(digits) ? Number(digits) : BigInt(digits);
}

/** `{value!r:spec}`: braces nest only in Python newer than the scripts. */
function formatParts(
  text: string,
  line: number,
): (string | { value: PythonExpression; repr: boolean; spec: string })[] {
  const parts: (string | { value: PythonExpression; repr: boolean; spec: string })[] = [];
  for (const [piece, open, expression, repr, spec] of text.matchAll(
    /\{\{|\}\}|(\{)([^{}!:]+)(!r)?(?::([^{}]*))?\}|[^{}]+|[{}]/g,
  )) {
    if (open !== undefined) {
      const inner = new PythonExpressions(expression.trim());
      const value = inner.expression();
      if (inner.current.kind !== 'newline') inner.unsupported('expected }');
      parts.push({ value, repr: repr !== undefined, spec: spec ?? '' });
    } else if (piece === '{' || piece === '}') {
      throw new PythonUnsupported('this f-string is more than is had here', line);
    } else {
      parts.push(piece === '{{' ? '{' : piece === '}}' ? '}' : piece);
    }
  }
  return parts;
}
