// A world of several hosts and flows, run to its end: streams whole and in order, laws of the wire, no deadlock, nothing
// left behind. One seed decides all; the same seed again gives the same run, and can be written down.

import { Prng } from '@tunstack/stack/base';
import type { Tap } from '@tunstack/stack/contract';
import { Checks, Taps } from '../checks/checks.ts';
import * as check from '../checks/index.ts';
import { type Dumbbell, dumbbell } from '../network/dumbbell.ts';
import type { Host } from '../network/host.ts';
import { TcpApplication, TcpBreach, type TcpPlan } from '../tcp-application.ts';
import { TcpStream } from '../tcp-stream.ts';
import { type TcpTables, tcpTables } from '../tcp-tables.ts';
import { World } from '../world.ts';
import { Recorder, type Save } from './recorder.ts';
import { type FlowPlan, planWorld, type WorldPlan } from './world-plan.ts';

/** TIME-WAIT, twice over for a FIN that comes again, and what the wires still carry. */
const AFTERMATH_MS = 2_000_000;
/** Until the last packet has left the wires. */
const WIRES_MS = 20_000;

export interface WorldRunOptions {
  readonly seed: number;
  /** Instead of what the seed says. */
  readonly plan?: WorldPlan;
  readonly recorder?: Recorder;
  /** A tap more for the host of this name. */
  readonly tap?: (world: World, name: string) => Tap | undefined;
}

export interface WorldResult {
  readonly plan: WorldPlan;
  /** Virtual time to the last word of all applications. */
  readonly elapsedMs: number;
  readonly delivered: number;
  /** Frames that the laws were held to. */
  readonly frames: number;
  readonly marked: number;
  readonly lost: number;
}

/** Runs it. Throws TcpBreach or CheckBreach when a law is broken. */
export function runWorld(options: WorldRunOptions): WorldResult {
  const run = new WorldRun(options);
  try {
    return run.run();
  } finally {
    run.world.close();
  }
}

/** What a run of a seed that was written down came to. */
export interface Replay {
  readonly error: Error | undefined;
  /** The line that runs it again. */
  readonly reproduce: string;
  /** Path of the trace, if it was saved. */
  readonly trace: string | undefined;
  readonly lines: readonly string[];
}

/**
 * Runs the world of a seed again, with everything written down.
 *
 * @example
 * const { error, trace } = replay(4711, (name, content) => {
 *   const path = join(directory, name);
 *   writeFileSync(path, content);
 *   return path;
 * });
 */
export function replay(seed: number, save?: Save, plan: WorldPlan = planWorld(seed)): Replay {
  const recorder = new Recorder();
  const reproduce = `SEED=${seed} npx vitest run test/worlds.test.ts`;
  let error: Error | undefined;
  try {
    runWorld({ seed, plan, recorder });
  } catch (thrown) {
    error = thrown as Error;
    recorder.lines.push(String(thrown));
  }
  const head = `${reproduce}\n${JSON.stringify(plan, undefined, 1)}`;
  const trace = save === undefined ? undefined : recorder.save(save, head);
  return { error, reproduce, trace, lines: recorder.lines };
}

/** Both ends of a flow. */
interface Ends {
  readonly plan: FlowPlan;
  readonly client: TcpApplication;
  readonly server: TcpApplication;
  readonly clientHost: Host;
  readonly serverHost: Host;
}

class WorldRun {
  readonly world: World;
  private readonly plan: WorldPlan;
  private readonly network: Dumbbell;
  private readonly checks: Checks[] = [];
  private readonly before: readonly TcpTables[];
  private readonly flows: readonly Ends[];

  constructor(options: WorldRunOptions) {
    const { seed, recorder, plan = planWorld(seed) } = options;
    this.plan = plan;
    this.world = new World({ seed });
    const { world } = this;
    const pairOf = (name: string): number => Number(/\d+$/.exec(name)?.[0] ?? 0);
    this.network = dumbbell(world, {
      pairs: plan.pairs,
      routers: plan.routers,
      mtu: plan.mtu,
      bottleneck: plan.bottleneck,
      access: (pair) => ({ delayUs: plan.accessDelayUs[pair] }),
      options: (name) => ({
        tcpCongestion: plan.controllers[pairOf(name)],
        tcpEcn: plan.ecn[pairOf(name)],
        tcpPacing: plan.pacing[pairOf(name)],
        tcpTimestamps: plan.timestamps[pairOf(name)],
        tcpSack: plan.sack[pairOf(name)],
        tcpReceiveBytes: plan.receiveBytes[pairOf(name)],
        tcpSynRetries: 14,
        tcpSynAckRetries: 14,
      }),
    });
    for (const host of world.hosts.values()) {
      const { name, stack } = host;
      const checks = new Checks(world.clock, name, [...check.everything(), check.cwnd(stack)]);
      this.checks.push(checks);
      // Routers are held to nothing: what they pass on is not theirs.
      const laws = name.endsWith('router') ? undefined : checks;
      stack.tap = new Taps(laws, recorder?.tap(world, name), options.tap?.(world, name));
    }
    this.before = world.stacks.map(tcpTables);
    this.flows = plan.flows.map((flow) => this.start(flow));
  }

