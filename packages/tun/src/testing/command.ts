// Runs a command in the network namespace of a device, asynchronously: the process that runs it may be answering packets.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';
import { nsenterCommand } from '../netns.ts';
import type { OpenedDevice } from '../open.ts';

export interface Output {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs `argv` and waits for its end. Never throws for an exit code. */
export async function run(argv: readonly string[], env?: NodeJS.ProcessEnv): Promise<Output> {
  const child = spawn(argv[0], argv.slice(1), { stdio: ['ignore', 'pipe', 'pipe'], ...(env ? { env } : {}) });
  const [stdout, stderr, [code]] = await Promise.all([
    text(child.stdout),
    text(child.stderr),
    once(child, 'close'),
  ]);
  return { code: code as number | null, stdout, stderr };
}

/** Runs `argv` in the namespace of `device` and answers its output; an exit code other than 0 is an error. */
export async function runIn(
  device: Pick<OpenedDevice, 'netnsFd' | 'usernsFd'>,
  ...argv: string[]
): Promise<string> {
  return must(await run([...nsenterCommand(device), ...argv]), argv);
}

/** Runs `argv` here; an exit code other than 0 is an error. */
export async function runHere(...argv: string[]): Promise<string> {
  return must(await run(argv), argv);
}

function must(output: Output, argv: readonly string[]): string {
  if (output.code !== 0)
    throw new Error(`${argv.join(' ')}: exit ${output.code}\n${output.stderr}${output.stdout}`);
  return output.stdout;
}
