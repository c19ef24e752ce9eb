// TCP, from the side of the server: bulk in and out, echo, a ping-pong of one octet, connections a second. Our stack on
// a TUN against the kernel's over a veth pair; the client is the kernel's in both, the same program with the same flags.
//
//   ours     client (kernel) - tun with checksum and segmentation offload - tcp-server.ts
//   anchor   client (kernel) - veth pair between two namespaces - tcp-peer as the server (kernel)

import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import {
  closeDevice,
  nsenterCommand,
  type OpenedDevice,
  openDevice,
  TUN_F_CSUM,
  TUN_F_TSO4,
} from '@tunstack/tun';
import { nativeProgram } from './native.ts';
import { Child, cpus, needTun, STACK_ADDRESS } from './rig.ts';
import { type Bench, type Effort, type Row, rowOf } from './rows.ts';

const CLIENT_ADDRESS = '10.9.0.1/24';
const SINK = 5001;
const SOURCE = 5002;
const ECHO = 5003;
/** As ECHO, but in C a server that blocks: what the kernel can do at its best with one octet. */
const PING_PONG = 5004;
/** The kernel's default may be BBR, which paces: not what is compared. */
const CONGESTION = ['-C', 'cubic'];
const SECONDS = 1;
const SECONDS_QUICK = 0.2;
const LEAST_PAIRS = 5;
/** A holder of a namespace that outlives its bench goes away by itself. */
const HOLD_SECONDS = 3600;

/** What tcp-peer prints: `rate` a second, `p50` and `p99` in microseconds. */
interface Answer {
  readonly rate: number;
  readonly p50: number;
  readonly p99: number;
}

/** A server that waits, and how to run a client in the namespace beside it. */
interface TcpRig {
  readonly enter: readonly string[];
  /** The ping-pong's port: our echo serves it, too. */
  readonly pingPong: number;
  end(): Promise<void>;
}

/** One figure of a load. `scale` times what the client printed is in `unit`. */
interface Figure {
  readonly name: string;
  readonly unit: string;
  readonly of: keyof Answer;
  readonly scale: number;
}

interface Load {
  /** The client's mode: what is bulk out for it is bulk in for the server. */
  readonly mode: string;
  readonly port: (rig: TcpRig) => number;
  readonly oneCpu: boolean;
  readonly figures: readonly Figure[];
}

const megabytes = (name: string): Figure => ({ name, unit: 'MB/s', of: 'rate', scale: 1e-6 });

const pingPong = (oneCpu: boolean): Load => {
  const where = oneCpu ? 'one CPU' : 'two CPUs';
  const time = (of: 'p50' | 'p99'): Figure => {
    return { name: `tcp ping-pong ${of}, ${where}`, unit: 'us', of, scale: 1 };
  };
  return { mode: 'pingpong', port: (rig) => rig.pingPong, oneCpu, figures: [time('p50'), time('p99')] };
};

const LOADS: readonly Load[] = [
  { mode: 'bulk-out', port: () => SINK, oneCpu: false, figures: [megabytes('tcp bulk in')] },
  { mode: 'bulk-in', port: () => SOURCE, oneCpu: false, figures: [megabytes('tcp bulk out')] },
  { mode: 'echo', port: () => ECHO, oneCpu: false, figures: [megabytes('tcp echo')] },
  pingPong(true),
  pingPong(false),
  {
    mode: 'connect',
    port: () => SINK,
    oneCpu: false,
    figures: [{ name: 'tcp connect and close', unit: 'connections/s', of: 'rate', scale: 1 }],
  },
];

const pinned = (cpu: number, words: readonly string[]): string[] => ['taskset', '-c', `${cpu}`, ...words];

async function must(words: readonly string[]): Promise<void> {
  const [program, ...args] = words;
  await promisify(execFile)(program, args, { timeout: 10_000 });
}

/** The client closes first: without this its ports stay in TIME-WAIT until none is left. */
function forgetTimeWait(enter: readonly string[]): Promise<void> {
  return must([...enter, 'sh', '-c', 'echo 1 > /proc/sys/net/ipv4/tcp_max_tw_buckets']);
}

async function peer(): Promise<string> {
  return nativeProgram('tcp-peer');
}

async function ready(server: Child): Promise<void> {
  const line = await server.line();
  if (line !== 'ready') throw new Error(`the server said '${line}' instead of ready`);
}