  run(): WorldResult {
    const { world, plan, flows } = this;
    const over = (): boolean => flows.every(({ client, server }) => client.done && server.done);
    const ended = world.runUntil(over, plan.boundMs);
    for (const checks of this.checks) checks.verify();
    if (!ended) throw new TcpBreach(`not over after ${plan.boundMs} virtual ms: ${this.progress()}`);
    const elapsedMs = world.clock.elapsedUs / 1000;
    // A FIN whose acknowledgment is lost again and again is sent for a quarter of an hour.
    world.runUntil(() => this.nothingLeft, AFTERMATH_MS);
    world.runFor(WIRES_MS);
    for (const checks of this.checks) checks.verify();
    this.judge();
    this.expectNothingLeft();
    const { counters } = this.network.bottleneck;
    return {
      plan,
      elapsedMs,
      delivered: flows.reduce((sum, { client, server }) => sum + client.read + server.read, 0),
      frames: this.checks.reduce((sum, { frames }) => sum + frames, 0),
      marked: counters.marked,
      lost: counters.lost + counters.overflowed + counters.ruledOut,
    };
  }

  private start(plan: FlowPlan): Ends {
    const { world, network } = this;
    const hosts = [network.left[plan.pair], network.right[plan.pair]];
    const [clientHost, serverHost] = plan.rightwards ? hosts : hosts.reverse();
    const [client, server] = [0, 1].map((end) => this.application(plan, end));
    const listener = serverHost.stack.tcpListener({
      acceptable: (l) => {
        const socket = l.accept(server.handler);
        if (socket === undefined) return;
        server.socket = socket;
        server.begin();
        // One connection is all there is to be.
        l.close();
      },
    });
    listener.listen('0.0.0.0', plan.port);
    world.after(plan.startMs, () => {
      client.socket = clientHost.stack.tcpSocket(client.handler);
      client.socket.connect(serverHost.address, plan.port);
    });
    return { plan, client, server, clientHost, serverHost };
  }

  private application(flow: FlowPlan, end: number): TcpApplication {
    const { seed } = this.plan;
    const prng = new Prng(seed * 64 + flow.port * 2 + end);
    const plan: TcpPlan = {
      sends: new TcpStream(seed, flow.port * 2 + end),
      sendOctets: flow.octets[end],
      expects: new TcpStream(seed, flow.port * 2 + 1 - end),
      expectOctets: flow.octets[1 - end],
      writeMax: flow.piece,
      readMax: flow.piece,
      ownedShare: prng.unit(),
      takeShare: prng.unit(),
      urgentShare: 0,
      writePauseShare: prng.chance(0.2) ? 0.1 : 0,
      readPauseShare: prng.chance(0.2) ? 0.1 : 0,
      pauseMs: 200,
      endsLast: end === 1,
      closes: prng.chance(0.3),
      noDelay: prng.chance(0.3),
      keepAliveMs: 0,
      sendBuffer: 0,
      receiveBuffer: 0,
    };
    return new TcpApplication(`flow ${flow.port} end ${end}`, plan, prng, (ms, happen) =>
      this.world.after(ms, happen),
    );
  }

  private progress(): string {
    const said = (app: TcpApplication): string => `${app.written}/${app.read}${app.done ? ' done' : ''}`;
    return this.flows
      .map(({ plan, client, server }) => `flow ${plan.port} written/read ${said(client)}, ${said(server)}`)
      .join('; ');
  }

  private judge(): void {
    for (const { client, server, plan } of this.flows) {
      for (const app of [client, server]) {
        app.expectReleased();
        if (!app.complete || app.errors.length > 0) {
          const { written, read, ends, errors } = app;
          throw new TcpBreach(
            `flow ${plan.port} ended with ${errors.join() || 'no error'}: wrote ${written}, read ${read}, ${ends} ends`,
          );
        }
        if (app.closes === 1) app.socket?.close();
      }
    }
  }

  private get nothingLeft(): boolean {
    return this.world.stacks.every(
      (stack, i) => JSON.stringify(tcpTables(stack)) === JSON.stringify(this.before[i]),
    );
  }

  private expectNothingLeft(): void {
    const { world } = this;
    world.settle();
    const { inUse, chunks } = world.pool;
    if (inUse !== 0) throw new TcpBreach(`${inUse} packets never came home`);
    if (chunks.inUseBytes !== 0) throw new TcpBreach(`${chunks.inUseBytes} octets of chunks never came home`);
    for (const [i, stack] of world.stacks.entries()) {
      const [now, before] = [JSON.stringify(tcpTables(stack)), JSON.stringify(this.before[i])];
      if (now !== before) throw new TcpBreach(`left behind in stack ${i}: ${now}, before ${before}`);
    }
  }
}
