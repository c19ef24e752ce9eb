// One run of veth.ts: one process sends to itself for so long, and prints octets a second, and a second of CPU, as JSON.
//   argv: 'core gso' | 'core plain' | 'node gso' | loopback, SECONDS, WARM_UP: seconds of CPU before

import { connect as connectNet, createServer, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { veth } from '@tunstack/links';
import { Host, TcpSocket as NodeSocket, TcpServer } from '@tunstack/node';
import type { Stack, TcpHandler, TcpSocket } from '@tunstack/stack';

const PORT = 5001;
const [kind, seconds, warmUp] = process.argv.slice(2);
/** As node:net is given it, and as bench/src/tcp/services.ts sends. */
const chunk: Uint8Array = new Uint8Array(131_072).fill(0x5a);
let received = 0;

const released = (): void => {};

function pour(socket: TcpSocket): void {
  while (socket.sendOwned(chunk, released));
}

const source: TcpHandler = { connected: pour, writable: pour };
const sink: TcpHandler = {
  readable(socket) {
    for (let text = socket.receive(); text !== undefined; text = socket.receive()) {
      received += text.length;
      socket.consume(text.length);
    }
  },
};

function twoStacks(host: Host, gso: boolean): [Stack, Stack] {
  const [a, b] = [host.stack(), host.stack()];
  const [left, right] = veth(gso ? {} : { features: 0 });
  a.addLink(left, '10.9.0.1/24');
  b.addLink(right, '10.9.0.2/24');
  return [a, b];
}

function core(gso: boolean): void {
  const [a, b] = twoStacks(new Host(), gso);
  const listener = b.tcpListener({ acceptable: (from) => from.accept(sink) });
  listener.listen('0.0.0.0', PORT);
  a.tcpSocket(source).connect('10.9.0.2', PORT);
}

/** The same program for both: `write` until it says no, again at `drain`. */
function pourStream(socket: { write(bytes: Uint8Array): boolean }): void {
  while (socket.write(chunk));
}

function node(gso: boolean): void {
  const host = new Host();
  const [a, b] = twoStacks(host, gso);
  new TcpServer(host, b, (socket) => socket.on('data', (text: Buffer) => (received += text.length))).listen(
    PORT,
  );
  const socket = new NodeSocket(host, a);
  socket.on('connect', () => pourStream(socket));
  socket.on('drain', () => pourStream(socket));
  socket.connect(PORT, '10.9.0.2');
}

function loopback(): void {
  const server = createServer((socket: Socket) => socket.on('data', (text) => (received += text.length)));
  server.listen(0, '127.0.0.1', () => {
    const socket = connectNet((server.address() as { port: number }).port, '127.0.0.1');
    socket.on('connect', () => pourStream(socket));
    socket.on('drain', () => pourStream(socket));
  });
}

if (kind === 'loopback') loopback();
else if (kind.startsWith('node')) node(kind.endsWith('gso'));
else core(kind.endsWith('gso'));

while (process.cpuUsage().user / 1e6 < Number(warmUp)) await sleep(100);
const before = { received, cpu: process.cpuUsage(), ns: process.hrtime.bigint() };
await sleep(Number(seconds) * 1000);
const { user, system } = process.cpuUsage(before.cpu);
const passed = Number(process.hrtime.bigint() - before.ns) / 1e9;
const octets = received - before.received;
const result = { rate: octets / passed, perCpu: octets / ((user + system) / 1e6) };
process.stdout.write(`${JSON.stringify(result)}\n`, () => process.exit(0));
