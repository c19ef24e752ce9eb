// A folder in which node-gyp builds the addon: it begins by deleting build/, and programs are running from that one.
// Source: node-gyp's README ("nodedir").
import { cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { nativeDir, packageDir, packageRoot } from './fingerprint.mjs';

/** Copies sources and build description; answers the folder. node-addon-api must be installed. */
export function openStage() {
  const stage = mkdtempSync(join(tmpdir(), 'tunstack-addon-'));
  cpSync(join(nativeDir, 'binding.gyp'), join(stage, 'binding.gyp'));
  cpSync(join(packageRoot, 'package.json'), join(stage, 'package.json'));
  mkdirSync(join(stage, 'src/native'), { recursive: true });
  for (const name of readdirSync(nativeDir)) {
    if (/\.(cc|h)$/.test(name)) cpSync(join(nativeDir, name), join(stage, 'src/native', name));
  }
  mkdirSync(join(stage, 'node_modules'));
  const api = packageDir('node-addon-api');
  if (api !== undefined) symlinkSync(api, join(stage, 'node_modules/node-addon-api'));
  return stage;
}

export function closeStage(stage) {
  rmSync(stage, { recursive: true, force: true });
}

/** The environment for node-gyp: headers that came with this Node.js need no download, and pnpm brings a node-gyp. */
export function gypEnvironment() {
  const env = { ...process.env };
  const nodedir = join(process.execPath, '..', '..');
  if (existsSync(join(nodedir, 'include', 'node', 'node_api.h'))) env.npm_config_nodedir ??= nodedir;
  const pnpm = packageDir('pnpm');
  if (pnpm !== undefined) env.PATH = `${env.PATH ?? ''}${delimiter}${join(pnpm, 'dist/node-gyp-bin')}`;
  return env;
}
