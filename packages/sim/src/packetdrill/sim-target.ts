// Our stack as what a packet script is played to: one stack, one link whose far end is the script, in virtual time.

import { NEVER, type Options, Stack } from '@tunstack/stack';
import { PacketPool } from '@tunstack/stack/contract';
import { SimClock } from '../clock.ts';
import { SimEntropy } from '../entropy.ts';
import { Probe } from '../probe.ts';
import { runCommand } from './commands.ts';
import { type DefaultAddresses, SystemCalls } from './system-calls.ts';
import type { Call, Running, Sent, Target } from './target.ts';
import { tcpInfoOf } from './tcp-info.ts';

/** Pumps in a row without time passing: beyond it the stack never comes to rest. */
const PUMPS_WITHOUT_TIME = 100_000;

/** The network as packetdrill has it, and what differs from the stack's defaults. */
export interface SimTargetOptions {
  /** One of the stack's addresses with its prefix length: `192.168.0.1/16`. */
  readonly localAddress: string;
  readonly gateway: string;
  readonly mtu: number;
  readonly seed: number;
  readonly addresses: DefaultAddresses;
  readonly options?: Partial<Options>;
}

/** See the head of this file. */
export class SimTarget implements Target {
  /** A day: longer than any timer of a stack, and no time at all. */
  readonly patienceUs = 86_400e6;
  readonly leastToleranceUs = 0;
  readonly pushesBursts = false;
  readonly stack: Stack;
  private readonly clock: SimClock = new SimClock();
  private readonly probe: Probe;
  private readonly calls: SystemCalls;
  private sent: Sent[] = [];
  private runnable = false;
  /** Moments at which a call that blocks wants to be asked. */
  private readonly wakeUps: number[] = [];

  constructor(config: SimTargetOptions) {
    const { clock } = this;
    const pool = new PacketPool();
    const entropy = new SimEntropy(config.seed);
    this.stack = new Stack({ clock, pool, entropy, options: config.options ?? {} });
    const wake = (): void => {
      this.runnable = true;
    };
    this.stack.attachHost({ wake, wakeNow: wake });
    this.probe = new Probe(pool, { name: 'tun0', mtu: config.mtu });
    const face = this.stack.addLink(this.probe, config.localAddress);
    this.stack.addRoute('0.0.0.0/0', face, config.gateway);
    this.calls = new SystemCalls(
      this.stack,
      config.addresses,
      () => this.nowUs(),
      (us) => this.wakeUps.push(us),
    );
    this.settle();
  }

  nowUs(): number {
    return this.clock.elapsedUs;
  }

  runUntil(stop: () => boolean, untilUs: number): boolean {
    for (;;) {
      this.settle();
      if (stop()) return true;
      const next = this.nextUs();
      if (next > untilUs) {
        this.clock.advanceTo(untilUs);
        this.settle();
        return stop();
      }
      this.clock.advanceTo(next);
      this.runnable = true;
    }
  }

  inject(packet: Uint8Array): void {
    this.probe.arrive(packet);
    this.runnable = true;
    this.settle();
  }

  take(): readonly Sent[] {
    this.settle();
    const { sent } = this;
    this.sent = [];
    return sent;
  }

  begin(call: Call): Running {
    const running = this.calls.begin(call);
    return {
      poll: () => {
        const outcome = running.poll();
        // What a call marked, handlers hear in the next pump, whether or not it asked for one.
        this.runnable = true;
        this.settle();
        return outcome;
      },
    };
  }

  command(line: string): void {
    runCommand(line, this.stack);
  }

  tcpInfo(fd: number): Readonly<Record<string, number>> | undefined {
    return tcpInfoOf(this.calls.descriptors.get(fd));
  }

  close(): void {
    this.stack.close();
  }

  /** Pumps until nothing is left to be done at this moment, and notes when packets came out. */
  private settle(): void {
    for (let pumps = 0; this.runnable; pumps++) {
      if (pumps > PUMPS_WITHOUT_TIME) throw new Error('the stack never comes to rest');
      this.runnable = false;
      if (this.stack.pump()) this.runnable = true;
    }
    for (const bytes of this.probe.take()) this.sent.push({ bytes, atUs: this.clock.elapsedUs });
  }

  private nextUs(): number {
    const { clock, wakeUps } = this;
    const now = clock.elapsedUs;
    const ms = this.stack.msUntilNext(clock.nowMs());
    let least = ms === NEVER ? Number.POSITIVE_INFINITY : Math.max(now, (Math.floor(now / 1000) + ms) * 1000);
    for (let i = wakeUps.length - 1; i >= 0; i--) {
      if (wakeUps[i] <= now) wakeUps.splice(i, 1);
      else least = Math.min(least, wakeUps[i]);
    }
    return least;
  }
}
