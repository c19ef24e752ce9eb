// Opening and configuring devices against the kernel, each in a network namespace of the test's own.
import { existsSync, readdirSync, readlinkSync, rmSync, symlinkSync } from 'node:fs';
import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { afterEach, beforeAll, describe, expect, test } from 'vitest';
import { TunError } from './errors.ts';
import { linkNetns, nsenterCommand, unlinkNetns } from './netns.ts';
import {
  adoptDevice,
  closeDevice,
  type OpenedDevice,
  type OpenOptions,
  openDevice,
  socketPair,
  TUN_F_CSUM,
  TUN_F_TSO4,
} from './open.ts';
import { run, runHere, runIn } from './testing/command.ts';
import { requireRoot, requireTun } from './testing/require-tun.ts';

const open: OpenedDevice[] = [];

function opened(options: OpenOptions): OpenedDevice {
  const device = openDevice(options);
  open.push(device);
  return device;
}

function failure(options: OpenOptions): TunError {
  try {
    opened(options);
  } catch (error) {
    if (error instanceof TunError) return error;
    throw error;
  }
  throw new Error('it should have failed');
}

afterEach(() => {
  for (const device of open.splice(0)) closeDevice(device);
});

describe.skipIf(requireTun())('openDevice in a new namespace', () => {
  test('the sources are tested, not dist', () => {
    expect(import.meta.url).toContain('/src/');
  });

  test('leaves the namespace of this process alone', async () => {
    const before = readlinkSync('/proc/self/ns/net');
    const device = opened({ mode: 'tun', netns: 'new' });
    expect(readlinkSync('/proc/self/ns/net')).toBe(before);
    expect(readlinkSync(`/proc/self/fd/${device.netnsFd}`)).not.toBe(before);
    expect(await runIn(device, 'ip', '-br', 'link')).toContain(device.name);
  });

  test('address, MTU, queue, state and loopback are as asked', async () => {
    const device = opened({ mode: 'tun', name: 'abc%d', netns: 'new', address: '10.9.0.1/24', mtu: 1400 });
    expect(device).toMatchObject({
      name: 'abc0',
      mtu: 1400,
      txqueuelen: 10_000,
      mode: 'tun',
      vnetHdrSize: 0,
      up: true,
    });
    const link = await runIn(device, 'ip', '-d', 'link', 'show', 'abc0');
    expect(link).toContain('mtu 1400');
    expect(link).toContain('qlen 10000');
    expect(link).toMatch(/<.*\bUP\b.*>/);
    expect(link).toMatch(/tun type tun pi off vnet_hdr off/);
    expect(await runIn(device, 'ip', '-4', '-br', 'addr', 'show', 'abc0')).toMatch(/10\.9\.0\.1\/24/);
    expect(await runIn(device, 'ip', 'route', 'get', '10.9.0.77')).toContain('dev abc0');
    expect(await runIn(device, 'ip', '-br', 'addr', 'show', 'lo')).toContain('127.0.0.1/8');
  });

  test('a peer makes a point-to-point address', async () => {
    const device = opened({ mode: 'tun', netns: 'new', address: '10.9.0.1', peer: '10.9.0.2' });
    expect(await runIn(device, 'ip', 'addr', 'show', device.name)).toContain(
      'inet 10.9.0.1 peer 10.9.0.2/32',
    );
  });

  test('a TAP has the MAC address that was asked for, a vnet header and its offloads', async () => {
    const device = opened({
      ...{ mode: 'tap', netns: 'new', vnetHdr: true, offload: TUN_F_CSUM | TUN_F_TSO4 },
      ...{ hwaddr: '02:00:00:00:00:01', txqueuelen: 77 },
    });
    expect(device).toMatchObject({
      name: 'tap0',
      hwaddr: '02:00:00:00:00:01',
      vnetHdrSize: 10,
      txqueuelen: 77,
    });
    const link = await runIn(device, 'ip', '-d', 'link', 'show', 'tap0');
    expect(link).toContain('02:00:00:00:00:01');
    expect(link).toContain('vnet_hdr on');
    expect(link).toContain('qlen 77');
    expect(await runIn(device, 'ethtool', '-k', 'tap0')).toMatch(/tx-tcp-segmentation: on/);
  });

  test('two queues: a device of several, without a qdisc in front', async () => {
    const device = opened({ mode: 'tun', netns: 'new', queues: 2 });
    expect(device.bulkFd).toBeGreaterThan(device.fd);
    expect(await runIn(device, 'ip', '-d', 'link', 'show', 'tun0')).toMatch(/qdisc noqueue.*multi_queue/s);
    expect(adoptDevice({ fd: device.fd, bulkFd: device.bulkFd, mode: 'tun' }).bulkFd).toBe(device.bulkFd);
    expect(opened({ mode: 'tun', netns: 'new' }).bulkFd).toBe(-1);
  });

  test('up: false leaves it down', async () => {
    const device = opened({ mode: 'tun', netns: 'new', up: false });
    expect(device.up).toBe(false);
    expect(await runIn(device, 'ip', 'link', 'show', device.name)).not.toMatch(/[<,]UP[,>]/);
  });

  test('an adopted descriptor is recognised, and refused when it is something else', () => {
    const device = opened({ mode: 'tun', netns: 'new' });
    expect(adoptDevice({ fd: device.fd, mode: 'tun' })).toMatchObject({ name: device.name, vnetHdrSize: 0 });
    expect(() => adoptDevice({ fd: device.fd, mode: 'tap' })).toThrow(/EINVAL.*it is a tun/);
    expect(() => adoptDevice({ fd: device.fd, mode: 'tun', vnetHdr: true })).toThrow(/no vnet header/);
    const [left, right] = socketPair();
    open.push(adoptDevice({ fd: left, mode: 'tap', mtu: 9000 }), adoptDevice({ fd: right, mode: 'tap' }));
    expect(open.at(-2)).toMatchObject({ name: `fd${left}`, mtu: 9000, netnsFd: -1, monitorFd: -1 });
  });
});

