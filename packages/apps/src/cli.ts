// What all programs share: flags from one table (which is also the help), one-line errors, exit codes, logs.

import { parseArgs } from 'node:util';
import { type DestinationStream, destination, type Logger, pino } from 'pino';

/** Exit codes: 0 done, 1 it did not work, 2 it was asked wrongly. */
export const EXIT_OK = 0;
export const EXIT_FAILED = 1;
export const EXIT_USAGE = 2;

/** One flag: the name it has, what follows it, what it does. */
export interface Flag {
  readonly type: 'string' | 'boolean';
  readonly short?: string;
  /** What `--help` calls its value. */
  readonly value?: string;
  readonly default?: string;
  /** Its value when none follows it. Only where no word may follow that is no flag. */
  readonly bare?: string;
  readonly help: string;
}

export type Flags = Readonly<Record<string, Flag>>;

/** What was given: strings and booleans by flag name, and the words that are no flags. */
export interface Given {
  readonly text: (name: string) => string | undefined;
  readonly on: (name: string) => boolean;
  readonly words: readonly string[];
}

/** A wrong use of a program: exit code 2, one line. */
export class UsageError extends Error {}

/** Flags of every program. */
export const COMMON_FLAGS: Flags = {
  json: { type: 'boolean', help: 'print results as JSON, one object a line' },
  verbose: { type: 'boolean', short: 'v', help: 'log more (to stderr)' },
  help: { type: 'boolean', short: 'h', help: 'print this and exit' },
};

/** Reads the command line. Throws UsageError with the remedy. `words`: how many words that are no flags may stand there. */
export function readFlags(args: readonly string[], flags: Flags, words: number): Given {
  const options = Object.fromEntries(
    Object.entries(flags).map(([name, { type, short }]) => [
      name,
      short === undefined ? { type } : { type, short },
    ]),
  );
  try {
    const { values, positionals } = parseArgs({
      args: withBareValues(args, flags),
      options,
      allowPositionals: true,
    });
    if (positionals.length > words) throw new Error(`'${positionals[words]}' is one word too many`);
    return {
      text: (name) => (values[name] as string | undefined) ?? flags[name].default,
      on: (name) => values[name] === true,
      words: positionals,
    };
  } catch (error) {
    const [line] = (error as Error).message.split(/\. |\n/);
    throw new UsageError(`${line.replace(/\.$/, '')}; --help lists the flags`);
  }
}

/** Writes out the values that are understood: `--tap` at the end, or in front of another flag, is `--tap=tap%d`. */
function withBareValues(args: readonly string[], flags: Flags): string[] {
  return args.map((word, i) => {
    const bare = word.startsWith('--') ? flags[word.slice(2)]?.bare : undefined;
    const followed = i + 1 < args.length && !args[i + 1].startsWith('-');
    return bare === undefined || followed ? word : `${word}=${bare}`;
  });
}

/** The text of `--help`. */
export function helpText(usage: string, about: string, flags: Flags, examples: readonly string[]): string {
  const rows = Object.entries(flags).map(([name, flag]) => {
    const short = flag.short === undefined ? '    ' : `-${flag.short}, `;
    const word = flag.bare === undefined ? (flag.value ?? 'VALUE') : `[${flag.value ?? 'VALUE'}]`;
    const value = flag.type === 'string' ? ` ${word}` : '';
    const fallback = flag.default === undefined ? '' : ` (default ${flag.default})`;
    return `  ${`${short}--${name}${value}`.padEnd(28)} ${flag.help}${fallback}`;
  });
  return [
    `usage: ${usage}`,
    '',
    about,
    '',
    ...rows,
    '',
    'examples:',
    ...examples.map((line) => `  ${line}`),
    '',
  ].join('\n');
}

/** A number in a range, from a flag. */
export function numberFlag(given: Given, name: string, least: number, most: number): number {
  const text = given.text(name) ?? '';
  const value = Number(text);
  if (text === '' || !(value >= least && value <= most)) {
    throw new UsageError(`--${name} takes a number from ${least} to ${most}, not '${text}'`);
  }
  return value;
}

/** The same, without a fraction. */
export function wholeFlag(given: Given, name: string, least: number, most: number): number {
  const value = numberFlag(given, name, least, most);
  if (!Number.isInteger(value)) throw new UsageError(`--${name} takes a whole number, not '${value}'`);
  return value;
}

/**
 * Where results go: stdout, or stderr when stdout carries the capture. Whoever reads them may leave (`| head`): then the
 * program ends in order, as by SIGTERM.
 */
export function resultStream(given: Given): NodeJS.WriteStream {
  const out = given.text('write') === '-' ? process.stderr : process.stdout;
  let failed = false;
  out.on('error', () => {
    // What is printed on the way out fails once more.
    if (!failed) process.kill(process.pid, 'SIGTERM');
    failed = true;
  });
  return out;
}

/** Logs by pino, to stderr: one JSON object a line, or through pino-pretty on a terminal where that is installed. */
export async function makeLogger(name: string, verbose: boolean): Promise<Logger> {
  const level = process.env.LOG_LEVEL ?? (verbose ? 'debug' : 'info');
  return pino({ name, level }, await logStream());
}

async function logStream(): Promise<DestinationStream> {
  if (process.stderr.isTTY) {
    try {
      const { default: pretty } = await import('pino-pretty');
      return pretty({ destination: 2, sync: true, colorize: process.env.NO_COLOR === undefined });
    } catch {
      // Not installed: JSON it is.
    }
  }
  return destination({ dest: 2, sync: true });
}

/** Runs a program: what it throws becomes one line on stderr and an exit code, never a stack trace. */
export async function runProgram(name: string, program: () => Promise<number>): Promise<number> {
  try {
    return await program();
  } catch (error) {
    const { message, hint } = error as Error & { hint?: string };
    const remedy = hint === undefined || message.includes(hint) ? '' : `; ${hint}`;
    process.stderr.write(`${name}: ${message}${remedy}\n`);
    return error instanceof UsageError ? EXIT_USAGE : EXIT_FAILED;
  }
}
