// The pump: one turn of a stack. The order is fixed: receive batch, timers, events, drain, flush, next deadline.
//
//   the drain:   settle (sends nothing) -> what waited for a neighbour -> answers -> all that is new

import { assert, CHECKS } from './base/assert.ts';
import type { Deadlines } from './base/deadlines.ts';
import { NONE } from './base/index-pool.ts';
import { diff } from './base/int.ts';
import { type Context, WORK_ARP, WORK_ECHO, WORK_FORWARD, WORK_IGMP, WORK_TCP, WORK_UDP } from './context.ts';
import type { Clock } from './contract/clock.ts';
import type { Interface } from './ip/interface.ts';

/** No deadline: nothing will happen unless something arrives. */
export const NEVER = -1;

const IDLE = 0;
const EVENTS = 1;

/** A part of the stack that has deadlines. */
export interface Timed {
  /** One and the same for ever. */
  readonly deadlines: Deadlines;
  timersFire(nowMs: number): void;
}

/** A part of the stack that sends in the drain, when its bit of `Context.work` is set; it clears it. */
export interface Drained {
  drain(): void;
}

/** One that gives packets to the application. */
export interface Settled extends Drained {
  /** What the application left in its queues leaves the receive slab. It sends nothing. */
  settle(): void;
}

/**
 * What a pump works on. Those who send have names and not a list: each call then knows its callee, which is worth a tenth of
 * a microsecond a turn.
 */
export interface Parts {
  readonly faces: readonly Interface[];
  readonly timed: readonly Timed[];
  readonly forward: Drained;
  readonly igmp: Drained;
  readonly tcp: Settled;
  readonly udp: Settled;
  readonly echo: Settled;
  readonly arp: Drained;
  /** What waited for a neighbour, or for room behind it, goes before all that is newer. */
  readonly drainWaiting: () => void;
  readonly drainAnswers: () => void;
}

/** Runs one stack. Not re-entrant: a host calls it, and nothing below does. */
export class Pump {
  private readonly context: Context;
  private readonly clock: Clock;
  private readonly parts: Parts;
  /** Of `parts.timed`, in its order. */
  private readonly deadlines: readonly Deadlines[];
  private phase: number = IDLE;
  /** Timers were not asked for: packets were waiting. */
  private postponed = false;
  private fullBatches = 0;
  private eventsLeft = 0;

  constructor(context: Context, clock: Clock, parts: Parts) {
    this.context = context;
    this.clock = clock;
    this.parts = parts;
    this.deadlines = parts.timed.map((part) => part.deadlines);
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
    return this.hasBacklog() || this.hasWork() || this.timersWait();
  }

  /** True while handlers of the application run: all that they ask for is done by this very pump. */
  get inEvents(): boolean {
    return this.phase === EVENTS;
  }

  /** True when a pump would have something to do now. */
  hasWork(): boolean {
    return this.context.events.size > 0 || this.context.work !== 0;
  }

  /** Milliseconds from `nowMs` until a timer is due (0: it is), or NEVER. */
  msUntilNext(nowMs: number): number {
    const { deadlines } = this;
    let least = NEVER;
    for (let i = 0; i < deadlines.length; i++) {
      const wait = deadlines[i].msUntilFirst(nowMs);
      if (wait !== NONE && (least === NEVER || wait < least)) least = wait;
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
    const { faces } = parts;
    for (let i = 0; i < faces.length; i++) faces[i].poll(context.options.batchPackets);
    // A packet that waits behind a stalled event loop is news; a timer must not fire before it was read.
    this.postponed = this.hasBacklog() && ++this.fullBatches < context.options.fullBatchesBeforeTimers;
    if (!this.postponed) {
      this.fullBatches = 0;
      this.fireTimers();
    }
    context.inCore = false;
  }

  private hasBacklog(): boolean {
    const { faces } = this.parts;
    for (let i = 0; i < faces.length; i++) if (faces[i].link.backlog) return true;
    return false;
  }

  /** The last packet was read behind the timers' back: then one of them may be due, and nobody looked. */
  private timersWait(): boolean {
    return this.postponed && this.msUntilNext(this.context.nowMs) === 0;
  }

  private fireTimers(): void {
    const { deadlines, parts } = this;
    const { nowMs } = this.context;
    for (let i = 0; i < deadlines.length; i++) {
      if (deadlines[i].isDue(nowMs)) parts.timed[i].timersFire(nowMs);
    }
  }

  private send(): void {
    const { context } = this;
    const { faces, forward, igmp, tcp, udp, echo, arp, drainWaiting, drainAnswers } = this.parts;
    context.inCore = true;
    if ((context.work & WORK_TCP) !== 0) tcp.settle();
    if ((context.work & WORK_UDP) !== 0) udp.settle();
    if ((context.work & WORK_ECHO) !== 0) echo.settle();
    context.sends = true;
    drainWaiting();
    for (let i = 0; i < faces.length; i++) faces[i].unblock();
    drainAnswers();
    // Each may give work to those behind it: the bits are read anew.
    if ((context.work & WORK_FORWARD) !== 0) forward.drain();
    if ((context.work & WORK_IGMP) !== 0) igmp.drain();
    if ((context.work & WORK_TCP) !== 0) tcp.drain();
    if ((context.work & WORK_UDP) !== 0) udp.drain();
    if ((context.work & WORK_ECHO) !== 0) echo.drain();
    if ((context.work & WORK_ARP) !== 0) arp.drain();
    context.sends = false;
    for (let i = 0; i < faces.length; i++) faces[i].link.flush();
    context.inCore = false;
    if (CHECKS) assert(context.answers.size === 0, 'a pump answers what it received');
  }
}
