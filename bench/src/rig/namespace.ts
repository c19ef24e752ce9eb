// Network namespaces of a bench's own, and pairs of them joined by a veth, all of the kernel's.

import { Child } from './child.ts';
import { must, says } from './command.ts';
import { KERNEL_ADDRESS, STACK_ADDRESS } from './tun.ts';

/** A holder of a namespace that outlives its bench goes away by itself. */
const HOLD_SECONDS = 3600;

/** A network namespace that lives as long as a process does nothing in it. */
export class Namespace {
  /** What stands before a command that is to run in it. */
  readonly enter: readonly string[];
  readonly path: string;
  private readonly holder: Child;

  private constructor(holder: Child) {
    this.holder = holder;
    this.path = `/proc/${holder.process.pid}/ns/net`;
    this.enter = ['nsenter', `--net=${this.path}`];
  }

  /** `settings`: what is written below /proc/sys/net of it first. */
  static async open(settings: Readonly<Record<string, string>> = {}): Promise<Namespace> {
    const set = Object.entries(settings).map(([name, value]) => `echo ${value} > /proc/sys/net/${name}`);
    const script = [...set, 'ip link set lo up', 'echo ready', `exec sleep ${HOLD_SECONDS}`].join(' && ');
    const holder = new Child(['unshare', '--net', 'sh', '-c', script]);
    try {
      await says(holder, 'ready');
    } catch (error) {
      await holder.end();
      throw error;
    }
    return new Namespace(holder);
  }

  async ip(words: string): Promise<void> {
    await must([...this.enter, 'ip', ...words.split(' ')]);
  }

  close(): Promise<void> {
    return this.holder.end();
  }
}

/** The client closes first: without this its ports stay in TIME-WAIT until none is left. */
export async function forgetTimeWait(enter: readonly string[]): Promise<void> {
  await must([...enter, 'sh', '-c', 'echo 1 > /proc/sys/net/ipv4/tcp_max_tw_buckets']);
}

/**
 * Two namespaces with a veth between them, offloads as the kernel has them: checksums and segmentation are never done.
 *
 *   client 10.9.0.1 ---- veth ---- 10.9.0.2 server
 */
export class VethPair {
  readonly client: Namespace;
  readonly server: Namespace;

  private constructor(client: Namespace, server: Namespace) {
    this.client = client;
    this.server = server;
  }

  static async open(mtu: number): Promise<VethPair> {
    const [client, server] = await Promise.all([Namespace.open(), Namespace.open()]);
    const pair = new VethPair(client, server);
    try {
      await client.ip(`link add veth0 mtu ${mtu} type veth peer name veth0 mtu ${mtu} netns ${server.path}`);
      await client.ip(`address add ${KERNEL_ADDRESS} dev veth0`);
      await server.ip(`address add ${STACK_ADDRESS}/24 dev veth0`);
      await client.ip('link set veth0 up');
      await server.ip('link set veth0 up');
      await forgetTimeWait(client.enter);
    } catch (error) {
      await pair.close();
      throw error;
    }
    return pair;
  }

  async close(): Promise<void> {
    await Promise.all([this.client.close(), this.server.close()]);
  }
}
