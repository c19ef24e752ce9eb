// Commands that are over soon, and programs that say when they are ready.

import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import type { Child } from './child.ts';

/** Runs to the end and answers what it printed. Throws what it complained of. */
export async function must(words: readonly string[]): Promise<string> {
  const [program, ...args] = words;
  const { stdout } = await promisify(execFile)(program, args, { timeout: 20_000 });
  return stdout;
}

/** Waits for this line. Throws when another comes. */
export async function says(child: Child, expected: string): Promise<void> {
  const line = await child.line();
  if (line !== expected) throw new Error(`a program said '${line}' instead of ${expected}`);
}
