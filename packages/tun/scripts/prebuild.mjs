// Makes prebuilds/<platform>-<arch>/ for the published package, and the stamp that ties it to the sources. One binary
// for all Node.js from 20 on: Node-API 9. Does nothing when the stamp fits; `--force` builds anyway. Source:
// prebuildify's README.
import { spawnSync } from 'node:child_process';
import { mkdirSync, readdirSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  fingerprint,
  isUpToDate,
  packageDir,
  packageRoot,
  prebuildDir,
  prebuildStamp,
} from './fingerprint.mjs';
import { closeStage, gypEnvironment, openStage } from './stage.mjs';

/** The names of the binaries for this machine. */
const binaries = (folder) => readdirSync(folder).filter((name) => name.endsWith('.node'));

function build() {
  const prebuildify = packageDir('prebuildify');
  if (prebuildify === undefined) throw new Error('prebuildify is not installed: npm run build');
  // In the package, not below the system's temporary folder: what is made is moved by rename.
  const made = join(packageRoot, 'build', `prebuild.${process.pid}`);
  const stage = openStage();
  try {
    mkdirSync(made, { recursive: true });
    const words = [join(prebuildify, 'bin.js'), '--napi', '--strip', '--tag-libc', '--out', made];
    const child = spawnSync(process.execPath, words, {
      cwd: stage,
      encoding: 'utf8',
      env: { ...gypEnvironment(), MAKEFLAGS: '-j2' },
    });
    if (child.status !== 0) {
      throw new Error(
        `prebuildify failed; node-gyp takes Python 3, make and g++\n${child.stdout}${child.stderr}`,
      );
    }
    const from = join(made, 'prebuilds', `${process.platform}-${process.arch}`);
    mkdirSync(prebuildDir, { recursive: true });
    for (const name of binaries(from)) renameSync(join(from, name), join(prebuildDir, name));
    writeFileSync(prebuildStamp, `${fingerprint()}\n`);
  } finally {
    closeStage(stage);
    rmSync(made, { recursive: true, force: true });
  }
}

try {
  if (process.argv.includes('--force') || !isUpToDate(prebuildStamp)) build();
  for (const name of binaries(prebuildDir)) {
    console.log(
      `${join('prebuilds', `${process.platform}-${process.arch}`, name)} ${statSync(join(prebuildDir, name)).size}`,
    );
  }
} catch (error) {
  console.error(`prebuild: ${error instanceof Error ? error.message : String(error)}`);
  process.exitCode = 1;
}
