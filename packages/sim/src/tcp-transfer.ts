// One TCP transfer, decided by one seed: who stands where, how bad the wire is, what both applications do; and the oracle
// that says whether what came out is what went in. RFC 9293 in whole.

import type { CounterName, Options, Stack, TcpListener } from '@tunstack/stack';
import { Prng } from '@tunstack/stack/base';
import type { Tap } from '@tunstack/stack/contract';
import { TcpApplication, TcpBreach, type TcpPlan } from './tcp-application.ts';
import { type TcpTables, tcpTables } from './tcp-tables.ts';
import { planTransfer, type TransferPlan } from './tcp-transfer-plan.ts';
import { World } from './world.ts';

/** Where both ends are; `b` is `a` when a stack talks to itself. */
const ADDRESS_A = '10.0.0.1';
const ADDRESS_B = '10.0.0.2';
const PORT_A = 4001;
const PORT_B = 4002;
/** What stays after the last word: TIME-WAIT, twice over for a FIN that comes again. */
const AFTERMATH_MS = 200_000;

export interface TransferOptions {
  readonly seed: number;
  /** Least and most octets of a direction. Default 64 KiB, 1 MiB. */
  readonly octets?: readonly [least: number, most: number];
  /** Over what the seed says, for both stacks. */
  readonly options?: Partial<Options>;
  /** Makes the tap of stack 'a' or 'b'. */
  readonly tap?: (name: 'a' | 'b', stack: Stack, world: World) => Tap | undefined;
}

export interface TransferResult {
  readonly plan: TransferPlan;
  /** Virtual time from the first SYN to the last word of both applications, and the bound it had to keep. */
  readonly elapsedMs: number;
  readonly boundMs: number;
  /** Octets that were delivered, both directions. */
  readonly delivered: number;
  readonly aborted: boolean;
  /** What the stacks counted, by nstat's names. */
  readonly nstat: readonly Readonly<Record<CounterName, number>>[];
}

/**
 * Runs the transfer of a seed to its end and beyond TIME-WAIT. Throws TcpBreach when a law is broken.
 *
 * @example
 * runTransfer({ seed: 4711 });
 */
export function runTransfer(options: TransferOptions): TransferResult {
  const plan = planTransfer(options.seed, options.octets ?? [64 << 10, 1 << 20]);
  const transfer = new Transfer(plan, options);
  try {
    return transfer.run();
  } finally {
    transfer.world.close();
  }
}

class Transfer {
  readonly world: World;
  private readonly plan: TransferPlan;
  private readonly a: Stack;
  private readonly b: Stack;
  private readonly first: TcpApplication;
  private readonly second: TcpApplication;
  private readonly before: readonly TcpTables[];
  private listener: TcpListener | undefined = undefined;
  private accepted = 0;

  constructor(plan: TransferPlan, { options, tap }: TransferOptions) {
    this.plan = plan;
    this.world = new World({ seed: plan.seed, startMs: plan.startMs });
    const { world } = this;
    this.a = world.stack({ ...plan.options[0], ...options });
    this.b = plan.topology === 'wire' ? world.stack({ ...plan.options[1], ...options }) : this.a;
    if (plan.topology === 'wire') {
      const wire = world.wire({ mtu: plan.mtu, impairment: plan.impairment });
      this.a.addLink(wire.ends[0], `${ADDRESS_A}/24`);
      this.b.addLink(wire.ends[1], `${ADDRESS_B}/24`);
    }
    this.a.tap = tap?.('a', this.a, world);
    if (this.b !== this.a) this.b.tap = tap?.('b', this.b, world);
    this.before = world.stacks.map(tcpTables);
    this.first = this.application('first', plan.plans[0], 1);
    this.second = plan.topology === 'self' ? this.first : this.application('second', plan.plans[1], 2);
  }

  run(): TransferResult {
    const { world, plan, first, second } = this;
    this.connect();
    for (const [app, ms] of [
      [first, plan.abortMs[0]],
      [second, plan.abortMs[1]],
    ] as const)
      if (ms > 0) world.after(ms, () => app.abort());
    const over = (): boolean => (first.done && second.done) || this.cutOff;
    if (!world.runUntil(over, plan.boundMs)) {
      const ends = [first, second].map((app) => `${app.written}/${app.read}${app.done ? ' done' : ''}`);
      throw new TcpBreach(`not over after ${plan.boundMs} virtual ms: written/read ${ends.join(', ')}`);
    }
    const elapsedMs = world.clock.elapsedUs / 1000;
    world.runFor(AFTERMATH_MS);
    this.judge();
    this.expectNothingLeft();
    const delivered = first.read + (second === first ? 0 : second.read);
    const nstat = world.stacks.map(({ stats }) => stats.nstat());
    return { plan, elapsedMs, boundMs: plan.boundMs, delivered, aborted: plan.aborts, nstat };
  }

