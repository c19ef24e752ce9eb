// The way of an ordinary user: user and network namespace by a forked child, and what is said where that cannot work.
//
// This test needs root itself: a private mount namespace gives an unprivileged child a /dev/net/tun that everybody may
// open, without touching the system's. The child loads the compiled addon, as Node 20 runs no TypeScript.

import { chmodSync, cpSync, mkdtempSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { WRITE_STRIDE } from './device.ts';
import { TunError } from './errors.ts';
import { run } from './testing/command.ts';
import { requireRoot } from './testing/require-tun.ts';

const UID = '65533';

/** What the child runs: opens as `openDevice` does, lets the kernel ping it through, prints what came of it. */
const CHILD = `
const { spawn } = require('node:child_process');
const { readlinkSync } = require('node:fs');
const addon = require('./addon.node');
const before = readlinkSync('/proc/self/ns/net');
const spec = { name: 'tun%d', device: '/dev/net/tun', netns: 1, netnsPath: '', tap: false, vnetHdr: true, create: true,
  up: true, probe: false, offload: 1, sndbuf: -1, mtu: 1400, txqueuelen: 10000, txqueuelenMin: true, prefixLength: 24,
  ...JSON.parse(process.env.SPEC) };
if (spec.netns === 1) spec.address = Uint8Array.of(10, 9, 0, 1);
const opened = addon.open(spec);
const say = (more) => console.log(JSON.stringify({ ...opened, uid: process.getuid(),
  sameNs: before === readlinkSync('/proc/self/ns/net'), ...more }));
if (opened.error !== 0 || spec.netns === 0) say({});
else {
  const slab = new Uint8Array(1 << 20), answers = new Int32Array(256 * ${WRITE_STRIDE});
  const control = new Int32Array(new SharedArrayBuffer(4 * 528)), records = control.subarray(16);
  const device = new addon.Device(opened.fd, -1, slab, control, 64, 10, true, () => {
    let n = 0;
    for (let i = 0; i < control[0]; i++) {
      const at = records[2 * i], ip = at + 10;
      if (slab[ip] !== 0x45 || slab[ip + 9] !== 1 || slab[ip + 20] !== 8) continue;
      for (let k = 12; k < 16; k++) [slab[ip + k], slab[ip + k + 4]] = [slab[ip + k + 4], slab[ip + k]];
      slab[ip + 20] = 0;
      const sum = (slab[ip + 22] << 8 | slab[ip + 23]) + 0x800, folded = (sum & 0xffff) + (sum >>> 16);
      slab[ip + 22] = folded >>> 8; slab[ip + 23] = folded;
      answers.set([1, 0, at, records[2 * i + 1]], ${WRITE_STRIDE} * n++);
    }
    control[7] = n;
    device.write();
    control[4] = 0;
  }, () => {}, () => {});
  device.bindRecords(answers);
  device.bindArena(0, slab);
  device.watchReadable(true);
  const enter = ['--user=/proc/' + process.pid + '/fd/' + opened.usernsFd, '--preserve-credentials',
    '--net=/proc/' + process.pid + '/fd/' + opened.netnsFd];
  const child = spawn('nsenter', [...enter, 'sh', '-c', 'ip -br addr; ip -br link; ping -q -f -c 500 10.9.0.2'],
    { stdio: ['ignore', 'pipe', 'inherit'] });
  let text = '';
  child.stdout.on('data', (chunk) => { text += chunk; });
  child.on('close', () => { device.close(); say({ text }); });
}`;

interface ChildResult {
  error: number;
  syscall: string;
  way: number;
  uid: number;
  sameNs: boolean;
  usernsFd: number;
  mtu: number;
  text: string;
  name: string;
  txqueuelen: number;
}

describe.skipIf(requireRoot())('without privilege', () => {
  let folder = '';

  beforeAll(() => {
    folder = mkdtempSync(`${tmpdir()}/tunstack-user-`);
    const find = createRequire(import.meta.url)('node-gyp-build') as { resolve: (dir: string) => string };
    cpSync(find.resolve(fileURLToPath(new URL('..', import.meta.url))), `${folder}/addon.node`);
    chmodSync(folder, 0o755);
    chmodSync(`${folder}/addon.node`, 0o755);
  });
  afterAll(() => rmSync(folder, { recursive: true }));

  const LOSE_ALL = '--inh-caps=-all --bounding-set=-all --no-new-privs';
  const BECOME_USER = `setpriv --reuid ${UID} --regid ${UID} --clear-groups ${LOSE_ALL}`;
  const OPEN_NODE = 'mknod -m 0666 tun c 10 200; mount --bind tun /dev/net/tun; rm tun';

  /** Runs the child behind `setup`, a shell script run as root in a mount and a network namespace of its own. */
  async function asUser(setup: string, spec: object, drop: string = BECOME_USER): Promise<ChildResult> {
    const script = `cd ${folder}; ${setup}\nexec ${drop} ${process.execPath} -e "$CHILD"`;
    const argv = ['unshare', '--mount', '--propagation', 'private', '--net', 'sh', '-ec', script];
    const output = await run(argv, { ...process.env, CHILD, SPEC: JSON.stringify(spec) });
    const line = output.stdout.split('\n').find((one) => one.startsWith('{'));
    if (line === undefined) throw new Error(`exit ${output.code}: ${output.stderr}${output.stdout}`);
    return JSON.parse(line) as ChildResult;
  }

  test('a forked child opens it in a user namespace, and the kernel pings through', async () => {
    const result = await asUser(OPEN_NODE, {});
    expect(result).toMatchObject({
      error: 0,
      way: 2,
      uid: Number(UID),
      sameNs: true,
      mtu: 1400,
      name: 'tun0',
    });
    expect(result.usernsFd).toBeGreaterThan(2);
    expect(result.text).toContain('10.9.0.1/24');
    expect(result.text).toMatch(/lo\s+UNKNOWN/);
    expect(result.text).toContain('500 packets transmitted, 500 received');
  });

  test('a closed device node is EACCES at open', async () => {
    const result = await asUser(OPEN_NODE.replace('0666', '0600'), {});
    expect(result).toMatchObject({ error: 13, syscall: 'open', way: 2 });
    expect(new TunError(result.error, result.syscall).hint).toContain('chmod 0666 /dev/net/tun');
  });

  test('making a device in the namespace of others is EPERM at TUNSETIFF', async () => {
    const result = await asUser(OPEN_NODE, { netns: 0 });
    expect(result).toMatchObject({ error: 1, syscall: 'ioctl(TUNSETIFF)', way: 0 });
    expect(new TunError(result.error, result.syscall, { dev: 'tun0' }).hint).toContain(
      'ip tuntap add dev tun0',
    );
  });

  test('joining a namespace of others is EPERM at setns', async () => {
    const result = await asUser(OPEN_NODE, { netns: 2, netnsPath: '/proc/self/ns/net' });
    expect(result).toMatchObject({ error: 1, syscall: 'setns', way: 1 });
  });

  test('user namespaces switched off are ENOSPC at unshare', async () => {
    // The limit is of the user namespace that the child starts in, so it gets one of its own to be limited.
    const drop = `unshare --user --map-root-user sh -ec 'echo 0 > /proc/sys/user/max_user_namespaces; exec setpriv ${LOSE_ALL} "$@"' x`;
    const result = await asUser(OPEN_NODE, {}, drop);
    expect(result).toMatchObject({ error: 28, syscall: 'unshare(CLONE_NEWUSER)' });
    expect(new TunError(result.error, result.syscall).hint).toContain('user.max_user_namespaces');
  });

  describe('with a persistent device that root made for the user', () => {
    const made = `${OPEN_NODE}; ip tuntap add dev own0 mode tun user ${UID} vnet_hdr; ip link set own0 mtu 1400`;

    test('attaching takes no capability when nothing is left to configure', async () => {
      const result = await asUser(`${made}; ip link set own0 up`, {
        netns: 0,
        name: 'own0',
        txqueuelen: 1000,
      });
      // The queue is 500 and may not be raised by the user: that is not insisted upon.
      expect(result).toMatchObject({ error: 0, way: 0, name: 'own0', txqueuelen: 500, mtu: 1400 });
    });

    test('setting it up is what root must have done', async () => {
      const result = await asUser(made, { netns: 0, name: 'own0' });
      expect(result).toMatchObject({ error: 1, syscall: 'rtnetlink(RTM_NEWLINK up)' });
      expect(new TunError(result.error, result.syscall, { dev: 'own0' }).hint).toContain(
        'ip link set own0 up',
      );
    });
  });
});
