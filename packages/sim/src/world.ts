// A world: stacks, wires between them, one clock, one seed. Nothing in it knows real time, so it runs as fast as it can.

import { NEVER, type Options, Stack } from '@tunstack/stack';
import { Prng } from '@tunstack/stack/base';
import { PacketPool, type PoolLimits, type Tap } from '@tunstack/stack/contract';
import { Agenda } from './agenda.ts';
import { SimClock } from './clock.ts';
import { SimEntropy } from './entropy.ts';
import { Host } from './network/host.ts';
import { Wire, type WireOptions } from './wire.ts';

/** Pumps in a row without time passing: beyond it two stacks answer each other for ever. */
const PUMPS_WITHOUT_TIME = 100_000;

export interface WorldOptions {
  /** Decides everything that is left to chance. */
  readonly seed?: number;
  readonly startMs?: number;
  readonly pool?: PoolLimits;
}

/**
 * Stacks in virtual time.
 *
 * @example
 * const world = new World({ seed: 7 });
 * const [a, b] = [world.stack(), world.stack()];
 * const wire = world.wire({ impairment: { loss: 0.1, delayUs: 5000 } });
 * a.addLink(wire.ends[0], '10.0.0.1/24');
 * b.addLink(wire.ends[1], '10.0.0.2/24');
 * world.runFor(1000);
 */
export class World {
  readonly clock: SimClock;
  readonly agenda: Agenda = new Agenda();
  readonly stacks: Stack[] = [];
  readonly pool: PacketPool;
  /** Those that `host` made, by their names. */
  readonly hosts: ReadonlyMap<string, Host>;
  private readonly hostsByName: Map<string, Host> = new Map();
  private networks = 0;
  private readonly seeds: Prng;
  private readonly runnable: Stack[] = [];

  constructor(options: WorldOptions = {}) {
    this.clock = new SimClock(options.startMs);
    this.seeds = new Prng(options.seed ?? 1);
    this.pool = new PacketPool(options.pool);
    this.hosts = this.hostsByName;
  }

  /** A stack of this world, with its pool and clock, and entropy from its seed. */
  stack(options: Partial<Options> = {}, tap?: Tap): Stack {
    const { clock, pool } = this;
    const stack = new Stack({ clock, pool, entropy: new SimEntropy(this.seeds.int32()), options });
    stack.tap = tap;
    const wake = (): void => this.wake(stack);
    stack.attachHost({ wake, wakeNow: wake });
    this.stacks.push(stack);
    return stack;
  }

  /** The host of this name: made at the first call, with these options; any later call answers the same one. */
  host(name: string, options: Partial<Options> = {}, tap?: Tap): Host {
    const known = this.hostsByName.get(name);
    if (known !== undefined) return known;
    const host = new Host(name, this.stack(options, tap));
    this.hostsByName.set(name, host);
    return host;
  }

  /** A wire between two hosts, with a network of its own: 10.0.n.1/24 is the first, 10.0.n.2/24 the second. */
  connect(first: Host, second: Host, options: WireOptions = {}): Wire {
    const n = this.networks++;
    const wire = this.wire({ names: [`to-${second.name}`, `to-${first.name}`], ...options });
    for (const [i, host] of [first, second].entries()) {
      const address = `10.0.${n}.${i + 1}`;
      host.stack.addLink(wire.ends[i], `${address}/24`);
      if (host.address === '') host.address = address;
    }
    return wire;
  }

  /** A wire of this world, seeded by it unless `options.seed` says otherwise. */
  wire(options: WireOptions = {}): Wire {
    return new Wire(this.clock, this.agenda, { seed: this.seeds.int32(), ...options });
  }

  /** Calls `happen` after this many virtual milliseconds. */
  after(ms: number, happen: () => void): void {
    this.agenda.add(this.clock.elapsedUs + ms * 1000, happen);
  }

  /** Runs until this many virtual milliseconds have passed. */
  runFor(ms: number): void {
    this.runUntil(() => false, ms);
  }

  /** Runs until the condition holds or `limitMs` virtual milliseconds have passed; answers whether it held. */
  runUntil(condition: () => boolean, limitMs: number): boolean {
    const endUs = this.clock.elapsedUs + limitMs * 1000;
    for (;;) {
      this.settle();
      if (condition()) return true;
      const next = Math.min(this.agenda.nextUs, this.nextTimerUs());
      if (next > endUs) {
        this.clock.advanceTo(endUs);
        return condition();
      }
      this.clock.advanceTo(next);
      this.agenda.run(this.clock.elapsedUs);
      for (const stack of this.stacks) if (stack.msUntilNext(this.clock.nowMs()) === 0) this.wake(stack);
    }
  }

  /** Pumps until nobody has anything to do at this moment. */
  settle(): void {
    for (let pumps = 0; this.runnable.length > 0; pumps++) {
      if (pumps > PUMPS_WITHOUT_TIME) throw new Error('the stacks of this world never come to rest');
      const stack = this.runnable.shift() as Stack;
      if (stack.pump()) this.wake(stack);
    }
  }

  /** Closes all stacks. What was to happen later does not, and packets under way go back to their pool. */
  close(): void {
    for (const stack of this.stacks) stack.close();
    this.agenda.clear();
  }

  private wake(stack: Stack): void {
    if (!this.runnable.includes(stack)) this.runnable.push(stack);
  }

  private nextTimerUs(): number {
    let least = Number.POSITIVE_INFINITY;
    for (const stack of this.stacks) {
      const ms = stack.msUntilNext(this.clock.nowMs());
      if (ms === NEVER) continue;
      // Deadlines are whole milliseconds of the clock's reading: the moment that reading begins.
      const at = (Math.floor(this.clock.elapsedUs / 1000) + ms) * 1000;
      if (at < least) least = at;
    }
    return least;
  }
}