describe.skipIf(requireRoot())('openDevice in a namespace of ip netns', () => {
  const name = `tunstack-test-${process.pid}`;

  beforeAll(async () => {
    await runHere('ip', 'netns', 'add', name);
    return () => runHere('ip', 'netns', 'delete', name);
  });

  test('attaches to a persistent device by name, and raises its queue', async () => {
    await runHere('ip', '-n', name, 'tuntap', 'add', 'dev', 'pers0', 'mode', 'tun');
    const device = opened({
      mode: 'tun',
      name: 'pers0',
      netns: `/run/netns/${name}`,
      address: '10.8.0.1/24',
    });
    expect(device.txqueuelen).toBe(1000);
    expect(await runHere('ip', '-n', name, 'addr', 'show', 'pers0')).toContain('10.8.0.1/24');
    // A second opener is told who has it; a later one finds the address there already.
    expect(failure({ mode: 'tun', name: 'pers0', netns: name })).toMatchObject({
      ...{ code: 'EBUSY', errno: 16, syscall: 'ioctl(TUNSETIFF)', dev: 'pers0' },
      hint: expect.stringContaining('another process'),
    });
    closeDevice(open.pop()!);
    expect(opened({ mode: 'tun', name: 'pers0', netns: name, address: '10.8.0.1/24' }).ifindex).toBe(
      device.ifindex,
    );
  });

  test('a device that exists with one queue has one, whoever asks for two', async () => {
    await runHere('ip', '-n', name, 'tuntap', 'add', 'dev', 'pers2', 'mode', 'tun');
    expect(opened({ mode: 'tun', name: 'pers2', netns: name, queues: 2 }).bulkFd).toBe(-1);
    await runHere('ip', '-n', name, 'tuntap', 'add', 'dev', 'pers3', 'mode', 'tun', 'multi_queue');
    expect(opened({ mode: 'tun', name: 'pers3', netns: name, queues: 2 }).bulkFd).toBeGreaterThan(-1);
  });

  test('a device of the other mode is refused with a hint', async () => {
    await runHere('ip', '-n', name, 'tuntap', 'add', 'dev', 'pers1', 'mode', 'tap');
    expect(failure({ mode: 'tun', name: 'pers1', netns: name })).toMatchObject({
      ...{ code: 'EINVAL', syscall: 'ioctl(TUNSETIFF)', dev: 'pers1' },
      hint: expect.stringContaining('another mode'),
    });
  });

  test('a macvtap opens by its own node, under its own name', async (context) => {
    const steps = [
      'ip link add v0 type veth peer name v1 && ip link set v0 up && ip link set v1 up',
      'ip link add link v0 name mvt0 type macvtap mode bridge && ip link set mvt0 up',
      'ip -o link show mvt0',
    ];
    const { code, stdout: shown } = await run(['ip', 'netns', 'exec', name, 'sh', '-ec', steps.join('\n')]);
    if (code !== 0) context.skip('this kernel has no macvtap');
    const path = `/dev/tap${Number.parseInt(shown, 10)}`;
    const device = opened({ mode: 'tap', name: 'mvt0', path, netns: name, create: false });
    expect(device).toMatchObject({ name: 'mvt0', mode: 'tap', up: true });
    expect(shown).toContain(`link/ether ${device.hwaddr}`);
  });

  test('a node that is not there is told as the missing macvtap that it is', () => {
    expect(failure({ mode: 'tap', path: '/dev/tap2147483647', netns: name })).toMatchObject({
      ...{ code: 'ENOENT', syscall: 'open', path: '/dev/tap2147483647' },
      hint: expect.stringContaining('type macvtap'),
    });
  });

  test('a TAP that does not exist is to be made as a TAP', () => {
    expect(failure({ mode: 'tap', name: 'nosuch0', netns: name, create: false }).hint).toContain('mode tap');
  });

  test('create: false does not make a device', async () => {
    expect(failure({ mode: 'tun', name: 'nosuch0', netns: name, create: false })).toMatchObject({
      ...{ code: 'ENODEV', syscall: 'rtnetlink(RTM_GETLINK)', dev: 'nosuch0' },
      hint: expect.stringContaining('ip tuntap add dev nosuch0'),
    });
    expect(await runHere('ip', '-n', name, '-br', 'link')).not.toContain('nosuch0');
  });

  test('the name of a living namespace is not taken over', () => {
    const device = opened({ mode: 'tun', netns: 'new' });
    expect(() => linkNetns(device, name)).toThrow(/EEXIST.*choose another name/);
  });

  test('linkNetns lets ip netns exec in, replaces a stale name, and goes away', async () => {
    const device = opened({ mode: 'tun', netns: 'new', address: '10.7.0.1/24' });
    const alias = `${name}-alias`;
    symlinkSync('/proc/999999999/fd/3', `/run/netns/${alias}`);
    try {
      linkNetns(device, alias);
      expect(await runHere('ip', 'netns', 'exec', alias, 'ip', '-br', 'addr')).toContain('10.7.0.1/24');
      expect(() => linkNetns(device, alias)).toThrow(/EEXIST/);
      unlinkNetns(alias);
      expect(existsSync(`/run/netns/${alias}`)).toBe(false);
      unlinkNetns(alias);
    } finally {
      rmSync(`/run/netns/${alias}`, { force: true });
    }
  });
});

