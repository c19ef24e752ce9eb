// Runs a module in a realm with ECMAScript and nothing else: no node:*, no console, no timers, no clock, no chance, no
// shared memory, no eval. What runs here runs in a browser, in a worker, and under a strict content security policy.
//
//   node --experimental-vm-modules bare-realm.mjs PACKAGES MODULE ALLOWED...
//
// PACKAGES: a folder with a folder for each package. ALLOWED: the packages the module and what it imports may name. The
// module's only way to speak is print(text).

import { existsSync, readFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import vm from 'node:vm';

const [packages, main, ...allowed] = process.argv.slice(2);

const realm = vm.createContext(
  { print: (text) => process.stdout.write(`${text}\n`) },
  { codeGeneration: { strings: false, wasm: false } },
);
vm.runInContext(
  `for (const name of ['console', 'Date', 'SharedArrayBuffer', 'Atomics', 'WebAssembly', 'Intl']) delete globalThis[name];
  delete Math.random;`,
  realm,
);

const modules = new Map();

function load(path) {
  let module = modules.get(path);
  if (module === undefined) {
    module = new vm.SourceTextModule(readFileSync(path, 'utf8'), { context: realm, identifier: path });
    modules.set(path, module);
  }
  return module;
}

/** What a package's exports map says to anybody who knows no condition of ours and none of Node's. */
function exported(specifier) {
  const [, name, rest] = /^@tunstack\/([^/]+)(.*)$/.exec(specifier) ?? [];
  if (name === undefined || !allowed.includes(name)) throw new Error(`'${specifier}' is imported`);
  const manifest = JSON.parse(readFileSync(join(packages, name, 'package.json'), 'utf8'));
  return join(packages, name, manifest.exports[`.${rest}`].default);
}

function link(specifier, from) {
  const path = specifier.startsWith('.') ? resolve(dirname(from.identifier), specifier) : exported(specifier);
  if (!existsSync(path)) throw new Error(`${from.identifier} imports ${specifier}, and it is not there`);
  return load(path);
}

const module = load(resolve(main));
await module.link(link);
await module.evaluate({ timeout: 20_000 });
