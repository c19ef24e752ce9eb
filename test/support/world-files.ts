// Where failing worlds are written: a new directory of the system's temporary one.

import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Save } from '@tunstack/sim';

/** Saves files in one new directory, whose name begins so. It is made with the first file. */
export function filesOf(name: string): Save {
  let directory: string | undefined;
  return (file, content) => {
    directory ??= mkdtempSync(join(tmpdir(), `${name}-`));
    const path = join(directory, file);
    writeFileSync(path, content);
    return path;
  };
}
