// The matrix of Node.js versions names what there is, and its runner says how each version went.

import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { root, run } from './support/namespace.ts';

const read = (file: string): string => readFileSync(join(root, file), 'utf8');
const matrix = JSON.parse(read('test/matrix.json')) as { versions: number[]; suites: string[] };
const cache = mkdtempSync(join(tmpdir(), 'tunstack-matrix-'));
afterAll(() => rmSync(cache, { recursive: true, force: true }));

/** Puts a Node.js into the cache that says it is `version`, and runs `script` for vitest. */
function pretend(version: string, script: string): void {
  const name = `node-${process.platform}-${process.arch}`;
  const bin = join(cache, `node-${version.split('.')[0]}`, 'node_modules', name, 'bin');
  mkdirSync(bin, { recursive: true });
  writeFileSync(
    join(bin, 'node'),
    `#!/bin/sh\n[ "$1" = --version ] && echo v${version} && exit\n${script}\n`,
  );
  chmodSync(join(bin, 'node'), 0o755);
}

const runMatrix = (versions: string, ...words: string[]): ReturnType<typeof run> =>
  run([process.execPath, join(root, 'scripts/matrix.mjs'), '--cache', cache, '--node', versions, ...words]);

test('it begins with the oldest Node.js that the packages take, and holds all that the README names', () => {
  const { engines } = JSON.parse(read('package.json')) as { engines: { node: string } };
  expect(engines.node).toMatch(new RegExp(`^>=${matrix.versions[0]}\\.`));
  expect(read('README.md').replace(/\s+/g, ' ')).toContain(
    `Node.js ${matrix.versions.slice(0, -1).join(', ')} and ${matrix.versions.at(-1)}`,
  );
});

test('it runs the addon, the stack, and what tries each program with the kernel', () => {
  for (const suite of matrix.suites) expect(existsSync(join(root, suite)), suite).toBe(true);
  const runs = (path: string): boolean => matrix.suites.some((suite) => path.startsWith(suite));
  expect(runs('packages/tun/src/device.test.ts')).toBe(true);
  expect(runs('packages/stack/src/stack.test.ts')).toBe(true);
  const tried = [
    ...readdirSync(join(root, 'test/e2e')).map((file) => `test/e2e/${file}`),
    'test/packetdrill.test.ts',
  ]
    .filter(runs)
    .map(read)
    .join('\n');
  const programs = readdirSync(join(root, 'packages/apps/bin'))
    .filter((file) => file.endsWith('.js'))
    .map((file) => file.replace('.js', ''));
  expect(
    programs.filter(
      (program) => ![`'${program}'`, `/${program}'`, `${program}.js`].some((name) => tried.includes(name)),
    ),
  ).toEqual([]);
});

test('one line a version, and 0 when all passed', async () => {
  pretend('90.1.2', 'echo "7 passed, 0 failed, 1 skipped"');
  pretend('91.0.0', 'echo "8 passed, 0 failed, 0 skipped"');
  const { code, stdout } = await runMatrix('90,91');
  expect(stdout).toMatch(
    /^ok {3}Node v90\.1\.2: 7 passed, 0 failed, 1 skipped, \d+ s\nok {3}Node v91\.0\.0: 8 passed, 0 failed, 0 skipped, \d+ s\n$/,
  );
  expect(code).toBe(0);
});

test.each([
  ['fails a test', 'echo "7 passed, 1 failed, 0 skipped"; exit 1', /1 failed.*node-90\.log$/],
  ['crashes after its tests', 'echo "7 passed, 0 failed, 0 skipped"; exit 139', /FAIL Node v90\.1\.2/],
  ['crashes before them', 'exit 139', /ended with 139/],
  ['finds no test', 'echo "0 passed, 0 failed, 0 skipped"', /FAIL.*0 passed/],
])('a version that %s is a failure, and the next runs all the same', async (_, script, complaint) => {
  pretend('90.1.2', script);
  pretend('91.0.0', 'echo "8 passed, 0 failed, 0 skipped"');
  const { code, stdout } = await runMatrix('90,91');
  const [first, second] = stdout.trim().split('\n');
  expect(first).toMatch(/^FAIL/);
  expect(first).toMatch(complaint);
  expect(second).toMatch(/^ok/);
  expect(code).toBe(1);
});

test('tests run with that Node.js first in PATH, on the suites asked for', async () => {
  pretend('90.1.2', 'echo "$@"; command -v node; echo "1 passed, 0 failed, 0 skipped"');
  expect((await runMatrix('90')).code).toBe(0);
  const whole = readFileSync(join(cache, 'node-90.log'), 'utf8');
  expect(whole).toContain(`vitest.mjs run ${matrix.suites.join(' ')}\n`);
  expect(whole).toContain(join(cache, 'node-90'));
  expect((await runMatrix('90', 'test/e2e')).code).toBe(0);
  expect(readFileSync(join(cache, 'node-90.log'), 'utf8')).toContain('vitest.mjs run test/e2e\n');
});

test('without a registry it says so, and says what for', async () => {
  // Port 9 of loopback: nobody listens there.
  const env = ['env', 'npm_config_registry=http://127.0.0.1:9/', `npm_config_cache=${join(cache, 'npm')}`];
  const words = [process.execPath, join(root, 'scripts/matrix.mjs'), '--cache', cache, '--node', '20'];
  const { code, stdout } = await run([...env, ...words], 60_000);
  expect(stdout).toMatch(
    /^FAIL Node 20: cannot be fetched: the npm registry does not answer; it is needed once/,
  );
  expect(code).toBe(1);
});
