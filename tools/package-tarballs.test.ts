// What a registry would get: the tarball of every package, looked into, and judged by publint and are-the-types-wrong.

import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, posix } from 'node:path';
import { fileURLToPath } from 'node:url';
import { checkPackage, createPackageFromTarballData } from '@arethetypeswrong/core';
import { requireTools } from '@tunstack/tun/testing';
import { publint } from 'publint';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { runTool } from '../packages/apps/src/run-tool.ts';

interface Packed {
  readonly name: string;
  readonly version: string;
  readonly tarball: string;
  readonly packedBytes: number;
  readonly unpackedBytes: number;
  readonly files: readonly { readonly path: string; readonly bytes: number }[];
}

interface Manifest {
  readonly license: string;
  readonly description: string;
  readonly type: string;
  readonly engines: { readonly node: string };
  readonly os?: readonly string[];
  readonly sideEffects?: boolean;
  readonly exports: Readonly<Record<string, Readonly<Record<string, string>>>>;
  readonly bin?: Readonly<Record<string, string>>;
  readonly scripts?: Readonly<Record<string, string>>;
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly publishConfig?: Readonly<Record<string, unknown>>;
}

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const names = readdirSync(join(root, 'packages'));
const folder = mkdtempSync(join(tmpdir(), 'tunstack-tarballs-'));
const packages = new Map<string, Packed>();

/** Where a package's tarball is unpacked: as `npm install` would do it. */
const unpacked = (name: string): string => join(folder, 'node_modules/@tunstack', name);
const manifestOf = (name: string): Manifest =>
  JSON.parse(readFileSync(join(unpacked(name), 'package.json'), 'utf8')) as Manifest;
const pathsOf = (name: string): string[] => packages.get(name)!.files.map((file) => file.path);

async function must(...words: string[]): Promise<string> {
  const { code, stdout, stderr } = await runTool(words, '', 170_000);
  if (code !== 0) throw new Error(`${words.join(' ')}: ${code}\n${stderr}${stdout}`);
  return stdout;
}

/** The files that a file of dist was made from: what its map names, or the one of its name. */
function sourcesOf(name: string, path: string): string[] {
  if (!pathsOf(name).includes(`${path}.map`))
    return [path.replace(/^dist/, 'src').replace(/\.(js|d\.ts)$/, '.ts')];
  const { sources } = JSON.parse(readFileSync(join(unpacked(name), `${path}.map`), 'utf8')) as {
    sources: string[];
  };
  return sources.map((source) => posix.join(dirname(path), source));
}

