// What a thousand connections cost the CPU that are open, and kept alive every ten seconds.

import { setTimeout as sleep } from 'node:timers/promises';
import { built } from '../rig/built.ts';
import { Child } from '../rig/child.ts';
import { says } from '../rig/command.ts';
import { cpus, pinned } from '../rig/cpus.ts';
import { STACK_ADDRESS } from '../rig/tun.ts';
import { type Bench, type Effort, limitRow, type Row, wanted } from '../rows.ts';
import { KEPT_PORT, watched } from './watched.ts';

const CONNECTIONS = 1000;
const NAME = '1,000 connections kept alive every 10 s';
/** Half a minute by default: three rounds of probes. */
const LONGER = 30;
/** A round of probes, so that their code is compiled. */
const SETTLE_MS = 12_000;
const SETTLE_QUICK_MS = 1000;
const MUST_PERCENT = 0.5;
const AIM_PERCENT = 0.1;

export const keptAlive: Bench = {
  name: 'kept-alive',
  async run(effort: Effort): Promise<Row[]> {
    if (!wanted(NAME, effort)) return [];
    const ms = effort.seconds * LONGER * 1000;
    const server = await watched(0).start({ mtu: 1500, cpu: cpus().stack });
    const { cpuNs } = server;
    if (cpuNs === undefined) throw new Error('the CPU time of the server is not known');
    const words = [
      process.execPath,
      built('resources/holder.js'),
      STACK_ADDRESS,
      `${KEPT_PORT}`,
      `${CONNECTIONS}`,
    ];
    const holder = new Child([...server.enter, ...pinned(cpus().peer, words)]);
    const values: number[] = [];
    try {
      await says(holder, 'ready');
      await sleep(effort.quick ? SETTLE_QUICK_MS : SETTLE_MS);
      for (let run = 0; run < Math.min(effort.runs, effort.quick ? 1 : 3); run++) {
        const before = cpuNs();
        const start = process.hrtime.bigint();
        await sleep(ms);
        values.push((100 * (cpuNs() - before)) / Number(process.hrtime.bigint() - start));
      }
    } finally {
      await holder.end();
      await server.end();
    }
    return [limitRow(NAME, '% of a core', values, MUST_PERCENT, AIM_PERCENT)];
  },
};
