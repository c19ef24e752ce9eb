// Runs a tool of the kernel's side, asynchronously: a blocking call would starve the stack that is to answer it.

import { spawn } from 'node:child_process';

/** How a tool ended. `code` null: by a signal, or it could not be started. */
export interface ToolResult {
  readonly code: number | null;
  readonly stdout: string;
  /** The same, octet by octet. */
  readonly output: Buffer;
  readonly stderr: string;
}

/** Runs the words, gives `input` on stdin, ends the tool after `limitMs`. Never throws. */
export function runTool(
  words: readonly string[],
  input: string | Uint8Array = '',
  limitMs = 10_000,
): Promise<ToolResult> {
  return new Promise((resolve) => {
    const [program, ...args] = words;
    const child = spawn(program, args, { stdio: ['pipe', 'pipe', 'pipe'] });
    const output: Buffer[] = [];
    let stderr = '';
    const timer = setTimeout(() => child.kill('SIGKILL'), limitMs);
    const end = (code: number | null): void => {
      clearTimeout(timer);
      const all = Buffer.concat(output);
      resolve({ code, stdout: all.toString(), output: all, stderr });
    };
    child.stdout.on('data', (part: Buffer) => output.push(part));
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      stderr += text;
    });
    child.on('error', (error) => {
      stderr += error.message;
      end(null);
    });
    child.on('close', end);
    // A tool that ends without reading must not end us.
    child.stdin.on('error', () => {});
    child.stdin.end(input);
  });
}