// As tidy: Linux makes the prebuild with node-gyp; what packs elsewhere has none and publishes nothing.
// node-gyp, which makes the prebuild, is a Python program that writes a Makefile.
describe.skipIf(process.platform !== 'linux' || requireTools('python3', 'make'))('the tarballs', () => {
  beforeAll(async () => {
    const printed = await must(
      process.execPath,
      join(root, 'scripts/pack.mjs'),
      join(folder, 'packed'),
      '--json',
    );
    for (const packed of JSON.parse(printed) as Packed[]) {
      const name = packed.name.replace('@tunstack/', '');
      packages.set(name, packed);
      mkdirSync(unpacked(name), { recursive: true });
      await must('tar', '-xzf', packed.tarball, '-C', unpacked(name), '--strip-components=1');
    }
  }, 180_000);
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  test.each(names)('%s: README, LICENSE, sources beside what was built from them, and no test', (name) => {
    const paths = pathsOf(name);
    expect(paths).toEqual(expect.arrayContaining(['LICENSE', 'README.md', 'package.json']));
    expect(paths.filter((path) => /test\.|(^|\/)testing\/|tsbuildinfo|\.tgz$|fixtures/.test(path))).toEqual(
      [],
    );
    // A debugger finds from dist to src, and a source has its types: the programs' too.
    const built = paths.filter((path) => /^dist\/.*(?<!\.d)\.(js|d\.ts)$/.test(path));
    expect(built.filter((path) => !sourcesOf(name, path).every((one) => paths.includes(one)))).toEqual([]);
    const sources = paths.filter((path) => /^src\/.*\.ts$/.test(path));
    const typed = sources.map((path) => path.replace(/^src/, 'dist').replace(/\.ts$/, '.d.ts'));
    expect(typed.filter((path) => !paths.includes(path))).toEqual([]);
  });

  test.each(names)(
    '%s: a manifest that names versions, no host, and no script that an install would run',
    (name) => {
      const manifest = manifestOf(name);
      expect(manifest).toMatchObject({ license: 'MIT', type: 'module', engines: { node: '>=20.19' } });
      expect(manifest.description).not.toBe('');
      expect(manifest.publishConfig).toEqual({ access: 'public' });
      expect(JSON.stringify(manifest)).not.toMatch(/https?:|workspace:|catalog:/);
      expect(Object.keys(manifest.scripts ?? {}).filter((script) => /install|prepare/.test(script))).toEqual(
        [],
      );
      for (const [dependency, version] of Object.entries(manifest.dependencies ?? {})) {
        expect(version, dependency).toMatch(/^\d+\.\d+\.\d+$/);
      }
      // A binding.gyp at the root is an install script to npm and pnpm alike.
      expect(pathsOf(name)).not.toContain('binding.gyp');
    },
  );

  test('what takes Linux says so, and only that', () => {
    const linux = names.filter((name) => manifestOf(name).os !== undefined);
    expect(linux.sort()).toEqual(['apps', 'tun']);
    for (const name of linux) expect(manifestOf(name).os).toEqual(['linux']);
    for (const name of names.filter((one) => !linux.includes(one))) {
      const needs = Object.keys(manifestOf(name).dependencies ?? {});
      expect(needs.filter((need) => linux.includes(need.replace('@tunstack/', '')))).toEqual([]);
    }
  });

  test('a bundler may leave out what is not imported, of all but the programs', () => {
    expect(names.filter((name) => manifestOf(name).sideEffects !== false)).toEqual(['apps']);
  });

  test.each(names)('%s: every entry point and program is in the tarball', (name) => {
    const { exports, bin = {} } = manifestOf(name);
    const targets = [
      ...Object.values(exports).flatMap((entry) => Object.values(entry)),
      ...Object.values(bin),
    ];
    const paths = pathsOf(name);
    expect(targets.filter((target) => !paths.includes(target.replace('./', '')))).toEqual([]);
    expect(Object.keys(exports)).not.toContain('./testing');
    // "types" and then "default": what comes behind "default" is never seen.
    for (const entry of Object.values(exports)) expect(Object.keys(entry).at(-1)).toBe('default');
  });

  test.each(names)('%s: publint finds nothing', async (name) => {
    const bytes = new Uint8Array(readFileSync(packages.get(name)!.tarball));
    const { messages } = await publint({ pack: { tarball: bytes.buffer }, strict: true });
    expect(messages).toEqual([]);
  });

  test.each(names)('%s: are-the-types-wrong finds nothing for ES modules and bundlers', async (name) => {
    const result = await checkPackage(
      createPackageFromTarballData(readFileSync(packages.get(name)!.tarball)),
    );
    if (result.types === false) throw new Error('no types');
    // node10 knows no exports map; CommonJS takes import().
    const problems = result.problems.filter(
      (problem) =>
        !('resolutionKind' in problem && ['node10', 'node16-cjs'].includes(problem.resolutionKind)) &&
        problem.kind !== 'CJSResolvesToESM',
    );
    expect(problems).toEqual([]);
    const kinds = Object.values(result.entrypoints).map(({ resolutions }) => [
      resolutions['node16-esm'].resolution?.fileName.endsWith('.d.ts'),
      resolutions.bundler.resolution?.fileName.endsWith('.d.ts'),
    ]);
    expect(kinds).toEqual(Object.keys(manifestOf(name).exports).map(() => [true, true]));
  });

  test.each([
    ['node16', 'node16'],
    ['esnext', 'bundler'],
  ])(
    'a project with module %s, resolution %s, strict and without skipLibCheck takes all types',
    async (module, moduleResolution) => {
      // @types/node, and the types of pino and fast-check, are the project's: links to those of this repository.
      for (const [name, from] of [
        ['@types', 'node_modules/@types'],
        ['pino', 'packages/apps/node_modules/pino'],
        ['fast-check', 'node_modules/fast-check'],
      ]) {
        rmSync(join(folder, 'node_modules', name), { force: true });
        symlinkSync(join(root, from), join(folder, 'node_modules', name));
      }
      const entries = names.flatMap((name) =>
        Object.keys(manifestOf(name).exports).map((path) => `@tunstack/${name}${path.slice(1)}`),
      );
      const lines = entries.map((entry, i) => `export * as e${i} from '${entry}';`);
      // The types are the real ones, and not any.
      lines.push(`import { Stack } from '@tunstack/stack';`, `export const wrong: number = Stack;`);
      writeFileSync(join(folder, 'consumer.ts'), `${lines.join('\n')}\n`);
      writeFileSync(join(folder, 'package.json'), '{ "type": "module" }\n');
      const flags = [
        '--strict',
        '--noEmit',
        '--target',
        'es2023',
        '--types',
        'node',
        '--skipLibCheck',
        'false',
      ];
      const { stdout } = await runTool(
        [
          'env',
          '-C',
          folder,
          process.execPath,
          join(root, 'node_modules/typescript/bin/tsc'),
          ...flags,
        ].concat('--module', module, '--moduleResolution', moduleResolution, 'consumer.ts'),
        '',
        60_000,
      );
      expect(
        stdout
          .trim()
          .split('\n')
          .filter((line) => /error TS/.test(line)),
      ).toEqual([expect.stringMatching(/^consumer\.ts\(\d+,\d+\): error TS2322/)]);
    },
  );

  test('one binary for x64, made from these sources, that asks for no newer glibc than Node.js 20 does', async () => {
    const found = pathsOf('tun').filter((path) => path.endsWith('.node'));
    expect(found).toEqual([`prebuilds/linux-${process.arch}/@tunstack+tun.glibc.node`]);
    const made = (await import(join(unpacked('tun'), 'scripts/fingerprint.mjs'))) as {
      readonly fingerprint: () => string;
    };
    const stamp = readFileSync(join(unpacked('tun'), dirname(found[0]), 'stamp'), 'utf8').trim();
    expect(made.fingerprint()).toBe(stamp);
    const text = readFileSync(join(unpacked('tun'), found[0]), 'latin1');
    const minors = [...text.matchAll(/\bGLIBC_2\.(\d+)/g)].map((match) => Number(match[1]));
    expect(minors.length).toBeGreaterThan(0);
    expect(Math.max(...minors)).toBeLessThanOrEqual(28);
    expect(text).not.toMatch(/GLIBCXX_3\.4\.(2[6-9]|[3-9]\d)/);
  });

  test('the sizes stay small', () => {
    const kib = (name: string): number => packages.get(name)!.packedBytes / 1024;
    expect(kib('tun')).toBeLessThan(256);
    expect(kib('stack')).toBeLessThan(1024);
    // The simulator brings packetdrill's language, and the programs its runner.
    expect(kib('sim')).toBeLessThan(512);
    expect(kib('apps')).toBeLessThan(256);
    for (const name of ['node', 'links', 'pcap']) expect(kib(name)).toBeLessThan(128);
  });
});
