// A place in the words of a script, with the questions and demands a parser has; a demand not met is a ScriptError.

import type { Position } from './ast.ts';
import type { Token, TokenKind } from './lexer.ts';
import { ScriptError, type ScriptErrorKind } from './script-error.ts';

export class TokenCursor {
  readonly text: string;
  readonly file: string;
  private readonly tokens: readonly Token[];
  private index = 0;

  constructor(tokens: readonly Token[], text: string, file: string) {
    this.tokens = tokens;
    this.text = text;
    this.file = file;
  }

  get current(): Token {
    return this.tokens[this.index];
  }

  get at(): Position {
    return this.current.at;
  }

  ahead(count: number): Token {
    return this.tokens[Math.min(this.index + count, this.tokens.length - 1)];
  }

  advance(): Token {
    const token = this.current;
    if (token.kind !== 'end') this.index++;
    return token;
  }

  is(kind: TokenKind): boolean {
    return this.current.kind === kind;
  }

  isMark(mark: string, count = 0): boolean {
    const token = this.ahead(count);
    return token.kind === 'mark' && token.text === mark;
  }

  isWord(word: string): boolean {
    return this.current.kind === 'word' && this.current.text === word;
  }

  /** Two marks without a blank between them: `<<`. */
  isDouble(mark: string): boolean {
    return this.isMark(mark) && this.isMark(mark, 1) && this.current.end === this.ahead(1).start;
  }

  acceptMark(mark: string): boolean {
    const found = this.isMark(mark);
    if (found) this.index++;
    return found;
  }

  acceptWord(word: string): boolean {
    const found = this.isWord(word);
    if (found) this.index++;
    return found;
  }

  mark(mark: string, where = ''): void {
    if (!this.acceptMark(mark)) this.expected(`'${mark}'${where}`);
  }

  word(what: string): string {
    if (!this.is('word')) this.expected(what);
    return this.advance().text;
  }

  /** A number of no more than `max`, decimal or hexadecimal. */
  integer(what: string, max = 0xffff_ffff): number {
    const { text } = this.current;
    if (!this.is('integer')) this.expected(what);
    const value = integerValue(text);
    if (value < 0 || value > max) this.fail(`${what} ${text} is out of range 0..${max}`);
    this.index++;
    return value;
  }

  /** The source from a mark to the one that closes it, both included; the cursor stands behind it. */
  balanced(): string {
    const start = this.current.start;
    const open: string[] = [];
    do {
      if (this.is('end')) this.expected(`'${open.at(-1) ?? ''}'`);
      const token = this.advance();
      const closing = token.kind === 'mark' ? { '[': ']', '(': ')', '{': '}' }[token.text] : undefined;
      if (closing !== undefined) open.push(closing);
      else if (token.kind === 'mark' && token.text === open.at(-1)) open.pop();
    } while (open.length > 0);
    return this.text.slice(start, this.ahead(-1).end);
  }

  expected(what: string): never {
    const { kind, text } = this.current;
    const shown = kind === 'end' ? 'the end of the script' : `'${text.split('\n')[0]}'`;
    return this.fail(`expected ${what}, found ${shown}`);
  }

  fail(reason: string, at: Position = this.at, kind: ScriptErrorKind = 'syntax'): never {
    throw new ScriptError(this.file, at.line, at.column, reason, kind);
  }

  /** Of the language, but more than we have. */
  unsupported(reason: string, at: Position = this.at): never {
    return this.fail(reason, at, 'unsupported');
  }
}

/** The value of the text of an integer token: `-1`, `10`, `0x10`; beyond 2^53 the nearest number. */
export function integerValue(text: string): number {
  return text.startsWith('-') ? 0 - Number(text.slice(1)) : Number(text);
}
