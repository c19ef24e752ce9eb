// A stack in this process on a TUN, and the kernel's TCP as its peer, in network namespaces that end with the rig.
//
//   direct     client (kernel, namespace of the TUN) ---- tun ---- stack
//   routed     client (kernel, namespace) -- veth -- router (kernel, namespace of the TUN) ---- tun ---- stack
//              a drop in the router's FORWARD is silent, as on a lossy wire; in OUTPUT the sender would hear of it

import { join } from 'node:path';
import { Host } from '@tunstack/node';
import type { Options, Stack } from '@tunstack/stack';
import {
  nsenterCommand,
  type OpenedDevice,
  openDevice,
  TUN_F_CSUM,
  TUN_F_TSO4,
  TunLink,
} from '@tunstack/tun';
import { onTestFinished } from 'vitest';
import { nativeProgram } from '../../bench/src/rig/native.ts';
import { Running, root, run, tool } from './namespace.ts';

export const STACK = '10.9.0.2';
/** What a test is run with that is to hold with and without offload: its name, and `vnetHdr`. */
export const HEADERS: readonly (readonly [string, boolean])[] = [
  ['without the vnet header', false],
  ['with the vnet header', true],
];

/** The client's address where it is routed. */
export const CLIENT = '10.8.0.1';
/** A namespace's holder that outlives its test goes away by itself. */
const HOLD_SECONDS = 900;

export interface RigOptions {
  /** IFF_VNET_HDR with checksum and segmentation offload both ways. */
  readonly vnetHdr?: boolean;
  /** With a router between. Its veth leaves nothing to offload: each packet in it is one of the wire, and complete. */
  readonly routed?: boolean;
  /** The client closes first: its ports would stay in TIME-WAIT until none is left. It answers late segments with RST then. */
  readonly forgetTimeWait?: boolean;
  readonly options?: Partial<Options>;
  /** Of the TUN, octets. */
  readonly mtu?: number;
}

/** What `tcp-peer` prints. */
export interface PeerAnswer {
  readonly seconds: number;
  readonly bytes: number;
  readonly count: number;
  readonly connections: number;
}

export class TcpRig {
  readonly host: Host = new Host();
  readonly stack: Stack;
  readonly device: OpenedDevice;
  /** Words in front of a command that is to run at the client, and at the router (which may be the same). */
  client: readonly string[];
  readonly router: readonly string[];
  /** The device that the client has towards the stack. */
  clientDevice: string;
  private readonly children: Running[] = [];

  private constructor({ vnetHdr = false, options = {}, mtu = 1500 }: RigOptions) {
    this.stack = this.host.stack(options);
    this.device = openDevice({
      mode: 'tun',
      netns: 'new',
      address: '10.9.0.1/24',
      mtu,
      vnetHdr,
      queues: vnetHdr ? 2 : 1,
      offload: vnetHdr ? TUN_F_CSUM | TUN_F_TSO4 : 0,
    });
    const face = this.stack.addLink(
      new TunLink({ device: this.device, pool: this.host.pool }),
      `${STACK}/24`,
    );
    this.stack.addRoute('0.0.0.0/0', face, '10.9.0.1');
    this.router = nsenterCommand(this.device);
    this.client = this.router;
    this.clientDevice = this.device.name;
  }

  /** It is closed when the test is over. */
  static async open(rigOptions: RigOptions = {}): Promise<TcpRig> {
    const rig = new TcpRig(rigOptions);
    onTestFinished(() => rig.close());
    if (rigOptions.routed === true) await rig.route();
    if (rigOptions.forgetTimeWait === true) {
      await rig.atClient('sh', '-c', 'echo 1 > /proc/sys/net/ipv4/tcp_max_tw_buckets');
    }
    // The kernel's default may be BBR, for which no loss is a sign of anything.
    await rig.atClient('sh', '-c', 'echo reno > /proc/sys/net/ipv4/tcp_congestion_control');
    await rig.atClient('ip', 'link', 'set', 'lo', 'up');
    return rig;
  }

  /** Runs a command at the client to its end; throws when it fails. */
  async atClient(...words: string[]): Promise<string> {
    return must([...this.client, ...words]);
  }

  async atRouter(...words: string[]): Promise<string> {
    return must([...this.router, ...words]);
  }

  /** Runs tcp-peer at the client to its end. Throws what it has to complain of. */
  async peer(words: readonly (string | number)[], limitMs = 100_000): Promise<PeerAnswer> {
    const { code, stdout, stderr } = await run(await this.peerWords(words), limitMs);
    if (code !== 0) throw new Error(`tcp-peer ${words.join(' ')} ended with ${code}: ${stderr}`);
    return JSON.parse(stdout) as PeerAnswer;
  }

  /** Runs tcp-kernel.mjs at the client to its end, and reads its last line. */
  async kernel(...words: (string | number)[]): Promise<{ bytes: number; sha256: string }> {
    const { code, stdout, stderr } = await run(
      [...this.client, ...KERNEL, ...words.map(String)],
      KERNEL_LIMIT_MS,
    );
    if (code !== 0) throw new Error(`tcp-kernel.mjs ${words.join(' ')} ended with ${code}: ${stderr}`);
    return JSON.parse(stdout.trim().split('\n').pop() ?? '') as { bytes: number; sha256: string };
  }

