// Datagrams larger than the link, against the kernel: it cuts ours together and we its, up to the largest there is.

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { requireTun } from '@tunstack/tun/testing';
import { afterAll, describe, expect, test } from 'vitest';
import { bin, type Echo, root, run, startEcho, stopEcho, tool } from '../support/namespace.ts';

const folder = mkdtempSync(join(tmpdir(), 'tunstack-e2e-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** What tshark finds wrong in a file, fragments put together: malformed packets, overlaps, bad checksums. */
async function faults(file: string): Promise<string> {
  const filter = [
    '_ws.malformed',
    'ip.fragment.error',
    'ip.fragment.overlap',
    'ip.fragment.multipletails',
    'ip.fragment.toolongfragment',
    'ip.checksum.status == "Bad"',
    'udp.checksum.status == "Bad"',
    'icmp.checksum.status == "Bad"',
  ].join(' || ');
  const checks = ['-o', 'ip.check_checksum:TRUE', '-o', 'udp.check_checksum:TRUE'];
  const { stdout, stderr, code } = await run([tool('tshark'), '-r', file, ...checks, '-Y', filter], 60_000);
  expect(code, stderr).toBe(0);
  return stdout;
}

/** A counter of the kernel's in the namespace: Ip's line of /proc/net/snmp. */
async function kernelIp(echo: Echo, name: string): Promise<number> {
  const { stdout } = await run([...echo.enter, tool('cat'), '/proc/net/snmp']);
  const [names, values] = stdout.split('\n').filter((line) => line.startsWith('Ip: '));
  return Number(values.split(' ')[names.split(' ').indexOf(name)]);
}

describe.skipIf(requireTun())('fragments and the kernel', () => {
  test.each([
    ['8000', '20'],
    ['65000', '20'],
    ['65507', '5'],
  ])('the kernel pings us with %s octets: every reply comes back whole', async (size, count) => {
    const file = join(folder, `ping-${size}.pcapng`);
    const echo = await startEcho('--write', file);
    const ping = [tool('ping'), '-q', '-c', count, '-i', '0.01', '-s', size, '10.9.0.2'];
    const { stdout } = await run([...echo.enter, ...ping]);
    const failed = await kernelIp(echo, 'ReasmFails');
    const end = await stopEcho(echo);
    expect(stdout).toContain(`${count} packets transmitted, ${count} received, 0% packet loss`);
    const fragments = Number(count) * Math.ceil((Number(size) + 8) / 1480);
    const { IpReasmReqds, IpReasmOKs, IpReasmFails = 0, IpFragOKs, IpFragCreates } = end.nstat;
    expect([IpReasmReqds, IpReasmOKs, IpReasmFails]).toEqual([fragments, Number(count), 0]);
    expect([IpFragOKs, IpFragCreates]).toEqual([Number(count), fragments]);
    expect(failed).toBe(0);
    // The kernel asks for IPv6 routers, too.
    expect(Object.keys(end.drops).filter((reason) => reason !== 'IP_BAD_VERSION')).toEqual([]);
    expect(await faults(file)).toBe('');
  });

  test.each(['8000', '65000', '65507'])('we ping the kernel with %s octets', async (size) => {
    const file = join(folder, `tun-ping-${size}.pcapng`);
    const words = [process.execPath, bin('tun-ping'), '-c', '3', '-i', '0.01', '-s', size, '--write', file];
    const { stdout, stderr, code } = await run(words);
    expect(stdout, stderr).toMatch(/3 packets transmitted, 3 received/);
    expect(stdout).toContain(`${Number(size) + 8} bytes from 10.9.0.1`);
    expect(code).toBe(0);
    expect(await faults(file)).toBe('');
  });

  test.each([
    ['without the vnet header', []],
    ['with it', ['--vnet-hdr']],
  ])('UDP of 40,000 octets goes both ways in the fragments of either side, %s', async (_, flags) => {
    const file = join(folder, `udp${flags.length}.pcapng`);
    const echo = await startEcho('--write', file, ...flags);
    const program = [process.execPath, join(root, 'test/support/udp-blast.mjs'), '10.9.0.2', '7'];
    const { stdout, stderr } = await run([...echo.enter, ...program, '200', '40000', '4'], 60_000);
    const end = await stopEcho(echo);
    expect(stderr).toBe('');
    expect(JSON.parse(stdout)).toMatchObject({ sent: 200, received: 200, wrong: 0 });
    const { IpReasmOKs, IpReasmFails = 0, IpFragOKs, IpFragFails = 0 } = end.nstat;
    expect([IpReasmOKs, IpReasmFails, IpFragOKs, IpFragFails]).toEqual([200, 0, 200, 0]);
    // The kernel asks for IPv6 routers, too.
    expect(Object.keys(end.drops).filter((reason) => reason !== 'IP_BAD_VERSION')).toEqual([]);
    expect(await faults(file)).toBe('');
  });
});
