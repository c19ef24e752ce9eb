// Makes the addon usable on this machine: build/Release/tunstack_tun.node, or a prebuild that fits. Source: this project.
//
// Order: a prebuild made from these sources; a build made from these sources; plain g++ (no Python, no header download);
// node-gyp; a message that says what to install. `--force` skips the first two, `--gyp` goes straight to node-gyp.
import { spawnSync } from 'node:child_process';
import { copyFileSync, existsSync, mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { fingerprint, isUpToDate, packageDir, packageRoot, prebuildStamp, sources } from './fingerprint.mjs';
import { closeStage, gypEnvironment, openStage } from './stage.mjs';

const output = join(packageRoot, 'build', 'Release', 'tunstack_tun.node');
const stamp = join(packageRoot, 'build', 'Release', 'tunstack_tun.stamp');
const force = process.argv.includes('--force') || process.argv.includes('--gyp');
const onlyGyp = process.argv.includes('--gyp');

const attempts = [];

function loads(path) {
  // In a child, so that a broken binary cannot take this process with it.
  const child = spawnSync(process.execPath, ['-e', 'require(process.argv[1])', path], { encoding: 'utf8' });
  if (child.status !== 0) attempts.push(`load ${path}: ${lastLine(child.stderr)}`);
  return child.status === 0;
}

function lastLine(text) {
  const lines = (text ?? '').split('\n').filter((line) => /error/i.test(line));
  return (lines[0] ?? text ?? '').trim();
}

function prebuildFits() {
  if (!isUpToDate(prebuildStamp)) return false;
  try {
    const find = createRequire(join(packageRoot, 'package.json'))('node-gyp-build');
    const path = find.resolve(packageRoot);
    return path.includes('prebuilds') && loads(path);
  } catch {
    return false;
  }
}

function buildWithCompiler() {
  const api = packageDir('node-addon-api');
  const headers = packageDir('node-api-headers');
  if (!api || !headers) {
    attempts.push('g++: needs npm install --save-dev node-addon-api@8 node-api-headers@1');
    return false;
  }
  const temporary = temporaryOutput();
  const compiler = process.env.CXX ?? 'g++';
  const flags = [
    ...['-shared', '-fPIC', '-O2', '-std=c++17', '-Wall', '-Wextra', '-pthread', '-s'],
    ...['-fno-exceptions', '-fno-rtti', '-fvisibility=hidden'],
    ...['-DNAPI_VERSION=9', '-DNODE_ADDON_API_DISABLE_CPP_EXCEPTIONS', '-DNODE_GYP_MODULE_NAME=tunstack_tun'],
    ...['-isystem', api, '-isystem', join(headers, 'include')],
  ];
  const child = spawnSync(compiler, [...flags, ...sources(), '-o', temporary], { encoding: 'utf8' });
  if (child.error || child.status !== 0) {
    attempts.push(`${compiler}: ${child.error ? child.error.message : lastLine(child.stderr)}`);
    rmSync(temporary, { force: true });
    return false;
  }
  if (child.stderr) process.stderr.write(child.stderr);
  return install(temporary);
}

function temporaryOutput() {
  mkdirSync(join(packageRoot, 'build', 'Release'), { recursive: true });
  return join(packageRoot, 'build', `tunstack_tun.${process.pid}.node`);
}

/** Takes a binary that loads. By rename: a running process keeps the old file, nobody sees half of the new one. */
function install(temporary) {
  if (!loads(temporary)) {
    rmSync(temporary, { force: true });
    return false;
  }
  renameSync(temporary, output);
  return true;
}

function buildWithGyp() {
  const stage = openStage();
  try {
    const child = spawnSync('node-gyp', ['rebuild'], { cwd: stage, encoding: 'utf8', env: gypEnvironment() });
    if (child.error || child.status !== 0) {
      attempts.push(`node-gyp: ${child.error ? child.error.message : lastLine(child.stderr)}`);
      return false;
    }
    const temporary = temporaryOutput();
    copyFileSync(join(stage, 'build/Release/tunstack_tun.node'), temporary);
    return install(temporary);
  } finally {
    closeStage(stage);
  }
}

function main() {
  if (process.platform !== 'linux') {
    console.log('tunstack: no TUN/TAP addon on this system (Linux only); everything else works without it');
    return 0;
  }
  if (!force && prebuildFits()) return 0;
  if (!force && existsSync(output) && isUpToDate(stamp) && loads(output)) return 0;
  const started = Date.now();
  if ((!onlyGyp && buildWithCompiler()) || buildWithGyp()) {
    writeFileSync(stamp, `${fingerprint()}\n`);
    console.log(`tunstack: addon built in ${((Date.now() - started) / 1000).toFixed(1)} s`);
    return 0;
  }
  console.error('tunstack: the native addon could not be built.');
  for (const attempt of attempts) console.error(`  ${attempt}`);
  console.error(
    '  Install a C++ compiler and run this again: apt install g++   (dnf install gcc-c++, apk add g++ linux-headers)',
  );
  return 1;
}

process.exitCode = main();
