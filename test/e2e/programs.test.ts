// The programs: help, bad input, tun-ping, the doctor, npm start's self-check, signals, TAPs. Each documented flag is used.

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { findTool } from '@tunstack/tun';
import { requireRoot, requireTun } from '@tunstack/tun/testing';
import { afterAll, describe, expect, test } from 'vitest';
import { bin, type Echo, Running, run, startEcho, stopEcho, tool } from '../support/namespace.ts';

const folder = mkdtempSync(join(tmpdir(), 'tunstack-programs-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const program = (
  name: string,
  ...args: string[]
): Promise<{ code: number | null; stdout: string; stderr: string }> =>
  run([process.execPath, bin(name), ...args]);

/** Connects to the echo and tells what becomes of that. */
const KERNEL_CLIENT = `
const socket = require('node:net').connect(7, '10.9.0.2', () => console.log('connected'));
socket.on('error', (error) => console.log(error.code));
`;

/** Reads what chargen sends, and ends its own side only when something came: who ends at once may get nothing. */
const CHARGEN_CLIENT = `
const socket = require('node:net').connect({ port: 19, host: '10.9.0.2', allowHalfOpen: true });
let text = '';
socket.on('data', (part) => { text += part; socket.end(); });
socket.on('end', () => process.stdout.write(text));
`;

describe('bad input gets one clear line with the remedy', () => {
  test.each([
    ['an unknown flag', 'tun-echo', ['--nonsense'], 2, /--nonsense.*--help/],
    ['a word too many', 'tun-echo', ['word'], 2, /one word too many/],
    ['a flag without its value', 'tun-echo', ['--tun'], 2, /--tun/],
    [
      'a malformed address',
      'tun-echo',
      ['--address', '10.9.0.300/24'],
      2,
      /--address takes an address with prefix length/,
    ],
    ['an address without prefix length', 'tun-echo', ['--address', '10.9.0.2'], 2, /prefix length/],
    [
      'no controller of ours',
      'tun-echo',
      ['--congestion', 'vegas'],
      2,
      /--congestion takes cubic, reno, bbr, not/,
    ],
    ['the same address twice', 'tun-echo', ['--address', '10.9.0.1/24'], 2, /need one each/],
    [
      'an address the kernel would not find',
      'tun-echo',
      ['--address', '10.8.0.2/24'],
      2,
      /not in the network/,
    ],
    ['a malformed gateway', 'tun-echo', ['--gateway', 'home'], 2, /--gateway takes an address/],
    ['an MTU that cannot be', 'tun-echo', ['--mtu', '12'], 2, /--mtu takes a number from 68 to 65535/],
    [
      'a capture that cannot be written',
      'tun-echo',
      ['-w', '/nonexistent/x.pcapng'],
      1,
      /ENOENT.*\/nonexistent\/x\.pcapng/,
    ],
    [
      'a device name that is too long',
      'tun-echo',
      ['--tun', 'much-too-long-a-name'],
      1,
      /much-too-long-a-name/,
    ],
    [
      'a namespace that does not exist',
      'tun-echo',
      ['--netns', '/run/netns/tunstack-none'],
      1,
      /tunstack-none: ENOENT.*ip netns add/,
    ],
    ['a target that is no address', 'tun-ping', ['example'], 2, /must be an IPv4 address/],
    ['an interval that is none', 'tun-ping', ['-i', 'often'], 2, /--interval takes a number/],
    ['a data size that is none', 'tun-ping', ['-s', '-1'], 2, /--?s|size/],
    ["the host's own network", 'start', ['--netns', 'none'], 2, /stays out of the host's network/],
    ['a macvtap, which is there', 'start', ['--tap', '/dev/tap7'], 2, /stays out of the host's network/],
    ['two devices', 'tun-echo', ['--tun', 'a', '--tap', 'b'], 2, /--tun and --tap name one device each/],
    ['a node that is no TAP', 'tun-ping', ['--tap', '/dev/net/tun'], 2, /as tap0, .*as \/dev\/tap7/],
    ['a station on a TUN', 'tun-echo', ['--mac', '02:00:00:00:00:02'], 2, /give --tap/],
    ['a station that is a group', 'tun-echo', ['--tap', '--mac', '03:00:00:00:00:02'], 2, /--mac takes/],
    ['nobody to ping', 'tun-ping', ['--host-address', 'none', '--tap', 'tap0'], 2, /give ADDRESS/],
    [
      'a kernel behind a macvtap',
      'tun-echo',
      ['--tap', '/dev/tap7', '--host-address', '10.9.0.1/24'],
      2,
      /no kernel is behind a macvtap.*--gateway/,
    ],
    [
      'a macvtap that is not there',
      'tun-echo',
      ['--tap', '/dev/tap2147483647'],
      1,
      /\/dev\/tap2147483647: ENOENT.*type macvtap/,
    ],
  ])('%s', async (_, name, args, code, line) => {
    const result = await program(name, ...args);
    expect(result.stderr).toMatch(line);
    expect(result.stderr.trim().split('\n')).toHaveLength(1);
    expect(result.stdout).toBe('');
    expect(result.code).toBe(code);
  });

  test.each(['tun-echo', 'tun-ping', 'start'])('%s --help tells every flag and exits 0', async (name) => {
    const { code, stdout, stderr } = await program(name, '--help');
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    for (const flag of [
      '--tun NAME',
      '--tap',
      '--mac MAC',
      '--address',
      '--host-address',
      '--gateway',
      '--netns',
      '--json',
      '-v,',
      '-w,',
    ]) {
      expect(stdout).toContain(flag);
    }
  });

  test('the command is there without asking a registry', async () => {
    const { code, stdout } = await run([tool('npx'), '--no-install', 'tun-echo', '--help'], 60_000);
    expect(code).toBe(0);
    expect(stdout).toContain('usage: tun-echo');
  });
});

describe.skipIf(requireTun())('the programs on a TUN', () => {
  test('the doctor finds nothing missing here', async () => {
    const { code, stdout } = await program('tun-echo', '--doctor');
    expect(stdout).toMatch(/^ok {3}tun /m);
    expect(code).toBe(0);
    const json = JSON.parse((await program('tun-echo', '--doctor', '--json')).stdout) as { ok: boolean };
    expect(json.ok).toBe(true);
  });

  test("npm start's job checks itself with the kernel's tools and ends", async () => {
    const { code, stdout, stderr } = await program('start', '--once');
    expect(stdout).toMatch(/ok {3}ping -c 3 10\.9\.0\.2: 3 packets transmitted, 3 received, 0% packet loss/);
    expect(stdout).toMatch(/ok {3}(nc -u|node's dgram) 10\.9\.0\.2 7/);
    expect(stdout).toMatch(
      /ok {3}(nc -N|node's net) 10\.9\.0\.2 7: sent 1048576 octets by TCP and got back the same/,
    );
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  });

  test('without a TUN it says why, and does the same job in memory', async () => {
    const hidden = `mount --bind /dev/null /dev/net/tun && exec ${process.execPath} ${bin('start')} --once`;
    const { code, stdout } = await run([tool('unshare'), '-m', 'sh', '-c', hidden]);
    expect(stdout).toContain('FAIL');
    expect(stdout).toMatch(/ok {3}ping 10\.9\.0\.2: 3\/3 replies/);
    expect(stdout).toMatch(/ok {3}udp 10\.9\.0\.2 7/);
    expect(stdout).toMatch(/ok {3}tcp 10\.9\.0\.2 7: sent 1048576 octets and got back the same/);
    expect(code).toBe(0);
  });

  test('npm start serves until Ctrl-C and prints statistics', async () => {
    const start = new Running([process.execPath, bin('start')]);
    await start.until(/Serving until Ctrl-C/);
    expect(await start.stop('SIGINT')).toBe(0);
    expect(start.stdout).toMatch(/^IcmpInEchos +3$/m);
  });

  test('the lines that are printed to paste do work', async () => {
    const echo = new Running([process.execPath, bin('tun-echo')]);
    await echo.until(/Ctrl-C prints/);
    const nc = echo.stdout.split('\n').filter((line) => line.includes('nc -N'));
    expect(nc).toHaveLength(1);
    expect((await run(nc[0].trim().split(' '), 10_000, 'by TCP')).stdout).toBe('by TCP');
    const lines = echo.stdout.split('\n').filter((line) => line.includes('ping 10.9.0.2'));
    expect(lines.length).toBeGreaterThanOrEqual(1);
    for (const line of lines) {
      const words = line.trim().replace('ping ', 'ping -c 1 -W 2 ').split(' ');
      expect((await run(words)).stdout).toContain('1 received');
    }
    expect(await echo.stop('SIGINT')).toBe(0);
    expect(echo.stdout).toContain('#counters');
  });

  test('the TCP services echo, swallow and generate; what they did is in the statistics', async () => {
    const echo = await startEcho();
    const nc = [...echo.enter, tool('nc'), '-N', '-w', '5', '10.9.0.2'];
    const text = 'around the world '.repeat(60_000);
    expect((await run([...nc, '7'], 20_000, text)).stdout === text).toBe(true);
    expect((await run([...nc, '9'], 20_000, text)).stdout).toBe('');
    const chargen = await run([...echo.enter, process.execPath, '-e', CHARGEN_CLIENT], 20_000);
    expect(chargen.stdout).toMatch(/^!"#\$%&'\(\)/);
    const { services, nstat } = await stopEcho(echo);
    expect(services).toMatchObject({
      tcpConnections: 3,
      tcpEchoedBytes: text.length,
      tcpDiscardedBytes: text.length,
      tcpFailed: 0,
    });
    expect(services.tcpGeneratedBytes).toBeGreaterThanOrEqual(chargen.stdout.length);
    expect(nstat).toMatchObject({ TcpPassiveOpens: 3 });
    expect(nstat.TcpInCsumErrors ?? 0).toBe(0);
  });

  test('who is connected when the program ends hears of it', async () => {
    const echo = await startEcho();
    const client = new Running([...echo.enter, process.execPath, '-e', KERNEL_CLIENT]);
    await client.until(/connected/);
    expect(await echo.program.stop('SIGTERM')).toBe(0);
    await client.until(/ECONNRESET/);
    await client.stop();
  });

  test('SIGTERM ends in order, SIGQUIT reports in between', async () => {
    const echo = await startEcho();
    echo.program.child.kill('SIGQUIT');
    await echo.program.until(/"services"/);
    expect(await echo.program.stop('SIGTERM')).toBe(0);
  });

  test('a device that is taken is said to be taken', async () => {
    const name = `tse${process.pid % 100_000}`;
    await run(['ip', 'netns', 'add', name]);
    try {
      const echo = await startEcho('--netns', `/run/netns/${name}`, '--tun', 'tun7');
      const second = await program('tun-echo', '--netns', `/run/netns/${name}`, '--tun', 'tun7');
      expect(second.stderr).toMatch(/tun7: EBUSY/);
      expect(second.stderr.trim().split('\n')).toHaveLength(1);
      expect(second.code).toBe(1);
      await stopEcho(echo);
    } finally {
      await run(['ip', 'netns', 'delete', name]);
    }
  });

  test('a device taken down and up again, then deleted: one log line each, no spinning', async () => {
    const echo = await startEcho();
    const ip = [...echo.enter, 'ip', 'link'];
    await run([...ip, 'set', echo.device, 'down']);
    await echo.program.until(/"type":"down"/);
    await run([...ip, 'set', echo.device, 'up']);
    await echo.program.until(/"type":"up"/);
    await run([...echo.enter, 'ip', 'address', 'replace', '10.9.0.1/24', 'dev', echo.device]);
    const { stdout } = await run([...echo.enter, tool('ping'), '-q', '-c', '3', '-i', '0.2', '10.9.0.2']);
    expect(stdout).toContain('3 received');
    await run([...ip, 'delete', echo.device]);
    await echo.program.until(/"type":"gone"/);
    // Nothing can come any more: the program ends by itself, with its statistics.
    expect(await echo.program.ended).toBe(1);
    expect(echo.program.stdout).toContain('IcmpOutEchoReps');
    const lines = (type: string): number => echo.program.stderr.split(`"type":"${type}"`).length - 1;
    expect([lines('up'), lines('gone')]).toEqual([1, 1]);
    // The kernel takes a device down before it deletes it, and either may be heard of first.
    expect([1, 2]).toContain(lines('down'));
  });

  test('tun-ping prints what ping prints', async () => {
    const ours = await program('tun-ping', '-c', '3', '-i', '0.05', '-s', '100', '10.9.0.1');
    expect(ours.code).toBe(0);
    const lines = ours.stdout.trim().split('\n');
    expect(lines[0]).toBe('PING 10.9.0.1 (10.9.0.1) 100(128) bytes of data.');
    expect(lines[1]).toMatch(/^108 bytes from 10\.9\.0\.1: icmp_seq=1 ttl=64 time=[\d.]+ ms$/);
    expect(lines[5]).toBe('--- 10.9.0.1 ping statistics ---');
    expect(lines[6]).toMatch(/^3 packets transmitted, 3 received, 0% packet loss, time \d+ms$/);
    expect(lines[7]).toMatch(/^rtt min\/avg\/max\/mdev = [\d.]+\/[\d.]+\/[\d.]+\/[\d.]+ ms$/);
  });

  test('tun-ping tells errors and lost replies by its exit code', async () => {
    const nobody = await program('tun-ping', '-c', '1', '-W', '0.2', '10.9.0.77');
    expect(nobody.stdout).toContain('1 packets transmitted, 0 received, 100% packet loss');
    expect(nobody.code).toBe(1);
    const json = await program('tun-ping', '-c', '2', '-i', '0.05', '--json');
    const last = JSON.parse(json.stdout.trim().split('\n').at(-1) ?? '') as Record<string, unknown>;
    expect(last).toMatchObject({ target: '10.9.0.1', transmitted: 2, received: 2 });
  });

  test('a capture that cannot go on ends with one line, and the stack goes on', async () => {
    const echo = await startEcho('-w', '/dev/full');
    const ping = [...echo.enter, tool('ping'), '-q', '-c', '3', '-i', '0.2', '10.9.0.2'];
    expect((await run(ping)).stdout).toContain('3 received');
    expect(echo.program.stderr.match(/the capture ends: ENOSPC/g)).toHaveLength(1);
    expect((await stopEcho(echo)).nstat.IcmpOutEchoReps).toBe(3);
  });

  test('a capture to stdout is a capture and nothing else', async () => {
    const file = join(folder, 'stdout.pcapng');
    const words = `${process.execPath} ${bin('tun-ping')} -c 2 -i 0.05 -w - 10.9.0.1 > ${file}`;
    expect((await run(['sh', '-c', words])).code).toBe(0);
    const { stdout } = await run([tool('tshark'), '-r', file]);
    expect(stdout.match(/Echo \(ping\) request/g)).toHaveLength(2);
    expect(stdout.match(/Echo \(ping\) reply/g)).toHaveLength(2);
  });
});

/** Two namespaces, `near` and `far`, that end with the test; `sh` runs lines in one of them. */
async function inNamespaces(
  body: (near: string, far: string, sh: (netns: string, lines: string) => Promise<string>) => Promise<void>,
): Promise<void> {
  const [near, far] = ['n', 'f'].map((letter) => `tst${letter}${process.pid % 100_000}`);
  const sh = async (netns: string, lines: string): Promise<string> => {
    const { code, stdout, stderr } = await run(['ip', 'netns', 'exec', netns, 'sh', '-ec', lines]);
    if (code !== 0) throw new Error(`${lines}\n${stdout}${stderr}`);
    return stdout;
  };
  for (const name of [near, far]) await run(['ip', 'netns', 'add', name]);
  try {
    await body(near, far, sh);
  } finally {
    for (const name of [near, far]) await run(['ip', 'netns', 'delete', name]);
  }
}

/** What `tun-echo --json` says first. */
const greetingOf = (echo: Echo): { mac?: string; hostMac?: string } =>
  JSON.parse(echo.program.stdout.split('\n')[0]) as { mac?: string; hostMac?: string };

const MAC = '02:00:00:00:00:02';
const PINGS = ['-q', '-c', '3', '-i', '0.2', '-W', '2'];

describe.skipIf(requireTun())('the programs on a TAP', () => {
  test.each([
    ['a name', ['--tap', 'tap3']],
    ['no name', ['--tap']],
    ['a vnet header', ['--vnet-hdr', '--mac', MAC, '--tap']],
  ])("npm start's job checks itself there, and is the kernel's neighbour: %s", async (_, flags) => {
    const { code, stdout, stderr } = await program('start', '--once', ...flags);
    const mac =
      /^10\.9\.0\.2\/24 on tap\d, station ((?:[0-9a-f]{2}:){5}[0-9a-f]{2});/.exec(stdout)?.[1] ?? '';
    expect(mac === MAC).toBe(flags.includes('--mac'));
    expect(stdout).toMatch(/ok {3}ping -c 3 10\.9\.0\.2: 3 packets transmitted, 3 received/);
    expect(stdout).toMatch(/ok {3}(nc -u|node's dgram) 10\.9\.0\.2 7/);
    expect(stdout).toMatch(/10\.9\.0\.2 7: sent 1048576 octets by TCP and got back the same/);
    expect(stdout).toMatch(new RegExp(`ok {3}ip neigh show 10\\.9\\.0\\.2: .* lladdr ${mac} REACHABLE`));
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  });

  test('tun-echo says medium, stations and MTU; the kernel knows the same', async () => {
    const echo = await startEcho('--tap', 'tap5', '--mac', MAC.toUpperCase(), '--mtu', '9000');
    const { hostMac, ...greeting } = greetingOf(echo);
    expect(greeting).toMatchObject({ device: 'tap5', medium: 'ethernet', mac: MAC, mtu: 9000 });
    expect((await run([...echo.enter, 'ip', '-o', 'link', 'show', 'tap5'])).stdout).toMatch(
      new RegExp(`mtu 9000 .*link/ether ${hostMac}`),
    );
    const large = ['-M', 'do', '-s', '8972'];
    const { stdout } = await run([...echo.enter, tool('ping'), ...PINGS, ...large, '10.9.0.2']);
    expect(stdout).toContain('3 received');
    expect((await run([...echo.enter, 'ip', 'neigh', 'show', '10.9.0.2'])).stdout).toContain(
      `lladdr ${MAC} REACHABLE`,
    );
    expect((await stopEcho(echo)).nstat.IcmpOutEchoReps).toBe(3);
  });

  test('on a TUN there is neither station', async () => {
    const echo = await startEcho();
    const greeting = greetingOf(echo);
    expect(greeting).toMatchObject({ device: 'tun0', medium: 'ip', hostAddress: '10.9.0.1/24' });
    expect(Object.keys(greeting)).not.toContain('mac');
    expect(Object.keys(greeting)).not.toContain('hostMac');
    await stopEcho(echo);
  });

  test('tun-ping finds the kernel by ARP, and a capture of it is one of Ethernet', async () => {
    const file = join(folder, 'tap.pcapng');
    const { code, stdout } = await program('tun-ping', '--tap', 'tap0', '-c', '3', '-i', '0.05', '-w', file);
    expect(stdout).toContain('3 packets transmitted, 3 received, 0% packet loss');
    expect(code).toBe(0);
    const shown = (await run([tool('tshark'), '-r', file])).stdout;
    expect(shown).toMatch(/ARP .*Who has 10\.9\.0\.1\? Tell 10\.9\.0\.2/);
    expect(shown.match(/Echo \(ping\) reply/g)).toHaveLength(3);
  });

  test("the kernel's own station address is not ours to take", async () => {
    await inNamespaces(async (near, _far, sh) => {
      await sh(near, `ip tuntap add dev tap0 mode tap; ip link set tap0 address ${MAC}`);
      const { code, stderr } = await program('tun-echo', '--netns', near, '--tap', 'tap0', '--mac', MAC);
      expect(stderr).toMatch(/^tun-echo: --mac: .*is the kernel's on this device\n$/);
      expect(code).toBe(2);
    });
  });

  test('as a port of a bridge: who is behind it pings us; address, MTU and device are left as they were', async () => {
    await inNamespaces(async (near, far, sh) => {
      await sh(near, 'ip tuntap add dev tap0 mode tap; ip link add br0 type bridge; ip link set br0 up');
      await sh(near, `ip link add v0 type veth peer name v1 netns ${far}`);
      await sh(near, 'for i in tap0 v0; do ip link set $i mtu 1400 master br0; ip link set $i up; done');
      await sh(far, 'ip link set v1 mtu 1400 up; ip address add 10.9.0.1/24 dev v1');
      const flags = ['--netns', near, '--tap', 'tap0', '--host-address', 'none'];
      const echo = await startEcho(...flags, '--gateway', '10.9.0.1');
      expect(greetingOf(echo)).toMatchObject({ device: 'tap0', medium: 'ethernet', mtu: 1400 });
      expect(await sh(far, `ping ${PINGS.join(' ')} 10.9.0.2`)).toContain('3 received');
      expect(await sh(far, 'ip neigh show 10.9.0.2')).toContain(`lladdr ${greetingOf(echo).mac} REACHABLE`);
      await stopEcho(echo);
      expect(await sh(near, 'ip -o address show dev tap0')).not.toContain('10.9.0');
      expect(await sh(near, 'ip -o -d link show tap0')).toMatch(/mtu 1400 .*tun type tap .*persist on/);
    });
  });

  test.skipIf(requireRoot())('the owner of a TAP that was set up for him needs no capability', async () => {
    const setup = [
      'ip tuntap add dev own0 mode tap user 0; ip tuntap add dev own1 mode tap user 65533',
      'for i in own0 own1; do ip link set $i mtu 1400 up; done; ip address add 10.9.0.1/24 dev own0',
      'exec setpriv --inh-caps=-all --bounding-set=-all --no-new-privs "$@"',
    ].join('\n');
    const ping = (name: string): ReturnType<typeof run> => {
      const ours = [process.execPath, bin('tun-ping'), '--netns', 'none', '--tap', name];
      const flags = ['-c', '2', '-i', '0.05', '--host-address', 'none', '10.9.0.1'];
      return run([tool('unshare'), '--net', 'sh', '-ec', setup, 'sh', ...ours, ...flags]);
    };
    const { code, stdout, stderr } = await ping('own0');
    expect(stdout, stderr).toContain('2 packets transmitted, 2 received');
    expect(code).toBe(0);
    expect((await ping('own1')).stderr).toMatch(/own1: EPERM.*ip tuntap add dev own1 mode tap/);
  });

  test("a macvtap: its station is ours, and the other end of its lower device's wire talks to us", async (context) => {
    await inNamespaces(async (near, far, sh) => {
      await sh(near, `ip link add v0 type veth peer name v1 netns ${far}; ip link set v0 up`);
      await sh(far, 'ip link set v1 up; ip address add 10.9.0.1/24 dev v1');
      const made = await run([
        'ip',
        '-n',
        near,
        'link',
        'add',
        'link',
        'v0',
        'name',
        'mvt0',
        'type',
        'macvtap',
      ]);
      if (made.code !== 0) context.skip('this kernel has no macvtap');
      const shown = await sh(near, 'ip -o link show mvt0');
      const mac = /link\/ether (\S+)/.exec(shown)?.[1];
      const node = `/dev/tap${Number.parseInt(shown, 10)}`;
      const echo = await startEcho('--netns', near, '--tap', node);
      expect(greetingOf(echo)).toMatchObject({ device: 'mvt0', medium: 'ethernet', mac, hostMac: mac });
      expect(await sh(far, `ping ${PINGS.join(' ')} 10.9.0.2`)).toContain('3 received');
      expect(await sh(far, 'ip neigh show 10.9.0.2')).toContain(`lladdr ${mac} REACHABLE`);
      const text = 'by a macvtap '.repeat(50_000);
      const nc = ['ip', 'netns', 'exec', far, tool('nc'), '-N', '-w', '5', '10.9.0.2', '7'];
      expect((await run(nc, 20_000, text)).stdout === text).toBe(true);
      await stopEcho(echo);
      const other = await program('tun-echo', '--netns', near, '--tap', node, '--mac', MAC);
      expect(other.stderr).toMatch(/^tun-echo: --mac: a macvtap has its own: ip link set mvt0 address 02:/);
      expect(other.code).toBe(2);
    });
  });

  test('another station that says it has our address is told in the log', async (context) => {
    const arping = findTool('arping');
    if (arping === undefined) context.skip('arping is not installed (apt install iputils-arping)');
    const echo = await startEcho('--tap', 'tap0');
    // The kernel may claim what is one of its own addresses, on whatever device.
    await run([...echo.enter, 'ip', 'address', 'add', '10.9.0.2/32', 'dev', 'lo']);
    await run([...echo.enter, arping ?? '', '-U', '-c', '1', '-w', '2', '-I', 'tap0', '10.9.0.2']);
    const { hostMac } = greetingOf(echo);
    await echo.program.until(
      new RegExp(`"type":"conflict".*another station, ${hostMac}, says that it is 10\\.9\\.0\\.2`),
    );
    await stopEcho(echo);
  });
});
