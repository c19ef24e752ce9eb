// What is asked of a TCP server, and by which figure of the client's answer it is told: modes of bench/native/tcp-peer.c.

import type { Server, Service } from '../peers/contestant.ts';
import { CONGESTION } from '../peers/kernel.ts';
import { Child } from '../rig/child.ts';
import { cpus, pinned } from '../rig/cpus.ts';
import { nativeProgram } from '../rig/native.ts';
import { STACK_ADDRESS } from '../rig/tun.ts';

/** What tcp-peer prints: `rate` a second, `p50` and `p99` in microseconds, `jain` of several flows. */
type Printed = Readonly<Record<'rate' | 'p50' | 'p99' | 'jain' | 'seconds', number>>;

/** And `cost`: CPU-seconds of the server's process in a second of the run, where they are known. */
export type Answer = Printed & { readonly cost?: number };

/** One figure of a load. `scale` times what the client printed is in `unit`. */
export interface Figure {
  readonly name: string;
  readonly unit: string;
  readonly of: keyof Printed;
  readonly scale: number;
  /** It is also told per second of the server's CPU: what other work on the machine takes away does not count then. */
  readonly perCpu?: true;
}

export interface Load {
  /** The client's mode and flags: what is bulk out for it is bulk in for the server. */
  readonly mode: string;
  readonly flags?: readonly string[];
  readonly service: Service;
  /** The client runs on the server's CPU. */
  readonly oneCpu?: boolean;
  /** A flow that runs on the peer's CPU all the while, and is not what is measured. */
  readonly during?: Load;
  readonly figures: readonly Figure[];
}

/** Before and after what is measured, the flow beside it has run for so long. */
const AROUND_SECONDS = 0.3;

/** One run of a client against a server. */
export async function runLoad(server: Server, load: Load, seconds: number): Promise<Answer> {
  const { during } = load;
  if (during === undefined) return runClient(server, load, seconds);
  const beside = runClient(server, during, seconds + 2 * AROUND_SECONDS);
  // Whoever fails first is told of; the other ends by itself.
  beside.catch(() => {});
  await new Promise((resolve) => setTimeout(resolve, AROUND_SECONDS * 1000));
  const answer = await runClient(server, load, seconds);
  await beside;
  return answer;
}

/** The cost of opening and closing is in it. */
async function runClient(server: Server, load: Load, seconds: number): Promise<Answer> {
  const before = server.cpuNs?.();
  const printed = await printedBy(server, load, seconds);
  if (before === undefined || server.cpuNs === undefined) return printed;
  await asleep();
  return { ...printed, cost: (server.cpuNs() - before) / 1e9 / printed.seconds };
}

/** The client is over; the server closes its side, goes to sleep, and only then its CPU time is up to date. */
function asleep(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 20));
}

async function printedBy(server: Server, load: Load, seconds: number): Promise<Printed> {
  const { mode, flags = [], service, oneCpu = false } = load;
  const program = await nativeProgram('tcp-peer');
  const where = [STACK_ADDRESS, `${server.port(service)}`, `${seconds}`];
  const words = [program, ...CONGESTION, ...flags, mode, ...where];
  const client = new Child([...server.enter, ...pinned(oneCpu ? cpus().stack : cpus().peer, words)]);
  try {
    return JSON.parse(await client.line(seconds * 1000 + 20_000)) as Printed;
  } finally {
    await client.end();
  }
}

const megabytes = (name: string): Figure[] => [{ name, unit: 'MB/s', of: 'rate', scale: 1e-6, perCpu: true }];
const times = (name: string): Figure[] => [
  { name: `${name} p50`, unit: 'us', of: 'p50', scale: 1 },
  { name: `${name} p99`, unit: 'us', of: 'p99', scale: 1 },
];
const perSecond = (name: string, unit: string): Figure[] => [
  { name, unit, of: 'rate', scale: 1, perCpu: true },
];

const BULK_IN: Load = { mode: 'bulk-out', service: 'sink', figures: megabytes('tcp bulk in') };
const BULK_OUT: Load = { mode: 'bulk-in', service: 'source', figures: megabytes('tcp bulk out') };
const ECHO: Load = { mode: 'echo', service: 'echo', figures: megabytes('tcp echo') };
/** Each way alone, and both at once: the rate of echo is that of each. */
export const BULK: readonly Load[] = [BULK_IN, BULK_OUT, ECHO];

/** One octet there and back, one at a time. */
export function pingPong(where: 'one CPU' | 'two CPUs'): Load {
  const figures = times(`tcp ping-pong, ${where}`);
  return { mode: 'pingpong', service: 'ping-pong', oneCpu: where === 'one CPU', figures };
}

/** One octet on the stack's CPU while a bulk flow runs, its client on the other. */
export function pingPongDuring(way: 'in' | 'out'): Load {
  const during = way === 'in' ? BULK_IN : BULK_OUT;
  return { ...pingPong('one CPU'), during, figures: times(`tcp ping-pong, one CPU, during bulk ${way}`) };
}

/** Connections one after the other: SYN, FIN, FIN. */
export function connectAndClose(where: 'one CPU' | 'two CPUs'): Load {
  const figures = perSecond(`tcp connect and close, ${where}`, 'connections/s');
  return { mode: 'connect', service: 'sink', oneCpu: where === 'one CPU', figures };
}

/** 100 octets there, 1024 back, one request of each connection at a time. */
export function requests(connections: number): Load {
  const name = `${connections} connections, 100 B there, 1 KB back`;
  const figures = [...perSecond(`${name}, requests`, 'requests/s'), ...times(`${name},`)];
  return { mode: 'requests', flags: ['-n', `${connections}`], service: 'requests', figures };
}

/** Bulk flows beside each other. */
export function flows(way: 'in' | 'out', count: number): Load {
  const figures: Figure[] = [
    { name: `${count} bulk flows ${way}, sum`, unit: 'MB/s', of: 'rate', scale: 1e-6 },
    { name: `${count} bulk flows ${way}, Jain`, unit: 'index', of: 'jain', scale: 1 },
  ];
  const mode = way === 'in' ? 'flows-out' : 'flows-in';
  return { mode, flags: ['-n', `${count}`], service: way === 'in' ? 'sink' : 'source', figures };
}
