// The host: runs stacks on the event loop. The only place with timers, and the one that catches what handlers throw.
//
//   wake(stack)  from a device's callback: the turn runs at once; from anywhere else: once, later in this turn of the loop
//   a turn       round-robin, one pump a stack and round, at most 256 rounds or 1 ms, then the loop goes on
//   one timer    at the earliest deadline of all stacks

import { NEVER, type Options, Stack } from '@tunstack/stack';
import { diff, Fifo } from '@tunstack/stack/base';
import { PacketPool, type PoolLimits } from '@tunstack/stack/contract';
import { NodeClock } from './clock.ts';
import { NodeEntropy } from './entropy.ts';

/** A peer on the same CPU has its next packet there when ours is written: 16 rounds were 30 us. */
const ROUNDS_PER_TURN = 256;
const US_PER_TURN = 1000;
/** Stacks of one host that can wait for their turn at one time. */
const STACKS_MAX = 1 << 20;
/** The longest setInterval there is: it only keeps the process alive. */
const HOLD_MS = 0x7fff_ffff;

export interface HostOptions {
  /** Packet memory of all stacks of this host. */
  readonly pool?: PoolLimits;
  /** Called with what a handler of the application threw. By default it becomes an uncaught exception, as in any emitter. */
  readonly onHandlerError?: (error: unknown, stack: Stack) => void;
}

/** A stack and whether it waits for its turn. */
interface Guest {
  readonly stack: Stack;
  runnable: boolean;
  /** Removed, maybe by a handler in the middle of its own pump: it is never run again. */
  left: boolean;
}

/**
 * Drives any number of stacks.
 *
 * @example
 * const host = new Host();
 * const stack = host.stack();
 * stack.addLink(new TunLink(device), '10.9.0.2/24');
 */
export class Host {
  readonly pool: PacketPool;
  readonly clock: NodeClock = new NodeClock();
  private readonly entropy: NodeEntropy = new NodeEntropy();
  private readonly guests: Guest[] = [];
  private readonly onHandlerError: (error: unknown, stack: Stack) => void;
  /** Who is runnable, each once, in order; who was removed meanwhile is passed over. */
  private readonly waiting: Fifo<Guest> = new Fifo(STACKS_MAX);
  private inTurn = false;
  private immediate: NodeJS.Immediate | undefined = undefined;
  private timer: NodeJS.Timeout | undefined = undefined;
  private timerAtMs = 0;
  private references = 0;
  private hold: NodeJS.Timeout | undefined = undefined;
  /** What the event loop calls: each one function for all, for they are set some thousand times a second. */
  private readonly scheduled = (): void => this.runScheduled();
  private readonly fired = (): void => this.timerFired();

  constructor(options: HostOptions = {}) {
    this.pool = new PacketPool(options.pool);
    this.onHandlerError = options.onHandlerError ?? throwLater;
  }

  /** A new stack that this host drives, with its clock, entropy and packet memory. */
  stack(options: Partial<Options> = {}): Stack {
    const { clock, entropy, pool } = this;
    const stack = new Stack({ clock, entropy, pool, options });
    const guest: Guest = { stack, runnable: false, left: false };
    this.guests.push(guest);
    stack.attachHost({ wake: () => this.wake(guest), wakeNow: () => this.wakeNow(guest) });
    return stack;
  }

  /** Closes the stack and forgets it. */
  remove(stack: Stack): void {
    const at = this.guests.findIndex((guest) => guest.stack === stack);
    if (at < 0) return;
    const [guest] = this.guests.splice(at, 1);
    guest.left = true;
    stack.close();
  }

  /** Closes all stacks. */
  close(): void {
    for (const guest of [...this.guests]) this.remove(guest.stack);
    clearTimeout(this.timer);
    this.timer = undefined;
    clearInterval(this.hold);
    if (this.immediate !== undefined) clearImmediate(this.immediate);
    this.immediate = undefined;
  }

  /** Keeps the process alive as long as somebody wants that: sockets that are open and ref'd. Timers alone do not. */
  ref(): void {
    if (this.references++ === 0) this.hold = setInterval(() => {}, HOLD_MS);
  }

  unref(): void {
    if (--this.references === 0) clearInterval(this.hold);
  }

  private wake(guest: Guest): void {
    if (guest.runnable || guest.left) return;
    guest.runnable = true;
    this.waiting.push(guest);
    if (!this.inTurn) this.schedule();
  }

  /** From a device's callback: the turn runs at once, so that an answer waits for nothing. */
  private wakeNow(guest: Guest): void {
    if (guest.left) return;
    if (!guest.runnable) {
      guest.runnable = true;
      this.waiting.push(guest);
    }
    if (!this.inTurn) this.turn();
  }

  private schedule(): void {
    this.immediate ??= setImmediate(this.scheduled);
  }

  private runScheduled(): void {
    this.immediate = undefined;
    if (this.waiting.size > 0) this.turn();
  }

  private turn(): void {
    const { clock, waiting } = this;
    this.inTurn = true;
    clock.hold();
    const startUs = clock.nowUs();
    for (let round = 0; round < ROUNDS_PER_TURN; round++) {
      // What is woken during a round runs in the next: what arrives during a pump waits.
      for (let left = waiting.size; left > 0; left--) {
        this.serve(waiting.shift() as Guest);
        if (waiting.size > 0) clock.hold();
      }
      if (waiting.size === 0 || diff(clock.nowUs(), startUs) >= US_PER_TURN) break;
    }
    this.inTurn = false;
    if (waiting.size > 0) this.schedule();
    else if (this.immediate !== undefined) {
      clearImmediate(this.immediate);
      this.immediate = undefined;
    }
    this.armTimer();
    clock.release();
  }

  private serve(guest: Guest): void {
    guest.runnable = false;
    if (!guest.left && this.pump(guest.stack)) this.wake(guest);
  }

  /** One pump, resumed after each handler that throws. */
  private pump(stack: Stack): boolean {
    for (;;) {
      try {
        return stack.pump();
      } catch (error) {
        this.report(error, stack);
      }
    }
  }

  private report(error: unknown, stack: Stack): void {
    try {
      this.onHandlerError(error, stack);
    } catch (worse) {
      throwLater(worse);
    }
  }

  private armTimer(): void {
    const nowMs = this.clock.nowMs();
    let wait: number = NEVER;
    for (let i = 0; i < this.guests.length; i++) {
      const ms = this.guests[i].stack.msUntilNext(nowMs);
      if (ms !== NEVER && (wait === NEVER || ms < wait)) wait = ms;
    }
    if (wait === NEVER) return;
    const atMs = (nowMs + wait) | 0;
    if (this.timer !== undefined && diff(this.timerAtMs, atMs) <= 0) return;
    clearTimeout(this.timer);
    this.timerAtMs = atMs;
    this.timer = setTimeout(this.fired, wait).unref();
  }

  private timerFired(): void {
    this.timer = undefined;
    const nowMs = this.clock.nowMs();
    const { guests } = this;
    for (let i = 0; i < guests.length; i++)
      if (guests[i].stack.msUntilNext(nowMs) === 0) this.wake(guests[i]);
    // setTimeout may fire a fraction of a millisecond early: then nobody was due, and the timer is set again.
    if (this.waiting.size > 0) this.turn();
    else this.armTimer();
  }
}

function throwLater(error: unknown): void {
  queueMicrotask(() => {
    throw error;
  });
}
