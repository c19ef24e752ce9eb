// Makes the tarball of every package, as a registry would get it, and says how large each is.
//
//   npm run pack [-- FOLDER] [--json]       FOLDER: node_modules/.cache/packed
//
// The prebuild of the addon is made first, when the one there is not from these sources.

import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gunzipSync } from 'node:zlib';

const root = dirname(dirname(fileURLToPath(import.meta.url)));

function run(words) {
  const child = spawnSync(process.execPath, words, { cwd: root, encoding: 'utf8', maxBuffer: 1 << 26 });
  if (child.status !== 0) throw new Error(`${words.join(' ')}\n${child.stdout}${child.stderr}`);
  return child.stdout;
}

/** The sources of a file of dist: those that its map names, or the one of its name. */
function sourcesOf(file, folder) {
  const map = `${file}.map`;
  if (existsSync(map))
    return JSON.parse(readFileSync(map, 'utf8')).sources.map((one) => resolve(dirname(file), one));
  return [join(folder, 'src', relative(join(folder, 'dist'), file).replace(/\.(js|d\.ts)$/, '.ts'))];
}

/** Files of dist whose sources are gone: tsc leaves them, and they would be published. */
function stale(folder) {
  const dist = join(folder, 'dist');
  return readdirSync(dist, { recursive: true, encoding: 'utf8' })
    .map((file) => join(dist, file))
    .filter((file) => /\.(js|d\.ts)$/.test(file) && !sourcesOf(file, folder).some((one) => existsSync(one)))
    .flatMap((file) => [file, `${file}.map`].filter((one) => existsSync(one)));
}

/** The files of a tarball, each with its octets; POSIX.1-1988 ustar, 512-octet blocks. */
function entriesOf(tarball) {
  const bytes = gunzipSync(readFileSync(tarball));
  const text = (at, length) => bytes.toString('utf8', at, at + length).replace(/\0.*$/s, '');
  const entries = [];
  for (let at = 0; at + 512 <= bytes.length && bytes[at] !== 0; ) {
    const size = Number.parseInt(text(at + 124, 12), 8);
    const prefix = text(at + 345, 155);
    if (/[0\0]/.test(String.fromCharCode(bytes[at + 156]))) {
      const name = prefix === '' ? text(at, 100) : `${prefix}/${text(at, 100)}`;
      entries.push({ path: name.replace(/^package\//, ''), bytes: size });
    }
    at += 512 + Math.ceil(size / 512) * 512;
  }
  return entries;
}

function pack(folder) {
  if (process.platform === 'linux') run(['packages/tun/scripts/prebuild.mjs']);
  for (const name of readdirSync(join(root, 'packages'))) {
    for (const file of stale(join(root, 'packages', name))) rmSync(file);
  }
  mkdirSync(folder, { recursive: true });
  const words = ['-r', '--filter', './packages/*', 'pack', '--json', '--pack-destination', folder];
  const packed = JSON.parse(run([join(root, 'node_modules/pnpm/bin/pnpm.cjs'), ...words]));
  return packed.map(({ name, version, filename }) => {
    const entries = entriesOf(filename);
    return {
      name,
      version,
      tarball: filename,
      packedBytes: statSync(filename).size,
      unpackedBytes: entries.reduce((sum, entry) => sum + entry.bytes, 0),
      files: entries,
    };
  });
}

const kib = (bytes) => (bytes / 1024).toFixed(1).padStart(9);

function print(packages) {
  console.log(
    `${'package'.padEnd(20)} ${'tarball KiB'.padStart(12)} ${'unpacked KiB'.padStart(13)} ${'files'.padStart(6)}`,
  );
  for (const one of packages) {
    const sizes = `${kib(one.packedBytes).padStart(12)} ${kib(one.unpackedBytes).padStart(13)}`;
    console.log(`${one.name.padEnd(20)} ${sizes} ${String(one.files.length).padStart(6)}`);
    for (const { path, bytes } of one.files) {
      if (path.endsWith('.node')) console.log(`  ${path} ${kib(bytes).trim()} KiB`);
    }
  }
}

const words = process.argv.slice(2);
const json = words.includes('--json');
const folder = resolve(
  words.find((word) => !word.startsWith('-')) ?? join(root, 'node_modules/.cache/packed'),
);
try {
  const packages = pack(folder);
  if (json) console.log(JSON.stringify(packages));
  else print(packages);
  if (!json) console.log(`in ${relative(process.cwd(), folder) || '.'}`);
} catch (error) {
  console.error(`pack: ${error instanceof Error ? error.message : String(error)}`);
  process.exitCode = 1;
}
