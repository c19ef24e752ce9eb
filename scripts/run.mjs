// The two commands of the README, and the others of package.json. Needs only Node, npm and a C++ compiler:
// brings the pinned pnpm, installs from the lockfile, builds addon and TypeScript, then does what it was asked for.

import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const [task = 'start', ...rest] = process.argv.slice(2);

const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
const pinned = manifest.packageManager;

/** Runs a command in the root; ends this process with its exit code if that is not 0. */
function run(words, { quiet = false, env = {} } = {}) {
  const [program, ...args] = words;
  const result = spawnSync(program, args, {
    cwd: root,
    stdio: quiet ? ['ignore', 'pipe', 'pipe'] : 'inherit',
    encoding: 'utf8',
    env: { ...process.env, ...env },
  });
  if (result.status === 0) return;
  if (quiet) process.stderr.write(`${result.stdout}${result.stderr}`);
  if (result.error !== undefined) process.stderr.write(`${program}: ${result.error.message}\n`);
  process.exit(result.status ?? 1);
}

/** The pinned pnpm: the local one if it is that version, else npx fetches it. */
function pnpm() {
  const local = join(root, 'node_modules/pnpm');
  if (existsSync(join(local, 'package.json'))) {
    const { version } = JSON.parse(readFileSync(join(local, 'package.json'), 'utf8'));
    if (`pnpm@${version}` === pinned) return [process.execPath, join(local, 'bin/pnpm.cjs')];
  }
  return ['npx', '--yes', pinned];
}

/** node-gyp's headers, where this Node brings its own: nothing is downloaded then. */
function nodedir() {
  const prefix = dirname(dirname(process.execPath));
  return existsSync(join(prefix, 'include/node/node_api.h')) ? { npm_config_nodedir: prefix } : {};
}

const node = (...words) => [process.execPath, ...words];
const bin = (name, ...words) => [join(root, 'node_modules/.bin', name), ...words];

function install() {
  run([...pnpm(), 'install', '--frozen-lockfile', '--prefer-offline'], { quiet: true, env: nodedir() });
}

function build() {
  // Elsewhere there is no TUN: the stack, the simulator and their tests need no addon.
  if (process.platform === 'linux') {
    run(node(join(root, 'packages/tun/scripts/build.mjs')), { quiet: true, env: nodedir() });
  }
  run(bin('tsc', '-b'));
  run(node(join(root, 'packages/stack/scripts/bundle.mjs')), { quiet: true });
}

const tasks = {
  build() {},
  start: () => run(node(join(root, 'packages/apps/bin/start.js'), ...rest)),
  test: () => run(bin('vitest', 'run', ...rest)),
  lint() {
    run(bin('biome', 'check', '--error-on-warnings', '.'));
    run(bin('oxlint', '--type-aware', '--deny-warnings'));
  },
  check() {
    tasks.lint();
    tasks.test();
  },
  soak: () => run(bin('vitest', 'run', ...rest), { env: { SOAK: '1' } }),
  'test:matrix': () => run(node(join(root, 'scripts/matrix.mjs'), ...rest)),
  bench: () => run(node(join(root, 'bench/dist/main.js'), ...rest)),
  pack: () => run(node(join(root, 'scripts/pack.mjs'), ...rest)),
};

if (tasks[task] === undefined) {
  process.stderr.write(`run: no task '${task}'; there are ${Object.keys(tasks).join(', ')}\n`);
  process.exit(2);
}
install();
build();
tasks[task]();
