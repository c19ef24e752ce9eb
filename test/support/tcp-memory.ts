// The heap of this process, garbage collected: what is still there is held by somebody.

import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

setFlagsFromString('--expose-gc');
const gc = runInNewContext('gc') as () => void;

/** Octets in use after everything that nobody holds is gone. */
export function memory(): { heap: number; external: number } {
  for (let i = 0; i < 3; i++) gc();
  const { heapUsed, external } = process.memoryUsage();
  return { heap: heapUsed, external };
}
