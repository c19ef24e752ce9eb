// A stack in this process on a TAP, alone with the kernel or as a port of the kernel's bridge, in namespaces that end with it.
//
//   direct     kernel (namespace of the TAP, 10.9.0.1) ---- tap ---- stack 10.9.0.2
//   bridged    peer (namespace, 10.9.0.3) -- veth -- br0 (kernel, namespace of the TAP, 10.9.0.1) -- tap -- stack

import { Host } from '@tunstack/node';
import type { Interface, Options, Stack } from '@tunstack/stack';
import {
  nsenterCommand,
  type OpenedDevice,
  type OpenOptions,
  openDevice,
  TUN_F_CSUM,
  TUN_F_TSO4,
  TunLink,
} from '@tunstack/tun';
import { onTestFinished } from 'vitest';
import { nativeProgram } from '../../bench/src/rig/native.ts';
import { Running, run, tool } from './namespace.ts';

export const STACK = '10.9.0.2';
export const KERNEL = '10.9.0.1';
export const PEER = '10.9.0.3';
export const STATION = '02:00:00:00:00:02';
/** A namespace's holder that outlives its test goes away by itself. */
const HOLD_SECONDS = 300;

/** A network namespace that lives as long as its holder. */
export interface Namespace {
  readonly pid: number;
  readonly enter: readonly string[];
}

/** Makes a namespace, as seen from one (none: from ours), until the test is over. It has no IPv6, which would chatter. */
export async function namespace(from: readonly string[] = []): Promise<Namespace> {
  const script = `echo 1 > /proc/sys/net/ipv6/conf/default/disable_ipv6; ip link set lo up; echo ready; exec sleep ${HOLD_SECONDS}`;
  const holder = new Running([...from, tool('unshare'), '--net', 'sh', '-c', script]);
  onTestFinished(() => void holder.stop('SIGKILL'));
  await holder.until(/ready/);
  const pid = holder.child.pid as number;
  return { pid, enter: [tool('nsenter'), `--net=/proc/${pid}/ns/net`] };
}

/** Runs a command to its end; throws when it fails. */
export async function must(words: readonly string[], limitMs = 30_000): Promise<string> {
  const { code, stdout, stderr } = await run(words, limitMs);
  if (code !== 0) throw new Error(`${words.join(' ')}: exit ${code}\n${stderr}${stdout}`);
  return stdout;
}

export interface TapRigOptions {
  readonly vnetHdr?: boolean;
  /** The TAP is a port of a bridge, and behind another port is the peer. */
  readonly bridged?: boolean;
  readonly options?: Partial<Options>;
  /** Instead of a new TAP in a namespace of its own. */
  readonly device?: Partial<OpenOptions>;
  readonly etherAddress?: string;
}

export class TapRig {
  readonly host: Host = new Host();
  readonly stack: Stack;
  readonly device: OpenedDevice;
  readonly link: TunLink;
  readonly face: Interface;
  /** Words in front of a command that is to run where the TAP is, and at the peer (or there again). */
  readonly kernel: readonly string[];
  peer: readonly string[];
  /** What handlers heard: conflicts and claims, a line each. */
  readonly news: string[] = [];
  private closed = false;

  private constructor({ vnetHdr = false, bridged = false, options = {}, ...more }: TapRigOptions) {
    this.stack = this.host.stack(options);
    this.device = openDevice({
      mode: 'tap',
      netns: 'new',
      ...(!bridged && more.device === undefined && { address: `${KERNEL}/24` }),
      vnetHdr,
      queues: vnetHdr ? 2 : 1,
      offload: vnetHdr ? TUN_F_CSUM | TUN_F_TSO4 : 0,
      ...more.device,
    });
    this.link = new TunLink({ device: this.device, pool: this.host.pool });
    this.face = this.stack.addLink(this.link, `${STACK}/24`, more.etherAddress ?? STATION);
    this.stack.ethernet.handler = {
      conflict: (_, address, station) => this.news.push(`conflict ${address} ${station}`),
      claimed: (_, address) => this.news.push(`claimed ${address}`),
    };
    this.kernel = nsenterCommand(this.device);
    this.peer = this.kernel;
  }

  /** It is closed when the test is over. */
  static async open(rigOptions: TapRigOptions = {}): Promise<TapRig> {
    const rig = new TapRig(rigOptions);
    onTestFinished(() => rig.close());
    if (rigOptions.device?.netns === undefined) {
      await rig.atKernel('sh', '-c', `echo 1 > /proc/sys/net/ipv6/conf/all/disable_ipv6; ip link set lo up`);
    }
    if (rigOptions.bridged === true) await rig.bridge();
    return rig;
  }

  async atKernel(...words: string[]): Promise<string> {
    return must([...this.kernel, ...words]);
  }

  async atPeer(...words: string[]): Promise<string> {
    return must([...this.peer, ...words]);
  }

  /** `ping` at the peer: how many of `count` came back. */
  async ping(count: number, ...flags: string[]): Promise<number> {
    const words = [
      ...this.peer,
      tool('ping'),
      '-q',
      '-i',
      '0.1',
      '-c',
      `${count}`,
      '-W',
      '2',
      ...flags,
      STACK,
    ];
    const { stdout } = await run(words);
    return Number(/(\d+) received/.exec(stdout)?.[1] ?? 0);
  }

  /** Octets there and back by the kernel's TCP at the peer, verified by it. */
  async transfer(bytes: number): Promise<{ bytes: number; seconds: number }> {
    const program = await nativeProgram('tcp-peer');
    const words = [...this.peer, program, '-C', 'reno', 'transfer', STACK, '7', `${bytes}`];
    return JSON.parse(await must(words, 100_000)) as { bytes: number; seconds: number };
  }

  /** The kernel's counters at the peer since its namespace was made. */
  async nstat(): Promise<Record<string, number>> {
    const { kernel } = JSON.parse(await this.atPeer('nstat', '-a', '-s', '-z', '-j')) as {
      kernel: Record<string, number>;
    };
    return kernel;
  }

  /** Waits until `done`, which something in this process or elsewhere brings about. */
  async until(done: () => boolean, what: string, limitMs = 20_000): Promise<void> {
    const deadline = Date.now() + limitMs;
    while (!done()) {
      if (Date.now() > deadline) throw new Error(`${what}: not after ${limitMs} ms`);
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
  }

  close(): void {
    if (this.closed) return;
    this.closed = true;
    this.host.close();
  }

  private async bridge(): Promise<void> {
    const { pid, enter } = await namespace(this.kernel);
    this.peer = enter;
    const ip = (words: string): Promise<string> => this.atKernel('ip', ...words.split(' '));
    await ip('link add br0 type bridge');
    await ip(`link set ${this.device.name} master br0`);
    await ip(`link add veth1 type veth peer name veth0 netns ${pid}`);
    await ip('link set veth1 master br0');
    await ip(`address add ${KERNEL}/24 dev br0`);
    await ip('link set veth1 up');
    await ip('link set br0 up');
    await this.atPeer('ip', 'address', 'add', `${PEER}/24`, 'dev', 'veth0');
    await this.atPeer('ip', 'link', 'set', 'veth0', 'up');
  }
}
