// tun-ping against the kernel: flags, closing lines and exit codes are ping's.

import { requireTun } from '@tunstack/tun/testing';
import { describe, expect, test } from 'vitest';
import { bin, Running, run } from '../support/namespace.ts';

const program = (...args: string[]) => run([process.execPath, bin('tun-ping'), ...args]);

describe.skipIf(requireTun())('tun-ping and the kernel', () => {
  test('a flood goes as fast as replies come, takes back each dot, and tells its pace', async () => {
    const { code, stdout } = await program('-f', '-c', '2000');
    expect(code).toBe(0);
    const [first, dots, ...rest] = stdout.split('\n');
    expect(first).toBe('PING 10.9.0.1 (10.9.0.1) 56(84) bytes of data.');
    expect(dots.replaceAll('\b \b', '').length).toBe(2000);
    expect(dots.split('\b \b').length - 1).toBe(2000);
    const closing = rest.join('\n');
    expect(closing).toMatch(/^2000 packets transmitted, 2000 received, 0% packet loss, time \d+ms$/m);
    expect(closing).toMatch(
      /^rtt min\/avg\/max\/mdev = [\d.]+\/[\d.]+\/[\d.]+\/[\d.]+ ms, ipg\/ewma [\d.]+\/[\d.]+ ms$/m,
    );
    // At ping's hundred a second it would have taken 20 s.
    expect(Number(/time (\d+)ms/.exec(closing)?.[1])).toBeLessThan(10_000);
  });

  test('a flood to nobody goes on, at a hundred a second, and leaves its dots', async () => {
    const { code, stdout } = await program('-f', '-c', '20', '-W', '0.1', '10.9.0.77');
    expect(stdout).toMatch(/^\.{20}$/m);
    expect(stdout).toMatch(/^20 packets transmitted, 0 received, 100% packet loss, time \d+ms$/m);
    expect(Number(/time (\d+)ms/.exec(stdout)?.[1])).toBeGreaterThanOrEqual(180);
    expect(code).toBe(1);
  });

  test('the time told is that of the last request or reply, not of the wait behind it', async () => {
    const { stdout } = await program('-c', '2', '-i', '0.1', '-W', '2', '10.9.0.77');
    expect(Number(/time (\d+)ms/.exec(stdout)?.[1])).toBeLessThan(1500);
  });

  test.each([0, 56, 1472])('%i octets of data go there and back', async (size) => {
    const { code, stdout } = await program('-c', '2', '-i', '0.05', '-s', String(size));
    expect(stdout).toContain(`${size}(${size + 28}) bytes of data.`);
    expect(stdout).toContain(`${size + 8} bytes from 10.9.0.1: icmp_seq=2`);
    expect(code).toBe(0);
  });

  test('what the stack cannot send is told a line each, counts as an error, and ends without waiting', async () => {
    const { code, stdout } = await program('-c', '2', '-i', '0.05', '-W', '60', '255.255.255.255');
    expect(stdout.match(/^tun-ping: .*EACCES/gm)).toHaveLength(2);
    expect(stdout).toContain('2 packets transmitted, 0 received, +2 errors, 100% packet loss');
    expect(code).toBe(1);
  });

  test('SIGQUIT tells how things stand in one line, SIGINT ends with the closing lines', async () => {
    const ping = new Running([process.execPath, bin('tun-ping'), '-i', '0.05']);
    await ping.until(/icmp_seq=3 /);
    ping.child.kill('SIGQUIT');
    await ping.until(/^\d+\/\d+ packets, \d+% loss, min\/avg\/ewma\/max = [\d.]+(\/[\d.]+){3} ms$/m);
    expect(await ping.stop('SIGINT')).toBe(0);
    expect(ping.stdout).toMatch(/packets transmitted, \d+ received/);
  });

  test.each([
    ['asked wrongly', ['-c', 'x']],
    ['a device that cannot be had', ['--tun', 'much-too-long-a-name']],
    ['a capture that cannot be written', ['-w', '/nonexistent/x.pcapng']],
  ])('2 says that it could not ping at all: %s', async (_, args) => {
    const { code, stderr } = await program(...args);
    expect(stderr.trim().split('\n')).toHaveLength(1);
    expect(code).toBe(2);
  });

  test('a flood in JSON is its summary', async () => {
    const { stdout } = await program('-f', '-c', '50', '--json');
    expect(JSON.parse(stdout)).toMatchObject({ transmitted: 50, received: 50 });
  });
});
