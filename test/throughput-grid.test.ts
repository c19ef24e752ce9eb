// The throughput grid: goodput, retransmissions and timeouts of each controller by loss, reordering, round trip and queue, in
// virtual time, so that equal code gives equal numbers. docs/throughput-grid.md keeps them. A tenth is compared, `SOAK=1`
// compares all, `UPDATE=1` writes the table anew. RFC 5681, RFC 9438.

import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type Cell, type CellResult, runCell, runSharing } from '@tunstack/sim';
import { setChecks } from '@tunstack/stack/base';
import { afterAll, beforeAll, expect, test } from 'vitest';

const FILE = join(dirname(dirname(fileURLToPath(import.meta.url))), 'docs/throughput-grid.md');
const update = process.env.UPDATE === '1';
const soak = process.env.SOAK === '1';

const CONTROLLERS = ['reno', 'cubic', 'bbr'];
const LOSS_PERCENT = [0, 0.01, 0.1, 1, 3, 10];
const REORDER_PERCENT = [0, 1];
const RTT_MS = [1, 20, 100, 300];
const QUEUE_BDP = [0.5, 2];
/** Virtual seconds by round trip: what a controller does shows after some hundred of them, if it shows at all. */
const SECONDS: Readonly<Record<number, number>> = { 1: 2, 20: 4, 100: 10, 300: 20 };
const RATE_MBIT = 50;
const SHARING = { rateMbit: 20, rttMs: 20, seconds: 40, settleSeconds: 10, staggerMs: 500, seed: 1 };
/** Two BBRs (version 1) share a short queue badly: what they take from each other, they take by loss. */
const FAIR_QUEUE_BDP = 2;

// Here is measured; invariants are held elsewhere, and cost three times what the cells do.
beforeAll(() => setChecks(false));
afterAll(() => setChecks(true));

/** A table of the document: its heading, and the cells that are in it. */
interface Table {
  readonly heading: string;
  readonly controller: string;
  readonly reorder: number;
  readonly queueBdp: number;
}

const TABLES: readonly Table[] = CONTROLLERS.flatMap((controller) =>
  QUEUE_BDP.flatMap((queueBdp) =>
    REORDER_PERCENT.map((reorder) => ({
      heading: `${controller}, queue ${queueBdp} BDP, reordering ${reorder} %`,
      controller,
      reorder,
      queueBdp,
    })),
  ),
);

interface Place {
  readonly table: Table;
  readonly loss: number;
  readonly rttMs: number;
}

const PLACES: readonly Place[] = TABLES.flatMap((table) =>
  LOSS_PERCENT.flatMap((loss) => RTT_MS.map((rttMs) => ({ table, loss, rttMs }))),
);

function cellOf({ table, loss, rttMs }: Place): Cell {
  const { controller, reorder, queueBdp } = table;
  const seconds = SECONDS[rttMs];
  return {
    loss: loss / 100,
    reorder: reorder / 100,
    rttMs,
    queueBdp,
    rateMbit: RATE_MBIT,
    controller,
    seconds,
    seed: 1,
  };
}

const textOf = ({ goodputMbit, retransmits, timeouts }: CellResult): string =>
  `${goodputMbit.toFixed(2)} / ${retransmits} / ${timeouts}`;

const nameOf = ({ table, loss, rttMs }: Place): string => `${table.heading}, loss ${loss} %, ${rttMs} ms`;

/** Two flows of each controller, and one of each of two, by queue. */
const PAIRS = [FAIR_QUEUE_BDP, 1].flatMap((queueBdp) =>
  CONTROLLERS.flatMap((first, i) =>
    CONTROLLERS.slice(i).map((second) => ({ queueBdp, pair: [first, second] })),
  ),
);

/** The cells of the document, by their names; those of a table row are in the order of its columns. */
function written(): Map<string, string> {
  const cells = new Map<string, string>();
  if (!existsSync(FILE)) return cells;
  let heading = '';
  let columns: string[] = [];
  for (const line of readFileSync(FILE, 'utf8').split('\n')) {
    if (line.startsWith('## ')) heading = line.slice(3);
    if (!line.startsWith('| ')) continue;
    const [first, ...rest] = line.slice(2, -2).split(' | ');
    if (first === 'loss %') columns = rest;
    for (const [i, text] of rest.entries()) cells.set(`${heading}, loss ${first} %, ${columns[i]}`, text);
  }
  return cells;
}

