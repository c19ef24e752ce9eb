// What is said to run anywhere does: the built packages in a realm that has ECMAScript and nothing of Node.js.

import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, expect, test } from 'vitest';
import { runTool, type ToolResult } from '../packages/apps/src/run-tool.ts';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const folder = mkdtempSync(join(tmpdir(), 'tunstack-realm-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** Runs a module there; `allowed` are the packages it may import, itself or by others. */
function inBareRealm(module: string, ...allowed: string[]): Promise<ToolResult> {
  const words = ['--experimental-vm-modules', '--no-warnings', join(root, 'test/support/bare-realm.mjs')];
  return runTool([process.execPath, ...words, join(root, 'packages'), module, ...allowed], '', 30_000);
}

function program(name: string, text: string): string {
  const path = join(folder, name);
  writeFileSync(path, text);
  return path;
}

test('two stacks ping each other with nothing but the stack, a clock, an entropy and a link', async () => {
  const result = await inBareRealm(join(root, 'test/support/bare-ping.mjs'), 'stack');
  expect(result).toMatchObject({ code: 0, stdout: '10 of 10\n', stderr: '' });
});

test('every entry point of the stack, the links, the captures and the simulator loads there', async () => {
  const names = ['stack', 'links', 'pcap', 'sim'];
  const imports = names.flatMap((name) => {
    const manifest = JSON.parse(readFileSync(join(root, 'packages', name, 'package.json'), 'utf8')) as {
      exports: Record<string, unknown>;
    };
    return Object.keys(manifest.exports).map((path) => `import '@tunstack/${name}${path.slice(1)}';`);
  });
  expect(imports.length).toBeGreaterThanOrEqual(9);
  const result = await inBareRealm(program('all.mjs', `${imports.join('\n')}\nprint('loaded');\n`), ...names);
  expect(result).toMatchObject({ code: 0, stdout: 'loaded\n', stderr: '' });
});

test("the README's world of two hosts on a bad wire says there what it says under Node.js", async () => {
  const example = readFileSync(join(root, 'docs/examples/two-hosts.mjs'), 'utf8');
  const there = program('two-hosts.mjs', example.replace('console.log(', 'print('));
  const result = await inBareRealm(there, 'stack', 'links', 'pcap', 'sim');
  const here = await runTool([process.execPath, join(root, 'docs/examples/two-hosts.mjs')]);
  expect(result).toMatchObject({ code: 0, stdout: here.stdout, stderr: '' });
  expect(result.stdout).toMatch(/^\d\d of 100 came back/);
});

test.each([
  ['a module of Node.js', `import 'node:fs';`, "'node:fs' is imported"],
  ['a package beyond those named', `import '@tunstack/node';`, "'@tunstack/node' is imported"],
  ['a timer', `setTimeout(() => {}, 1);`, 'setTimeout is not defined'],
  ['the clock', `print(Date.now());`, 'Date is not defined'],
  ['chance', `print(Math.random());`, 'Math.random is not a function'],
  ['eval', `new Function('return 1')();`, 'Code generation from strings disallowed'],
])('the realm refuses %s', async (_, text, complaint) => {
  const result = await inBareRealm(program('refused.mjs', text), 'stack');
  expect(result.code).toBe(1);
  expect(result.stderr).toContain(complaint);
});
