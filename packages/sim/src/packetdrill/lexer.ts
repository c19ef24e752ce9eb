// The words of a packetdrill script: longest match wins, as in the lexical table of packetdrill's Syntax page.

import type { Position } from './ast.ts';
import { ScriptError } from './script-error.ts';

export type TokenKind =
  | 'option'
  | 'integer'
  | 'float'
  | 'word'
  | 'string'
  | 'command'
  | 'code'
  | 'ipv4'
  | 'ipv6'
  | 'ellipsis'
  | 'mark'
  | 'end';

/** One word. `text` is what was written, without quotes; `start` and `end` are offsets into the source. */
export interface Token {
  readonly kind: TokenKind;
  readonly text: string;
  readonly at: Position;
  readonly start: number;
  readonly end: number;
  /** Only of options: what stands behind the first `=`. */
  readonly value?: string | undefined;
}

/** How a script is to be read. */
export interface LexerOptions {
  /** Constants by name, as `-D X=Y` gives them; `--define=X=Y` lines of the script come on top. */
  readonly defines?: ReadonlyMap<string, string>;
  /** Whose `#ifdef` blocks count: `Linux` (default), `FreeBSD` ... */
  readonly os?: string;
}

const BLANK = /[ \t\r\n\f\v]+/y;
const LINE_COMMENT = /\/\/[^\n]*/y;
const BLOCK_COMMENT = /\/\*[\s\S]*?\*\//y;
const IFDEF = /#ifdef[ \t]+(\w+)/y;
const HASH_LINE = /#[^\n]*/y;
const CODE = /%\{[\s\S]*?\}%/y;
const OPTION = /--\w+/y;
const OPTION_VALUE = /\s*=\s*((?:"(?:\\[\s\S]|[^"\\])*"|`(?:\\[\s\S]|[^`\\])*`|(?!\/\*|\/\/)[^\s"`])*)/y;
const STRING = /"((?:\\[\s\S]|[^"\\])*)"/y;
const COMMAND = /`((?:\\[\s\S]|[^`\\])*)`/y;
const IPV4 = /\d+\.\d+\.\d+\.\d+/y;
const HEX_GROUPS = String.raw`[\da-fA-F]{1,4}(?::[\da-fA-F]{1,4})*`;
/** Needs `::` or seven colons, so that sequence numbers such as 1:1001 are none; IPv4 may stand at the end. */
const IPV6 = new RegExp(
  String.raw`(?:[\da-fA-F]{0,4}:){2,6}\d+(?:\.\d+){3}|(?:[\da-fA-F]{1,4}:){7}[\da-fA-F]{1,4}|(?:${HEX_GROUPS})?::(?:${HEX_GROUPS})?`,
  'y',
);
const FLOAT = /-?\d*\.\d+/y;
const INTEGER = /-\d+|0[xX][\da-fA-F]+|\d+/y;
const WORD = /\w+/y;
const ELLIPSIS = /\.\.\./y;

/** All the words of `text`; the last is of kind `end`. Throws ScriptError where nothing can begin. */
export function lex(text: string, file: string, options: LexerOptions = {}): Token[] {
  return new Lexer(text, file, options).all();
}

class Lexer {
  private readonly text: string;
  private readonly file: string;
  private readonly os: string;
  private readonly defines: Map<string, string>;
  private readonly tokens: Token[] = [];
  private offset = 0;
  /** Where the line of `counted` begins: positions are asked for in rising order. */
  private line = 1;
  private lineStart = 0;
  private counted = 0;

  constructor(text: string, file: string, options: LexerOptions) {
    this.text = text;
    this.file = file;
    this.os = (options.os ?? 'Linux').toLowerCase();
    this.defines = new Map(options.defines);
  }

  all(): Token[] {
    for (;;) {
      this.skip();
      if (this.offset >= this.text.length) break;
      this.next();
    }
    this.push('end', '', 0);
    return this.tokens;
  }

  /** Blanks, comments, `#ifdef` of other systems, and lines that begin with `#`. */
  private skip(): void {
    for (;;) {
      const before = this.offset;
      this.take(BLANK);
      this.take(LINE_COMMENT);
      if (this.text.startsWith('/*', this.offset) && this.take(BLOCK_COMMENT) === undefined) {
        this.fail('this comment has no end: expected */');
      }
      if (this.text[this.offset] === '#' && this.isLineStart()) this.skipHashLine();
      if (this.offset === before) return;
    }
  }

  private skipHashLine(): void {
    const ifdef = this.take(IFDEF);
    if (ifdef === undefined) {
      this.take(HASH_LINE);
    } else if (ifdef[1].toLowerCase() !== this.os) {
      const end = this.text.indexOf('#endif', this.offset);
      if (end < 0) this.fail('this #ifdef has no end: expected #endif');
      this.offset = end;
    }
  }

  private isLineStart(): boolean {
    const before = this.text.slice(this.text.lastIndexOf('\n', this.offset - 1) + 1, this.offset);
    return before.trim() === '';
  }

  private next(): void {
    const first = this.text[this.offset];
    if (first === '"') this.quoted('string', STRING, '"');
    else if (first === '`') this.quoted('command', COMMAND, '`');
    else if (this.text.startsWith('%{', this.offset)) this.code();
    else if (this.text.startsWith('--', this.offset)) this.option();
    else if (!this.ellipsisOrAddress() && !this.plain('float', FLOAT)) this.integerOrWord(first);
  }

  private ellipsisOrAddress(): boolean {
    return this.plain('ellipsis', ELLIPSIS) || this.plain('ipv4', IPV4) || this.plain('ipv6', IPV6);
  }

  private integerOrWord(first: string): void {
    const integer = this.match(INTEGER);
    const word = this.match(WORD);
    if (integer !== undefined && (word === undefined || integer[0].length >= word[0].length)) {
      this.push('integer', integer[0], integer[0].length);
    } else if (word !== undefined) {
      this.word(word[0]);
    } else {
      this.push('mark', first, 1);
    }
  }

  private plain(kind: TokenKind, pattern: RegExp): boolean {
    const found = this.match(pattern);
    if (found !== undefined) this.push(kind, found[0], found[0].length);
    return found !== undefined;
  }

  private quoted(kind: TokenKind, pattern: RegExp, quote: string): void {
    const found = this.match(pattern);
    if (found === undefined) this.fail(`this ${kind} has no end: expected ${quote}`);
    else this.push(kind, found[1], found[0].length);
  }

  /** Blanks beside the braces go, so that the first statement of Python stands in its first column. */
  private code(): void {
    const found = this.match(CODE);
    if (found === undefined) this.fail('this code has no end: expected }%');
    const inner = found[0].slice(2, -2);
    const stripped = inner.replace(/^[ \t]+/, '');
    this.offset += 2 + inner.length - stripped.length;
    this.push('code', stripped.replace(/[ \t]+$/, ''), stripped.length + 2);
  }

  private option(): void {
    const found = this.match(OPTION);
    if (found === undefined) this.fail('expected the name of an option behind --');
    OPTION_VALUE.lastIndex = this.offset + found[0].length;
    const value = OPTION_VALUE.exec(this.text);
    const name = found[0].slice(2);
    this.push('option', name, found[0].length + (value?.[0].length ?? 0), value?.[1]);
    const define = name === 'define' ? /^(\w+)=([\s\S]*)$/.exec(value?.[1] ?? '') : null;
    if (define !== null) this.defines.set(define[1], define[2]);
  }

  /** A word that was defined stands for the words of its definition, at its own place. */
  private word(word: string): void {
    const definition = this.defines.get(word);
    if (definition === undefined) {
      this.push('word', word, word.length);
      return;
    }
    const at = this.position(this.offset);
    const [start, end] = [this.offset, this.offset + word.length];
    for (const token of lex(definition, this.file, { os: this.os })) {
      if (token.kind !== 'end') this.tokens.push({ ...token, at, start, end });
    }
    this.offset = end;
  }

  private match(pattern: RegExp): RegExpExecArray | undefined {
    pattern.lastIndex = this.offset;
    return pattern.exec(this.text) ?? undefined;
  }

  private take(pattern: RegExp): RegExpExecArray | undefined {
    const found = this.match(pattern);
    if (found !== undefined) this.offset += found[0].length;
    return found;
  }

  private push(kind: TokenKind, text: string, length: number, value?: string): void {
    const start = this.offset;
    this.offset += length;
    this.tokens.push({ kind, text, at: this.position(start), start, end: this.offset, value });
  }

  private position(offset: number): Position {
    for (; this.counted < offset; this.counted++) {
      if (this.text[this.counted] !== '\n') continue;
      this.line++;
      this.lineStart = this.counted + 1;
    }
    return { line: this.line, column: offset - this.lineStart + 1 };
  }

  private fail(reason: string): never {
    const { line, column } = this.position(this.offset);
    throw new ScriptError(this.file, line, column, reason);
  }
}