  /** Starts tcp-kernel.mjs at the client, and waits for what it says. */
  async startKernel(says: RegExp, ...words: (string | number)[]): Promise<Running> {
    return this.startAtClient([...KERNEL, ...words.map(String)], says);
  }

  /** Starts one of tcp-peer's servers at the client. */
  async peerServer(...words: (string | number)[]): Promise<Running> {
    return this.start(await this.peerWords(words), /ready/);
  }

  /** Starts a program at the client that ends with the rig, and waits for what it says. */
  async startAtClient(words: readonly string[], says: RegExp): Promise<Running> {
    return this.start([...this.client, ...words], says);
  }

  /** Percent of what the router forwards is dropped, each way. */
  async dropEachWay(percent: number): Promise<void> {
    await this.atRouter(
      tool('nft'),
      LOSSY.replaceAll('PERCENT', `${percent}`).replaceAll('TUN', this.device.name),
    );
  }

  /** How many packets were dropped: on their way to the stack, and from it. */
  async dropped(): Promise<{ toStack: number; fromStack: number }> {
    const listing = JSON.parse(await this.atRouter(tool('nft'), '-j', 'list', 'counters')) as {
      nftables: { counter?: { name: string; packets: number } }[];
    };
    const of = (name: string): number =>
      listing.nftables.find(({ counter }) => counter?.name === name)?.counter?.packets ?? 0;
    return { toStack: of('to_stack'), fromStack: of('from_stack') };
  }

  /** The kernel's counters of the client's namespace since it was made. */
  async nstat(): Promise<Record<string, number>> {
    const { kernel } = JSON.parse(await this.atClient('nstat', '-a', '-s', '-z', '-j')) as {
      kernel: Record<string, number>;
    };
    return kernel;
  }

  /** Packets that found the device's queue full. */
  async queueDrops(): Promise<number> {
    const text = await this.atRouter('ip', '-s', '-j', 'link', 'show', this.device.name);
    const [{ stats64 }] = JSON.parse(text) as { stats64: { tx: { dropped: number } } }[];
    return stats64.tx.dropped;
  }

  /** Waits until `done`, which something in this process or elsewhere brings about. */
  async until(done: () => boolean, what: string, limitMs = 20_000): Promise<void> {
    const deadline = Date.now() + limitMs;
    while (!done()) {
      if (Date.now() > deadline) throw new Error(`${what}: not after ${limitMs} ms`);
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
  }

  private async close(): Promise<void> {
    for (const child of this.children.reverse()) await child.stop('SIGKILL');
    this.host.close();
  }

  private async peerWords(words: readonly (string | number)[]): Promise<string[]> {
    return [...this.client, await nativeProgram('tcp-peer'), '-C', 'reno', ...words.map(String)];
  }

  private async start(words: readonly string[], says: RegExp): Promise<Running> {
    const child = new Running(words);
    this.children.push(child);
    await child.until(says);
    return child;
  }

  /** Makes the client a namespace of its own, behind a veth. */
  private async route(): Promise<void> {
    const script = `echo ready && exec sleep ${HOLD_SECONDS}`;
    const holder = await this.start([...this.router, tool('unshare'), '--net', 'sh', '-c', script], /ready/);
    const pid = holder.child.pid as number;
    const user = this.device.usernsFd < 0 ? [] : [`--user=/proc/${pid}/ns/user`, '--preserve-credentials'];
    this.client = [tool('nsenter'), ...user, `--net=/proc/${pid}/ns/net`];
    this.clientDevice = 'veth0';
    const ip = (words: string): string[] => ['ip', ...words.split(' ')];
    await this.atRouter(...ip(`link add veth0 type veth peer name veth0 netns ${pid}`));
    for (const at of [this.client, this.router]) {
      const address = at === this.client ? CLIENT : '10.8.0.254';
      await must([...at, ...ip(`address add ${address}/24 dev veth0`)]);
      const off = ['tx', 'off', 'tso', 'off', 'gso', 'off', 'gro', 'off'];
      await must([...at, tool('ethtool'), '-K', 'veth0', ...off]);
      await must([...at, ...ip('link set veth0 up')]);
    }
    await this.atClient(...ip('route add default via 10.8.0.254'));
    await this.atRouter('sh', '-c', 'echo 1 > /proc/sys/net/ipv4/ip_forward');
  }
}

/** More than any transfer of a test takes, and less than the test may. */
const KERNEL_LIMIT_MS = 100_000;

const KERNEL = [process.execPath, join(root, 'test/support/tcp-kernel.mjs')];

const LOSSY = `
  add table ip lossy
  add counter ip lossy to_stack
  add counter ip lossy from_stack
  add chain ip lossy forward { type filter hook forward priority 0; }
  add rule ip lossy forward oifname "TUN" numgen random mod 100 < PERCENT counter name to_stack drop
  add rule ip lossy forward iifname "TUN" numgen random mod 100 < PERCENT counter name from_stack drop
`;

async function must(words: readonly string[]): Promise<string> {
  const { code, stdout, stderr } = await run(words);
  if (code !== 0) throw new Error(`${words.join(' ')}: exit ${code}\n${stderr}${stdout}`);
  return stdout;
}
