// Ours and its rivals under the same loads, in turn: one run of ours stands beside one of each rival, in each round.

import type { Contestant, Place, Server } from '../peers/contestant.ts';
import { ours } from '../peers/ours.ts';
import { cpus } from '../rig/cpus.ts';
import { type Effort, type Goal, type Row, rowOf, wanted } from '../rows.ts';
import { type Answer, type Figure, type Load, runLoad } from './load.ts';

const LEAST_ROUNDS = 5;
/** Of the first run, which does not count, of whom V8 compiles meanwhile. */
const COMPILING_SECONDS = 3;

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
  const loads = what.loads.filter(({ figures }) => figures.some((figure) => wanted(nameOf(figure), effort)));
  if (loads.length === 0) return [];
  const { mtu = 1500, free = false } = what;
  const place: Place = { mtu, cpu: free ? undefined : cpus().stack };
  const own = what.ours();
  const server = await own.start(place);
  const entrants: Entrant[] = [];
  const rows: Row[] = [];
  try {
    for (const rival of rivalsOf(what, effort)) entrants.push(await enter(rival, place));
    for (const load of loads) {
      const mine = await compare(own, server, entrants, load, effort);
      for (const figure of load.figures) {
        if (!wanted(nameOf(figure), effort)) continue;
        for (const entrant of entrants) rows.push(...rowsFor(nameOf(figure), figure, mine, entrant, effort));
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

/** Rounds, the first to warm up. Answers ours of each round; each rival's are left with it. */
async function compare(
  own: Contestant,
  server: Server,
  entrants: readonly Entrant[],
  load: Load,
  effort: Effort,
): Promise<Answer[]> {
  const { quick, runs } = effort;
  const least = quick ? runs : Math.max(runs, LEAST_ROUNDS);
  const mine: Answer[] = [];
  for (const entrant of entrants) {
    entrant.answers.length = 0;
    entrant.failure = typeof entrant.server === 'string' ? entrant.server : undefined;
  }
  for (let round = -1; round < least; round++) {
    const answer = await runLoad(server, load, secondsOf(own, round, effort));
    if (round >= 0) mine.push(answer);
    for (const entrant of entrants) {
      if (typeof entrant.server === 'string' || entrant.failure !== undefined) continue;
      try {
        const theirs = await runLoad(entrant.server, load, secondsOf(entrant.contestant, round, effort));
        if (round >= 0) entrant.answers.push(theirs);
      } catch (error) {
        entrant.failure = (error as Error).message;
      }
    }
  }
  return mine;
}

/** How long a run of this round is; the first, -1, does not count. */
export function secondsOf({ compiles }: Contestant, round: number, { quick, seconds }: Effort): number {
  return round < 0 && compiles && !quick ? Math.max(seconds, COMPILING_SECONDS) : seconds;
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
