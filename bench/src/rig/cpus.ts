// Where a program runs: what is compared runs on the same CPUs, for one CPU and two are different experiments.

import { readFileSync } from 'node:fs';

/** The CPU of the stack and that of its peer: the last and the first that we may use. */
export function cpus(): { stack: number; peer: number } {
  const [, list] = /Cpus_allowed_list:\s*(\S+)/.exec(readFileSync('/proc/self/status', 'utf8')) ?? [];
  const ends = (list ?? '0').split(/[,-]/).map(Number);
  return { stack: ends[ends.length - 1], peer: ends[0] };
}

export const pinned = (cpu: number, words: readonly string[]): string[] => [
  'taskset',
  '-c',
  `${cpu}`,
  ...words,
];

/** On this CPU, or with undefined on any. */
export function placed(cpu: number | undefined, words: readonly string[]): string[] {
  return cpu === undefined ? [...words] : pinned(cpu, words);
}
