// The timers of a connection are data: a deadline field each, and bits that say which run. The table of connections
// keeps one entry per connection in its heap, moved at once when a deadline becomes earlier, and lazily when later.

import { diff } from '../base/int.ts';
import {
  type Tcb,
  TIMER_DELAYED_ACK,
  TIMER_KEEP_ALIVE,
  TIMER_LOSS,
  TIMER_PACING,
  TIMER_PERSIST,
  TIMER_RETRANSMIT,
  TIMER_TIME_WAIT,
  TIMERS,
} from './tcb.ts';

export function isRunning(tcb: Tcb, timer: number): boolean {
  return (tcb.timers & (1 << timer)) !== 0;
}

/** When a running timer is due. */
export function deadlineOf(tcb: Tcb, timer: number): number {
  switch (timer) {
    case TIMER_RETRANSMIT:
      return tcb.retransmitAtMs;
    case TIMER_PERSIST:
      return tcb.persistAtMs;
    case TIMER_DELAYED_ACK:
      return tcb.delayedAckAtMs;
    case TIMER_KEEP_ALIVE:
      return tcb.keepAliveAtMs;
    case TIMER_LOSS:
      return tcb.lossAtMs;
    case TIMER_PACING:
      return tcb.pacingAtMs;
    default:
      return tcb.timeWaitAtMs;
  }
}

export function setDeadline(tcb: Tcb, timer: number, atMs: number): void {
  tcb.timers |= 1 << timer;
  switch (timer) {
    case TIMER_RETRANSMIT:
      tcb.retransmitAtMs = atMs;
      return;
    case TIMER_PERSIST:
      tcb.persistAtMs = atMs;
      return;
    case TIMER_DELAYED_ACK:
      tcb.delayedAckAtMs = atMs;
      return;
    case TIMER_KEEP_ALIVE:
      tcb.keepAliveAtMs = atMs;
      return;
    case TIMER_LOSS:
      tcb.lossAtMs = atMs;
      return;
    case TIMER_PACING:
      tcb.pacingAtMs = atMs;
      return;
    case TIMER_TIME_WAIT:
      tcb.timeWaitAtMs = atMs;
  }
}

export function clearDeadline(tcb: Tcb, timer: number): void {
  tcb.timers &= ~(1 << timer);
}

/** The running timer that is due first; only when one runs. */
export function earliest(tcb: Tcb): number {
  let least = -1;
  for (let timer = 0; timer < TIMERS; timer++) {
    if (!isRunning(tcb, timer)) continue;
    // Of two at once the later kind goes first: a loss probe spares the timeout that is due with it (RFC 8985 7.2).
    if (least < 0 || diff(deadlineOf(tcb, timer), deadlineOf(tcb, least)) <= 0) least = timer;
  }
  return least;
}
