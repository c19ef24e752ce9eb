// A child process whose output is read line by line, and which ends by our pid or in time.

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';

/** None outlives the bench, whatever ends it: a namespace lives as long as somebody is in it. */
const living = new Set<ChildProcess>();
process.on('exit', () => {
  for (const child of living) child.kill('SIGKILL');
});

/** A child process whose output is read line by line, and which ends by our pid or in time. `inherited` are its fds from 3 on. */
export class Child {
  readonly process: ChildProcess;
  private readonly lines: string[] = [];
  private errors = '';
  private waiting: (() => void) | undefined = undefined;
  private ended = false;

  constructor(words: readonly string[], ...inherited: readonly number[]) {
    const [program, ...args] = words;
    const stdio = ['ignore' as const, 'pipe' as const, 'pipe' as const];
    this.process = spawn(program, args, { stdio: [...stdio, ...inherited] });
    living.add(this.process);
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
      living.delete(this.process);
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

/** Nanoseconds of CPU so far: of a process's main thread, and of all its threads. Exact while it sleeps. */
export function cpuNs(pid: number): { thread: number; process: number } {
  const of = (task: string): number => {
    return Number(readFileSync(`/proc/${pid}/task/${task}/schedstat`, 'utf8').split(' ')[0]);
  };
  const all = readdirSync(`/proc/${pid}/task`).map(of);
  return { thread: of(`${pid}`), process: all.reduce((sum, ns) => sum + ns, 0) };
}
