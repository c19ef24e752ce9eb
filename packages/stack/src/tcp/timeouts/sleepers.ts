// Timeouts of the connections that sleep (rows.ts): a row whose time has come wakes, and its timer fires as any other's.

import type { Deadlines } from '../../base/deadlines.ts';
import { NONE } from '../../base/index-pool.ts';
import { add, diff } from '../../base/int.ts';
import type { Connections } from '../connections.ts';
import { timersOf } from './timeouts.ts';

/** The timers of the rows, for the pump. */
export class Sleepers {
  private readonly c: Connections;

  constructor(c: Connections) {
    this.c = c;
  }

  get deadlines(): Deadlines {
    return this.c.rowDeadlines;
  }

  timersFire(nowMs: number): void {
    const { c } = this;
    const { rowDeadlines } = c;
    for (let row = rowDeadlines.first(); row !== NONE; row = rowDeadlines.first()) {
      if (diff(rowDeadlines.deadline(row), nowMs) > 0) return;
      const tcb = c.wake(row);
      // No room to wake it: as many connections as there can be. A moment later, then.
      if (tcb === undefined) rowDeadlines.set(row, add(nowMs, c.context.options.tcpDelayedAckMs));
      else timersOf(c, tcb);
    }
  }
}
