// The process that alloc.ts measures: one load through the whole stack on a link in memory, with a young generation so large that
// nothing is collected meanwhile. Prints octets allocated per packet as JSON.
//   argv: PACKETS BATCH icmp|udp PAYLOAD | PACKETS BATCH tcp in|out|echo|talk plain|offload

import { PerformanceObserver } from 'node:perf_hooks';
import { Stack, type TcpHandler, type TcpSocket } from '@tunstack/stack';
import { type Link, PacketPool } from '@tunstack/stack/contract';
import { AllocLink } from './alloc-link.ts';
import { AllocPeer, SERVER_PORT, type TcpLoad } from './alloc-peer.ts';
import { echoRequest, udpRequest } from './frames.ts';

const WARM_UP_MAX = 200_000;
/** Microseconds of one pump and of one packet, so that TCP has a round trip. */
const PUMP_US = 20;
const PACKET_US = 1;
/** Pumps without a packet before it is a standstill: delayed acknowledgments take 40 ms. */
const PATIENCE = 100_000;

const words = process.argv.slice(2);
const [packets, batch] = words.slice(0, 2).map(Number);
const [protocol, what, offload] = words.slice(2);
const warmUp = Math.min(packets, WARM_UP_MAX);

let collections = 0;
new PerformanceObserver((list) => {
  collections += list.getEntries().length;
}).observe({ entryTypes: ['gc'] });

// Whole numbers: readings of the real clock are doubles, a few octets a batch.
let nowUs = 1_000_000;
let nowMs = 1000;
const clock = { nowMs: () => nowMs, nowUs: () => nowUs };
let seed = 0x1234_5678;
const entropy = {
  int32: () => {
    seed = (Math.imul(seed, 1_664_525) + 1_013_904_223) | 0;
    return seed;
  },
};
const pool = new PacketPool();
const stack = new Stack({ clock, entropy, pool });

/** What the load counts as packets so far. */
let done: () => number;
let tick: (() => void) | undefined;

function attach(link: Link): void {
  stack.addLink(link, '10.9.0.2/24');
}

function echoDatagrams(): void {
  const frame = protocol === 'udp' ? udpRequest(Number(what)) : echoRequest(Number(what));
  const link = new AllocLink(pool, frame, batch);
  done = () => link.counters.txPackets;
  attach(link);
  const socket = stack.udpSocket({
    readable(from) {
      for (let d = from.receive(); d !== undefined; d = from.receive()) {
        from.sendTo(d.bytes, d.offset, d.length, d.address, d.port);
      }
    },
  });
  socket.bind('0.0.0.0', 7);
}

const chunk = new Uint8Array(131_072);
const nothing = (): void => {};

const sink: TcpHandler = {
  readable(socket) {
    for (let text = socket.receive(); text !== undefined; text = socket.receive())
      socket.consume(text.length);
  },
};

function pour(socket: TcpSocket): void {
  while (socket.sendOwned(chunk, nothing));
}

function echoMore(socket: TcpSocket): void {
  for (let text = socket.receive(); text !== undefined; text = socket.receive()) {
    const sent = socket.send(text.bytes, text.offset, text.length);
    if (sent === 0) return;
    socket.consume(sent);
  }
}

const HANDLERS: Readonly<Record<TcpLoad, TcpHandler>> = {
  in: sink,
  out: { writable: pour },
  echo: { readable: echoMore, writable: echoMore },
  talk: { readable: echoMore, writable: echoMore },
};

function serveTcp(load: TcpLoad): void {
  const peer = new AllocPeer(pool, { load, offload: offload === 'offload', batch });
  done = () => peer.packets;
  tick = () => peer.tick(nowMs);
  attach(peer);
  const listener = stack.tcpListener({
    acceptable(from) {
      for (
        let socket = from.accept(HANDLERS[load]);
        socket !== undefined;
        socket = from.accept(HANDLERS[load])
      ) {
        socket.noDelay = true;
        if (load === 'out') pour(socket);
      }
    },
  });
  listener.listen('0.0.0.0', SERVER_PORT);
}

if (protocol === 'tcp') serveTcp(what as TcpLoad);
else echoDatagrams();

/** Pumps until so many packets more were dealt with. */
function pump(more: number): void {
  const end = done() + more;
  let idle = 0;
  for (let at = done(); at < end; ) {
    nowUs = (nowUs + PUMP_US + batch * PACKET_US) | 0;
    nowMs = (nowUs / 1000) | 0;
    tick?.();
    stack.pump();
    const now = done();
    idle = now === at ? idle + 1 : 0;
    if (idle > PATIENCE) throw new Error(`nothing moves: ${JSON.stringify(stack.stats.drops())}`);
    at = now;
  }
}

function used(): number {
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}

pump(warmUp);
// What was compiled in the warm-up settles; entries of the observer come in a later turn of the event loop.
setTimeout(() => {
  collections = 0;
  const before = used();
  const start = process.hrtime.bigint();
  pump(packets);
  const ns = Number(process.hrtime.bigint() - start);
  const after = used();
  setTimeout(() => {
    const result = { bytes: (after - before) / packets, ns: ns / packets, collections };
    process.stdout.write(`${JSON.stringify(result)}\n`);
  }, 50);
}, 200);
