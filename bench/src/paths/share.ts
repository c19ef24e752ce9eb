// Two flows at once through one bottleneck: how much of it ours takes beside the kernel's, by the same controller. The anchor:
// what the kernel takes beside itself. `npm run bench -- share`; what the figures mean: docs/performance.md.

import { parseArgs } from 'node:util';
import { median } from '../rows.ts';
import { type Cell, parseCell } from './cells.ts';
import { latenessOf, whole } from './paths.ts';
import { PathRig, type Source } from './rig.ts';

/** 50 Mbit/s, 20 ms, a queue of one product. */
const PATH = 'rtt20 loss0 q1';

/** One run. */
export interface Share {
  /** Of the first flow, of what both got. */
  readonly share: number;
  readonly mbit: readonly [number, number];
  /** Why the run does not count. */
  readonly late: string | undefined;
}

/** Both flows begin as soon as they can, and are received for so long by the kernel. */
export async function shareOf(first: Source, cell: Cell, seed: number, seconds: number): Promise<Share> {
  const rig = await PathRig.open(cell, seed);
  try {
    await rig.send('kernel');
    await rig.send(first);
    const flows = [rig.receive('kernel', first, seconds), rig.receive('kernel', 'kernel', seconds)];
    const [one, other] = (await Promise.all(flows)).map(({ rate }) => rate * 8e-6);
    return { share: one / (one + other), mbit: [one, other], late: latenessOf(cell, await rig.cut()) };
  } finally {
    await rig.close();
  }
}

/** `share [--seconds N] [--runs N] [--congestion NAME]`; answers the exit code. */
export async function share(args: readonly string[]): Promise<number> {
  const { values } = parseArgs({
    args: [...args],
    options: {
      seconds: { type: 'string', default: '20' },
      runs: { type: 'string', default: '3' },
      congestion: { type: 'string', default: 'cubic' },
    },
  });
  const cell = parseCell(`${values.congestion} ${PATH}`);
  const sources: readonly Source[] = ['ours', 'another kernel'];
  const found = new Map<Source, number[]>(sources.map((source) => [source, []]));
  let rejected = 0;
  for (let run = 1; run <= whole('runs', values.runs); run++) {
    for (const source of sources) {
      const one = await shareOf(source, cell, run, whole('seconds', values.seconds));
      const [first, kernel] = one.mbit.map((mbit) => mbit.toFixed(2));
      const late = one.late === undefined ? '' : `, rejected: ${one.late}`;
      console.log(`${source} ${first}, kernel ${kernel} Mbit/s: ${one.share.toFixed(3)}${late}`);
      if (one.late !== undefined) rejected++;
      else found.get(source)?.push(one.share);
    }
  }
  for (const [source, shares] of found) {
    const middle = shares.length === 0 ? '-' : median(shares).toFixed(3);
    console.log(`${source} beside the kernel, ${cell.name}: median ${middle} of ${shares.length}`);
  }
  console.log(`runs rejected: ${rejected}`);
  return 0;
}
