// tun-dump against tcpdump and tshark: the same lines for the same packets, files that they read, JSON that parses.

import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { readPcapng } from '@tunstack/pcap';
import { findTool } from '@tunstack/tun';
import { requireTun } from '@tunstack/tun/testing';
import { afterAll, describe, expect, test } from 'vitest';
import { bin, Running, run, tool } from '../support/namespace.ts';

const folder = mkdtempSync(join(tmpdir(), 'tunstack-dump-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const tcpdump = findTool('tcpdump');

const program = (...args: string[]) => run([process.execPath, bin('tun-dump'), ...args]);

interface Started {
  readonly dump: Running;
  readonly enter: readonly string[];
  readonly device: string;
}

async function startDump(...flags: string[]): Promise<Started> {
  const dump = new Running([process.execPath, bin('tun-dump'), ...flags]);
  const [, device] = await dump.until(/listening on (\w+),/);
  const [, enter] = await dump.until(/its namespace: (.*) ping/);
  return { dump, device, enter: enter.split(' ') };
}

/** The kernel sends ICMP, UDP and TCP to somebody who does not answer; on a TAP it knows how to reach him. */
async function talk({ enter, device }: Started, tap: boolean): Promise<void> {
  if (tap) {
    await run([...enter, tool('ping'), '-c', '1', '-W', '0.2', '10.9.0.9']);
    const neighbor = ['neigh', 'replace', '10.9.0.2', 'lladdr', '02:00:00:00:00:02', 'dev', device];
    await run([...enter, 'ip', ...neighbor]);
  }
  await run([...enter, tool('ping'), '-c', '3', '-i', '0.1', '-W', '0.2', '-s', '100', '10.9.0.2']);
  await run([...enter, tool('ping'), '-c', '1', '-W', '0.2', '-s', '3000', '10.9.0.2']);
  await run([...enter, tool('nc'), '-u', '-w', '1', '10.9.0.2', '40001'], 10_000, 'hello');
  await run([...enter, tool('nc'), '-w', '1', '10.9.0.2', '40002'], 10_000, 'hello');
}

const withoutTime = (text: string): string[] =>
  text
    .trimEnd()
    .split('\n')
    .map((line) => line.replace(/^\d\d:\d\d:\d\d\.\d{6} /, ''));

describe('tun-dump, asked wrongly', () => {
  test.each([
    ['two devices', ['--tun', 'a', '--tap', 'b'], 2, /--tun and --tap name one device each: give one/],
    ['a count that is none', ['-c', 'many'], 2, /--count takes a number/],
    ['a word', ['tun0'], 2, /'tun0' is one word too many; --help/],
    ['an address without its length', ['--host-address', '10.9.0.1'], 2, /--host-address .*10\.9\.0\.1\/24/],
    ['a file that cannot be', ['-w', '/nonexistent/x'], 1, /ENOENT.*\/nonexistent\/x/],
    ['a namespace that is not there', ['--netns', 'tunstack-none'], 1, /tunstack-none: ENOENT.*ip netns add/],
  ])('%s: one line with the remedy', async (_, args, code, line) => {
    const result = await program(...args);
    expect(result.stderr).toMatch(line);
    expect(result.stderr.trim().split('\n')).toHaveLength(1);
    expect(result.stdout).toBe('');
    expect(result.code).toBe(code);
  });
});

describe.skipIf(requireTun())('tun-dump and the kernel', () => {
  test.skipIf(tcpdump === undefined).each([
    ['a TUN', false, []],
    ['a TUN, with -e', false, ['-e']],
    ['a TUN, with -x', false, ['-x']],
    ['a TAP', true, []],
    ['a TAP, with -e', true, ['-e']],
    ['a TAP, with -x', true, ['-x']],
  ])('it prints what tcpdump -nS prints: %s', async (_, tap, flags) => {
    const started = await startDump(...(tap ? ['--tap', 'tap0'] : []), '-n', ...flags);
    const file = join(folder, `${tap}${flags.join('')}.pcap`);
    const words = [
      ...started.enter,
      tool('tcpdump'),
      '-i',
      started.device,
      '-U',
      '--immediate-mode',
      '-w',
      file,
    ];
    const theirs = new Running(words);
    await theirs.until(/listening on/);
    await talk(started, tap);
    await theirs.stop('SIGINT');
    expect(await started.dump.stop('SIGINT')).toBe(0);
    const { stdout } = await run([tool('tcpdump'), '-nS', ...flags, '-r', file]);
    const ours = withoutTime(started.dump.stdout);
    const lines = withoutTime(stdout);
    expect(lines.length).toBeGreaterThan(6);
    // tcpdump came later and left sooner.
    expect(ours.join('\n')).toContain(lines.join('\n'));
    expect(lines.join('\n')).toMatch(/10\.9\.0\.1\.\d+ > 10\.9\.0\.2\.40002: Flags \[S\]/);
  });

  test.each([
    ['TUN', [], 101],
    ['TAP', ['--tap', 'tap0'], 1],
  ])('-w writes what tshark reads, with the link type of a %s', async (_, flags, linkType) => {
    const file = join(folder, `w${linkType}.pcapng`);
    const started = await startDump(...flags, '-w', file);
    await talk(started, linkType === 1);
    expect(await started.dump.stop('SIGINT')).toBe(0);
    const [, captured] = /^(\d+) packets captured\n\d+ packets received by filter\n0 packets dropped/m.exec(
      started.dump.stderr,
    ) ?? [undefined, 'none'];
    expect(started.dump.stdout).toBe('');
    const { interfaces, packets } = readPcapng(readFileSync(file));
    expect(interfaces.map((face) => face.linkType)).toEqual([linkType]);
    expect(String(packets.length)).toBe(captured);
    const checks = [
      '-o',
      'ip.check_checksum:TRUE',
      '-o',
      'udp.check_checksum:TRUE',
      '-o',
      'tcp.check_checksum:TRUE',
    ];
    const { stdout, code } = await run([
      tool('tshark'),
      '-r',
      file,
      ...checks,
      '-T',
      'fields',
      '-e',
      '_ws.malformed',
    ]);
    expect(code).toBe(0);
    expect(stdout).toBe('\n'.repeat(packets.length));
  });

  test.skipIf(tcpdump === undefined)(
    '-w - is a capture that a reader at the other end of a pipe sees at once',
    async () => {
      const command = `${process.execPath} ${bin('tun-dump')} -w - | ${tcpdump} -n -c 1 -r -`;
      const result = await run(['bash', '-c', command]);
      expect(result.stdout).toMatch(/IP6? .*\n/);
      expect(result.code).toBe(0);
    },
  );

  test('--json prints an object a line, with the datagram taken apart', async () => {
    const started = await startDump('--json', '--tap', 'tap0');
    await talk(started, true);
    expect(await started.dump.stop('SIGINT')).toBe(0);
    const rows = started.dump.stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as Record<string, unknown>);
    expect(rows).toContainEqual(
      expect.objectContaining({
        device: 'tap0',
        line: expect.stringMatching(/^IP 10\.9\.0\.1\.\d+ > 10\.9\.0\.2\.40001: UDP, length 5$/),
        link: expect.objectContaining({ destination: '02:00:00:00:00:02', type: 0x0800 }),
        packet: expect.objectContaining({
          layer: 'ipv4',
          checksumOk: true,
          next: expect.objectContaining({
            layer: 'udp',
            next: { layer: 'data', protocol: 17, bytes: '68656c6c6f' },
          }),
        }),
      }),
    );
    expect(rows.some(({ line }) => line === 'ARP, Request who-has 10.9.0.9 tell 10.9.0.1, length 28')).toBe(
      true,
    );
  });

  test('-c ends by itself, with the counts of tcpdump', async () => {
    const started = await startDump('-c', '2', '--tun', 'count0');
    await run([...started.enter, tool('ping'), '-c', '3', '-i', '0.01', '-W', '0.2', '10.9.0.2']);
    expect(await started.dump.ended).toBe(0);
    expect(started.dump.stdout.trim().split('\n')).toHaveLength(2);
    expect(started.dump.stderr).toMatch(/^2 packets captured\n\d+ packets received by filter\n/m);
  });

  test('it ends in order when nobody reads its lines any more, and with 1 when the device is gone', async () => {
    const headed = `${process.execPath} ${bin('tun-dump')} | head -n 1`;
    const started = await startDump('--tun', 'gone0');
    const [piped] = await Promise.all([
      run(['bash', '-o', 'pipefail', '-c', headed], 60_000),
      run([...started.enter, 'ip', 'link', 'delete', 'gone0']),
    ]);
    expect(await started.dump.ended).toBe(1);
    expect(piped.code).toBe(0);
  });
});
