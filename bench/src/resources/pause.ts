// The longest pause for garbage collection, while a bulk flow goes in and one goes out.

import { cpus } from '../rig/cpus.ts';
import { type Bench, type Effort, limitRow, type Row, wanted } from '../rows.ts';
import { BULK, runLoad } from '../tcp/load.ts';
import { type Collected, childOf, watched } from './watched.ts';

const NAME = 'longest GC pause, bulk in and out';
/** Ten minutes are `--seconds 20`. */
const LONGER = 30;
const MUST_MS = 5;
const AIM_MS = 1;

export const pause: Bench = {
  name: 'pause',
  async run(effort: Effort): Promise<Row[]> {
    if (!wanted(NAME, effort)) return [];
    const seconds = effort.seconds * LONGER;
    const server = await watched(0).start({ mtu: 1500, cpu: cpus().stack });
    const child = childOf(server);
    try {
      const [into, out] = BULK;
      await runLoad(server, { ...into, during: out }, seconds);
    } finally {
      await server.end();
    }
    const { longestMs, totalMs, collections } = JSON.parse(await child.line()) as Collected;
    const share = (totalMs / seconds / 10).toFixed(2);
    console.error(`${NAME}: ${collections} collections in ${seconds} s, ${share} % of the time`);
    return [limitRow(`${NAME}, ${seconds} s`, 'ms', [longestMs], MUST_MS, AIM_MS)];
  },
};
