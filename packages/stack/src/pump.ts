// The pump: one turn of a stack. The order is fixed: receive batch, timers, events, drain, flush, next deadline.
//
//   the drain:   settle (sends nothing) -> what waited for a neighbour -> answers -> all that is new

import { assert, CHECKS } from './base/assert.ts';
import type { Deadlines } from './base/deadlines.ts';
import { NONE } from './base/index-pool.ts';
import { diff } from './base/int.ts';
import type { Context } from './context.ts';
import type { Clock } from './contract/clock.ts';
import type { Interface } from './ip/interface.ts';

/** No deadline: nothing will happen unless something arrives. */
export const NEVER = -1;

const IDLE = 0;
const EVENTS = 1;

/** A part of the stack that has deadlines. */
export interface Timed {
  readonly deadlines: Deadlines;
  timersFire(nowMs: number): void;
}

/** A part of the stack that sends in the drain. */
export interface Drained {
  readonly hasWork: boolean;
  /** What the application left in its queues leaves the receive slab. It sends nothing. */
  settle(): void;
  drain(): void;
}

/** What a pump works on. */
export interface Parts {
  readonly faces: readonly Interface[];
  readonly timed: readonly Timed[];
  readonly drained: readonly Drained[];
  /** What waited for a neighbour, or for room behind it, goes before all that is newer. */
  readonly drainWaiting: () => void;
  readonly drainAnswers: () => void;
}

/** Runs one stack. Not re-entrant: a host calls it, and nothing below does. */
export class Pump {
  private readonly context: Context;
  private readonly clock: Clock;
  private readonly parts: Parts;
  private phase: number = IDLE;
  private backlog = false;
  private fullBatches = 0;
  private eventsLeft = 0;

  constructor(context: Context, clock: Clock, parts: Parts) {
    this.context = context;
    this.clock = clock;
    this.parts = parts;
  }

  /**
   * One turn. True when there is more to do at once. An exception can only come from a handler of the application:
   * the host catches it and calls `run` again, which goes on with the next event of the same turn.
   */
  run(): boolean {
    if (this.phase === IDLE) {
      this.receive();
      this.eventsLeft = this.context.events.size;
      this.phase = EVENTS;
    }
    while (this.eventsLeft > 0) {
      this.eventsLeft--;
      this.context.events.dispatchOne();
    }
    this.phase = IDLE;
    this.send();
    return this.backlog || this.hasWork();
  }

  /** True when a pump would have something to do now. */
  hasWork(): boolean {
    if (this.context.events.size > 0) return true;
    for (const part of this.parts.drained) if (part.hasWork) return true;
    return false;
  }

  /** Milliseconds from `nowMs` until a timer is due (0: it is), or NEVER. */
  msUntilNext(nowMs: number): number {
    let least = NEVER;
    for (const { deadlines } of this.parts.timed) {
      const row = deadlines.first();
      if (row === NONE) continue;
      const wait = Math.max(0, diff(deadlines.deadline(row), nowMs));
      if (least === NEVER || wait < least) least = wait;
    }
    return least;
  }

  private receive(): void {
    const { context, clock, parts } = this;
    const nowMs = clock.nowMs();
    context.uptimeS += Math.max(0, diff(nowMs, context.nowMs)) / 1000;
    context.nowMs = nowMs;
    context.nowUs = clock.nowUs();
    context.inCore = true;
    this.backlog = false;
    for (const face of parts.faces) {
      face.link.poll(context.options.batchPackets);
      if (face.link.backlog) this.backlog = true;
    }
    // A packet that waits behind a stalled event loop is news; a timer must not fire before it was read.
    if (!this.backlog || ++this.fullBatches >= context.options.fullBatchesBeforeTimers) {
      this.fullBatches = 0;
      for (const part of parts.timed) part.timersFire(context.nowMs);
    }
    context.inCore = false;
  }

  private send(): void {
    const { context, parts } = this;
    context.inCore = true;
    for (const part of parts.drained) part.settle();
    context.sends = true;
    parts.drainWaiting();
    for (const face of parts.faces) face.unblock();
    parts.drainAnswers();
    for (const part of parts.drained) part.drain();
    context.sends = false;
    for (const face of parts.faces) face.link.flush();
    context.inCore = false;
    if (CHECKS) assert(context.answers.size === 0, 'a pump answers what it received');
  }
}
