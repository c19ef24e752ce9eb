// Our own programs of the bench: those of this build, or of the build that `--against` names.

import { existsSync } from 'node:fs';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The path of a program below bench/dist, here or in `against`, which may be so old that all its programs lie in one folder. */
export function built(program: string, against?: string): string {
  if (against === undefined) return fileURLToPath(new URL(`../${program}`, import.meta.url));
  const path = join(against, program);
  if (existsSync(path)) return path;
  const old = basename(program) === 'server.js' ? 'tcp-server.js' : basename(program);
  return join(against, old);
}
