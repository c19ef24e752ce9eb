// tun-echo against the kernel: floods lose nothing, every datagram is answered or counted, captures are clean.

import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { readPcapng } from '@tunstack/pcap';
import { requireTun } from '@tunstack/tun/testing';
import { afterAll, describe, expect, test } from 'vitest';
import { type Echo, Running, root, run, startEcho, stopEcho, tool } from '../support/namespace.ts';

const folder = mkdtempSync(join(tmpdir(), 'tunstack-e2e-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const CHECKS = ['-o', 'ip.check_checksum:TRUE', '-o', 'udp.check_checksum:TRUE'];

/** What tshark finds wrong in a file: malformed packets and bad checksums. */
async function faults(file: string): Promise<string> {
  const filter =
    '_ws.malformed || ip.checksum.status == "Bad" || udp.checksum.status == "Bad" || icmp.checksum.status == "Bad"';
  const { stdout, stderr, code } = await run([tool('tshark'), '-r', file, ...CHECKS, '-Y', filter]);
  expect(code, stderr).toBe(0);
  return stdout;
}

const packetsOf = (file: string): string[] =>
  readPcapng(readFileSync(file)).packets.map((packet) => Buffer.from(packet.data).toString('hex'));

/** Pings with a pattern until the capture shows request and reply of one of them. */
async function seen(echo: Echo, file: string, pattern: string): Promise<void> {
  for (let tries = 0; tries < 50; tries++) {
    await run([...echo.enter, tool('ping'), '-q', '-c', '1', '-W', '1', '-p', pattern, '10.9.0.2']);
    const { stdout } = await run([
      tool('tshark'),
      '-r',
      file,
      '-Y',
      `frame contains ${pattern.replace(/..(?=.)/g, '$&:')}`,
    ]);
    if (stdout.trim().split('\n').length >= 2) return;
  }
  throw new Error(`the capture never showed the ping with ${pattern}`);
}

/** The kernel floods the UDP echo: `count` datagrams of `size` octets, `inFlight` of them under way. */
async function blast(
  echo: Echo,
  count: number,
  size: number,
  inFlight: number,
): Promise<Record<string, number>> {
  const program = [process.execPath, join(root, 'test/support/udp-blast.mjs'), '10.9.0.2', '7'];
  const numbers = [count, size, inFlight].map(String);
  const { stdout, stderr } = await run([...echo.enter, ...program, ...numbers], 60_000);
  expect(stderr).toBe('');
  return JSON.parse(stdout) as Record<string, number>;
}

describe.skipIf(requireTun())('tun-echo and the kernel', () => {
  test.each([
    ['one at a time', [], ['-c', '20000']],
    ['64 at a time, 1400 octets', [], ['-l', '64', '-s', '1400', '-c', '20000']],
    ['with the vnet header', ['--vnet-hdr'], ['-l', '64', '-s', '1400', '-c', '20000']],
  ])('a flood of 20,000 pings loses nothing: %s', async (_, echoFlags, flags) => {
    const echo = await startEcho(...echoFlags);
    const { stdout } = await run([...echo.enter, tool('ping'), '-q', '-f', ...flags, '10.9.0.2'], 60_000);
    const end = await stopEcho(echo);
    expect(stdout).toContain('20000 packets transmitted, 20000 received, 0% packet loss');
    expect(end.nstat.IcmpOutEchoReps).toBe(20_000);
  });

  test.each([
    ['with the vnet header', ['--vnet-hdr']],
    ['without', []],
  ])('large datagrams by the full batch are all answered: %s', async (_, flags) => {
    const echo = await startEcho(...flags);
    const { stdout } = await run([...echo.enter, tool('ping'), '-q', '-f', '-c', '2000', '10.9.0.2'], 60_000);
    const udp = await blast(echo, 5000, 1400, 1500);
    await stopEcho(echo);
    expect(stdout).toContain('2000 packets transmitted, 2000 received, 0% packet loss');
    expect(udp).toEqual({ sent: 5000, received: 5000, wrong: 0 });
  });

  test.each([
    ['with the vnet header', ['--vnet-hdr']],
    ['without', []],
  ])('a UDP echo of 100,000 datagrams answers or counts each one: %s', async (_, flags) => {
    const echo = await startEcho(...flags);
    const { sent, received, wrong } = await blast(echo, 100_000, 64, 2000);
    const { stdout: link } = await run([...echo.enter, 'ip', '-s', '-j', 'link', 'show', echo.device]);
    const [{ stats64 }] = JSON.parse(link) as { stats64: { tx: { dropped: number } } }[];
    const { nstat, services, drops } = await stopEcho(echo);
    expect({ sent, wrong }).toEqual({ sent: 100_000, wrong: 0 });
    // The kernel counts what its queue to us could not hold; all else reached us.
    const arrived = (nstat.UdpInDatagrams ?? 0) + (nstat.UdpInErrors ?? 0) + (nstat.UdpNoPorts ?? 0);
    expect(arrived + stats64.tx.dropped).toBeGreaterThanOrEqual(100_000);
    expect(arrived).toBe(
      services.echoed + services.refused + services.unanswered + (drops.UDP_RECEIVE_FULL ?? 0),
    );
    expect(services.echoed).toBe(nstat.UdpOutDatagrams);
    expect(received).toBe(100_000 - stats64.tx.dropped - (arrived - services.echoed));
  });

  test('discard swallows, chargen generates, and a service port as source gets no answer', async () => {
    const echo = await startEcho();
    const nc = tool('nc');
    await run([...echo.enter, nc, '-u', '-w', '1', '10.9.0.2', '9'], 10_000, 'gone');
    const chargen = await run([...echo.enter, nc, '-u', '-w', '1', '10.9.0.2', '19'], 10_000, 'x');
    const looped = await run(
      [...echo.enter, nc, '-u', '-w', '1', '-p', '7', '10.9.0.2', '7'],
      10_000,
      'loop',
    );
    const { services } = await stopEcho(echo);
    expect(chargen.stdout).toMatch(/^!"#\$%&'\(\)/);
    expect(chargen.stdout.length).toBe(512);
    expect(looped.stdout).toBe('');
    expect(services).toMatchObject({ discarded: 1, generated: 1, refused: 1 });
  });

  test('a closed port is told to the kernel, whose socket hears ECONNREFUSED', async () => {
    const echo = await startEcho();
    const { stderr } = await run([
      ...echo.enter,
      tool('nc'),
      '-v',
      '-u',
      '-z',
      '-w',
      '1',
      '10.9.0.2',
      '5555',
    ]);
    const { nstat } = await stopEcho(echo);
    expect(nstat.IcmpOutDestUnreachs).toBeGreaterThan(0);
    expect(stderr).not.toContain('succeeded');
  });

  test('what tshark captures is well-formed, and our own capture is the same packet for packet', async () => {
    const [theirs, ours] = [join(folder, 'theirs.pcapng'), join(folder, 'ours.pcapng')];
    const echo = await startEcho('-w', ours);
    const shark = new Running([...echo.enter, tool('tshark'), '-i', echo.device, '-w', theirs, '-q']);
    await shark.until(/Capturing on/);
    // dumpcap says so before its socket is bound, and writes its file in blocks: a marked ping tells what it has seen.
    await seen(echo, theirs, 'feedface');
    await run([...echo.enter, tool('ping'), '-q', '-f', '-c', '500', '-s', '1001', '10.9.0.2']);
    await blast(echo, 1000, 333, 32);
    await run([...echo.enter, tool('nc'), '-u', '-w', '1', '10.9.0.2', '5555'], 10_000, 'closed port');
    await seen(echo, theirs, 'cafebabe');
    await shark.stop('SIGINT');
    await stopEcho(echo);
    expect(await faults(theirs)).toBe('');
    expect(await faults(ours)).toBe('');
    // tshark comes and goes in the middle of the marked pings (and of the kernel's IPv6 chatter); between them both saw all.
    const between = (file: string): string[] =>
      packetsOf(file)
        .filter((hex) => hex.startsWith('45') && !/feedface|cafebabe/.test(hex))
        .sort();
    expect(between(theirs).length).toBe(2 * 500 + 2 * 1000 + 2);
    expect(between(ours)).toEqual(between(theirs));
  });
});
