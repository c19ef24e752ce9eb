// The tarballs on a user's machine: installed into an empty folder, no install script run, no compiler within reach, and a
// TUN opens. By npm and by pnpm. Dependencies come from the registry that npm is configured for.

import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { requireTools, requireTun } from '@tunstack/tun/testing';
import { afterAll, beforeAll, describe, expect, type TestContext, test } from 'vitest';
import { root, run, tool } from '../support/namespace.ts';

// A cold cache and a busy machine: an idle one with a warm cache takes 4 s.
const INSTALL_MS = 120_000;
const TEST_MS = 180_000;
const UNREACHABLE = /ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ETIMEDOUT|ENETUNREACH|EHOSTUNREACH/;

const OPEN = `
import { readFileSync } from 'node:fs';
import { Host } from '@tunstack/node';
import { openDevice, TunLink } from '@tunstack/tun';

const device = openDevice({ mode: 'tun', netns: 'new', address: '10.9.0.1/24' });
const host = new Host();
const stack = host.stack();
stack.addLink(new TunLink({ device, pool: host.pool }), '10.9.0.2/24');
const binaries = new Set(readFileSync('/proc/self/maps', 'utf8').match(/\\S+\\.node$/gm));
console.log(JSON.stringify({ name: device.name, binaries: [...binaries] }));
process.exit(0);
`;

const folder = mkdtempSync(join(tmpdir(), 'tunstack-packed-'));
const tools = join(folder, 'tools');
let tarballs: Record<string, string> = {};

/** The words that run `argv` in a folder with nothing in PATH but Node.js and a shell, and no npm above it. */
function barely(at: string, ...argv: string[]): string[] {
  const inherited = Object.keys(process.env).filter(
    (name) =>
      /^(npm|pnpm|vitest)_|^(NODE_OPTIONS|NODE_ENV|VITEST|CC|CXX|INIT_CWD)$/i.test(name) &&
      !/^npm_config_(registry|cafile|ca|https?[-_]proxy|proxy|noproxy)$/i.test(name),
  );
  return ['env', '-C', at, ...inherited.flatMap((name) => ['-u', name]), `PATH=${tools}`, ...argv];
}

/** Installs, or skips when no registry answers; with REQUIRE_TUN=1 that is a failure. */
async function install(context: TestContext, at: string, ...argv: string[]): Promise<string> {
  const { code, stdout, stderr } = await run(barely(at, join(tools, 'node'), ...argv), INSTALL_MS);
  const said = `${stdout}${stderr}`;
  if (code !== 0 && UNREACHABLE.test(said) && process.env.REQUIRE_TUN !== '1') {
    context.skip('the registry does not answer');
  }
  expect(code, said).toBe(0);
  return said;
}

async function opensTun(at: string): Promise<void> {
  writeFileSync(join(at, 'open.mjs'), OPEN);
  const opened = await run(barely(at, 'node', 'open.mjs'));
  expect(opened.code, opened.stderr).toBe(0);
  const { name, binaries } = JSON.parse(opened.stdout) as { name: string; binaries: string[] };
  expect(name).toMatch(/^tun\d+$/);
  expect(binaries).toEqual([
    expect.stringMatching(/@tunstack\/tun\/prebuilds\/linux-\w+\/@tunstack\+tun\.glibc\.node$/),
  ]);
  expect(existsSync(join(at, 'node_modules/@tunstack/tun/build'))).toBe(false);

  const ping = await run(barely(at, join(at, 'node_modules/.bin/tun-ping'), '-c', '2', '-i', '0.1'));
  expect(ping.stdout, ping.stderr).toMatch(/2 packets transmitted, 2 received, 0% packet loss/);
  expect(ping.code).toBe(0);
  const doctor = await run(barely(at, join(at, 'node_modules/.bin/tun-echo'), '--doctor'));
  expect(doctor.code, doctor.stdout).toBe(0);
}

describe.skipIf(requireTun() || requireTools('python3', 'make'))('the packed tarballs', () => {
  beforeAll(async () => {
    mkdirSync(tools);
    symlinkSync(process.execPath, join(tools, 'node'));
    for (const name of ['sh', 'env', 'dirname', 'sed', 'uname']) symlinkSync(tool(name), join(tools, name));
    const packed = await run(
      [process.execPath, join(root, 'scripts/pack.mjs'), join(folder, 'packed'), '--json'],
      TEST_MS,
    );
    expect(packed.code, packed.stderr).toBe(0);
    const list = JSON.parse(packed.stdout) as { name: string; tarball: string }[];
    tarballs = Object.fromEntries(list.map(({ name, tarball }) => [name, `file:${tarball}`]));
  }, TEST_MS);
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  test('there is no compiler here', async () => {
    const words = ['g++', 'gcc', 'c++', 'cc', 'clang', 'make', 'python3', 'node-gyp'];
    for (const word of words) {
      expect((await run(barely(folder, 'sh', '-c', `command -v ${word}`))).code, word).not.toBe(0);
    }
  });

  test(
    'npm with install scripts blocked installs them, and a TUN opens',
    async (context) => {
      const at = join(folder, 'by-npm');
      mkdirSync(at);
      // Overrides: what one package needs of another is these tarballs, never a registry's.
      const manifest = { private: true, dependencies: tarballs, overrides: tarballs };
      writeFileSync(join(at, 'package.json'), JSON.stringify(manifest));
      const npm = realpathSync(tool('npm'));
      const flags = ['--ignore-scripts', '--no-audit', '--no-fund', '--prefer-offline', '--fetch-retries=1'];
      await install(context, at, npm, 'install', ...flags);
      await opensTun(at);
    },
    TEST_MS,
  );

  test(
    'pnpm with its default block installs them, finds no script to block, and a TUN opens',
    async (context) => {
      const at = join(folder, 'by-pnpm');
      mkdirSync(at);
      writeFileSync(join(at, 'package.json'), JSON.stringify({ private: true, dependencies: tarballs }));
      const overrides = Object.entries(tarballs).map(([name, from]) => `  '${name}': '${from}'\n`);
      writeFileSync(join(at, 'pnpm-workspace.yaml'), `overrides:\n${overrides.join('')}`);
      const pnpm = join(root, 'node_modules/pnpm/bin/pnpm.cjs');
      const said = await install(context, at, pnpm, 'install', '--prefer-offline', '--reporter=append-only');
      expect(said).not.toMatch(/ignored build scripts/i);
      await opensTun(at);
    },
    TEST_MS,
  );
});
