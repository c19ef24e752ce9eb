// tun-ping: pings somebody from a stack of ours on a TUN or TAP, and prints what `ping` prints.

import { performance } from 'node:perf_hooks';
import type { Datagram, EchoError, EchoSocket } from '@tunstack/stack';
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
import { hostAddressFlag, TUN_FLAGS, TunSession } from './tun-session.ts';

const FLAGS: Flags = {
  count: { type: 'string', short: 'c', value: 'N', default: '0', help: 'stop after N requests (0: go on)' },
  interval: { type: 'string', short: 'i', value: 'SECONDS', default: '1', help: 'time between requests' },
  size: { type: 'string', short: 's', value: 'BYTES', default: '56', help: 'octets of data' },
  flood: { type: 'boolean', short: 'f', help: 'next request at the reply, or after 10 ms; dots for lines' },
  timeout: { type: 'string', short: 'W', value: 'SECONDS', default: '1', help: 'wait for the last replies' },
  ttl: { type: 'string', short: 't', value: 'N', default: '64', help: 'time to live' },
  ...TUN_FLAGS,
  ...COMMON_FLAGS,
};

const HELP: string = helpText(
  'tun-ping [flags] [ADDRESS]',
  'Sends ICMP echo requests from a stack on a TUN or TAP. Without ADDRESS it pings the kernel on its other side.\n' +
    'Exit code, as of ping: 0 replies came, 1 none came, 2 it did not work, or was asked wrongly.',
  FLAGS,
  [
    'tun-ping -c 3',
    'tun-ping --tap tap0 -c 3',
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
  readonly flood: boolean;
  readonly json: boolean;
}

/** The requests of a flood are at most so far apart: ping's hundred a second. */
const FLOOD_MS = 10;

/** Sends and listens until the plan is done or `stop` is called. */
export class Pinger {
  readonly report: PingReport = new PingReport();
  private readonly plan: Plan;
  private readonly socket: EchoSocket;
  private readonly print: (text: string) => void;
  /** When each request that may still be answered left. */
  private readonly sentMs: Map<number, number> = new Map();
  private readonly answered: Set<number> = new Set();
  private readonly startMs: number = performance.now();
  /** The last request or reply. */
  private lastMs: number = this.startMs;
  private timer: NodeJS.Timeout | undefined = undefined;
  private finish: () => void = () => {};

  constructor(session: TunSession, plan: Plan, ttl: number, print: (text: string) => void) {
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
    const { target, flood } = this.plan;
    return this.report.closing(target, this.lastMs - this.startMs, flood);
  }

  private next(): void {
    clearTimeout(this.timer);
    const { plan, report } = this;
    const sequence = (report.transmitted + 1) & 0xffff;
    report.transmitted++;
    this.answered.delete(sequence);
    this.lastMs = performance.now();
    this.sentMs.set(sequence, this.lastMs);
    if (plan.flood && !plan.json) this.print('.');
    try {
      this.socket.send(plan.target, sequence, plan.data);
    } catch (error) {
      report.errors++;
      const { message } = error as Error;
      this.print(plan.json ? `${JSON.stringify({ sequence, error: message })}\n` : `tun-ping: ${message}\n`);
    }
    if (this.isOver) this.stop();
    else if (this.isLast) this.timer = setTimeout(() => this.stop(), this.plan.timeoutMs);
    else this.timer = setTimeout(() => this.next(), plan.intervalMs);
  }

  /** Nothing more is to be sent. */
  private get isLast(): boolean {
    return this.plan.count > 0 && this.report.transmitted >= this.plan.count;
  }

  private readable(socket: EchoSocket): void {
    let fresh = 0;
    for (let d = socket.receive(); d !== undefined; d = socket.receive()) {
      const sent = this.sentMs.get(d.sequence);
      if (sent === undefined) continue;
      this.lastMs = performance.now();
      const ms = this.lastMs - sent;
      const duplicate = this.answered.has(d.sequence);
      if (duplicate) this.report.duplicates++;
      else {
        this.report.reply(ms);
        fresh++;
      }
      this.answered.add(d.sequence);
      this.print(this.replyText(d, ms, duplicate));
    }
    if (this.isOver) this.stop();
    else if (this.plan.flood) for (; fresh > 0 && !this.isLast; fresh--) this.next();
  }

  /** Each request was answered, one way or the other. */
  private get isOver(): boolean {
    const { received, errors } = this.report;
    return this.plan.count > 0 && received + errors >= this.plan.count;
  }

  private replyText(d: Datagram, ms: number, duplicate: boolean): string {
    const { sequence, ttl, addressText: from } = d;
    const bytes = d.length + 8;
    if (this.plan.json) {
      return this.plan.flood ? '' : `${JSON.stringify({ bytes, from, sequence, ttl, ms, duplicate })}\n`;
    }
    // A dot for a request, taken back by its reply: what is left is lost.
    if (this.plan.flood) return '\b \b';
    const line = `${bytes} bytes from ${from}: icmp_seq=${sequence} ttl=${ttl} time=${formatRtt(ms)} ms`;
    return `${line}${duplicate ? ' (DUP!)' : ''}\n`;
  }

  private error({ from, type, code, sequence, mtu }: EchoError): void {
    this.report.errors++;
    const reason = describeError(type, code, mtu);
    const fields = { from: formatIp4(from), sequence, type, code, error: reason };
    const line = `From ${formatIp4(from)} icmp_seq=${sequence} ${reason}`;
    this.print(`${this.plan.json ? JSON.stringify(fields) : line}\n`);
    if (this.isOver) this.stop();
  }
}

/** ping's exit code when it could not do what it was asked; 1 means that nobody answered. */
const EXIT_ERROR = 2;

/** Runs to the end of the plan, or to a signal; answers the exit code. */
export async function main(args: readonly string[]): Promise<number> {
  let ran = false;
  const code = await runProgram('tun-ping', async () => {
    const given = readFlags(args, FLAGS, 1);
    const result = given.on('help') ? help() : await ping(given);
    ran = true;
    return result;
  });
  return ran ? code : EXIT_ERROR;
}

function help(): number {
  process.stdout.write(HELP);
  return EXIT_OK;
}

async function ping(given: Given): Promise<number> {
  const ttl = wholeFlag(given, 'ttl', 1, 255);
  const plan = planFrom(given);
  const logger = await makeLogger('tun-ping', given.on('verbose'));
  const out = resultStream(given);
  const session = new TunSession(given, logger);
  try {
    const pinger = new Pinger(session, plan, ttl, (text) => out.write(text));
    const { target, data } = plan;
    if (!plan.json)
      out.write(`PING ${target} (${target}) ${data.length}(${data.length + 28}) bytes of data.\n`);
    const report = (): void => void process.stderr.write(pinger.report.interim());
    void untilEnding(['SIGINT', 'SIGTERM'], session.gone, report).then(() => pinger.stop());
    await pinger.run();
    const { transmitted, received, duplicates, errors, rtt } = pinger.report;
    const summary = { target, transmitted, received, duplicates, errors, rtt };
    out.write(plan.json ? `${JSON.stringify(summary)}\n` : pinger.closing());
    return received > 0 ? EXIT_OK : EXIT_FAILED;
  } finally {
    session.close();
  }
}

/** Whom to ping when nobody is named. */
function kernelAddress(given: Given): string {
  const host = hostAddressFlag(given);
  if (host === undefined) {
    throw new UsageError('who is to be pinged? The kernel has no address on this device: give ADDRESS');
  }
  return formatIp4(host.address);
}

function planFrom(given: Given): Plan {
  const target = given.words[0] ?? kernelAddress(given);
  if (parseIp4(target) === undefined)
    throw new UsageError(`ADDRESS must be an IPv4 address, not '${target}'`);
  const size = wholeFlag(given, 'size', 0, 65_507);
  return {
    target,
    count: wholeFlag(given, 'count', 0, 1_000_000_000),
    intervalMs: given.on('flood') ? FLOOD_MS : numberFlag(given, 'interval', 0.001, 86_400) * 1000,
    timeoutMs: numberFlag(given, 'timeout', 0, 86_400) * 1000,
    data: Uint8Array.from({ length: size }, (_, i) => i & 0xff),
    flood: given.on('flood'),
    json: given.on('json'),
  };
}
