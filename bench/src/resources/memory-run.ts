// The process that memory.ts measures: so many connections of one kind, opened by a crowd without memory of its own; what they take
// of the heap and of array buffers, after garbage collection. Prints octets per connection as JSON.
//   argv: KIND COUNT      flags: --expose-gc

import { setTimeout as sleep } from 'node:timers/promises';
import { Host, type TcpSocket as NodeSocket, TcpServer } from '@tunstack/node';
import { type Options, Stack, type TcpHandler, type TcpSocket } from '@tunstack/stack';
import { PacketPool } from '@tunstack/stack/contract';
import { CROWD_ADDRESS, CROWD_PORT, Crowd } from './crowd.ts';

/** Before the first reading: code is compiled, feedback is collected, pools have their first arenas. */
const WARM_UP = 2048;
const PATIENCE = 20_000;
const REQUEST = 100;
const PAUSE_MS = 4000;
const PAUSE_STEP_MS = 50;
const ANSWER: Uint8Array = new Uint8Array(1024);

const [kind, words] = process.argv.slice(2);
const count = Number(words);
const [face, phase] = kind.split(' ');

/** Held, as an application holds its connections; the array itself is not counted. */
const open: (TcpSocket | NodeSocket | undefined)[] = new Array<undefined>(WARM_UP + count).fill(undefined);
let accepted = 0;

const options: Partial<Options> = {
  tcpSynBacklogMax: 2 * (WARM_UP + count),
  pathsMax: 2 * (WARM_UP + count),
};
const requestBytes = phase === 'used' ? REQUEST : 0;
const crowdOptions = { manyAddresses: phase === 'scattered', requestBytes };
const crowdOf = (pool: PacketPool): Crowd => new Crowd(pool, crowdOptions);

/** Reads all, and answers. */
function answerCore(socket: TcpSocket): void {
  socket.consume(socket.unread);
  socket.send(ANSWER);
}

const handler: TcpHandler = phase === 'used' ? { readable: answerCore } : {};

interface Rig {
  readonly crowd: Crowd;
  readonly turn: () => Promise<void>;
  /** Some seconds without a packet. */
  readonly pause: () => Promise<void>;
}

/** Of the stack's own face, with a clock that is moved by hand. */
function coreStack(): Rig {
  let seed = 1;
  const entropy = { int32: () => (seed = (Math.imul(seed, 1_664_525) + 1_013_904_223) | 0) };
  const pool = new PacketPool();
  let nowMs = 1;
  const clock = { nowMs: () => nowMs, nowUs: () => nowMs * 1000 };
  const stack = new Stack({ clock, entropy, pool, options });
  const crowd = crowdOf(pool);
  stack.addLink(crowd, CROWD_ADDRESS);
  const listener = stack.tcpListener({
    acceptable(from) {
      for (let socket = from.accept(handler); socket !== undefined; socket = from.accept(handler)) {
        if (phase === 'time-wait') socket.close();
        else open[accepted] = socket;
        accepted++;
      }
    },
  });
  listener.listen('0.0.0.0', CROWD_PORT, { backlog: 4096 });
  const turn = (): Promise<void> => {
    stack.pump();
    return Promise.resolve();
  };
  // Not for those who would time out meanwhile.
  const pauseMs = phase === 'fresh' || phase === 'used' ? PAUSE_MS : 0;
  const pause = (): Promise<void> => {
    for (const end = nowMs + pauseMs; nowMs < end; nowMs += PAUSE_STEP_MS) stack.pump();
    return Promise.resolve();
  };
  return { crowd, turn, pause };
}

/** Of net's face: a Duplex a connection. */
function nodeStack(): Rig {
  const host = new Host();
  const stack = host.stack(options);
  const crowd = crowdOf(host.pool);
  stack.addLink(crowd, CROWD_ADDRESS);
  const server = new TcpServer(host, stack, (socket) => {
    open[accepted++] = socket;
    socket.on('error', fail);
    if (phase === 'used') socket.on('data', () => socket.write(ANSWER));
  });
  server.listen(CROWD_PORT, '0.0.0.0', 4096);
  const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
  return { crowd, turn, pause: () => sleep(PAUSE_MS) };
}

function fail(error: Error): never {
  throw error;
}

const { crowd, turn, pause } = face === 'node' ? nodeStack() : coreStack();

/** All that was asked for has happened. */
function done(connections: number): boolean {
  if (phase === 'embryonic') return crowd.counters.txPackets >= connections;
  if (crowd.established < connections || accepted < connections) return false;
  return phase !== 'used' || crowd.received >= connections * ANSWER.length;
}

async function connect(more: number, total: number): Promise<void> {
  crowd.open(more);
  for (let turns = 0; !done(total); turns++) {
    if (turns > PATIENCE) throw new Error(`${accepted} of ${total} connections were accepted`);
    await turn();
  }
  // The last answers arrive, and then nothing happens for a while: what a pause gives back is given back.
  for (let turns = 0; turns < 64; turns++) await turn();
  await pause();
}

function used(): number {
  const gc = globalThis.gc as () => void;
  for (let i = 0; i < 4; i++) gc();
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}

if (phase === 'embryonic') crowd.mute();
await connect(WARM_UP, WARM_UP);
const before = used();
await connect(count, WARM_UP + count);
const bytes = (used() - before) / count;
process.stdout.write(`${JSON.stringify({ bytes })}\n`);
process.exit(0);
