// Several bulk flows at once: how alike they fare (Jain's index, 1 when all have the same), and what they get together beside
// what one gets alone.

import type { Contestant, Server } from '../peers/contestant.ts';
import { cpus } from '../rig/cpus.ts';
import { atLeast, type Effort, type Row, rowOf, wanted } from '../rows.ts';
import { contest, WITH_OFFLOAD, warmUp } from './contest.ts';
import { flows, runLoad } from './load.ts';

const COUNT = 8;
/** Than a run of one flow: there is something to share out. */
const LONGER = 2;
const LEAST_ROUNDS = 5;
const TITLE = 'vnet_hdr';
const ALIKE = atLeast(0.9, 0.97);
const TOGETHER = atLeast(0.85, 1);

async function rowsOf(own: Contestant, server: Server, way: 'in' | 'out', effort: Effort): Promise<Row[]> {
  const [many, one] = [flows(way, COUNT), flows(way, 1)];
  const names = many.figures.map(({ name }) => `${name}, ${TITLE}`);
  if (!names.some((name) => wanted(name, effort))) return [];
  const rounds = effort.quick ? effort.runs : Math.max(effort.runs, LEAST_ROUNDS);
  const sums: [number, number][] = [];
  const alike: [number, number][] = [];
  const seconds = effort.seconds * LONGER;
  await warmUp(own, server, many, effort);
  for (let round = 0; round < rounds; round++) {
    const { rate, jain } = await runLoad(server, many, seconds);
    const alone = await runLoad(server, one, seconds);
    sums.push([rate / 1e6, alone.rate / 1e6]);
    alike.push([jain, 1]);
  }
  return [
    rowOf(names[0], 'MB/s', sums, { against: 'one flow', goal: TOGETHER }),
    rowOf(names[1], 'index', alike, { against: 'the same for all', goal: ALIKE }),
  ];
}

/** Both ways; with another build of ours, that is the anchor of both figures. */
export async function flowsBeside(effort: Effort): Promise<Row[]> {
  if (effort.against !== undefined) {
    const loads = [flows('in', COUNT), flows('out', COUNT)];
    return contest({ title: TITLE, ours: WITH_OFFLOAD, rivals: [], loads }, effort);
  }
  const own = WITH_OFFLOAD();
  const server = await own.start({ mtu: 1500, cpu: cpus().stack });
  try {
    return [...(await rowsOf(own, server, 'in', effort)), ...(await rowsOf(own, server, 'out', effort))];
  } finally {
    await server.end();
  }
}
