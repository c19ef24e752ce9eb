// TAP against the kernel: ARP both ways, the bridge with veth and offloads, devices that others made, conflicts.

import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { findTool } from '@tunstack/tun';
import { requireRoot } from '@tunstack/tun/testing';
import { afterAll, describe, expect, onTestFinished, test } from 'vitest';
import { octets } from '../../packages/stack/src/testing/index.ts';
import { bin, Running, run, tool } from '../support/namespace.ts';
import { KERNEL, must, namespace, PEER, STACK, STATION, TapRig } from '../support/tap-rig.ts';
import { TcpServices } from '../support/tcp-services.ts';

/** Where all tools must be, a test whose tool is not there fails; elsewhere it is skipped, by what this answers. */
function missing(name: string, from: string): string | undefined {
  if (findTool(name) !== undefined) return undefined;
  if (process.env.REQUIRE_TUN === '1') throw new Error(`apt install ${from}`);
  return `${name} is not installed (apt install ${from})`;
}

const MIB = 1 << 20;
/** A user without a name and without rights. */
const OWNER = 65_533;
const folder = mkdtempSync(join(tmpdir(), 'tunstack-tap-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const ours = { address: STACK, etherAddress: STATION };
const neighborsOf = ({ stack }: TapRig): string[] =>
  stack.ethernet.list().map(({ address, etherAddress, state }) => `${address} ${etherAddress} ${state}`);

describe.skipIf(requireRoot())('a stack on a TAP and the kernel', () => {
  test('the kernel finds us by ARP, arping hears us, and `ip neigh` shows our station REACHABLE', async (context) => {
    const lacking = missing('arping', 'iputils-arping');
    if (lacking !== undefined) context.skip(lacking);
    const rig = await TapRig.open();
    expect(await rig.ping(3)).toBe(3);
    const neighbors = await rig.atKernel('ip', 'neigh', 'show', ours.address);
    expect(neighbors).toContain(`lladdr ${ours.etherAddress} REACHABLE`);
    const device = rig.device.name;
    const arping = await rig.atKernel(tool('arping'), '-c', '2', '-I', device, ours.address);
    expect(arping).toContain('Received 2 response');
    expect(arping).toContain(`[${ours.etherAddress.toUpperCase()}]`);
    // And we found the kernel.
    const [, hwaddr] = /link\/ether (\S+)/.exec(await rig.atKernel('ip', 'link', 'show', device)) ?? [];
    expect(neighborsOf(rig)).toEqual([
      expect.stringMatching(`^${KERNEL} ${hwaddr} (REACHABLE|STALE|DELAY)$`),
    ]);
    // Before IPv6 was switched off the kernel may have said something.
    expect(Object.keys(rig.stack.stats.drops()).filter((name) => name !== 'ETHER_UNKNOWN_TYPE')).toEqual([]);
  });

  // R1122.37
  test('our own question is answered by the kernel: an echo of ours, and then nobody is asked again', async () => {
    const rig = await TapRig.open();
    const replies: number[] = [];
    const socket = rig.stack.echoSocket({
      readable(s) {
        for (let d = s.receive(); d !== undefined; d = s.receive()) replies.push(d.length);
      },
    });
    socket.send(KERNEL, 1, octets(8));
    await rig.until(() => replies.length === 1, 'the reply');
    expect(neighborsOf(rig)[0]).toMatch(/REACHABLE$/);
    socket.send(KERNEL, 2, octets(8));
    await rig.until(() => replies.length === 2, 'the second reply');
    expect(rig.stack.stats.get('ArpOutRequests')).toBeLessThanOrEqual(3);
  });

  test.each([
    ['without the vnet header', false],
    ['with it: partial checksums and super-segments', true],
  ])('as a port of a bridge, 64 MiB go to a namespace behind a veth and back: %s', async (_, vnetHdr) => {
    const rig = await TapRig.open({ bridged: true, vnetHdr });
    const services = new TcpServices(rig.stack);
    expect(await rig.ping(3)).toBe(3);
    expect(await rig.ping(2, '-s', '8000')).toBe(2);
    const shown = await rig.atPeer('ip', 'neigh', 'show', STACK);
    expect(shown).toContain(`lladdr ${STATION} REACHABLE`);
    const { bytes, seconds } = await rig.transfer(64 * MIB);
    expect(bytes).toBe(64 * MIB);
    process.stdout.write(`TAP on a bridge, vnet ${vnetHdr}: 64 MiB echo in ${seconds.toFixed(2)} s\n`);
    expect(services.errors).toEqual([]);
    const { TcpInCsumErrors, IpInHdrErrors } = await rig.nstat();
    expect({ TcpInCsumErrors, IpInHdrErrors }).toEqual({ TcpInCsumErrors: 0, IpInHdrErrors: 0 });
    expect(rig.stack.stats.get('TcpInCsumErrors')).toBe(0);
    const { rxBytes, rxPackets } = rig.link.counters;
    if (vnetHdr) expect(rxBytes / rxPackets).toBeGreaterThan(1514);
    else expect(rxBytes / rxPackets).toBeLessThanOrEqual(1514);
  });

  test('neighbours forgotten on both sides in the middle of a transfer do not hurt it', async () => {
    const rig = await TapRig.open({ bridged: true });
    const services = new TcpServices(rig.stack);
    expect(await rig.ping(1)).toBe(1);
    let flushed = 0;
    let over = false;
    const transfer = rig.transfer(64 * MIB).finally(() => {
      over = true;
    });
    // While its SYN waits the kernel would tell its own socket that a neighbour who is flushed cannot be reached.
    await rig.until(() => rig.link.counters.rxBytes > MIB, 'the first octets');
    while (!over && flushed < 20) {
      // It ends with an error when neighbours come back faster than it flushes them: that is what is wanted here.
      await run([...rig.peer, 'ip', 'neigh', 'flush', 'dev', 'veth0']);
      rig.stack.ethernet.removeNeighbor(rig.face, PEER);
      flushed++;
    }
    expect((await transfer).bytes).toBe(64 * MIB);
    expect(flushed).toBeGreaterThan(3);
    expect(services.errors).toEqual([]);
  });

  test('another station that takes our address is told of, by DAD it is warned, and a claim sees it', async (context) => {
    const lacking = missing('arping', 'iputils-arping');
    if (lacking !== undefined) context.skip(lacking);
    const rig = await TapRig.open({ bridged: true });
    expect(await rig.ping(1)).toBe(1);
    const arping = [...rig.peer, tool('arping'), '-I', 'veth0'];
    // Who looks first finds us: exit code 1 says that the address is taken.
    const dad = await run([...arping, '-D', '-c', '2', '-w', '5', STACK]);
    expect(dad.code, dad.stdout).toBe(1);
    const [, rival] = /link\/ether (\S+)/.exec(await rig.atPeer('ip', 'link', 'show', 'veth0')) ?? [];
    await rig.atPeer('ip', 'address', 'add', `${STACK}/24`, 'dev', 'veth0');
    await run([...arping, '-U', '-c', '2', '-w', '3', '-s', STACK, STACK]);
    await rig.until(() => rig.news.length >= 1, 'the conflict');
    expect(rig.news[0]).toBe(`conflict ${STACK} ${rival}`);
    expect(rig.stack.stats.reason('ARP_CONFLICT')).toBeGreaterThan(0);
    rig.news.length = 0;
    rig.stack.ethernet.claim(rig.face, PEER);
    await rig.until(() => rig.news.includes(`conflict ${PEER} ${rival}`), 'the refusal of the claim');
    rig.stack.ethernet.claim(rig.face, '10.9.0.77');
    await rig.until(() => rig.news.includes('claimed 10.9.0.77'), 'the claim');
  });

  const makers: readonly [tool: string, make: readonly string[]][] = [
    ['ip', ['ip', 'tuntap', 'add', 'dev', 'tap7', 'mode', 'tap', 'user', '65534']],
    ['tunctl', ['tunctl', '-u', '65534', '-t', 'tap7']],
    ['openvpn', ['openvpn', '--mktun', '--dev', 'tap7', '--dev-type', 'tap', '--user', 'nobody']],
  ];
  test.for(makers)(
    'a TAP that %s made is attached to, works, and keeps owner and persistence',
    async ([name, make], context) => {
      const lacking = missing(name, name === 'tunctl' ? 'uml-utilities' : name);
      if (lacking !== undefined) context.skip(lacking);
      const { pid, enter } = await namespace();
      await must([...enter, tool(name), ...make.slice(1)]);
      const before = await must([...enter, 'ip', '-d', 'link', 'show', 'tap7']);
      expect(before).toMatch(/persist on.* user (nobody|65534)/);
      const device = { netns: `/proc/${pid}/ns/net`, name: 'tap7', create: false, address: `${KERNEL}/24` };
      const rig = await TapRig.open({ device });
      expect(await rig.ping(3)).toBe(3);
      rig.close();
      const after = await must([...enter, 'ip', '-d', 'link', 'show', 'tap7']);
      expect(after).toMatch(/persist on.* user (nobody|65534)/);
      await expect(TapRig.open({ device: { ...device, name: 'tap8' } })).rejects.toMatchObject({
        code: 'ENODEV',
      });
    },
  );

  test('its owner, who is nobody else, attaches to a TAP that root made, and needs no privilege; others are refused', async (context) => {
    const { enter } = await namespace();
    const program = bin('tun-echo');
    const user = (uid: number): string[] => [
      ...[tool('setpriv'), '--reuid', `${uid}`, '--regid', `${uid}`, '--clear-groups'],
      ...['--inh-caps=-all', '--bounding-set=-all', '--no-new-privs'],
    ];
    const readable = await run([...user(OWNER), process.execPath, program, '--help']);
    if (readable.code !== 0) context.skip('others may not read this tree');
    await must([...enter, 'ip', 'tuntap', 'add', 'dev', 'tap7', 'mode', 'tap', 'user', `${OWNER}`]);
    await must([...enter, 'ip', 'address', 'add', `${KERNEL}/24`, 'dev', 'tap7']);
    await must([...enter, 'ip', 'link', 'set', 'tap7', 'up']);
    const flags = `--netns none --tap tap7 --host-address none --address ${STACK}/24 --json`;
    /** In a mount namespace of its own, where everybody may open the node: the system's is as it was. */
    const echo = (uid: number): string[] => {
      const node = 'mknod -m 0666 tun c 10 200; mount --bind tun /dev/net/tun; rm tun';
      const script = `cd ${folder}; ${node}; exec ${[...user(uid), process.execPath, program, flags].join(' ')}`;
      return [...enter, tool('unshare'), '--mount', '--propagation', 'private', 'sh', '-ec', script];
    };
    const stranger = await run(echo(OWNER + 1));
    expect(stranger.code).not.toBe(0);
    expect(stranger.stderr).toMatch(/EPERM/);
    const running = new Running(echo(OWNER));
    onTestFinished(async () => {
      await running.stop('SIGKILL');
    });
    await running.until(/^\{.*\}$/m);
    const status = readFileSync(`/proc/${running.child.pid}/status`, 'utf8');
    expect(status).toMatch(new RegExp(`^Uid:(\\s+${OWNER}){4}$`, 'm'));
    expect(status).toMatch(/^CapEff:\s+0+$/m);
    const ping = await must([...enter, tool('ping'), '-c', '3', '-i', '0.1', '-W', '2', STACK]);
    expect(ping).toContain('3 received');
    expect(await running.stop('SIGINT')).toBe(0);
    const after = await must([...enter, 'ip', '-d', 'link', 'show', 'tap7']);
    expect(after).toMatch(new RegExp(`persist on.* user ${OWNER}`));
  });

  test('the character device of a macvtap is an Ethernet port like another', async () => {
    const { pid, enter } = await namespace();
    const ip = (words: string): Promise<string> => must([...enter, 'ip', ...words.split(' ')]);
    await ip('link add low type veth peer name peer');
    // The node is named by the index, which all namespaces share one folder for.
    const index = 100_000 + (process.pid % 100_000);
    await ip(`link add link low name mv0 index ${index} address ${STATION} type macvtap mode bridge`);
    await ip('link set low up');
    await ip('link set peer up');
    await ip('link set mv0 up');
    await ip(`address add ${KERNEL}/24 dev peer`);
    const path = `/dev/tap${index}`;
    expect(existsSync(path)).toBe(true);
    const device = { netns: `/proc/${pid}/ns/net`, name: 'mv0', path, create: false };
    const rig = await TapRig.open({ device });
    expect(await rig.ping(3)).toBe(3);
    expect(await ip(`neigh show ${STACK}`)).toContain(`lladdr ${STATION} REACHABLE`);
  });
});
