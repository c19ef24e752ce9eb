// The words of the Python in `%{ }%` blocks, with lines and indentation (The Python Language Reference, 2).

/** Thrown by the reader: a piece of Python we do not have. `runPython` turns it into a ScriptError of kind `unsupported`. */
export class PythonUnsupported extends Error {
  readonly line: number;

  constructor(reason: string, line: number) {
    super(reason);
    this.name = 'PythonUnsupported';
    this.line = line;
  }
}

export interface PythonToken {
  readonly kind: 'name' | 'number' | 'string' | 'fstring' | 'mark' | 'newline' | 'indent' | 'dedent' | 'end';
  /** A string's text is its value, escapes resolved; an fstring's still has its braces. */
  readonly text: string;
  /** Counts from 1 within the block. */
  readonly line: number;
  readonly start: number;
  readonly end: number;
}

const NUMBER =
  /0[xX][\da-fA-F_]+|0[oO][0-7_]+|0[bB][01_]+|(?:\d[\d_]*)?\.\d[\d_]*(?:[eE][+-]?\d+)?|\d[\d_]*\.?(?:[eE][+-]?\d+)?/y;
const STRING_START = /([rRbBuUfF]{0,2})('''|"""|'|")/y;
const NAME = /[A-Za-z_]\w*/y;
const MARK = /\*\*=|\/\/=|<<=|>>=|\*\*|\/\/|<<|>>|<=|>=|==|!=|<>|[+\-*/%&|^]=|[-+*/%&|^~<>()[\]{},:.;=!]/y;
const ESCAPES: Readonly<Record<string, string>> = {
  n: '\n',
  t: '\t',
  r: '\r',
  a: '\x07',
  b: '\b',
  f: '\f',
  v: '\v',
  0: '\0',
  '\n': '',
};

/** All words of `code`. Newlines inside brackets and behind a backslash do not count. */
export function lexPython(code: string): PythonToken[] {
  return new PythonLexer(code.replaceAll('\r\n', '\n')).all();
}

class PythonLexer {
  private readonly code: string;
  private readonly tokens: PythonToken[] = [];
  private readonly indents: number[] = [0];
  private offset = 0;
  private line = 1;
  private depth = 0;

  constructor(code: string) {
    this.code = code;
  }

  all(): PythonToken[] {
    this.indentation();
    while (this.offset < this.code.length) this.next();
    if (this.tokens.length > 0 && this.tokens.at(-1)?.kind !== 'newline') this.push('newline', '', 0);
    while (this.indents.length > 1) {
      this.indents.pop();
      this.push('dedent', '', 0);
    }
    this.push('end', '', 0);
    return this.tokens;
  }

  private next(): void {
    const character = this.code[this.offset];
    if (character === '\n') {
      this.newline();
    } else if (character === ' ' || character === '\t' || character === '\f') {
      this.offset++;
    } else if (character === '#') {
      this.skipComment();
    } else if (character === '\\' && this.code[this.offset + 1] === '\n') {
      this.offset += 2;
      this.line++;
    } else if (!this.string() && !this.plain('number', NUMBER) && !this.plain('name', NAME)) {
      this.mark();
    }
  }

  private newline(): void {
    if (this.depth === 0 && this.tokens.length > 0 && this.tokens.at(-1)?.kind !== 'newline') {
      this.push('newline', '', 0);
    }
    this.offset++;
    this.line++;
    if (this.depth === 0) this.indentation();
  }

  /** How far the next line that says something is set in. */
  private indentation(): void {
    const blank = /[ \t\f]*(?:#[^\n]*)?(?:\n|$)/y;
    for (;;) {
      blank.lastIndex = this.offset;
      const found = blank.exec(this.code);
      if (found === null || found[0] === '') break;
      this.offset += found[0].length;
      if (found[0].endsWith('\n')) this.line++;
    }
    if (this.offset >= this.code.length) return;
    let width = 0;
    for (; ' \t\f'.includes(this.code[this.offset]); this.offset++) {
      width = this.code[this.offset] === '\t' ? (Math.trunc(width / 8) + 1) * 8 : width + 1;
    }
    if (width > (this.indents.at(-1) ?? 0)) {
      this.indents.push(width);
      this.push('indent', '', 0);
    }
    while (width < (this.indents.at(-1) ?? 0)) {
      this.indents.pop();
      this.push('dedent', '', 0);
    }
    if (width !== this.indents.at(-1)) throw new PythonUnsupported('uneven indentation', this.line);
  }

  private skipComment(): void {
    const end = this.code.indexOf('\n', this.offset);
    this.offset = end < 0 ? this.code.length : end;
  }

  private string(): boolean {
    STRING_START.lastIndex = this.offset;
    const found = STRING_START.exec(this.code);
    if (found === null) return false;
    const prefix = found[1].toLowerCase();
    const quote = found[2];
    let end = this.offset + found[0].length;
    const start = end;
    while (!this.code.startsWith(quote, end)) {
      if (end >= this.code.length || (quote.length === 1 && this.code[end] === '\n')) {
        throw new PythonUnsupported('a string without an end', this.line);
      }
      end += this.code[end] === '\\' ? 2 : 1;
    }
    const raw = this.code.slice(start, end);
    const text = prefix.includes('r') ? raw : unescapePython(raw);
    this.push(prefix.includes('f') ? 'fstring' : 'string', text, end + quote.length - this.offset);
    this.line += raw.split('\n').length - 1;
    return true;
  }

  private plain(kind: PythonToken['kind'], pattern: RegExp): boolean {
    pattern.lastIndex = this.offset;
    const found = pattern.exec(this.code);
    if (found === null) return false;
    this.push(kind, found[0], found[0].length);
    return true;
  }

  private mark(): void {
    if (!this.plain('mark', MARK)) {
      throw new PythonUnsupported(`'${this.code[this.offset]}' has no meaning here`, this.line);
    }
    const text = this.tokens.at(-1)?.text ?? '';
    if ('([{'.includes(text)) this.depth++;
    if (')]}'.includes(text)) this.depth = Math.max(0, this.depth - 1);
  }

  private push(kind: PythonToken['kind'], text: string, length: number): void {
    const start = this.offset;
    this.offset += length;
    this.tokens.push({ kind, text, line: this.line, start, end: this.offset });
  }
}

function unescapePython(raw: string): string {
  return raw.replace(/\\(?:x([\da-fA-F]{2})|([\s\S]))/g, (_, hex?: string, letter?: string) => {
    if (hex !== undefined) return String.fromCharCode(Number.parseInt(hex, 16));
    return ESCAPES[letter ?? ''] ?? (/['"\\]/.test(letter ?? '') ? (letter ?? '') : `\\${letter}`);
  });
}
