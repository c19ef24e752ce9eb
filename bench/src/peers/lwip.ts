// lwIP as a peer: Debian's source package, compiled with our options and our server (bench/native/lwip). The packaged
// library is another thing: its windows are of 64 KiB.

import { execFile } from 'node:child_process';
import { readdirSync, renameSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { debianSource } from './debian-source.ts';
import { CannotBuild, type Peer } from './peer.ts';

const bench = fileURLToPath(new URL('../..', import.meta.url));
const ours = join(bench, 'native', 'lwip');
const build = join(bench, 'build', 'lwip');
const source = join(build, 'source');
const core = join(source, 'src', 'core');
const COMPILE_LIMIT_MS = 120_000;
const FLAGS = ['-O3', '-Wall', '-Wextra'];
/** For this very CPU, and with a sum by its vectors, which is ours and not lwIP's. Across files (-flto) nothing was won. */
const TUNED_FLAGS = [...FLAGS, '-march=native', '-DVECTOR_SUM'];

/** The C files of a folder, or all that is in it. */
function filesOf(folder: string, end = ''): string[] {
  return readdirSync(folder, { withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith(end))
    .map((entry) => join(folder, entry.name));
}

async function compile(program: string, flags: readonly string[]): Promise<void> {
  const compiler = process.env.CC ?? 'cc';
  const files = [join(ours, 'server.c'), ...filesOf(core, '.c'), ...filesOf(join(core, 'ipv4'), '.c')];
  const unfinished = `${program}.${process.pid}`;
  const words = [...flags, `-I${ours}`, `-I${join(source, 'src', 'include')}`, '-o', unfinished, ...files];
  try {
    await promisify(execFile)(compiler, words, { timeout: COMPILE_LIMIT_MS });
  } catch (error) {
    const { code, stderr } = error as { code?: unknown; stderr?: string };
    const why =
      code === 'ENOENT'
        ? `no C compiler '${compiler}': apt install gcc libc6-dev, or set CC`
        : `${compiler} could not build lwIP: ${stderr ?? String(error)}`;
    throw new CannotBuild(why);
  }
  renameSync(unfinished, program);
}

function peerOf(name: string, file: string, flags: readonly string[]): Peer {
  return {
    name,
    offload: false,
    async build() {
      await debianSource('lwip', source);
      const program = join(build, file);
      const newest = Math.max(
        ...[...filesOf(ours), ...filesOf(join(ours, 'arch'))].map((one) => statSync(one).mtimeMs),
      );
      const built = statSync(program, { throwIfNoEntry: false });
      if (built === undefined || built.mtimeMs <= newest) await compile(program, flags);
      return [program];
    },
  };
}

/** NO_SYS, raw API, windows and send buffers of 1 MiB, -O3, checksums in software: bench/native/lwip/lwipopts.h. */
export const lwip: Peer = peerOf('lwIP', 'lwip-server', FLAGS);

/** The same, as fast as we could make it. */
export const lwipTuned: Peer = peerOf('lwIP tuned', 'lwip-tuned', TUNED_FLAGS);
