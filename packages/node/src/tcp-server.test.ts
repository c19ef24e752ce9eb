// TcpServer: listening, many connections, close that waits, limits, handlers that throw.

import { once } from 'node:events';
import { setImmediate as turn } from 'node:timers/promises';
import { veth } from '@tunstack/links';
import type { Stack } from '@tunstack/stack';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { Host } from './host.ts';
import { type TcpDrop, TcpServer } from './tcp-server.ts';
import { TcpSocket } from './tcp-socket.ts';

let host: Host;
let here: Stack;
let there: Stack;
let errors: unknown[];

beforeEach(() => {
  errors = [];
  host = new Host({ onHandlerError: (error) => errors.push(error) });
  [here, there] = [host.stack({ tcpTimeWaitMs: 10 }), host.stack({ tcpTimeWaitMs: 10 })];
  const [a, b] = veth();
  here.addLink(a, '10.0.0.1/24');
  there.addLink(b, '10.0.0.2/24');
});

afterEach(() => {
  host.close();
  expect(host.pool.inUse).toBe(0);
  expect(host.pool.chunks.inUseBytes).toBe(0);
  expect(errors).toEqual([]);
});

function connect(port = 7): TcpSocket {
  return new TcpSocket(host, here).connect(port, '10.0.0.2');
}

/** Sends these words and its end, answers what came back. */
async function ask(words: string): Promise<string> {
  const socket = connect();
  socket.setEncoding('utf8');
  socket.end(words);
  let text = '';
  for await (const part of socket) text += part as string;
  return text;
}

test('listen takes every form of its arguments, and tells where', async () => {
  const server = new TcpServer(host, there);
  expect([server.listening, server.address()]).toEqual([false, null]);
  await new Promise<void>((resolve) => server.listen(0, '10.0.0.2', 5, resolve));
  expect(server.address()).toMatchObject({ address: '10.0.0.2', family: 'IPv4' });
  expect(server.address()?.port).toBeGreaterThan(0);
  const second = new TcpServer(host, there);
  await new Promise<void>((resolve) => second.listen({ port: 80, backlog: 3 }, resolve));
  expect(second.address()).toEqual({ address: '0.0.0.0', family: 'IPv4', port: 80 });
  const third = new TcpServer(host, there);
  await new Promise<void>((resolve) => third.listen(resolve));
  expect(third.listening).toBe(true);
});

test('a port in use, and an address that is not ours, are error events', async () => {
  new TcpServer(host, there).listen(7);
  const second = new TcpServer(host, there);
  const refused = once(second, 'error').catch((error: unknown) => [error]);
  second.listen(7);
  expect((await refused)[0]).toMatchObject({
    code: 'EADDRINUSE',
    syscall: 'listen',
    address: '0.0.0.0',
    port: 7,
  });
  const third = new TcpServer(host, there);
  const foreign = once(third, 'error').catch((error: unknown) => [error]);
  third.listen(7, '10.0.0.99');
  expect((await foreign)[0]).toMatchObject({
    code: 'EADDRNOTAVAIL',
    syscall: 'listen',
    address: '10.0.0.99',
  });
});

test('a server that was refused can listen again, and misuse is told with the codes of Node', async () => {
  const first = new TcpServer(host, there).listen(7);
  const server = new TcpServer(host, there);
  server.once('error', () => server.listen(8));
  server.listen(7);
  await new Promise<void>((resolve) => server.on('listening', resolve));
  expect(server.address()?.port).toBe(8);
  expect(() => server.listen(9)).toThrow(expect.objectContaining({ code: 'ERR_SERVER_ALREADY_LISTEN' }));
  const idle = new TcpServer(host, there);
  const told = await new Promise<Error | undefined>((resolve) => idle.close(resolve));
  expect(told).toMatchObject({ code: 'ERR_SERVER_NOT_RUNNING' });
  first.close();
});

test('300 connections at a time are served, each with its own octets', async () => {
  let most = 0;
  let open = 0;
  const server = new TcpServer(host, there, (socket) => {
    most = Math.max(most, ++open);
    socket.on('close', () => open--);
    socket.pipe(socket);
  });
  await new Promise<void>((resolve) => server.listen(7, resolve));
  const words = [...Array(300).keys()].map((i) => `connection ${i} `.repeat(50));
  expect(await Promise.all(words.map(ask))).toEqual(words);
  expect(most).toBeGreaterThan(100);
  server.close();
  await once(server, 'close');
  expect(open).toBe(0);
});

test('close waits for the connections that are open, and lets no new one in', async () => {
  const server = new TcpServer(host, there, (socket) => socket.pipe(socket));
  server.listen(7);
  const client = connect();
  client.setEncoding('utf8');
  await once(client, 'connect');
  client.write('before ');
  await once(client, 'data');
  let closed = false;
  server.close(() => {
    closed = true;
  });
  expect([server.listening, server.address()]).toEqual([false, null]);
  const late = connect();
  const refused = await new Promise((resolve) => late.once('error', resolve));
  expect(refused).toMatchObject({ code: 'ECONNREFUSED' });
  expect(await new Promise((resolve) => server.getConnections((_, count) => resolve(count)))).toBe(1);
  expect(closed).toBe(false);
  const over = once(server, 'close');
  client.end('after');
  expect(await once(client, 'data')).toEqual(['after']);
  await over;
  expect(closed).toBe(true);
  // And the port is free again.
  server.listen(7);
  expect(await ask('again')).toBe('again');
});

test('beyond maxConnections a connection is reset, and drop tells whose', async () => {
  const server = new TcpServer(host, there, (socket) => socket.resume());
  server.maxConnections = 1;
  server.listen(7);
  const first = connect();
  await once(first, 'connect');
  const dropped = once(server, 'drop') as Promise<[TcpDrop]>;
  const second = connect();
  const error = new Promise((resolve) => second.once('error', resolve));
  const [data] = await dropped;
  expect(data).toEqual({
    localAddress: '10.0.0.2',
    localPort: 7,
    remoteAddress: '10.0.0.1',
    remotePort: second.localPort,
  });
  expect(await error).toMatchObject({ code: 'ECONNRESET' });
  expect(first.destroyed).toBe(false);
});

test('a connection handler that throws keeps no other connection waiting', async () => {
  let seen = 0;
  const server = new TcpServer(host, there, (socket) => {
    socket.pipe(socket);
    if (++seen % 2 === 1) throw new Error('mine');
  });
  server.listen(7);
  const words = [...Array(20).keys()].map((i) => `number ${i}`);
  expect(await Promise.all(words.map(ask))).toEqual(words);
  expect(seen).toBe(20);
  expect(errors.splice(0)).toHaveLength(10);
});

test('the options of a server are those of its sockets', async () => {
  const server = new TcpServer(host, there, { pauseOnConnect: true, allowHalfOpen: true, noDelay: true });
  server.listen(7);
  const client = connect();
  const [socket] = (await once(server, 'connection')) as [TcpSocket];
  client.end('hello');
  for (let i = 0; i < 20; i++) await turn();
  expect([socket.isPaused(), socket.bytesRead, socket.allowHalfOpen]).toEqual([true, 0, true]);
  socket.resume();
  await once(socket, 'end');
  expect(socket.writable).toBe(true);
  client.destroy();
});

test('a stack that closes closes its server', async () => {
  const server = new TcpServer(host, there).listen(7);
  await once(server, 'listening');
  const closed = once(server, 'close');
  host.remove(there);
  await closed;
  expect(server.listening).toBe(false);
});
