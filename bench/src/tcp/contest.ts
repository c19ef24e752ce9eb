// Ours and its rivals under the same loads, in turn: one run of ours stands beside one of each rival, in each round.

import type { Contestant, Place, Server } from '../peers/contestant.ts';
import { ours } from '../peers/ours.ts';
import { cpus } from '../rig/cpus.ts';
import { needTun } from '../rig/tun.ts';
import { type Effort, type Goal, type Row, rowOf, wanted } from '../rows.ts';
import { type Answer, type Figure, type Load, runLoad } from './load.ts';

const SECONDS = 1;
const SECONDS_QUICK = 0.15;
const LEAST_ROUNDS = 5;

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
  server: Server | undefined;
  out: string | undefined;
}

/** TUN with vnet header, or without. */
export const WITH_OFFLOAD = (against?: string): Contestant => ours(true, against);
export const WITHOUT_OFFLOAD = (against?: string): Contestant => ours(false, against);

/** All rows of a contest. Throws when ours fails; a rival that fails is out, and its rows are open. */
export async function contest(what: Contest, effort: Effort): Promise<Row[]> {
  const nameOf = ({ name }: Figure): string => (what.title === '' ? name : `${name}, ${what.title}`);
  const loads = what.loads.filter(({ figures }) => figures.some((figure) => wanted(nameOf(figure), effort)));
  if (loads.length === 0) return [];
  needTun();
  const { mtu = 1500, free = false } = what;
  const place: Place = { mtu, cpu: free ? undefined : cpus().stack };
  const server = await what.ours().start(place);
  const entrants: Entrant[] = [];
  const rows: Row[] = [];
  try {
    for (const rival of rivalsOf(what, effort)) entrants.push(await enter(rival, place));
    for (const load of loads) {
      const mine = await compare(server, entrants, load, effort);
      for (const figure of load.figures) {
        if (!wanted(nameOf(figure), effort)) continue;
        rows.push(...entrants.map((entrant) => rowFor(nameOf(figure), figure, mine, entrant)));
      }
    }
  } finally {
    await server.end();
    for (const entrant of entrants) await entrant.server?.end();
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
    return { ...rival, server, out: undefined, answers: [] };
  } catch (error) {
    return { ...rival, server: undefined, out: (error as Error).message, answers: [] };
  }
}

/** Rounds, the first to warm up. Answers ours of each round; each rival's are left with it. */
async function compare(
  server: Server,
  entrants: readonly Entrant[],
  load: Load,
  { quick, runs }: Effort,
): Promise<Answer[]> {
  const seconds = quick ? SECONDS_QUICK : SECONDS;
  const least = quick ? runs : Math.max(runs, LEAST_ROUNDS);
  const mine: Answer[] = [];
  for (const entrant of entrants) entrant.answers.length = 0;
  for (let round = -1; round < least; round++) {
    const answer = await runLoad(server, load, seconds);
    if (round >= 0) mine.push(answer);
    for (const entrant of entrants) {
      if (entrant.server === undefined || entrant.out !== undefined) continue;
      try {
        const theirs = await runLoad(entrant.server, load, seconds);
        if (round >= 0) entrant.answers.push(theirs);
      } catch (error) {
        entrant.out = (error as Error).message;
      }
    }
  }
  return mine;
}

function rowFor(name: string, figure: Figure, mine: readonly Answer[], entrant: Entrant): Row {
  const { of, scale, unit } = figure;
  const { contestant, answers, goals, out } = entrant;
  const against = contestant.name;
  if (out !== undefined) return { name, against, open: out.trim() };
  const pairs = answers.map((theirs, round): [number, number] => [
    mine[round][of] * scale,
    theirs[of] * scale,
  ]);
  return rowOf(name, unit, pairs, { against, goal: goals?.[figure.name] });
}
