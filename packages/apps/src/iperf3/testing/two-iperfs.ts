// A client and a server of ours in a simulated world: virtual time, a seeded wire.

import { type WireOptions, World } from '@tunstack/sim';
import type { Stack } from '@tunstack/stack';
import { Client, type ClientOptions } from '../client.ts';
import { DEFAULT_PARAMETERS, type Parameters } from '../parameters.ts';
import { Server } from '../server.ts';
import type { ServerOptions } from '../server-session.ts';
import type { Timing } from '../timing.ts';

export const SERVER = '10.0.0.2';
const DATE_MS = 1_600_000_000_000;

/** The clock and the timers of a world. */
export function worldTiming(world: World): Timing {
  return {
    nowMs: () => world.clock.elapsedUs / 1000,
    after(ms, happen) {
      let off = false;
      world.after(ms, () => {
        if (!off) happen();
      });
      return () => {
        off = true;
      };
    },
  };
}

export class TwoIperfs {
  readonly world: World;
  readonly near: Stack;
  readonly far: Stack;
  readonly server: Server;
  /** What was printed, and complained of. */
  clientOutput = '';
  serverOutput = '';
  readonly complaints: string[] = [];
  private readonly timing: Timing;

  constructor(seed = 1, wire: WireOptions = {}, options: Partial<ServerOptions> = {}) {
    this.world = new World({ seed });
    [this.near, this.far] = [this.world.stack(), this.world.stack()];
    const { ends } = this.world.wire({ impairment: { delayUs: 1000 }, ...wire });
    this.near.addLink(ends[0], '10.0.0.1/24');
    this.far.addLink(ends[1], `${SERVER}/24`);
    this.timing = worldTiming(this.world);
    this.server = new Server({
      ...this.common(),
      ...{ stack: this.far, address: SERVER },
      print: (text) => {
        this.serverOutput += text;
      },
      complain: (line) => this.complaints.push(line),
      ...options,
    });
  }

  /** Starts a client; `ended` answers undefined until it is over, then its line or ''. */
  client(
    parameters: Partial<Parameters>,
    options: Partial<ClientOptions> = {},
  ): { readonly client: Client; ended: string | undefined } {
    const run: { client: Client; ended: string | undefined } = {
      ended: undefined,
      client: new Client(
        {
          ...this.common(),
          ...{ stack: this.near, host: SERVER, connectTimeoutMs: 5000, clientPort: 0 },
          parameters: { ...DEFAULT_PARAMETERS, ...parameters },
          print: (text) => {
            this.clientOutput += text;
          },
          ...options,
        },
        (error) => {
          run.ended = error ?? '';
        },
      ),
    };
    return run;
  }

  /** Runs a client to its end; answers what both printed as JSON. */
  report<T>(parameters: Partial<Parameters>, limitMs = 120_000): { client: T; server: T } {
    const before = this.serverOutput.length;
    const run = this.client(parameters);
    this.world.runUntil(() => run.ended !== undefined, limitMs);
    if (run.ended !== '') throw new Error(run.ended ?? 'the client never ended');
    this.world.runFor(100);
    const client = JSON.parse(this.clientOutput) as T;
    this.clientOutput = '';
    return { client, server: JSON.parse(this.serverOutput.slice(before)) as T };
  }

  close(): void {
    this.server.close();
    this.world.runFor(60_000);
    this.world.close();
  }

  private common() {
    return {
      timing: this.timing,
      ...{ port: 5201, version: 'iperf 3.12', systemInfo: 'sim', intervalMs: 1000, json: true },
      text: { verbose: false, format: undefined },
      dateMs: () => DATE_MS,
    };
  }
}