const HEAD = `# The throughput grid

What one connection makes of a bottleneck of ${RATE_MBIT} Mbit/s, in the simulator: one sender, one receiver, both this stack, in virtual
time. Each cell says goodput in Mbit/s / segments sent again / timeouts. Loss and reordering are of data packets, by
one seed; a reordered packet is 1 ms late. A queue of 0.5 BDP at 1 ms holds two packets. A cell lasts
${RTT_MS.map((rttMs) => `${SECONDS[rttMs]} s at ${rttMs} ms`).join(', ')}, slow start included; 48.27 Mbit/s is all that can be had.

Made by \`UPDATE=1 npx vitest run test/throughput-grid.test.ts\`. The same test holds the code to it: equal code gives equal numbers, so a
change here is a change of behaviour, to be looked at.
`;

function render(cells: ReadonlyMap<string, string>, sharing: readonly string[]): string {
  const tables = TABLES.map((table) => {
    const rows = LOSS_PERCENT.map((loss) => {
      const row = RTT_MS.map((rttMs) => cells.get(nameOf({ table, loss, rttMs })));
      return `| ${loss} | ${row.join(' | ')} |`;
    });
    const columns = RTT_MS.map((rttMs) => `${rttMs} ms`).join(' | ');
    return `## ${table.heading}\n\n| loss % | ${columns} |\n|---|${'---|'.repeat(RTT_MS.length)}\n${rows.join('\n')}\n`;
  });
  const { rateMbit, rttMs, seconds, settleSeconds, staggerMs } = SHARING;
  const fairness = `## Two flows at one bottleneck

${rateMbit} Mbit/s, ${rttMs} ms; the second flow begins ${staggerMs} ms after the first; from second ${settleSeconds} to ${seconds}: Jain's index, and
Mbit/s of each.

${sharing.map((line) => `- ${line}`).join('\n')}
`;
  return `${HEAD}\n${tables.join('\n')}\n${fairness}`;
}

function share({ queueBdp, pair }: (typeof PAIRS)[number]): { index: number; text: string } {
  const { index, goodputMbit } = runSharing({ ...SHARING, queueBdp, controllers: pair });
  const figures = goodputMbit.map((mbit) => mbit.toFixed(2)).join(', ');
  return { index, text: `queue ${queueBdp} BDP, ${pair.join(' and ')}: ${index.toFixed(4)} (${figures})` };
}

if (update)
  test('the table is written', { timeout: 3_600_000 }, () => {
    const cells = new Map(PLACES.map((place) => [nameOf(place), textOf(runCell(cellOf(place)))]));
    writeFileSync(
      FILE,
      render(
        cells,
        PAIRS.map((sharing) => share(sharing).text),
      ),
    );
  });

test('the table has every cell of every controller that there is', () => {
  const cells = written();
  expect(PLACES.map(nameOf).filter((name) => cells.get(name) === undefined)).toEqual([]);
});

// One in ten, of every table some: 24 cells a table and steps of ten never meet the same rows twice in a row.
const compared = soak ? PLACES : PLACES.filter((_, i) => i % 10 === 3);

test.each(TABLES.map(({ heading }) => heading))(
  'cells are as they are written: %s',
  { timeout: 1_200_000 },
  (heading) => {
    const cells = written();
    const places = compared.filter(({ table }) => table.heading === heading);
    expect(places.length).toBeGreaterThan(0);
    const now = places.map((place) => [nameOf(place), textOf(runCell(cellOf(place)))]);
    expect(now).toEqual(places.map((place) => [nameOf(place), cells.get(nameOf(place))]));
  },
);

test.each(CONTROLLERS)("two flows of %s share a bottleneck: Jain's index is 0.9 at least", (controller) => {
  const { index, text } = share({ queueBdp: FAIR_QUEUE_BDP, pair: [controller, controller] });
  expect(index).toBeGreaterThanOrEqual(0.9);
  expect(readFileSync(FILE, 'utf8')).toContain(`- ${text}\n`);
});

if (soak)
  test('controllers beside each other are as they are written', { timeout: 600_000 }, () => {
    const text = readFileSync(FILE, 'utf8');
    expect(
      PAIRS.map((sharing) => share(sharing).text).filter((line) => !text.includes(`- ${line}\n`)),
    ).toEqual([]);
  });
