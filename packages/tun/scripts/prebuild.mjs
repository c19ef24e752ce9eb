// Makes prebuilds/<platform>-<arch>/ for the published package, and the stamp that ties it to the sources. Source:
// prebuildify's README.
import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fingerprint, packageRoot } from './fingerprint.mjs';

const child = spawnSync('prebuildify', ['--napi', '--strip', '--tag-libc'], {
  cwd: packageRoot,
  stdio: 'inherit',
});
if (child.error) console.error(`prebuildify: ${child.error.message}`);
process.exitCode = child.status ?? 1;
if (process.exitCode === 0) writeFileSync(join(packageRoot, 'prebuilds', 'stamp'), `${fingerprint()}\n`);
