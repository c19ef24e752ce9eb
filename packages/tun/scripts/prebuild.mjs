// Makes prebuilds/<platform>-<arch>/ for the published package, and the stamp that ties it to the sources. Source:
// prebuildify's README.
import { spawnSync } from 'node:child_process';
import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fingerprint, packageRoot } from './fingerprint.mjs';

// Headers that came with this Node.js need no download.
const env = { ...process.env };
const nodedir = join(process.execPath, '..', '..');
if (existsSync(join(nodedir, 'include', 'node', 'node_api.h'))) env.npm_config_nodedir ??= nodedir;

const options = ['--napi', '--strip', '--tag-libc'];
const child = spawnSync('prebuildify', options, { cwd: packageRoot, stdio: 'inherit', env });
if (child.error) console.error(`prebuildify: ${child.error.message}`);
process.exitCode = child.status ?? 1;
if (process.exitCode === 0) writeFileSync(join(packageRoot, 'prebuilds', 'stamp'), `${fingerprint()}\n`);
