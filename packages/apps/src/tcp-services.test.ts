// The TCP services between two stacks in this process: order, back-pressure, ends, errors that end nobody else.

import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { setImmediate as turn } from 'node:timers/promises';
import { veth } from '@tunstack/links';
import { Host, TcpSocket } from '@tunstack/node';
import type { Stack } from '@tunstack/stack';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { CHARGEN_PORT, DISCARD_PORT, ECHO_PORT, Services } from './services.ts';

const MIB = 1 << 20;

let host: Host;
let answering: Stack;
let asking: Stack;
let services: Services;
let errors: unknown[];

beforeEach(() => {
  errors = [];
  host = new Host({ onHandlerError: (error) => errors.push(error) });
  [answering, asking] = [host.stack({ tcpTimeWaitMs: 10 }), host.stack({ tcpTimeWaitMs: 10 })];
  const [a, b] = veth();
  answering.addLink(a, '10.9.0.2/24');
  asking.addLink(b, '10.9.0.1/24');
  services = new Services(answering);
});

afterEach(() => {
  services.close();
  host.close();
  expect(host.pool.inUse).toBe(0);
  expect(host.pool.chunks.inUseBytes).toBe(0);
  expect(errors).toEqual([]);
});

const connect = (port: number): TcpSocket => new TcpSocket(host, asking).connect(port, '10.9.0.2');

/** What comes back, to the end. */
function all(socket: TcpSocket): Promise<Buffer> {
  const chunks: Buffer[] = [];
  socket.on('data', (chunk: Buffer) => chunks.push(chunk));
  return new Promise((resolve, reject) => {
    socket.on('error', reject);
    socket.on('end', () => resolve(Buffer.concat(chunks)));
  });
}

/** Until this holds, which takes the event loop some turns. */
async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await turn();
}

test('echo gives back what came, in order, and ends when its peer has ended (RFC 862)', async () => {
  const data = randomBytes(8 * MIB);
  const socket = connect(ECHO_PORT);
  const got = all(socket);
  socket.end(data);
  expect((await got).equals(data)).toBe(true);
  await until(() => services.connections === 0);
  expect(services.counters).toMatchObject({ tcpConnections: 1, tcpEchoedBytes: 8 * MIB, tcpFailed: 0 });
});

test('echo answers while its peer goes on', async () => {
  const socket = connect(ECHO_PORT);
  for (const word of ['one', 'two', 'three']) {
    socket.write(word);
    expect(await once(socket, 'data')).toEqual([Buffer.from(word)]);
  }
  socket.destroy();
});

test('a peer that does not read is not read from, and gets all when it reads', async () => {
  const data = randomBytes(24 * MIB);
  const socket = connect(ECHO_PORT);
  await once(socket, 'connect');
  socket.pause();
  socket.end(data);
  let before = -1;
  for (let still = 0; still < 3; still = services.counters.tcpEchoedBytes === before ? still + 1 : 0) {
    before = services.counters.tcpEchoedBytes;
    for (let i = 0; i < 200; i++) await turn();
  }
  // A send buffer, what the peer's window took, and no more.
  expect(before).toBeLessThan(8 * MIB);
  const got = all(socket);
  socket.resume();
  expect((await got).equals(data)).toBe(true);
});

test('discard swallows all, and ends when its peer has ended (RFC 863)', async () => {
  const socket = connect(DISCARD_PORT);
  const got = all(socket);
  socket.end(randomBytes(4 * MIB));
  expect((await got).length).toBe(0);
  expect(services.counters.tcpDiscardedBytes).toBe(4 * MIB);
});

test('chargen sends 72 printing characters a line, each one further, for as long as it is read (RFC 864)', async () => {
  const socket = connect(CHARGEN_PORT);
  let text = '';
  socket.setEncoding('latin1');
  for await (const part of socket) {
    text += part as string;
    if (text.length > MIB) break;
  }
  const lines = text.split('\r\n').slice(0, -1);
  const printing = String.fromCharCode(...Array.from({ length: 94 }, (_, i) => 33 + i)).repeat(2);
  const wrong = lines.findIndex((line, i) => line !== printing.slice(i % 94, (i % 94) + 72));
  expect(wrong).toBe(-1);
  expect(lines.length).toBeGreaterThan(14_000);
  await until(() => services.connections === 0);
  expect(services.counters.tcpGeneratedBytes).toBeGreaterThan(MIB);
});

test('chargen throws away what comes, and the end of its peer ends it', async () => {
  const socket = connect(CHARGEN_PORT);
  const got = all(socket);
  socket.end('anything');
  expect((await got).length % 74).toBe(0);
  await until(() => services.connections === 0);
});

test('a peer that resets ends its own connection and no other', async () => {
  const steady = connect(ECHO_PORT);
  for (const port of [ECHO_PORT, DISCARD_PORT, CHARGEN_PORT]) {
    const socket = connect(port);
    await once(socket, 'connect');
    socket.write(randomBytes(100_000));
    await turn();
    socket.resetAndDestroy();
  }
  await until(() => services.connections === 1);
  expect(services.counters.tcpFailed).toBe(3);
  const got = all(steady);
  steady.end('still there?');
  expect((await got).toString()).toBe('still there?');
});

test('text and the RST behind it in one batch are one failed connection, not an exception', async () => {
  let connected = 0;
  const sockets = [ECHO_PORT, DISCARD_PORT, CHARGEN_PORT].map((port) => {
    const socket = asking.tcpSocket({ connected: () => connected++ });
    socket.connect('10.9.0.2', port);
    return socket;
  });
  await until(() => connected === 3 && services.connections === 3);
  for (const socket of sockets) socket.send(randomBytes(1000));
  asking.pump();
  for (const socket of sockets) socket.abort();
  asking.pump();
  await until(() => services.connections === 0);
  expect(services.counters.tcpFailed).toBe(3);
});

test('close resets who is connected, and lets nobody in', async () => {
  const socket = connect(ECHO_PORT);
  await once(socket, 'connect');
  await until(() => services.connections === 1);
  const error = new Promise((resolve) => socket.once('error', resolve));
  services.close();
  expect(await error).toMatchObject({ code: 'ECONNRESET' });
  const late = connect(ECHO_PORT);
  expect(await new Promise((resolve) => late.once('error', resolve))).toMatchObject({ code: 'ECONNREFUSED' });
});
