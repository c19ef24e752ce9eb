// What the addon is made from, as one hash: equal hash, no need to build again. Source: this project.
import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const packageRoot = join(dirname(fileURLToPath(import.meta.url)), '..');
export const nativeDir = join(packageRoot, 'src', 'native');

/** The C++ files of the addon, absolute; uv_check.cc is a test's. */
export function sources() {
  return readdirSync(nativeDir)
    .filter((name) => name.endsWith('.cc') && name !== 'uv_check.cc')
    .sort()
    .map((name) => join(nativeDir, name));
}

/** The hash of sources, headers, build description and platform. A package from the registry has them all. */
export function fingerprint() {
  const hash = createHash('sha256');
  hash.update(`${process.platform} ${process.arch} napi9\n`);
  const files = readdirSync(nativeDir)
    .filter((name) => /\.(cc|h|gyp)$/.test(name) && name !== 'uv_check.cc')
    .sort();
  for (const name of files) hash.update(`${name}\n`).update(readFileSync(join(nativeDir, name)));
  return hash.digest('hex');
}

/** Where the prebuild for this machine and its stamp are. */
export const prebuildDir = join(packageRoot, 'prebuilds', `${process.platform}-${process.arch}`);
export const prebuildStamp = join(prebuildDir, 'stamp');

/** True when `stamp` says that its neighbour was made from the sources as they are now. */
export function isUpToDate(stamp) {
  return existsSync(stamp) && readFileSync(stamp, 'utf8').trim() === fingerprint();
}

/** The folder of an installed package, found without its exports map; undefined when it is not there. */
export function packageDir(name) {
  const lookIn = createRequire(join(packageRoot, 'package.json')).resolve.paths(name) ?? [];
  return lookIn
    .map((folder) => join(folder, name))
    .find((folder) => existsSync(join(folder, 'package.json')));
}
