// Our stack as a router between two kernels, and between a kernel and itself: traceroute, MTUs, TCP through it, nothing leaks.
//
//   kernel 10.1.0.1 (namespace) ---- TUN or TAP ---- [ stack 10.1.0.2 | 10.2.0.2 ] ---- TUN ---- kernel 10.2.0.1 (another one)

import { EventEmitter, once } from 'node:events';
import { Host } from '@tunstack/node';
import type { Options, Stack } from '@tunstack/stack';
import { ACCEPT, FORWARD } from '@tunstack/stack/contract';
import {
  findTool,
  nsenterCommand,
  type OpenedDevice,
  openDevice,
  TUN_F_CSUM,
  TUN_F_TSO4,
  TunLink,
} from '@tunstack/tun';
import { requireTun } from '@tunstack/tun/testing';
import { describe, expect, onTestFinished, test } from 'vitest';
import { nativeProgram } from '../../bench/src/rig/native.ts';
import { Running, run, tool } from '../support/namespace.ts';

const RIGHT = '10.2.0.1';
const MIB = 1 << 20;

interface Side {
  readonly mode: 'tun' | 'tap';
  readonly vnetHdr: boolean;
  readonly mtu?: number;
}

class Router {
  readonly host: Host = new Host();
  readonly stack: Stack;
  readonly devices: OpenedDevice[] = [];

  constructor(sides: readonly [Side, Side], options: Partial<Options> = { forwarding: true }) {
    this.stack = this.host.stack(options);
    sides.forEach(({ mode, vnetHdr, mtu = 1500 }, i) => {
      const device = openDevice({
        mode,
        netns: 'new',
        address: `10.${i + 1}.0.1/24`,
        mtu,
        vnetHdr,
        offload: vnetHdr ? TUN_F_CSUM | TUN_F_TSO4 : 0,
      });
      this.devices.push(device);
      this.stack.addLink(new TunLink({ device, pool: this.host.pool }), `10.${i + 1}.0.2/24`);
    });
    onTestFinished(() => this.host.close());
  }

  static async open(sides: readonly [Side, Side], options?: Partial<Options>): Promise<Router> {
    const router = new Router(sides, options);
    for (const i of [0, 1]) {
      await router.at(i, tool('ip'), 'route', 'add', 'default', 'via', `10.${i + 1}.0.2`);
      await router.at(i, 'sh', '-c', 'echo reno > /proc/sys/net/ipv4/tcp_congestion_control');
    }
    return router;
  }

  /** Runs a command in the left (0) or right (1) namespace; throws when it fails. */
  async at(side: number, ...words: string[]): Promise<string> {
    const { code, stdout, stderr } = await this.run(side, ...words);
    if (code !== 0) throw new Error(`${words.join(' ')} ended with ${code}: ${stdout}${stderr}`);
    return stdout;
  }

  run(side: number, ...words: string[]): Promise<{ code: number | null; stdout: string; stderr: string }> {
    return run([...nsenterCommand(this.devices[side]), ...words], 60_000);
  }

  /** Starts a server of tcp-peer's at a side. */
  async serve(side: number, ...words: string[]): Promise<void> {
    const server = new Running([
      ...nsenterCommand(this.devices[side]),
      await nativeProgram('tcp-peer'),
      ...words,
    ]);
    onTestFinished(async () => {
      await server.stop('SIGKILL');
    });
    await server.until(/ready/);
  }
}

const TUN: Side = { mode: 'tun', vnetHdr: false };
const TAP: Side = { mode: 'tap', vnetHdr: false };
const OFFLOADED: Side = { mode: 'tun', vnetHdr: true };
const OFFLOADED_TAP: Side = { mode: 'tap', vnetHdr: true };

