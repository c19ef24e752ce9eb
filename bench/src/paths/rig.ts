// What `paths` and `share` stand on: two namespaces joined by tun-wire, made anew for each run, so that nothing is left of the
// run before (the kernel keeps metrics of each destination).
//
//   A 10.7.0.1 ---- tun-wire ---- 10.7.0.2 B      a kernel at each end
//   ours 10.9.0.2 ---- TUN ---- 10.9.0.1 kernel of A or B, which forwards
//
// Neither TUN has offload: each packet of the wire is one of the MTU, whoever sent it.

import { fileURLToPath } from 'node:url';
import { closeDevice, type OpenedDevice, openDevice } from '@tunstack/tun';
import { Child } from '../rig/child.ts';
import { must, says } from '../rig/command.ts';
import { Namespace } from '../rig/namespace.ts';
import { nativeProgram } from '../rig/native.ts';
import { needTun, STACK_ADDRESS } from '../rig/tun.ts';
import { type Cell, wireFlags } from './cells.ts';

const WIRE = fileURLToPath(new URL('../../../packages/apps/bin/tun-wire.js', import.meta.url));
const PEER = fileURLToPath(new URL('peer.js', import.meta.url));
const ADDRESSES = { A: '10.7.0.1', B: '10.7.0.2' } as const;
const PORTS = { kernel: 5002, ours: 5003, 'another kernel': 5004 } as const;
/** Six SYNs may be lost before a connection is there, and a connection may be silent at its end. */
const PATIENCE_MS = 60_000;
/** Of a namespace: nothing but TCP on the wire, and buffers larger than any path (octets: least, first, most). */
const SETTINGS: Readonly<Record<string, string>> = {
  'ipv6/conf/all/disable_ipv6': '1',
  'ipv6/conf/default/disable_ipv6': '1',
  'ipv4/ip_forward': '1',
  'ipv4/tcp_wmem': '4096 131072 33554432',
  'ipv4/tcp_rmem': '4096 131072 33554432',
};

/** Whose TCP. */
export type Whose = 'kernel' | 'ours';
/** Who sends; the kernel's server has one connection at a time. */
export type Source = keyof typeof PORTS;
/** An end of the wire: data goes from A to B. */
type End = 'A' | 'B';

/** One direction's counts, as tun-wire prints them. */
export interface Lane {
  readonly packets: number;
  readonly lost: number;
  readonly reordered: number;
  readonly overflowed: number;
  /** By the kernel, before the wire read it: decided by no seed. */
  readonly dropped?: number;
  readonly late: { readonly p50Us: number; readonly p99Us: number; readonly maxUs: number };
}

/** What the receiver counted: octets a second from the handshake on. */
export interface Fetched {
  readonly seconds: number;
  readonly bytes: number;
  readonly rate: number;
}

/** What befell one sender, by nstat's names. */
export interface SenderCounts {
  readonly TcpRetransSegs: number;
  readonly TcpExtTCPTimeouts: number;
  readonly TcpExtTCPLossProbes: number;
  readonly TcpExtTCPDSACKRecv: number;
}
const SENDER_COUNTERS = [
  'TcpRetransSegs',
  'TcpExtTCPTimeouts',
  'TcpExtTCPLossProbes',
  'TcpExtTCPDSACKRecv',
] as const;

/** A wire of a cell, and whoever uses it. `close` ends all of it. */
export class PathRig {
  private readonly cell: Cell;
  private readonly children: Child[] = [];
  private readonly namespaces = new Map<End, Namespace>();
  /** Our stack's device at an end. */
  private readonly devices = new Map<End, OpenedDevice>();
  private readonly sources = new Map<Source, Child>();
  private wire: Child | undefined = undefined;

  private constructor(cell: Cell) {
    this.cell = cell;
  }

  /** Throws, with the remedy, what is missing. */
  static async open(cell: Cell, seed: number): Promise<PathRig> {
    needTun();
    const rig = new PathRig(cell);
    try {
      await Promise.all([rig.hold('A'), rig.hold('B')]);
      await rig.join(seed);
      return rig;
    } catch (error) {
      await rig.close();
      throw error;
    }
  }

