// The bench's C programs: found in bench/build, or built there with the system's compiler.

import { execFile } from 'node:child_process';
import { mkdirSync, readdirSync, renameSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const bench = fileURLToPath(new URL('../..', import.meta.url));
const sources = join(bench, 'native');
const build = join(bench, 'build');

export type Program = 'reflector' | 'blaster' | 'pinger' | 'tcp-peer';

/** The path of a program, built if it is not there or older than its sources. Throws with what to install. */
export async function nativeProgram(name: Program): Promise<string> {
  const program = join(build, name);
  const files = readdirSync(sources).filter((file) => /\.[ch]$/.test(file));
  const newest = Math.max(...files.map((file) => statSync(join(sources, file)).mtimeMs));
  const built = statSync(program, { throwIfNoEntry: false });
  if (built !== undefined && built.mtimeMs > newest) return program;
  mkdirSync(build, { recursive: true });
  const compiler = process.env.CC ?? 'cc';
  const unfinished = `${program}.${process.pid}`;
  const words = ['-O2', '-Wall', '-Wextra', '-o', unfinished, join(sources, `${name}.c`)];
  try {
    await promisify(execFile)(compiler, words, { timeout: 60_000 });
  } catch (error) {
    const { code, stderr } = error as { code?: unknown; stderr?: string };
    if (code !== 'ENOENT')
      throw new Error(`${compiler} could not build ${name}.c:\n${stderr ?? String(error)}`);
    throw new Error(
      `no C compiler '${compiler}': apt install gcc libc6-dev, or set CC; the echo, ping and tcp benches need it`,
    );
  }
  renameSync(unfinished, program);
  return program;
}
