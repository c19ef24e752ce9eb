// The cells of the grid that `paths` measures: what the wire does, and which controller sends, by a name.

import { CONTROLLERS } from '@tunstack/stack';

/** What is the same in all cells. */
export const RATE_MBIT = 50;

/** One cell. Loss and reordering befall both directions, the queue is that of each. */
export interface Cell {
  /** `cubic rtt20 loss1 reorder1 q0.5`. */
  readonly name: string;
  readonly controller: string;
  readonly rttMs: number;
  readonly lossPercent: number;
  readonly reorderPercent: number;
  /** In products of the rate and the round trip. */
  readonly queueBdp: number;
}

const LOSSES = [0, 0.01, 0.1, 1, 3, 10];
const RTTS_MS = [1, 20, 100, 300];

function nameOf(cell: Omit<Cell, 'name'>): string {
  const reorder = cell.reorderPercent === 0 ? '' : ` reorder${cell.reorderPercent}`;
  return `${cell.controller} rtt${cell.rttMs} loss${cell.lossPercent}${reorder} q${cell.queueBdp}`;
}

/**
 * 24 of the 288: each loss with each round trip, once. Of the four cells of a loss each has another pair of reordering and
 * queue, and all three controllers are among them; of the six of a round trip each controller has two.
 */
export const CELLS: readonly Cell[] = LOSSES.flatMap((lossPercent, loss) =>
  RTTS_MS.map((rttMs, rtt) => {
    const cell = {
      controller: CONTROLLERS[(loss + rtt) % CONTROLLERS.length],
      rttMs,
      lossPercent,
      reorderPercent: (loss + rtt) & 1,
      queueBdp: (((loss >> 1) + (rtt >> 1)) & 1) === 0 ? 0.5 : 2,
    };
    return { name: nameOf(cell), ...cell };
  }),
);

/**
 * A cell by its name: any of these values, not only those of the grid. Throws what is wrong with the name.
 *
 * @example parseCell('bbr rtt50 loss2 q1').lossPercent; // 2
 */
export function parseCell(text: string): Cell {
  const number = '(\\d+(?:\\.\\d+)?)';
  const form = new RegExp(`^(\\w+) rtt${number} loss${number}(?: reorder${number})? q${number}$`);
  const [, controller, rtt, loss, reorder = '0', queue] = form.exec(text.trim()) ?? [];
  if (queue === undefined) throw new Error(`'${text}' is no cell, as 'cubic rtt20 loss1 reorder1 q0.5'`);
  if (!CONTROLLERS.includes(controller)) {
    throw new Error(`'${text}': there is no '${controller}'; there are ${CONTROLLERS.join(', ')}`);
  }
  const cell = {
    ...{ controller, rttMs: Number(rtt), lossPercent: Number(loss) },
    ...{ reorderPercent: Number(reorder), queueBdp: Number(queue) },
  };
  return { name: nameOf(cell), ...cell };
}

/** The flags of tun-wire that make this cell's wire. */
export function wireFlags(cell: Cell, seed: number): string[] {
  const flags = {
    rate: `${RATE_MBIT}mbit`,
    delay: `${cell.rttMs * 500}us`,
    loss: `${cell.lossPercent}%`,
    reorder: `${cell.reorderPercent}%`,
    queue: `${cell.queueBdp}bdp`,
    seed: `${seed}`,
  };
  return Object.entries(flags).flatMap(([name, value]) => [`--${name}`, value]);
}
