// The kernel as what a packet script is played to: real sockets and a TUN in a network namespace that lives as long as the
// script, in real time. A helper in Python makes the calls; requests and answers go through two FIFOs, one line each.

import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { closeSync, constants, mkdtempSync, openSync, readSync, rmSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { performance } from 'node:perf_hooks';
import { fileURLToPath } from 'node:url';
import {
  ANY,
  type Call,
  type Outcome,
  type Running,
  type ScriptSettings,
  type ScriptTarget,
  type Sent,
  sysctlsOf,
  Unsupported,
  type Value,
} from '@tunstack/sim';

const HELPER = fileURLToPath(new URL('../bin/packetdrill-kernel.py', import.meta.url));
const REPLY_BYTES = 1 << 16;
/** The helper answers at once, or is broken. */
const PATIENCE_MS = 20_000;
/** Quiet, and as kernels come: some machines have another congestion control (cubic where it is there), or save what they measured. */
const SYSCTLS: readonly (readonly [name: string, value: string])[] = [
  ['net.ipv6.conf.all.disable_ipv6', '1'],
  ['net.ipv4.tcp_congestion_control', 'reno'],
  ['net.ipv4.tcp_congestion_control', 'cubic'],
  ['net.ipv4.tcp_no_metrics_save', '1'],
  ['net.ipv4.tcp_rmem', '4096 131072 6291456'],
  ['net.ipv4.tcp_wmem', '4096 16384 4194304'],
  ['net.ipv4.conf.all.rp_filter', '0'],
];

/** What the helper answers: an outcome of a call, or what came of a wait. */
interface Reply {
  readonly now: number;
  readonly unsupported?: string;
  readonly broken?: string;
  readonly running?: boolean;
  readonly result?: number;
  readonly errno?: string;
  readonly outs?: Readonly<Record<string, unknown>>;
  readonly packets?: readonly { readonly hex: string; readonly at: number }[];
  readonly calls?: Readonly<Record<string, Reply>>;
  readonly info?: Readonly<Record<string, number>>;
}

/** See the head of this file. Needs root, python3, unshare and ip; throws when the namespace cannot be made. */
export class KernelTarget implements ScriptTarget {
  readonly patienceUs = 5e6;
  /** A system call goes through two pipes and two interpreters. */
  readonly leastToleranceUs = 40_000;
  readonly pushesBursts = true;
  private readonly folder: string = mkdtempSync(join(tmpdir(), 'tunstack-kernel-'));
  private readonly child: ChildProcess;
  private readonly toChild: number;
  private readonly fromChild: number;
  private readonly settings: ScriptSettings;
  private readonly returned: Map<string, Outcome> = new Map();
  private sent: Sent[] = [];
  private received = '';
  private now = 0;
  private lastId = 0;
  private readonly buffer: Buffer = Buffer.alloc(REPLY_BYTES);
  private readonly nothing: Int32Array<SharedArrayBuffer> = new Int32Array(new SharedArrayBuffer(4));

  constructor(settings: ScriptSettings) {
    this.settings = settings;
    const [input, output] = ['in', 'out'].map((name) => join(this.folder, name));
    execFileSync('mkfifo', [input, output]);
    // Both ways: opening one end alone would wait for the other.
    this.toChild = openSync(input, 'r+');
    this.fromChild = openSync(output, constants.O_RDWR | constants.O_NONBLOCK);
    this.child = spawn('unshare', ['--net', 'python3', HELPER, input, output], {
      stdio: ['ignore', 'ignore', 'inherit'],
    });
    const { localIp, prefixLength, gatewayIp: gateway, mtu } = settings;
    this.ask({ op: 'start', local: `${localIp}/${prefixLength}`, gateway, mtu, sysctls: SYSCTLS });
  }

  nowUs(): number {
    return this.now;
  }

  runUntil(stop: () => boolean, untilUs: number): boolean {
    for (;;) {
      if (stop()) return true;
      if (this.now >= untilUs) return false;
      this.wait(untilUs);
    }
  }

  inject(packet: Uint8Array): void {
    this.ask({ op: 'inject', hex: Buffer.from(packet).toString('hex') });
  }

  take(): readonly Sent[] {
    const { sent } = this;
    this.sent = [];
    return sent;
  }

  begin(call: Call): Running {
    const { localIp, bindPort, remoteIp, connectPort } = this.settings;
    const id = String(++this.lastId);
    const { name, args, expected, blocks } = call;
    const addresses = { bind: [localIp, bindPort], connect: [remoteIp, connectPort] };
    const reply = this.ask({ op: 'call', id, name, args: args.map(toJson), expected, blocks, ...addresses });
    // What it sent is there at once, or soon.
    this.wait(this.now);
    if (reply.running === true) return { poll: () => this.returned.get(id) };
    const outcome = outcomeOf(reply);
    return { poll: () => outcome };
  }

  command(line: string): void {
    for (const [name, value, need] of sysctlsOf(line)) {
      this.ask({ op: 'sysctl', name, value, optional: need === 'wished' });
    }
  }

  tcpInfo(fd: number): Readonly<Record<string, number>> | undefined {
    return this.ask({ op: 'info', fd }).info;
  }

  close(): void {
    this.child.kill('SIGKILL');
    closeSync(this.toChild);
    closeSync(this.fromChild);
    rmSync(this.folder, { recursive: true, force: true });
  }

  private wait(untilUs: number): void {
    const { packets = [], calls = {} } = this.ask({ op: 'wait', until: untilUs });
    for (const { hex, at } of packets) this.sent.push({ bytes: Buffer.from(hex, 'hex'), atUs: at });
    for (const [id, reply] of Object.entries(calls)) this.returned.set(id, outcomeOf(reply));
  }

  private ask(request: Readonly<Record<string, unknown>>): Reply {
    writeSync(this.toChild, `${JSON.stringify(request)}\n`);
    const giveUpMs =
      performance.now() + PATIENCE_MS + Math.max(0, Number(request.until ?? 0) - this.now) / 1000;
    while (!this.received.includes('\n')) {
      if (performance.now() > giveUpMs) throw new Error('the helper in the namespace does not answer');
      this.receive();
    }
    const end = this.received.indexOf('\n');
    const reply = JSON.parse(this.received.slice(0, end)) as Reply;
    this.received = this.received.slice(end + 1);
    this.now = reply.now ?? this.now;
    if (reply.broken !== undefined) throw new Error(`the helper in the namespace failed: ${reply.broken}`);
    if (reply.unsupported !== undefined) throw new Unsupported(reply.unsupported);
    return reply;
  }

  /** What is there; else a moment passes. Nothing else runs in this process meanwhile: a script is played in one piece. */
  private receive(): void {
    try {
      this.received += this.buffer.toString('latin1', 0, readSync(this.fromChild, this.buffer));
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EAGAIN') throw error;
      Atomics.wait(this.nothing, 0, 0, 0.2);
    }
  }
}

function outcomeOf({ unsupported, result = 0, errno, outs }: Reply): Outcome {
  if (unsupported !== undefined) throw new Unsupported(unsupported);
  const values: Record<string, Value> = {};
  for (const [at, value] of Object.entries(outs ?? {})) values[at] = fromJson(value);
  return { result, ...(errno !== undefined && { errno }), outs: values };
}

function toJson(value: Value): unknown {
  if (value === ANY) return { any: true };
  if (Array.isArray(value)) return (value as readonly Value[]).map(toJson);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([name, member]) => [name, toJson(member as Value)]));
}

function fromJson(value: unknown): Value {
  if (Array.isArray(value)) return value.map(fromJson);
  if (typeof value !== 'object' || value === null) return value as Value;
  if ('any' in value) return ANY;
  const fields: Record<string, Value> = {};
  for (const [name, member] of Object.entries(value)) fields[name] = fromJson(member);
  return fields;
}
