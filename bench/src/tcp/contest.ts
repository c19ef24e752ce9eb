// Ours and its rivals under the same loads, in turn: one run of ours stands beside one of each rival, in each round.

import type { Contestant, Place, Server } from '../peers/contestant.ts';
import { ours } from '../peers/ours.ts';
import { cpus } from '../rig/cpus.ts';
import { type Effort, type Goal, type Row, rowOf, wanted } from '../rows.ts';
import { type Answer, type Figure, type Load, runLoad } from './load.ts';

const LEAST_ROUNDS = 5;
/** V8 compiles what runs: so long, and until so much of the CPU went to it, but not for ever on a machine that has other work. */
const COMPILING_SECONDS = 3;
const COMPILED_NS = 1.5e9;
const COMPILING_RUNS_MAX = 4;

/** A rival, and which figures, by their names, have a goal beside it. */
export interface Rival {
  readonly contestant: Contestant;
  readonly goals?: Readonly<Record<string, Goal>>;
}

export interface Contest {
  /** What is said of the device behind each figure's name: 'vnet_hdr'. */
  readonly title: string;
  readonly ours: (against?: string) => Contestant;
  readonly rivals: readonly Rival[];
  readonly loads: readonly Load[];
  readonly mtu?: number;
  /** Servers run where the scheduler puts them; otherwise all on the stack's CPU. */
  readonly free?: boolean;
}

/** A rival that is there, or why not. */
interface Entrant extends Rival {
  readonly answers: Answer[];
  /** Or why it did not start. */
  readonly server: Server | string;
  /** Why it did not do the load. */
  failure: string | undefined;
}

/** TUN with vnet header, or without. */
export const WITH_OFFLOAD = (against?: string): Contestant => ours(true, against);
export const WITHOUT_OFFLOAD = (against?: string): Contestant => ours(false, against);

/** All rows of a contest. Throws when ours fails; a rival that fails is out, and its rows are open. */
export async function contest(what: Contest, effort: Effort): Promise<Row[]> {
  const nameOf = ({ name }: Figure): string => (what.title === '' ? name : `${name}, ${what.title}`);
  const asked = (figure: Figure, { contestant }: Rival): boolean =>
    wanted(`${nameOf(figure)} / ${contestant.name}`, effort);
  const askedOf = ({ figures }: Load, rival: Rival): boolean =>
    figures.some((figure) => asked(figure, rival));
  const rivals = rivalsOf(what, effort).filter((rival) => what.loads.some((load) => askedOf(load, rival)));
  const loads = what.loads.filter((load) => rivals.some((rival) => askedOf(load, rival)));
  if (loads.length === 0) return [];
  const { mtu = 1500, free = false } = what;
  const place: Place = { mtu, cpu: free ? undefined : cpus().stack };
  const own = what.ours();
  const server = await own.start(place);
  const entrants: Entrant[] = [];
  const rows: Row[] = [];
  try {
    for (const rival of rivals) entrants.push(await enter(rival, place));
    for (const load of loads) {
      const mine = await compare(own, server, entrants, load, effort);
      for (const figure of load.figures) {
        for (const entrant of entrants) {
          if (asked(figure, entrant)) rows.push(...rowsFor(nameOf(figure), figure, mine, entrant, effort));
        }
      }
    }
  } finally {
    await server.end();
    for (const { server: theirs } of entrants) if (typeof theirs === 'object') await theirs.end();
  }
  return rows;
}

/** With another build of ours to compare with, that alone, and no goals. */
function rivalsOf({ ours: own, rivals }: Contest, { against }: Effort): readonly Rival[] {
  return against === undefined ? rivals : [{ contestant: own(against) }];
}

async function enter(rival: Rival, place: Place): Promise<Entrant> {
  try {
    const server = await rival.contestant.start(place);
    return { ...rival, server, failure: undefined, answers: [] };
  } catch (error) {
    return { ...rival, server: (error as Error).message, failure: undefined, answers: [] };
  }
}

/** Rounds. Answers ours of each; each rival's are left with it. */
async function compare(
  own: Contestant,
  server: Server,
  entrants: readonly Entrant[],
  load: Load,
  effort: Effort,
): Promise<Answer[]> {
  const { quick, runs, seconds } = effort;
  const least = quick ? runs : Math.max(runs, LEAST_ROUNDS);
  const mine: Answer[] = [];
  for (const entrant of entrants) {
    entrant.answers.length = 0;
    entrant.failure = typeof entrant.server === 'string' ? entrant.server : undefined;
  }
  await warmUp(own, server, load, effort);
  for (let round = 0; round < least; round++) {
    mine.push(await runLoad(server, load, seconds));
    for (const entrant of entrants) await runRival(entrant, load, effort, round === 0);
  }
  return mine;
}

async function runRival(entrant: Entrant, load: Load, effort: Effort, first: boolean): Promise<void> {
  const { contestant, server, answers } = entrant;
  if (typeof server === 'string' || entrant.failure !== undefined) return;
  try {
    if (first) await warmUp(contestant, server, load, effort);
    answers.push(await runLoad(server, load, effort.seconds));
  } catch (error) {
    entrant.failure = (error as Error).message;
  }
}

/** What does not count: the first run, or as many as a program takes until it is compiled. */
export async function warmUp(
  { compiles }: Contestant,
  server: Server,
  load: Load,
  { quick, seconds }: Effort,
): Promise<void> {
  if (quick) return;
  if (!compiles) {
    await runLoad(server, load, seconds);
    return;
  }
  const before = server.cpuNs?.() ?? 0;
  for (let run = 0; run < COMPILING_RUNS_MAX; run++) {
    await runLoad(server, load, Math.max(seconds, COMPILING_SECONDS));
    if (server.cpuNs === undefined || server.cpuNs() - before >= COMPILED_NS) return;
  }
}

/** Of one figure beside one rival, and with `cpu` of what each costs its server. */
function rowsFor(
  name: string,
  figure: Figure,
  mine: readonly Answer[],
  entrant: Entrant,
  { cpu }: Effort,
): Row[] {
  const { of, scale, unit, perCpu } = figure;
  const { contestant, answers, goals, failure } = entrant;
  const against = contestant.name;
  if (failure !== undefined) return [{ name, against, open: failure.trim() }];
  const pairs = (value: (answer: Answer) => number): [number, number][] =>
    answers.map((theirs, round) => [value(mine[round]), value(theirs)]);
  const rows = [
    rowOf(
      name,
      unit,
      pairs((answer) => answer[of] * scale),
      { against, goal: goals?.[figure.name] },
    ),
  ];
  if (cpu && perCpu && answers.every(({ cost }) => cost !== undefined)) {
    const perSecond = pairs((answer) => (answer[of] * scale) / (answer.cost as number));
    rows.push(rowOf(name, unit.replace(/s$/, 'CPU-s'), perSecond, { against }));
  }
  return rows;
}