  /** One end gave up before the other knew of it: there is nobody to wait for. */
  private get cutOff(): boolean {
    const { first, second } = this;
    return (
      this.plan.aborts &&
      ((first.done && second.socket === undefined) ||
        (second.done && first.connects === 0 && first.errors.length > 0))
    );
  }

  private connect(): void {
    const { plan, a, b, first, second } = this;
    first.socket = a.tcpSocket(first.handler);
    if (plan.topology === 'self') {
      first.socket.connect('127.0.0.1', PORT_A, { localAddress: '127.0.0.1', localPort: PORT_A });
      return;
    }
    const address = plan.topology === 'wire' ? ADDRESS_B : '127.0.0.1';
    if (plan.simultaneousOpen) {
      second.socket = b.tcpSocket(second.handler);
      second.socket.connect(ADDRESS_A, PORT_A, { localPort: PORT_B });
      first.socket.connect(address, PORT_B, { localPort: PORT_A });
      return;
    }
    const listener = b.tcpListener({
      acceptable: (l) => {
        for (let s = l.accept(second.handler); s !== undefined; s = l.accept(second.handler)) {
          if (++this.accepted > 1) throw new TcpBreach('one connection was accepted twice');
          second.socket = s;
          second.begin();
          // One connection is all there is to be.
          l.close();
        }
      },
    });
    this.listener = listener;
    listener.listen('0.0.0.0', PORT_B);
    first.socket.connect(address, PORT_B);
    if (plan.earlyWrite) first.writeEarly();
  }

  private application(name: string, plan: TcpPlan, salt: number): TcpApplication {
    const prng = new Prng(this.plan.seed * 4 + salt);
    return new TcpApplication(name, plan, prng, (ms, happen) => this.world.after(ms, happen));
  }

  /** What both applications heard, when all is over. */
  private judge(): void {
    const { plan, first, second } = this;
    for (const [app, peer] of [
      [first, second],
      [second, first],
    ] as const) {
      app.expectReleased();
      if (app.aborted) continue;
      if (!plan.aborts && (!app.complete || app.errors.length > 0)) {
        const { written, read, ends, errors } = app;
        throw new TcpBreach(
          `ended with ${errors.join() || 'no error'}: wrote ${written}, read ${read}, ${ends} ends`,
        );
      }
      // MUST-12: who was reset knows it was no end.
      const fits =
        app.errors.length === 0 ? app.complete || !peer.aborted || app.connects === 0 : mayEndWith(app, peer);
      if (!fits) throw new TcpBreach(`the peer of an abort ended with ${app.errors.join() || 'no error'}`);
      if (app.closes === 1 && app.socket !== undefined) app.socket.close();
      if (app.urgentsSent > 0 && peer.urgentsHeard === 0 && !plan.aborts)
        throw new TcpBreach('urgent octets were sent, and nobody was told (MUST-32)');
    }
  }

  private expectNothingLeft(): void {
    const { world } = this;
    this.listener?.close();
    world.settle();
    const { pool } = world;
    const packets = pool.inUse;
    if (packets !== 0) throw new TcpBreach(`${packets} packets never came home`);
    if (pool.chunks.inUseBytes !== 0)
      throw new TcpBreach(`${pool.chunks.inUseBytes} octets of chunks never came home`);
    for (const [i, stack] of world.stacks.entries()) {
      const [now, before] = [JSON.stringify(tcpTables(stack)), JSON.stringify(this.before[i])];
      if (now !== before) throw new TcpBreach(`left behind in stack ${i}: ${now}, before ${before}`);
    }
  }
}

function mayEndWith(app: TcpApplication, peer: TcpApplication): boolean {
  return (
    peer.aborted &&
    (app.errors[0] === 'ECONNRESET' || (app.connects === 0 && app.errors[0] === 'ECONNREFUSED'))
  );
}