describe.skipIf(requireTun())('errors', () => {
  test('a namespace that does not exist', () => {
    const error = failure({ mode: 'tun', netns: '/run/netns/no-such-netns' });
    expect(error).toMatchObject({
      code: 'ENOENT',
      errno: 2,
      syscall: 'open(netns)',
      path: '/run/netns/no-such-netns',
    });
    expect(error.hint).toContain('ip netns add');
    expect(error.message).not.toContain('\n');
  });

  test('a path that is no namespace', () => {
    expect(failure({ mode: 'tun', netns: '/dev/null' })).toMatchObject({
      code: 'EINVAL',
      syscall: 'setns',
      path: '/dev/null',
    });
  });

  test('a name that is too long, or not a name', () => {
    const long = failure({ mode: 'tun', name: 'a-name-of-16-byt', netns: 'new' });
    expect(long).toMatchObject({
      code: 'ENAMETOOLONG',
      syscall: 'ioctl(TUNSETIFF)',
      dev: 'a-name-of-16-byt',
    });
    expect(long.hint).toContain('15');
    expect(failure({ mode: 'tun', name: 'a/b', netns: 'new' })).toMatchObject({ code: 'EINVAL' });
    expect(opened({ mode: 'tun', name: 'a-name-of-15-by', netns: 'new' }).name).toBe('a-name-of-15-by');
  });

  test('a device node that is not there', () => {
    const error = failure({ mode: 'tun', netns: 'new', path: '/dev/net/no-such-tun' });
    expect(error).toMatchObject({ code: 'ENOENT', syscall: 'open', path: '/dev/net/no-such-tun' });
    expect(error.hint).toContain('modprobe tun');
  });

  test('an MTU out of range comes back from rtnetlink', () => {
    const error = failure({ mode: 'tun', netns: 'new', mtu: 70_000 });
    expect(error).toMatchObject({ code: 'EINVAL', syscall: 'rtnetlink(RTM_NEWLINK mtu)' });
  });

  test('a failed open leaves no descriptor behind', () => {
    const count = (): number => readdirSync('/proc/self/fd').length;
    const before = count();
    for (let i = 0; i < 5; i++) failure({ mode: 'tun', netns: 'new', mtu: 70_000 });
    expect(count()).toBe(before);
  });

  test('options that make no sense are TypeErrors', () => {
    for (const options of [
      { mode: 'tun', offload: TUN_F_CSUM },
      { mode: 'tun', peer: '10.9.0.2' },
      { mode: 'tun', address: '10.9.0.256/24' },
      { mode: 'tun', address: '10.9.0.1/33' },
      { mode: 'tap', hwaddr: '02:00' },
      { mode: 'tun', mtu: 1.5 },
    ] satisfies OpenOptions[]) {
      expect(() => openDevice({ ...options, netns: 'new' })).toThrow(TypeError);
    }
  });
});

describe('names for namespaces without a device', () => {
  test('nsenterCommand is empty where the device is in our own namespace', () => {
    expect(nsenterCommand({ netnsFd: -1, usernsFd: -1 })).toEqual([]);
  });

  test('linkNetns makes its folder, and a link whose descriptor is no namespace is stale', async () => {
    const dir = await mkdtemp(`${tmpdir()}/tunstack-netns-`);
    try {
      const { fd } = process.stderr;
      symlinkSync(`/proc/${process.pid}/fd/${fd}`, `${dir}/x`);
      expect(linkNetns({ netnsFd: 5 }, 'x', dir)).toBe(`${dir}/x`);
      expect(readlinkSync(`${dir}/x`)).toBe(`/proc/${process.pid}/fd/5`);
    } finally {
      rmSync(dir, { recursive: true });
    }
  });
});