describe.skipIf(requireTun())('a stack that forwards between two kernels', () => {
  test.each([
    ['two TUNs', TUN, TUN],
    ['a TAP and a TUN', TAP, TUN],
  ])('%s: ping goes through, and the path shows one hop more', async (_, left, right) => {
    const router = await Router.open([left, right]);
    const ping = await router.at(0, tool('ping'), '-c', '5', '-i', '0.05', RIGHT);
    expect(ping).toContain('5 packets transmitted, 5 received, 0% packet loss');
    expect(ping).toContain('ttl=63');
    const near = await router.run(0, tool('ping'), '-c', '1', '-W', '2', '-t', '1', RIGHT);
    expect(near.stdout).toMatch(/From 10\.1\.0\.2 icmp_seq=1 Time to live exceeded/);
    expect(near.code).toBe(1);
    expect(router.stack.stats.get('IpForwDatagrams')).toBe(10);
    expect(router.stack.stats.drops()).toMatchObject({ TTL_EXCEEDED: 1 });
  });

  test.skipIf(findTool('traceroute') === undefined)('traceroute shows us as the one hop', async () => {
    const router = await Router.open([TUN, TUN]);
    const hops = (await router.at(0, tool('traceroute'), '-n', '-w', '2', '-q', '1', RIGHT))
      .trim()
      .split('\n');
    expect(hops.slice(1).map((line) => line.trim().split(/\s+/).slice(0, 2))).toEqual([
      ['1', '10.1.0.2'],
      ['2', RIGHT],
    ]);
  });

  test('ping -R shows the address of ours on each link it leaves by, and ping -T a time for each', async () => {
    const router = await Router.open([TUN, TUN]);
    const route = await router.at(0, tool('ping'), '-n', '-c', '1', '-R', RIGHT);
    const hops = [...route.matchAll(/^(?:RR: )?\s*(10\.\d+\.\d+\.\d+)\s*$/gm)].map(([, hop]) => hop);
    expect(hops, route).toEqual(['10.1.0.1', '10.2.0.2', RIGHT, RIGHT, '10.1.0.2', '10.1.0.1']);
    const times = await router.at(0, tool('ping'), '-n', '-c', '1', '-T', 'tsandaddr', RIGHT);
    const timed = [...times.matchAll(/^(?:TS: )?\s*(10\.\d+\.\d+\.\d+)\s/gm)].map(([, hop]) => hop);
    expect(timed, times).toEqual(['10.1.0.1', '10.2.0.2', RIGHT, RIGHT]);
  });

  test.each([
    ['two TUNs', TUN, TUN],
    ['two TUNs with offloads: super-segments pass whole', OFFLOADED, OFFLOADED],
    ['offloads on one side only: super-segments are cut here', OFFLOADED, TUN],
    ['a TAP with offloads and a plain TUN', OFFLOADED_TAP, TUN],
  ])('%s: 32 MiB of TCP go through and come back', async (_, left, right) => {
    const router = await Router.open([left, right]);
    await router.serve(1, 'echo', '7');
    const peer = await nativeProgram('tcp-peer');
    const answer = JSON.parse(
      await router.at(0, peer, '-C', 'reno', 'transfer', RIGHT, '7', String(32 * MIB)),
    ) as {
      bytes: number;
    };
    expect(answer.bytes).toBe(32 * MIB);
    expect(router.stack.stats.drops()).not.toHaveProperty('LINK_MARKS');
    expect(router.stack.stats.get('TcpInSegs')).toBe(0);
    expect(router.host.pool.inUse).toBe(0);
  });

  test('ping -M do over a link of 1400 in the middle learns the MTU', async () => {
    const router = await Router.open([TUN, { ...TUN, mtu: 1400 }]);
    const ping = ['-M', 'do', '-s', '1472', '-W', '2'];
    const first = await router.run(0, tool('ping'), '-c', '1', ...ping, RIGHT);
    expect(first.stdout).toMatch(/From 10\.1\.0\.2 icmp_seq=1 Frag needed and DF set \(mtu = 1400\)/);
    const fits = await router.at(0, tool('ping'), '-c', '1', '-M', 'do', '-s', '1372', RIGHT);
    expect(fits).toContain('1 received');
    const route = await router.at(0, tool('ip'), 'route', 'get', RIGHT);
    expect(route).toContain('mtu 1400');
    const cut = await router.at(0, tool('ping'), '-c', '2', '-i', '0.05', '-M', 'dont', '-s', '4000', RIGHT);
    expect(cut).toContain('2 received');
  });

  test.each([
    ['packet by packet', TUN],
    ['by super-segments', OFFLOADED],
  ])('TCP between two kernels goes on when the MTU behind us drops in the middle, %s', async (_, side) => {
    const router = await Router.open([side, side]);
    await router.serve(1, 'echo', '7');
    const peer = await nativeProgram('tcp-peer');
    const underWay = forwarded(router.stack, 200);
    const transfer = router.at(0, peer, '-C', 'reno', 'transfer', RIGHT, '7', String(48 * MIB));
    await underWay;
    await router.at(1, tool('ip'), 'link', 'set', router.devices[1].name, 'mtu', '1200');
    expect(JSON.parse(await transfer)).toMatchObject({ bytes: 48 * MIB });
    expect(router.stack.stats.reason('FORWARD_TOO_BIG')).toBeGreaterThan(0);
    expect(await router.at(0, tool('ip'), 'route', 'get', RIGHT)).toContain('mtu 1200');
  });

  test('without forwarding nothing leaks to the other side, whatever is sent', async () => {
    const router = await Router.open([TUN, TUN], { forwarding: false });
    const before = await received(router);
    for (const words of [
      ['-t', '1'],
      ['-t', '64'],
      ['-s', '4000'],
    ]) {
      const { code, stdout } = await router.run(
        0,
        tool('ping'),
        '-c',
        '3',
        '-i',
        '0.05',
        '-W',
        '1',
        ...words,
        RIGHT,
      );
      expect([code, stdout]).toEqual([1, expect.stringContaining('100% packet loss')]);
    }
    expect(await received(router)).toBe(before);
    expect(router.stack.stats.reason('IP_NOT_LOCAL')).toBe(15);
    expect(router.stack.stats.get('IcmpOutMsgs')).toBe(0);
  });

  test('our TCP goes on when a kernel router between lowers the MTU of its far link', async () => {
    const device = openDevice({ mode: 'tun', netns: 'new', address: '10.9.0.1/24' });
    const host = new Host();
    onTestFinished(() => host.close());
    const stack = host.stack();
    const face = stack.addLink(new TunLink({ device, pool: host.pool }), '10.9.0.2/24');
    stack.addRoute('0.0.0.0/0', face, '10.9.0.1');
    const near = [...nsenterCommand(device)];
    const holder = new Running([tool('unshare'), '-n', 'sh', '-c', 'echo held; exec sleep 120']);
    onTestFinished(async () => {
      await holder.stop('SIGKILL');
    });
    await holder.until(/held/);
    const far = [tool('nsenter'), '-t', String(holder.child.pid), '-n'];
    const ip = async (where: readonly string[], text: string): Promise<void> => {
      const { code, stderr } = await run([...where, tool('ip'), ...text.split(' ')]);
      expect(code, `${text}: ${stderr}`).toBe(0);
    };
    await ip(near, `link add mid0 type veth peer name mid1 netns ${holder.child.pid}`);
    await ip(near, 'addr add 10.8.0.2/24 dev mid0');
    await ip(near, 'link set mid0 up');
    await ip(far, 'addr add 10.8.0.1/24 dev mid1');
    await ip(far, 'link set mid1 up');
    await ip(far, 'route add default via 10.8.0.2');
    await run([...near, 'sh', '-c', 'echo 1 > /proc/sys/net/ipv4/ip_forward']);
    const sink = new Running([...far, await nativeProgram('tcp-peer'), 'sink', '9']);
    onTestFinished(async () => {
      await sink.stop('SIGKILL');
    });
    await sink.until(/ready/);
    const size = 24 * MIB;
    let sent = 0;
    const text = new Uint8Array(64 << 10);
    const events = new EventEmitter();
    const push = (socket: ReturnType<Stack['tcpSocket']>): void => {
      while (sent < size) {
        const taken = socket.send(text, 0, Math.min(text.length, size - sent));
        if (taken <= 0) return;
        sent += taken;
        if (sent > 8 * MIB) events.emit('under way');
      }
      socket.end();
    };
    const socket = stack.tcpSocket({
      connected: push,
      writable: push,
      ended: (one) => events.emit('ended', one.status()?.sendQueue),
      error: (_, error) => events.emit('error', error),
    });
    const ended = once(events, 'ended');
    const underWay = once(events, 'under way');
    socket.connect('10.8.0.1', 9);
    await underWay;
    await ip(near, 'link set mid0 mtu 1100');
    // The kernel ends when it has read all of it.
    const [unacknowledged] = (await ended) as number[];
    expect([sent, unacknowledged]).toEqual([size, 0]);
    expect(stack.stats.get('IcmpInDestUnreachs')).toBeGreaterThan(0);
  });
});

/** Datagrams that the right namespace's kernel received. */
async function received(router: Router): Promise<string> {
  const text = await router.at(1, 'cat', '/proc/net/snmp');
  return text
    .split('\n')
    .filter((line) => line.startsWith('Ip: '))[1]
    .split(' ')[3];
}

/** When so many more datagrams went through. */
function forwarded(stack: Stack, count: number): Promise<void> {
  let seen = 0;
  return new Promise((resolve) => {
    const verdict = (): number => {
      if (++seen === count) resolve();
      return ACCEPT;
    };
    stack.hooks.add(FORWARD, { verdict });
  });
}
