// What is wrong with a script, said in one line that names file, line and column.

/** `syntax`: not the language. `unsupported`: the language, but more of it than we have; the script is then skipped, never passed. */
export type ScriptErrorKind = 'syntax' | 'unsupported';

/** Thrown by `parseScript` and by the reader of Python blocks; `message` is `FILE:LINE:COLUMN: what was expected`. */
export class ScriptError extends Error {
  readonly file: string;
  readonly line: number;
  readonly column: number;
  readonly kind: ScriptErrorKind;

  constructor(file: string, line: number, column: number, reason: string, kind: ScriptErrorKind = 'syntax') {
    super(`${file}:${line}:${column}: ${reason}`);
    this.name = 'ScriptError';
    this.file = file;
    this.line = line;
    this.column = column;
    this.kind = kind;
  }
}
