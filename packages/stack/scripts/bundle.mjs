// Makes dist/*.js: all modules of the stack in one scope, and an entry point for each name in package.json. Why: V8 calls and inlines
// what it finds in its own scope, and loads and checks each import at each use (docs/decisions/0019-one-scope.md). tsc makes the
// declarations beside it.
import { readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { rolldown } from 'rolldown';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const { exports } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));

/** Not published: bench compares this one with another of its kind. */
const BENCHED = './src/tcp/buffers/receive-buffer.ts';

/** { 'wire/index': '.../src/wire/index.ts' }, so that the declarations that tsc makes lie beside. */
const input = Object.fromEntries(
  [...Object.values(exports).map((entry) => entry['@tunstack/source']), BENCHED].map((source) => {
    return [source.replace(/^\.\/src\/|\.ts$/g, ''), join(root, source)];
  }),
);

const scope = 'stack.scope.js';
const bundle = await rolldown({ input, platform: 'neutral', preserveEntrySignatures: 'strict' });
await bundle.write({
  dir: join(root, 'dist'),
  format: 'esm',
  sourcemap: true,
  codeSplitting: { groups: [{ name: 'stack', test: /./ }] },
  chunkFileNames: scope,
});
await bundle.close();

// The sources are in the tarball, too.
const mapFile = join(root, 'dist', `${scope}.map`);
const map = JSON.parse(readFileSync(mapFile, 'utf8'));
delete map.sourcesContent;
writeFileSync(mapFile, JSON.stringify(map));