  /** Starts a sender at A. */
  async send(source: Source): Promise<void> {
    const { controller } = this.cell;
    const words = ['source', `${PORTS[source]}`];
    const child =
      source === 'ours'
        ? await this.startOurs('A', words)
        : this.start([
            ...this.namespace('A').enter,
            await nativeProgram('tcp-peer'),
            '-C',
            controller,
            ...words,
          ]);
    this.sources.set(source, child);
    await says(child, 'ready');
  }

  /** Receives at B from a sender that was started, for so long. Throws what the receiver has to complain of. */
  async receive(whose: Whose, from: Source, seconds: number): Promise<Fetched> {
    const host = from === 'ours' ? STACK_ADDRESS : ADDRESSES.A;
    const words = ['bulk-in', host, `${PORTS[from]}`, `${seconds}`];
    const client =
      whose === 'kernel'
        ? this.start([...this.namespace('B').enter, await nativeProgram('tcp-peer'), ...words])
        : await this.startOurs('B', words);
    return JSON.parse(await client.line(seconds * 1000 + PATIENCE_MS)) as Fetched;
  }

  /** What befell a sender so far (the kernel's: all of the kernel's); ours ends by it. */
  async counts(whose: Whose): Promise<SenderCounts> {
    let all: Record<string, number>;
    if (whose === 'kernel') {
      const text = await must([...this.namespace('A').enter, 'nstat', '-a', '-s', '-z', '-j']);
      ({ kernel: all } = JSON.parse(text) as { kernel: Record<string, number> });
    } else {
      const source = this.sources.get('ours') as Child;
      source.process.kill('SIGTERM');
      all = JSON.parse(await source.line()) as Record<string, number>;
    }
    return Object.fromEntries(
      SENDER_COUNTERS.map((name) => [name, all[name] ?? 0]),
    ) as unknown as SenderCounts;
  }

  /** Ends the wire and says what it did, A to B and B to A. */
  async cut(): Promise<{ ab: Lane; ba: Lane }> {
    const wire = this.wire as Child;
    wire.process.kill('SIGINT');
    return JSON.parse(await wire.line()) as { ab: Lane; ba: Lane };
  }

  async close(): Promise<void> {
    for (const child of this.children.reverse()) await child.end();
    for (const device of this.devices.values()) closeDevice(device);
    for (const namespace of this.namespaces.values()) await namespace.close();
  }

  private namespace(end: End): Namespace {
    return this.namespaces.get(end) as Namespace;
  }

  private start(words: readonly string[], ...inherited: readonly number[]): Child {
    const child = new Child(words, ...inherited);
    this.children.push(child);
    return child;
  }

  private async hold(end: End): Promise<void> {
    this.namespaces.set(end, await Namespace.open(SETTINGS));
  }

  private async join(seed: number): Promise<void> {
    const ends = [this.namespace('A').path, this.namespace('B').path];
    const addresses = ['--address-a', `${ADDRESSES.A}/24`, '--address-b', `${ADDRESSES.B}/24`];
    const flags = [...addresses, '--realtime', '--json', ...wireFlags(this.cell, seed)];
    this.wire = this.start([process.execPath, WIRE, ...ends, ...flags]);
    await this.wire.line();
  }

  /** Our stack on a TUN at this end; the other learns the way to it. */
  private async startOurs(end: End, words: readonly string[]): Promise<Child> {
    const far = end === 'A' ? 'B' : 'A';
    const device = openDevice({
      ...{ mode: 'tun', netns: this.namespace(end).path, address: '10.9.0.1/24' },
      // As at the other TUNs: what waits for us is not dropped by the kernel.
      txqueuelen: 10_000,
    });
    this.devices.set(end, device);
    await must([...this.namespace(far).enter, 'ip', 'route', 'add', '10.9.0.0/24', 'via', ADDRESSES[end]]);
    return this.start([process.execPath, PEER, this.cell.controller, ...words], device.fd);
  }
}
