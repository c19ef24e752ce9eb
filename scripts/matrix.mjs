// Runs the tests on several versions of Node.js, one after the other, and says in one line each how it went.
//
//   npm run test:matrix [-- --node 22,24] [--cache FOLDER] [--refresh] [vitest's filters]
//
// Each Node.js is the newest of its major version, from the npm package node-<platform>-<arch>, about 200 MB, kept in FOLDER
// (node_modules/.cache/node-matrix): a version that is there needs no network until --refresh. Without filters the suites
// of test/matrix.json run. Exit code 1 when one version fails or cannot be had.

import { spawn } from 'node:child_process';
import { createWriteStream, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { delimiter, dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

const FETCH_MS = 180_000;
const TESTS_MS = 900_000;

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const matrix = JSON.parse(readFileSync(join(root, 'test/matrix.json'), 'utf8'));
const { values: given, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    node: { type: 'string', default: matrix.versions.join(',') },
    cache: { type: 'string', default: join(root, 'node_modules/.cache/node-matrix') },
    refresh: { type: 'boolean', default: false },
  },
});
const cache = resolve(given.cache);
const suites = positionals.length > 0 ? positionals : matrix.suites;

/** Runs words to their end, at most `limitMs`; answers exit code and output, which goes to `log` as well. */
function run(words, { cwd = root, env = {}, log, limitMs }) {
  return new Promise((done) => {
    const [program, ...args] = words;
    const child = spawn(program, args, {
      cwd,
      env: { ...process.env, ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const file = createWriteStream(log);
    let output = '';
    const hear = (text) => {
      output += text;
      file.write(text);
    };
    child.stdout.setEncoding('utf8').on('data', hear);
    child.stderr.setEncoding('utf8').on('data', hear);
    const timer = setTimeout(() => {
      hear(`\nended after ${limitMs / 1000} s\n`);
      child.kill('SIGKILL');
    }, limitMs);
    const end = (code) => {
      clearTimeout(timer);
      file.end(() => done({ code, output }));
    };
    child.on('error', (error) => {
      hear(`${error.message}\n`);
      end(1);
    });
    child.on('close', end);
  });
}

const nameOfPackage = `node-${process.platform}-${process.arch}`;

/** The bin folder of a major version, fetched when it is not there; an Error says why not. */
async function fetchNode(major) {
  const folder = join(cache, `node-${major}`);
  const bin = join(folder, 'node_modules', nameOfPackage, 'bin');
  if (existsSync(join(bin, 'node')) && !given.refresh) return bin;
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  // A manifest of its own, so that npm looks no further up.
  writeFileSync(join(folder, 'package.json'), '{ "private": true }\n');
  const words = [
    'npm',
    'install',
    '--ignore-scripts',
    '--no-audit',
    '--no-fund',
    '--fetch-retries=1',
    '--fetch-retry-mintimeout=1000',
  ];
  const log = join(cache, `node-${major}.fetch.log`);
  const { code, output } = await run([...words, `${nameOfPackage}@${major}`], {
    cwd: folder,
    log,
    limitMs: FETCH_MS,
  });
  if (code === 0 && existsSync(join(bin, 'node'))) return bin;
  rmSync(folder, { recursive: true, force: true });
  const offline = /ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ETIMEDOUT|ENETUNREACH|EHOSTUNREACH/.test(output);
  const why = offline
    ? 'the npm registry does not answer; it is needed once per version'
    : 'npm install failed';
  throw new Error(`cannot be fetched: ${why} (${log})`);
}

/** Tests one version; answers whether it passed, and the line to print. */
async function tested(major) {
  const started = Date.now();
  try {
    const bin = await fetchNode(major);
    const env = { PATH: `${bin}${delimiter}${process.env.PATH}` };
    const log = join(cache, `node-${major}.log`);
    const asked = await run([join(bin, 'node'), '--version'], { log, limitMs: 10_000 });
    if (asked.code !== 0) throw new Error(`does not start (${log})`);
    const words = [join(bin, 'node'), join(root, 'node_modules/vitest/vitest.mjs'), 'run', ...suites];
    const { code, output } = await run(words, { env, log, limitMs: TESTS_MS });
    const counts = [...output.matchAll(/^(\d+) passed, (\d+) failed, (\d+) skipped$/gm)].at(-1);
    const passed = code === 0 && counts !== undefined && Number(counts[1]) > 0 && counts[2] === '0';
    const seconds = `${((Date.now() - started) / 1000).toFixed(0)} s`;
    const result = counts?.[0] ?? `ended with ${code}`;
    const verdict = passed ? 'ok  ' : 'FAIL';
    return {
      passed,
      line: `${verdict} Node ${asked.output.trim()}: ${result}, ${seconds}${passed ? '' : `; ${log}`}`,
    };
  } catch (error) {
    return { passed: false, line: `FAIL Node ${major}: ${error.message}` };
  }
}

mkdirSync(cache, { recursive: true });
for (const major of given.node.split(',')) {
  const { passed, line } = await tested(major.trim());
  console.log(line);
  if (!passed) process.exitCode = 1;
}
