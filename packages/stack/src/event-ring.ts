// The queue between the core and the application: sockets are marked while packets arrive, and hear afterwards.

import { Fifo } from './base/fifo.ts';
import type { EventTarget } from './contract/events.ts';

/** Targets with events, each at most once; order of first mark. */
export class EventRing {
  private readonly waiting: Fifo<EventTarget>;

  /** `limit`: as many targets as can exist, so that a mark is never lost. */
  constructor(limit: number) {
    this.waiting = new Fifo(limit);
  }

  get size(): number {
    return this.waiting.size;
  }

  /** Adds event bits for the target. */
  mark(target: EventTarget, events: number): void {
    if (target.pendingEvents === 0) this.waiting.push(target);
    target.pendingEvents |= events;
  }

  /** Dispatches the first target. A handler that throws leaves the ring in order: it was taken off before the call. */
  dispatchOne(): void {
    const target = this.waiting.shift();
    if (target === undefined) return;
    const events = target.pendingEvents;
    target.pendingEvents = 0;
    target.dispatch(events);
  }
}