/** Our stack, of this build or, with `built`, of the bench/dist of another. */
async function startStack(built = fileURLToPath(new URL('.', import.meta.url))): Promise<TcpRig> {
  const device: OpenedDevice = openDevice({
    mode: 'tun',
    netns: 'new',
    address: CLIENT_ADDRESS,
    vnetHdr: true,
    offload: TUN_F_CSUM | TUN_F_TSO4,
  });
  const words = [process.execPath, join(built, 'tcp-server.js'), `${SINK}`, `${SOURCE}`, `${ECHO}`];
  const server = new Child(pinned(cpus().reflector, words), device.fd);
  const end = async (): Promise<void> => {
    await server.end();
    closeDevice(device);
  };
  try {
    const enter = nsenterCommand(device);
    await forgetTimeWait(enter);
    await ready(server);
    return { enter, pingPong: ECHO, end };
  } catch (error) {
    await end();
    throw error;
  }
}

/** A network namespace that lives as long as a process does nothing in it. */
async function namespace(children: Child[]): Promise<{ pid: number; enter: string[] }> {
  const script = `ip link set lo up && echo ready && exec sleep ${HOLD_SECONDS}`;
  const holder = new Child(['unshare', '--net', 'sh', '-c', script]);
  children.push(holder);
  await ready(holder);
  const pid = holder.process.pid as number;
  return { pid, enter: ['nsenter', `--net=/proc/${pid}/ns/net`] };
}

async function startKernel(): Promise<TcpRig> {
  const program = await peer();
  const children: Child[] = [];
  const end = async (): Promise<void> => {
    for (const child of children.reverse()) await child.end();
  };
  try {
    const client = await namespace(children);
    const server = await namespace(children);
    const ip = (words: string, { enter }: { enter: string[] }): Promise<void> =>
      must([...enter, 'ip', ...words.split(' ')]);
    await ip(`link add veth0 type veth peer name veth0 netns ${server.pid}`, client);
    await ip(`address add ${CLIENT_ADDRESS} dev veth0`, client);
    await ip(`address add ${STACK_ADDRESS}/24 dev veth0`, server);
    await ip('link set veth0 up', client);
    await ip('link set veth0 up', server);
    await forgetTimeWait(client.enter);
    const modes = { sink: SINK, source: SOURCE, echo: ECHO, 'pingpong-server': PING_PONG };
    for (const [mode, port] of Object.entries(modes)) {
      const words = pinned(cpus().reflector, [program, ...CONGESTION, mode, `${port}`]);
      const child = new Child([...server.enter, ...words]);
      children.push(child);
      await ready(child);
    }
    return { enter: client.enter, pingPong: PING_PONG, end };
  } catch (error) {
    await end();
    throw error;
  }
}

/** One run of a client against one server. */
async function run(rig: TcpRig, program: string, load: Load, seconds: number): Promise<Answer> {
  const cpu = load.oneCpu ? cpus().reflector : cpus().peer;
  const words = [program, ...CONGESTION, load.mode, STACK_ADDRESS, `${load.port(rig)}`, `${seconds}`];
  const client = new Child([...rig.enter, ...pinned(cpu, words)]);
  try {
    return JSON.parse(await client.line()) as Answer;
  } finally {
    await client.end();
  }
}

/** Runs in turn, the first pair to warm up. */
async function compare(ours: TcpRig, anchor: TcpRig, load: Load, { quick, runs }: Effort): Promise<Row[]> {
  const program = await peer();
  const seconds = quick ? SECONDS_QUICK : SECONDS;
  const least = quick ? runs : Math.max(runs, LEAST_PAIRS);
  const pairs: [Answer, Answer][] = [];
  for (let pair = -1; pair < least; pair++) {
    const mine = await run(ours, program, load, seconds);
    const theirs = await run(anchor, program, load, seconds);
    if (pair >= 0) pairs.push([mine, theirs]);
  }
  return load.figures.map(({ name, unit, of, scale }) =>
    rowOf(
      name,
      unit,
      pairs.map(([mine, theirs]) => [mine[of] * scale, theirs[of] * scale]),
    ),
  );
}

export const tcp: Bench = {
  name: 'tcp',
  async run(effort: Effort): Promise<Row[]> {
    needTun();
    const ours = await startStack();
    const rows: Row[] = [];
    try {
      const anchor = await (effort.against === undefined ? startKernel() : startStack(effort.against));
      try {
        for (const load of LOADS) rows.push(...(await compare(ours, anchor, load, effort)));
      } finally {
        await anchor.end();
      }
    } finally {
      await ours.end();
    }
    return rows;
  },
};
