// A measurement in a process of its own, that prints what it found as one line of JSON: for V8 takes its flags at the start, and what
// one run leaves on the heap is not to be in the next.

import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { built } from './built.ts';
import { placed } from './cpus.ts';

const LIMIT_MS = 300_000;

/** Where and how a measurement runs. */
export interface RunOptions {
  /** Node's flags. */
  readonly flags?: readonly string[];
  readonly cpu?: number | undefined;
}

/** Runs a program below bench/dist to its end. */
export async function runJson<T>(
  program: string,
  words: readonly string[],
  options: RunOptions = {},
): Promise<T> {
  const { flags = [], cpu } = options;
  const [command, ...rest] = placed(cpu, [process.execPath, ...flags, built(program), ...words]);
  const { stdout } = await promisify(execFile)(command, rest, { timeout: LIMIT_MS });
  return JSON.parse(stdout) as T;
}
