// gVisor's netstack as a peer, from Debian's sources (golang-gvisor-gvisor-dev, a snapshot of December 2022) and Debian's Go.

import { execFile } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, renameSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { CannotBuild, type Peer } from './peer.ts';

const bench = fileURLToPath(new URL('../..', import.meta.url));
const sources = join(bench, 'native', 'gvisor');
const build = join(bench, 'build', 'gvisor');
/** Where Debian's -dev packages lay the sources of Go's libraries. */
const GOPATH = '/usr/share/gocode';
const ENDPOINT = `${GOPATH}/src/gvisor.dev/gvisor/pkg/tcpip/link/fdbased/endpoint.go`;
const REMEDY = 'apt install golang-go golang-gvisor-gvisor-dev';
const BUILD_LIMIT_MS = 300_000;

/** What gVisor needs for GSO on a TUN: it thinks that only sockets have it, and that all that has it is Ethernet. */
const PATCHES: readonly { from: string; to: string; times: number }[] = [
  {
    from: '\t\tif isSocket {\n\t\t\tif opts.GSOMaxSize != 0 {',
    to: '\t\tif true {\n\t\t\tif opts.GSOMaxSize != 0 {',
    times: 1,
  },
  {
    from: 'csumStart = header.EthernetMinimumSize + pkt',
    to: 'csumStart = uint16(e.hdrSize) + pkt',
    times: 2,
  },
];

function patched(text: string): string {
  let result = text;
  for (const { from, to, times } of PATCHES) {
    const parts = result.split(from);
    if (parts.length !== times + 1)
      throw new CannotBuild(
        `${ENDPOINT} is of another gVisor than this patch is for: ${parts.length - 1} times, not ${times}, it has '${from.trim()}'`,
      );
    result = parts.join(to);
  }
  return result;
}

function textOf(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    if ((error as { code?: unknown }).code !== 'ENOENT') throw error;
    return undefined;
  }
}

/** Leaves what is so already as old as it is: the program is built anew when something is newer. */
function writeIfOther(path: string, text: string): void {
  if (textOf(path) !== text) writeFileSync(path, text);
}

/** The patched file, and the overlay that tells Go to take it for Debian's. */
function writeOverlay(): readonly string[] {
  const original = textOf(ENDPOINT);
  if (original === undefined) throw new CannotBuild(`no gVisor in ${GOPATH}: ${REMEDY}`);
  mkdirSync(build, { recursive: true });
  const endpoint = join(build, 'endpoint.go');
  const overlay = join(build, 'overlay.json');
  writeIfOther(endpoint, patched(original));
  writeIfOther(overlay, JSON.stringify({ Replace: { [ENDPOINT]: endpoint } }));
  return [endpoint, overlay];
}

async function compile(program: string, overlay: string): Promise<void> {
  const unfinished = `${program}.${process.pid}`;
  const words = ['build', '-overlay', overlay, '-o', unfinished, '.'];
  const env = { ...process.env, GOPATH, GO111MODULE: 'off', GOFLAGS: '', GOTOOLCHAIN: 'local' };
  try {
    await promisify(execFile)('go', words, { cwd: sources, env, timeout: BUILD_LIMIT_MS });
  } catch (error) {
    const { code, stderr } = error as { code?: unknown; stderr?: string };
    throw new CannotBuild(code === 'ENOENT' ? `no Go: ${REMEDY}` : `go build: ${stderr ?? String(error)}`);
  }
  renameSync(unfinished, program);
}

async function program(): Promise<string> {
  const path = join(build, 'gvisor');
  const [endpoint, overlay] = writeOverlay();
  const inputs = [endpoint, overlay, ...readdirSync(sources).map((file) => join(sources, file))];
  const newest = Math.max(...inputs.map((input) => statSync(input).mtimeMs));
  const built = statSync(path, { throwIfNoEntry: false });
  if (built === undefined || built.mtimeMs <= newest) await compile(path, overlay);
  return path;
}

/** The kernel cuts its super-segments of 64 KiB: the TUN has the virtio_net_hdr. */
export const gvisorHostGso: Peer = {
  name: 'gVisor, host GSO',
  offload: true,
  build: async () => [await program(), 'host'],
};

/** It cuts its super-segments itself, one write for each segment: the best that it has without the header. */
export const gvisorSoftGso: Peer = {
  name: 'gVisor, its own GSO',
  offload: false,
  build: async () => [await program(), 'soft'],
};
