// 100,000 idle connections, and a bulk flow beside them: that flow against the same alone. Nothing may cost more for who is idle.

import { atLeast, type Bench, type Effort, type Row } from '../rows.ts';
import { contest } from '../tcp/contest.ts';
import { BULK } from '../tcp/load.ts';
import { watched } from './watched.ts';

const CONNECTIONS = 100_000;
const CONNECTIONS_QUICK = 5000;
const GOAL = atLeast(0.8, 0.95);

export const crowded: Bench = {
  name: 'crowded',
  run(effort: Effort): Promise<Row[]> {
    const count = effort.quick ? CONNECTIONS_QUICK : CONNECTIONS;
    const goals = Object.fromEntries(BULK.map(({ figures }) => [figures[0].name, GOAL]));
    return contest(
      {
        title: `among ${count.toLocaleString('en-US')} idle`,
        ours: () => watched(count),
        rivals: [{ contestant: watched(0), goals }],
        loads: BULK,
      },
      effort,
    );
  },
};
