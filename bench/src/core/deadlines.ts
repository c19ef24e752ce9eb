// Timers: the heap of base/deadlines against a hashed timing wheel, at the two loads that TCP makes.
//
//   rearm   every row has a deadline; a packet moves one row's further out (what each ACK does)
//   expire  time goes on by a millisecond; rows that are due are taken out and set again

import { Deadlines, NONE, Prng } from '@tunstack/stack/base';
import { alternate, type Bench, type Effort, nsPerStep, type Row } from '../rows.ts';
import { Wheel } from './wheel.ts';

const SIZES = [1000, 100_000];
const START_MS = 1_000_000;
/** Deadlines lie 200 ms to 2.2 s ahead, as retransmission timeouts do. */
const LEAST_MS = 200;
const SPREAD_MS = 2000;

interface Timers {
  set(row: number, deadlineMs: number): void;
  cancel(row: number): void;
  takeDue(nowMs: number): number;
}

/** What is drawn beforehand, so that drawing is not measured. */
interface Draws {
  readonly rows: Int32Array;
  readonly waits: Int32Array;
}

function draws(size: number, count: number): Draws {
  const prng = new Prng(size);
  const rows = Int32Array.from({ length: count }, () => prng.below(size));
  const waits = Int32Array.from({ length: count }, () => LEAST_MS + prng.below(SPREAD_MS));
  return { rows, waits };
}

function filled(timers: Timers, size: number, { waits }: Draws): Timers {
  for (let row = 0; row < size; row++) timers.set(row, START_MS + waits[row % waits.length]);
  return timers;
}

/** Time goes on by 1 ms every 256 operations: one batch of packets. */
function rearm(timers: Timers, { rows, waits }: Draws): number {
  return nsPerStep(rows.length, () => {
    for (let i = 0; i < rows.length; i++) timers.set(rows[i], START_MS + (i >>> 8) + waits[i]);
  });
}

function setCancel(timers: Timers, { rows, waits }: Draws): number {
  return nsPerStep(rows.length, () => {
    for (let i = 0; i < rows.length; i++) {
      timers.cancel(rows[i]);
      timers.set(rows[i], START_MS + waits[i]);
    }
  });
}

/** Nanoseconds a row that expired and was set again. */
function expire(timers: Timers, { waits }: Draws): number {
  let taken = 0;
  const ns = nsPerStep(1, () => {
    for (let nowMs = START_MS; taken < waits.length; nowMs++) {
      for (let row = timers.takeDue(nowMs); row !== NONE; row = timers.takeDue(nowMs)) {
        timers.set(row, nowMs + waits[taken % waits.length]);
        taken++;
      }
    }
  });
  return ns / taken;
}

export const deadlines: Bench = {
  name: 'deadlines',
  run({ quick, runs }: Effort): Promise<Row[]> {
    const rows: Row[] = [];
    for (const size of SIZES) {
      const given = draws(size, quick ? 20_000 : 500_000);
      const heap = (): Timers => filled(new Deadlines(), size, given);
      const wheel = (): Timers => filled(new Wheel(size, START_MS), size, given);
      const compare = (what: string, load: (timers: Timers, given: Draws) => number): Row => {
        const name = `deadlines heap / wheel, ${what}, ${size}`;
        return alternate(
          name,
          'ns',
          runs,
          () => load(heap(), given),
          () => load(wheel(), given),
        );
      };
      rows.push(compare('rearm', rearm), compare('cancel and set', setCancel), compare('expire', expire));
    }
    return Promise.resolve(rows);
  },
};
