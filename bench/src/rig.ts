// What echo and ping stand on: a TUN in a namespace of its own, and a reflector on it that is stopped and let run.

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import {
  closeDevice,
  formatPreflight,
  nsenterCommand,
  type OpenedDevice,
  openDevice,
  preflight,
} from '@tunstack/tun';
import { nativeProgram } from './native.ts';

export const STACK_ADDRESS = '10.9.0.2';
const KERNEL_ADDRESS = '10.9.0.1/24';
/** The prefill and the kernel's own IPv6 chatter: no packet may find the queue full. */
const TXQUEUELEN = 10_240;

/** Which CPUs the reflector and its peer run on: the last and the first that we may use. */
export function cpus(): { reflector: number; peer: number } {
  const [, list] = /Cpus_allowed_list:\s*(\S+)/.exec(readFileSync('/proc/self/status', 'utf8')) ?? [];
  const ends = (list ?? '0').split(/[,-]/).map(Number);
  return { reflector: ends[ends.length - 1], peer: ends[0] };
}

const pinned = (cpu: number, words: readonly string[]): string[] => ['taskset', '-c', `${cpu}`, ...words];

/** Throws, with the remedy, where no TUN can be opened. */
export function needTun(): void {
  const verdict = preflight();
  if (!verdict.ok) throw new Error(formatPreflight(verdict).join('\n'));
}

export type Side = 'ours' | 'anchor';

/** A child process whose output is read line by line, and which ends by our pid or in time. */
export class Child {
  readonly process: ChildProcess;
  private readonly lines: string[] = [];
  private errors = '';
  private waiting: (() => void) | undefined = undefined;
  private ended = false;

  constructor(words: readonly string[], inherited?: number) {
    const [program, ...args] = words;
    const stdio = ['ignore' as const, 'pipe' as const, 'pipe' as const];
    this.process = spawn(program, args, { stdio: inherited === undefined ? stdio : [...stdio, inherited] });
    let rest = '';
    this.process.stdout?.setEncoding('utf8').on('data', (text: string) => {
      const parts = (rest + text).split('\n');
      rest = parts.pop() ?? '';
      this.lines.push(...parts);
      this.waiting?.();
    });
    this.process.stderr?.setEncoding('utf8').on('data', (text: string) => {
      this.errors += text;
    });
    this.process.on('error', (error) => {
      this.errors += error.message;
    });
    this.process.on('close', () => {
      this.ended = true;
      this.waiting?.();
    });
  }

  /** The next line of its output. Throws when it ends first, or says nothing for `limitMs`. */
  async line(limitMs = 20_000): Promise<string> {
    while (this.lines.length === 0) {
      if (this.ended) throw new Error(`${this.process.spawnargs.join(' ')} ended: ${this.errors}`);
      await this.change(limitMs);
    }
    return this.lines.shift() as string;
  }

  /** Ends it: SIGTERM, and SIGKILL when that is not heard. */
  async end(): Promise<void> {
    if (this.ended) return;
    const closed = once(this.process, 'close');
    this.process.kill('SIGCONT');
    this.process.kill('SIGTERM');
    const timer = setTimeout(() => this.process.kill('SIGKILL'), 5000);
    await closed;
    clearTimeout(timer);
  }

  private change(limitMs: number): Promise<void> {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        this.waiting = undefined;
        reject(new Error(`${this.process.spawnargs.join(' ')} said nothing for ${limitMs} ms`));
      }, limitMs);
      this.waiting = () => {
        clearTimeout(timer);
        this.waiting = undefined;
        resolve();
      };
    });
  }
}

/** One reflector, C's or ours, on its TUN. It is stopped (SIGSTOP) but while `run` lets it run. */
export class Rig {
  private readonly device: OpenedDevice;
  private readonly reflector: Child;

  private constructor(device: OpenedDevice, reflector: Child) {
    this.device = device;
    this.reflector = reflector;
  }

  /** Ours, or the anchor: C's, or that of another build. */
  static async start(side: Side, against?: string): Promise<Rig> {
    const built = side === 'ours' ? fileURLToPath(new URL('.', import.meta.url)) : against;
    const words =
      built === undefined
        ? [await nativeProgram('reflector')]
        : [process.execPath, join(built, 'reflector.js')];
    const device = openDevice({ mode: 'tun', netns: 'new', address: KERNEL_ADDRESS, txqueuelen: TXQUEUELEN });
    const reflector = new Child(pinned(cpus().reflector, words), device.fd);
    const rig = new Rig(device, reflector);
    try {
      if ((await reflector.line()) !== 'ready') throw new Error('the reflector did not become ready');
    } catch (error) {
      await rig.end();
      throw error;
    }
    reflector.process.kill('SIGSTOP');
    return rig;
  }

  /** Starts a program of the peer's in the namespace, on a CPU. */
  peer(cpu: number, words: readonly string[]): Child {
    return new Child([...nsenterCommand(this.device), ...pinned(cpu, words)]);
  }

  resume(): void {
    this.reflector.process.kill('SIGCONT');
  }

  pause(): void {
    this.reflector.process.kill('SIGSTOP');
  }

  /** Nanoseconds of CPU so far: of the reflector's main thread, and of all its threads. Exact while it sleeps. */
  cpuNs(): { thread: number; process: number } {
    const pid = this.reflector.process.pid as number;
    const of = (task: string): number => {
      return Number(readFileSync(`/proc/${pid}/task/${task}/schedstat`, 'utf8').split(' ')[0]);
    };
    const all = readdirSync(`/proc/${pid}/task`).map(of);
    return { thread: of(`${pid}`), process: all.reduce((sum, ns) => sum + ns, 0) };
  }

  async end(): Promise<void> {
    await this.reflector.end();
    closeDevice(this.device);
  }
}
