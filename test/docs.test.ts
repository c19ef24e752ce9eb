// What the documents say is run: every command in an `sh` block, every example, every file that is linked or named.

import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { requireTools, requireTun } from '@tunstack/tun/testing';
import { describe, expect, test } from 'vitest';
import { Running, root, run } from './support/namespace.ts';

const documents = ['README.md', 'ARCHITECTURE.md', 'STYLE.md', 'CONTRIBUTING.md', 'CHANGELOG.md'].concat(
  readdirSync(join(root, 'docs'), { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.md'))
    .map((file) => join('docs', file)),
);
/** READMEs of folders: their links are followed, their commands are for those who install a package. */
const folders = readdirSync(join(root, 'packages'))
  .map((name) => join('packages', name, 'README.md'))
  .concat('packages/stack/src/tcp/README.md');
const read = (file: string): string => readFileSync(join(root, file), 'utf8');

/** The lines of all fenced blocks of a language. */
function blocks(text: string, language: string): string[] {
  return [...text.matchAll(new RegExp(`^\`\`\`${language}\\n([\\s\\S]*?)^\`\`\`$`, 'gm'))].map(
    (match) => match[1],
  );
}

const node = process.execPath;

/** How each documented command is run here. Those that CI itself is made of are run by it: .ci/run. */
const COMMANDS: Readonly<Record<string, () => Promise<void>>> = {
  'npm start': async () => {
    const start = new Running(['npm', 'start']);
    await start.until(/Serving until Ctrl-C/, 60_000);
    const server = Number(/\/proc\/(\d+)\/fd/.exec(start.stdout)?.[1]);
    process.kill(server, 'SIGINT');
    await start.until(/#counters/);
    await start.stop();
  },
  'npm test': byCi,
  'npm run check': byCi,
  'npx --no-install tun-echo --doctor': () => succeeds('npx', '--no-install', 'tun-echo', '--doctor'),
  'npx --no-install tun-packetdrill test/packetdrill/close/passive-close.pkt': () =>
    succeeds('npx', '--no-install', 'tun-packetdrill', 'test/packetdrill/close/passive-close.pkt'),
  'npx --no-install tun-ping -c 3': () => succeeds('npx', '--no-install', 'tun-ping', '-c', '3'),
  'npx --no-install tun-ping --tap tap0 -c 3': () =>
    succeeds('npx', '--no-install', 'tun-ping', '--tap', 'tap0', '-c', '3'),
  'npx --no-install tun-echo --tap tap0 --mac 02:00:00:00:00:02': async () => {
    const flags = ['--tap', 'tap0', '--mac', '02:00:00:00:00:02'];
    const echo = new Running([node, join(root, 'packages/apps/bin/tun-echo.js'), ...flags]);
    const [, enter] = await echo.until(/^ {2}(nsenter .*)ping 10\.9\.0\.2$/m);
    await echo.until(/^10\.9\.0\.2\/24 on tap0, station 02:00:00:00:00:02; .*Ctrl-C prints/s);
    const { stdout } = await run([...enter.trim().split(' '), 'ping', '-c', '1', '-W', '2', '10.9.0.2']);
    expect(stdout).toContain('1 received');
    expect(await echo.stop('SIGINT')).toBe(0);
  },
  'npx --no-install tun-echo -w echo.pcapng': async () => {
    const echo = new Running([node, join(root, 'packages/apps/bin/tun-echo.js'), '-w', '/dev/null']);
    await echo.until(/Ctrl-C prints/);
    expect(await echo.stop('SIGINT')).toBe(0);
  },
  'npx --no-install tun-dump': async () => {
    const dump = new Running([node, join(root, 'packages/apps/bin/tun-dump.js')]);
    await dump.until(/listening on tun0, link-type RAW/);
    expect(await dump.stop('SIGINT')).toBe(0);
  },
  'npx --no-install tun-iperf3 -s --vnet-hdr': async () => {
    if (requireTools('iperf3')) return;
    const server = new Running([node, join(root, 'packages/apps/bin/tun-iperf3.js'), '-s', '--vnet-hdr']);
    const [, command] = await server.until(/^ {2}(nsenter .* iperf3 -c 10\.9\.0\.2)$/m);
    await server.until(/listening on 5201/);
    const { stdout } = await run([...command.split(' '), '-n', '1M']);
    expect(stdout).toContain('iperf Done.');
    expect(await server.stop('SIGINT')).toBe(0);
  },
  'npx --no-install tun-wire new new --address-a 10.7.0.1/24 --address-b 10.7.0.2/24 --loss 1% --delay 20ms --seed 7':
    async () => {
      const flags = '--address-a 10.7.0.1/24 --address-b 10.7.0.2/24 --loss 1% --delay 20ms --seed 7'.split(
        ' ',
      );
      const wire = new Running([node, join(root, 'packages/apps/bin/tun-wire.js'), 'new', 'new', ...flags]);
      const [, enter] = await wire.until(/^a: wire0 .*: (nsenter .*) \.\.\.$/m);
      await wire.until(/Ctrl-C/);
      const { stdout } = await run([...enter.split(' '), 'ping', '-c', '1', '-W', '2', '10.7.0.2']);
      expect(stdout).toMatch(/time=[4-9]\d/);
      expect(await wire.stop('SIGINT')).toBe(0);
    },
};

/** `npm run check` is `npm run lint` and `npm test`, and .ci/run runs both. */
async function byCi(): Promise<void> {
  const ci = read('.ci/run');
  expect(ci).toContain('npm run lint');
  expect(ci).toContain('npm test');
}

async function succeeds(...words: string[]): Promise<void> {
  const { code, stdout, stderr } = await run(words, 60_000);
  expect(code, `${stdout}${stderr}`).toBe(0);
}

describe('the documents', () => {
  test.each(documents.concat(folders))('%s links to files that exist', (file) => {
    const links = [...read(file).matchAll(/\]\(([^)#:]+)\)/g)].map((match) => match[1]);
    for (const link of links) expect(existsSync(join(root, dirname(file), link)), link).toBe(true);
  });

  test('ARCHITECTURE names files that exist', () => {
    const names = [...read('ARCHITECTURE.md').matchAll(/`([\w./-]+\.(?:ts|cc|json|mjs))`/g)].map(
      (match) => match[1],
    );
    expect(names.length).toBeGreaterThan(20);
    for (const name of names) {
      const there = existsSync(join(root, name)) || existsSync(join(root, 'packages/stack/src', name));
      expect(there, name).toBe(true);
    }
  });

  test('the table of TCP has every file of its folder', () => {
    const folder = 'packages/stack/src/tcp';
    const files = readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' }).filter(
      (file) => file.endsWith('.ts') && !/testing\/|\.test\.ts$/.test(file),
    );
    const table = read(join(folder, 'README.md'));
    expect(files.filter((file) => !table.includes(`](${file})`))).toEqual([]);
  });

  test('the examples of the README are the files beside it', () => {
    const examples = blocks(read('README.md'), 'js');
    expect(examples).toEqual(
      ['udp-echo', 'tcp-echo', 'two-hosts'].map((name) => read(`docs/examples/${name}.mjs`)),
    );
  });

  test('every command of the documents has a test here', () => {
    const commands = documents.flatMap((file) =>
      blocks(read(file), 'sh').flatMap((block) => block.trim().split('\n')),
    );
    expect(
      commands.filter((command) => COMMANDS[command] === undefined && !command.startsWith('npm run bench')),
    ).toEqual([]);
  });

  test('the example of two hosts runs', async () => {
    const { code, stdout } = await run([node, join(root, 'docs/examples/two-hosts.mjs')]);
    expect(stdout).toMatch(/^\d\d of 100 came back; the wire lost \d+\n$/);
    expect(code).toBe(0);
  });
});

describe.skipIf(requireTun())('the commands of the documents', () => {
  test.each(Object.keys(COMMANDS))('%s', (command) => COMMANDS[command]());

  test('the example of the UDP echo answers nc', async () => {
    const example = new Running([node, join(root, 'docs/examples/udp-echo.mjs')]);
    const [line] = await example.until(/^.*nc -u 10\.9\.0\.2 7$/m);
    const words = line.replace('nc -u', 'nc -u -w 1').split(' ');
    expect((await run(words, 10_000, 'hello')).stdout).toBe('hello');
    await example.stop('SIGTERM');
  });

  test('the example of the TCP echo gives nc back what it sends, and ends when nc has', async () => {
    const example = new Running([node, join(root, 'docs/examples/tcp-echo.mjs')]);
    const [line] = await example.until(/^.*nc -N 10\.9\.0\.2 7$/m);
    const text = 'a line of the echo\n'.repeat(50_000);
    const { stdout, code } = await run(line.replace('nc -N', 'nc -N -w 5').split(' '), 20_000, text);
    expect(stdout === text).toBe(true);
    expect(code).toBe(0);
    await example.stop('SIGTERM');
  });
});
