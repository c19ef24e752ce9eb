// tun-ping: pings somebody from a stack of ours on a TUN, and prints what `ping` prints.

import { performance } from 'node:perf_hooks';
import type { EchoError, EchoSocket } from '@tunstack/stack';
import { formatIp4, parseIp4 } from '@tunstack/stack/wire';
import {
  COMMON_FLAGS,
  EXIT_FAILED,
  EXIT_OK,
  type Flags,
  type Given,
  helpText,
  makeLogger,
  numberFlag,
  readFlags,
  resultStream,
  runProgram,
  UsageError,
  wholeFlag,
} from './cli.ts';
import { describeError, formatRtt, PingReport } from './ping-report.ts';
import { untilEnding } from './signals.ts';
import { TUN_FLAGS, TunSession } from './tun-session.ts';

const FLAGS: Flags = {
  count: { type: 'string', short: 'c', value: 'N', default: '0', help: 'stop after N requests (0: go on)' },
  interval: { type: 'string', short: 'i', value: 'SECONDS', default: '1', help: 'time between requests' },
  size: { type: 'string', short: 's', value: 'BYTES', default: '56', help: 'octets of data' },
  timeout: { type: 'string', short: 'W', value: 'SECONDS', default: '1', help: 'wait for the last replies' },
  ttl: { type: 'string', short: 't', value: 'N', default: '64', help: 'time to live' },
  ...TUN_FLAGS,
  ...COMMON_FLAGS,
};

const HELP: string = helpText(
  'tun-ping [flags] [ADDRESS]',
  'Sends ICMP echo requests from a stack on a TUN. Without ADDRESS it pings the kernel on the other side of the TUN.\n' +
    'Exit code: 0 replies came, 1 none came, 2 it was asked wrongly.',
  FLAGS,
  [
    'tun-ping -c 3',
    'tun-ping --netns /run/netns/lab --address 10.1.0.2/24 --host-address 10.1.0.1/24 10.1.0.9',
  ],
);

/** The plan of one run. */
interface Plan {
  readonly target: string;
  readonly count: number;
  readonly intervalMs: number;
  readonly timeoutMs: number;
  readonly data: Uint8Array;
  readonly json: boolean;
}

/** Sends and listens until the plan is done or `stop` is called. */
export class Pinger {
  readonly report: PingReport = new PingReport();
  private readonly plan: Plan;
  private readonly socket: EchoSocket;
  private readonly print: (line: string) => void;
  /** When each request that may still be answered left. */
  private readonly sentMs: Map<number, number> = new Map();
  private readonly answered: Set<number> = new Set();
  private readonly startMs: number = performance.now();
  private timer: NodeJS.Timeout | undefined = undefined;
  private finish: () => void = () => {};

  constructor(session: TunSession, plan: Plan, ttl: number, print: (line: string) => void) {
    this.plan = plan;
    this.print = print;
    this.socket = session.stack.echoSocket({
      readable: (socket) => this.readable(socket),
      error: (_, error) => this.error(error),
    });
    this.socket.ttl = ttl;
  }

  run(): Promise<void> {
    return new Promise((resolve) => {
      this.finish = resolve;
      this.next();
    });
  }

  stop(): void {
    clearTimeout(this.timer);
    this.socket.close();
    this.finish();
  }

  closing(): string {
    return this.report.closing(this.plan.target, performance.now() - this.startMs);
  }

  private next(): void {
    const sequence = (this.report.transmitted + 1) & 0xffff;
    this.report.transmitted++;
    this.answered.delete(sequence);
    this.sentMs.set(sequence, performance.now());
    try {
      this.socket.send(this.plan.target, sequence, this.plan.data);
    } catch (error) {
      this.report.errors++;
      const { message } = error as Error;
      this.print(this.plan.json ? JSON.stringify({ sequence, error: message }) : `tun-ping: ${message}`);
    }
    const last = this.plan.count > 0 && this.report.transmitted >= this.plan.count;
    this.timer = setTimeout(
      () => (last ? this.stop() : this.next()),
      last ? this.plan.timeoutMs : this.plan.intervalMs,
    );
  }

  private readable(socket: EchoSocket): void {
    for (let d = socket.receive(); d !== undefined; d = socket.receive()) {
      const sent = this.sentMs.get(d.sequence);
      if (sent === undefined) continue;
      const ms = performance.now() - sent;
      const duplicate = this.answered.has(d.sequence);
      if (duplicate) this.report.duplicates++;
      else this.report.reply(ms);
      this.answered.add(d.sequence);
      const bytes = d.length + 8;
      const line = `${bytes} bytes from ${d.addressText}: icmp_seq=${d.sequence} ttl=${d.ttl} time=${formatRtt(ms)} ms`;
      const { sequence, ttl } = d;
      const fields = { bytes, from: d.addressText, sequence, ttl, ms, duplicate };
      this.print(this.plan.json ? JSON.stringify(fields) : `${line}${duplicate ? ' (DUP!)' : ''}`);
    }
    if (this.plan.count > 0 && this.report.received >= this.plan.count) this.stop();
  }

  private error({ from, type, code, sequence, mtu }: EchoError): void {
    this.report.errors++;
    const reason = describeError(type, code, mtu);
    const fields = { from: formatIp4(from), sequence, type, code, error: reason };
    this.print(
      this.plan.json ? JSON.stringify(fields) : `From ${formatIp4(from)} icmp_seq=${sequence} ${reason}`,
    );
  }
}

/** Runs to the end of the plan, or to a signal; answers the exit code. */
export function main(args: readonly string[]): Promise<number> {
  return runProgram('tun-ping', async () => {
    const given = readFlags(args, FLAGS, 1);
    if (given.on('help')) {
      process.stdout.write(HELP);
      return EXIT_OK;
    }
    const ttl = wholeFlag(given, 'ttl', 1, 255);
    const plan = planFrom(given);
    const logger = await makeLogger('tun-ping', given.on('verbose'));
    const out = resultStream(given);
    const session = new TunSession(given, logger);
    try {
      const pinger = new Pinger(session, plan, ttl, (line) => out.write(`${line}\n`));
      const { target, data } = plan;
      if (!plan.json)
        out.write(`PING ${target} (${target}) ${data.length}(${data.length + 28}) bytes of data.\n`);
      const report = (): void => void process.stderr.write(pinger.closing());
      void untilEnding(['SIGINT', 'SIGTERM'], session.gone, report).then(() => pinger.stop());
      await pinger.run();
      const { transmitted, received, duplicates, errors, rtt } = pinger.report;
      const summary = { target, transmitted, received, duplicates, errors, rtt };
      out.write(plan.json ? `${JSON.stringify(summary)}\n` : pinger.closing());
      return received > 0 ? EXIT_OK : EXIT_FAILED;
    } finally {
      session.close();
    }
  });
}

function planFrom(given: Given): Plan {
  const target = given.words[0] ?? (given.text('host-address') ?? '').split('/')[0];
  if (parseIp4(target) === undefined)
    throw new UsageError(`ADDRESS must be an IPv4 address, not '${target}'`);
  const size = wholeFlag(given, 'size', 0, 65_507);
  return {
    target,
    count: wholeFlag(given, 'count', 0, 1_000_000_000),
    intervalMs: numberFlag(given, 'interval', 0.001, 86_400) * 1000,
    timeoutMs: numberFlag(given, 'timeout', 0, 86_400) * 1000,
    data: Uint8Array.from({ length: size }, (_, i) => i & 0xff),
    json: given.on('json'),
  };
}
