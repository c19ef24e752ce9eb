// The structure of this repository, as a test: layers, packages, cycles, dead and long files.

import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { assert } from '@tunstack/stack/base';
import { describe, expect, test } from 'vitest';
import * as tidy from './tidy.ts';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const layers: tidy.Layers = JSON.parse(readFileSync(join(root, 'tools/layers.json'), 'utf8'));
const packages = Object.keys(layers.packages);
const code = tidy.readSources(
  root,
  ['packages', 'bench', 'test', 'tools'].flatMap((folder) =>
    tidy.filesBelow(root, folder, (path) => path.endsWith('.ts')),
  ),
);
const native = tidy.readSources(
  root,
  tidy.filesBelow(root, 'packages', (path) => /\.(cc|h|c)$/.test(path)),
);

describe('tidy', () => {
  test('layers of the stack import downwards only', () => {
    expect(tidy.layerViolations(code, layers)).toEqual([]);
  });

  test('packages import what the table allows', () => {
    expect(tidy.packageViolations(code, layers)).toEqual([]);
  });

  test('there is no import cycle', () => {
    expect(tidy.cycles(code)).toEqual([]);
  });

  test('every source file is reached from an entry point', () => {
    expect(tidy.deadFiles(root, code, packages)).toEqual([]);
  });

  test('no file is longer than the limit', () => {
    expect(tidy.longFiles([...code, ...native], layers)).toEqual([]);
  });

  test('every file says first what it is', () => {
    expect(tidy.namelessFiles([...code, ...native])).toEqual([]);
  });

  test('no file names a path of this machine', () => {
    const text = tidy.filesBelow(root, '.', (path) =>
      /\.(ts|mjs|js|json|md|cc|h|c|ya?ml|gyp)$|^\.ci/.test(path),
    );
    expect(tidy.machinePaths(root, text)).toEqual([]);
  });

  test('tests run on the sources, not on what was built', () => {
    let trace = '';
    try {
      assert(false, 'this throws');
    } catch (error) {
      trace = (error as Error).stack ?? '';
    }
    expect(trace).toContain('packages/stack/src/base/assert.ts');
  });
});

describe('tidy itself', () => {
  const source = (path: string, ...imports: string[]): tidy.Source => ({ path, text: '// x\n', imports });

  test('finds an import that goes up, and one to a brother', () => {
    const up = source('packages/stack/src/ip/x.ts', 'packages/stack/src/udp/engine.ts');
    const beside = source('packages/stack/src/udp/x.ts', 'packages/stack/src/icmp/engine.ts');
    expect(tidy.layerViolations([up, beside], layers)).toHaveLength(2);
  });

  test('finds a node: import in the stack', () => {
    expect(tidy.layerViolations([source('packages/stack/src/ip/x.ts', 'node:fs')], layers)).toHaveLength(1);
  });

  test('finds a cycle', () => {
    expect(tidy.cycles([source('a.ts', 'b.ts'), source('b.ts', 'a.ts')])).toEqual(['a.ts -> b.ts -> a.ts']);
  });

  test('reads imports of every form', () => {
    const text =
      "import { a } from './a.ts';\nexport * from './b.ts';\nimport './c.ts';\nconst d = await import('./d.ts');\n";
    expect(tidy.importsOf('x/y.ts', text)).toEqual(['x/a.ts', 'x/b.ts', 'x/c.ts', 'x/d.ts']);
  });
});
