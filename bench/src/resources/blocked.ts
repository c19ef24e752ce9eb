// The event loop stands still for two seconds in the middle of a bulk flow: what waits in the device is read before any timer fires,
// so that nothing of ours times out that was answered long ago.

import { setTimeout as sleep } from 'node:timers/promises';
import type { Server } from '../peers/contestant.ts';
import { cpus } from '../rig/cpus.ts';
import { type Bench, type Effort, limitRow, type Row, wanted } from '../rows.ts';
import { BULK, type Load, runLoad } from '../tcp/load.ts';
import { BLOCKED_MS, type Blocked, childOf, watched } from './watched.ts';

const BEFORE_MS = 500;
const AFTER_MS = 2500;
const RUNS_MAX = 5;
/** Not one may be. */
const LESS_THAN_ONE = 0.5;

async function blockedDuring(server: Server, load: Load): Promise<Blocked> {
  const seconds = (BEFORE_MS + BLOCKED_MS + AFTER_MS) / 1000;
  const running = runLoad(server, load, seconds);
  running.catch(() => {});
  await sleep(BEFORE_MS);
  const child = childOf(server);
  child.process.kill('SIGUSR2');
  const counted = JSON.parse(await child.line()) as Blocked;
  await running;
  return counted;
}

export const blocked: Bench = {
  name: 'blocked',
  async run(effort: Effort): Promise<Row[]> {
    const { quick, runs } = effort;
    const rows: Row[] = [];
    const server = await watched(0).start({ mtu: 1500, cpu: cpus().stack });
    try {
      for (const load of quick ? BULK.slice(0, 1) : BULK) {
        const name = `${load.figures[0].name}, event loop blocked for 2 s`;
        if (!wanted(name, effort)) continue;
        const values: number[] = [];
        for (let run = 0; run < Math.min(runs, quick ? 1 : RUNS_MAX); run++) {
          const { timeouts, resets, retransmitted, lossProbes } = await blockedDuring(server, load);
          values.push(timeouts + resets);
          if (retransmitted > 0)
            console.error(`${name}: ${retransmitted} segments again, ${lossProbes} probes`);
        }
        rows.push(limitRow(name, 'RTOs and resets', values, LESS_THAN_ONE));
      }
    } finally {
      await server.end();
    }
    return rows;
  },
};
