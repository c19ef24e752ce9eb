// Programs of ours and of the kernel's, run by a test: always asynchronously, always bounded, always by pid.

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { findTool } from '@tunstack/tun';
import { runTool, type ToolResult } from '../../packages/apps/src/run-tool.ts';

export const root: string = dirname(dirname(dirname(fileURLToPath(import.meta.url))));

/** Runs a command to its end. */
export function run(words: readonly string[], limitMs = 30_000, input = ''): Promise<ToolResult> {
  return runTool(words, input, limitMs);
}

/** The path of a tool that a test needs: `requireTun` has seen that it is there. */
export function tool(name: string): string {
  const path = findTool(name);
  if (path === undefined) throw new Error(`${name} is not installed`);
  return path;
}

/** A program of ours that runs: its lines as they come, and its end. */
export class Running {
  readonly child: ChildProcess;
  stdout = '';
  stderr = '';
  /** Fulfilled with the exit code. */
  readonly ended: Promise<number | null>;
  private listeners: (() => void)[] = [];

  constructor(words: readonly string[], env: Record<string, string> = {}) {
    const [program, ...args] = words;
    this.child = spawn(program, args, {
      cwd: root,
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...process.env, ...env },
    });
    this.ended = once(this.child, 'close').then(() => {
      this.changed();
      return this.child.exitCode;
    });
    this.child.stdout?.setEncoding('utf8').on('data', (text: string) => {
      this.stdout += text;
      this.changed();
    });
    this.child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      this.stderr += text;
      this.changed();
    });
  }

  /** Waits until stdout or stderr matches; throws what was printed when the program ends first or time is up. */
  async until(pattern: RegExp, limitMs = 15_000): Promise<RegExpExecArray> {
    const deadline = Date.now() + limitMs;
    for (;;) {
      const match = pattern.exec(this.stdout) ?? pattern.exec(this.stderr);
      if (match !== null) return match;
      const over = this.child.exitCode !== null || this.child.signalCode !== null;
      if (over || Date.now() > deadline) {
        throw new Error(`no ${pattern} in:\n${this.stdout}\n${this.stderr}`);
      }
      await this.next(deadline - Date.now());
    }
  }

  /** Sends a signal and waits for the end; answers the exit code. */
  async stop(signal: NodeJS.Signals = 'SIGINT'): Promise<number | null> {
    if (this.child.exitCode === null && this.child.signalCode === null) this.child.kill(signal);
    return this.ended;
  }

  private next(limitMs: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, limitMs);
      this.listeners.push(() => {
        clearTimeout(timer);
        resolve();
      });
    });
  }

  private changed(): void {
    for (const listener of this.listeners.splice(0)) listener();
  }
}

/** tun-echo, started and ready: how to enter its namespace, and what it said. */
export interface Echo {
  readonly program: Running;
  readonly enter: readonly string[];
  readonly device: string;
}

export const bin = (name: string): string => join(root, `packages/apps/bin/${name}.js`);

/** Starts tun-echo with these flags and waits until it serves. */
export async function startEcho(...flags: string[]): Promise<Echo> {
  const program = new Running([process.execPath, bin('tun-echo'), '--json', ...flags]);
  const [line] = await program.until(/^\{.*\}$/m);
  const { enter, device } = JSON.parse(line) as { enter: string[]; device: string };
  return { program, enter, device };
}

/** What `tun-echo --json` prints when it ends. */
export interface EchoEnd {
  readonly nstat: Readonly<Record<string, number>>;
  readonly drops: Readonly<Record<string, number>>;
  readonly services: Readonly<Record<string, number>>;
}

/** Ends tun-echo and reads its statistics. */
export async function stopEcho(echo: Echo): Promise<EchoEnd> {
  const code = await echo.program.stop('SIGINT');
  if (code !== 0) throw new Error(`tun-echo ended with ${code}:\n${echo.program.stderr}`);
  const lines = echo.program.stdout.trim().split('\n');
  return JSON.parse(lines[lines.length - 1]) as EchoEnd;
}
