import { once } from 'node:events';
import { setImmediate as turn } from 'node:timers/promises';
import { veth } from '@tunstack/links';
import type { Stack } from '@tunstack/stack';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { Host } from './host.ts';
import { type RemoteInfo, UdpSocket } from './udp-socket.ts';

let host: Host;
let here: Stack;
let there: Stack;

beforeEach(() => {
  host = new Host();
  [here, there] = [host.stack(), host.stack()];
  const [a, b] = veth();
  here.addLink(a, '10.0.0.1/24');
  there.addLink(b, '10.0.0.2/24');
});

afterEach(() => {
  host.close();
  expect(host.pool.inUse).toBe(0);
});

async function listening(stack: Stack, port = 0): Promise<UdpSocket> {
  const socket = new UdpSocket(host, stack);
  socket.bind(port);
  await once(socket, 'listening');
  return socket;
}

/** The error a call throws. */
function codeOf(call: () => unknown): string {
  try {
    call();
  } catch (error) {
    return (error as { code: string }).code;
  }
  return 'none';
}

describe('UdpSocket, as dgram has it', () => {
  test('a message arrives with who sent it', async () => {
    const server = await listening(there, 7);
    const client = await listening(here);
    client.send('hello', 7, '10.0.0.2');
    const [data, from] = (await once(server, 'message')) as [Buffer, RemoteInfo];
    expect(data.toString()).toBe('hello');
    expect(from).toEqual({ address: '10.0.0.1', family: 'IPv4', port: client.address().port, size: 5 });
  });

  test('send takes every form of its arguments', async () => {
    const server = await listening(there, 7);
    const got: string[] = [];
    server.on('message', (data) => got.push(data.toString()));
    const client = new UdpSocket(host, here);
    client.send(Buffer.from('abcdef'), 2, 3, 7, '10.0.0.2');
    client.send(['one', Buffer.from('two')], 7, '10.0.0.2');
    const bytes = await new Promise((resolve) =>
      client.send(Buffer.from('last'), 7, '10.0.0.2', (_, n) => resolve(n)),
    );
    expect(bytes).toBe(4);
    const connected = new UdpSocket(host, here);
    connected.connect(7, '10.0.0.2');
    await once(connected, 'connect');
    connected.send(Buffer.from('12345'), 1, 2);
    connected.send('all');
    while (got.length < 5) await once(server, 'message');
    expect(got).toEqual(['cde', 'onetwo', 'last', '23', 'all']);
  });

  test('the data may be changed after send', async () => {
    const server = await listening(there, 7);
    const client = new UdpSocket(host, here);
    const data = Buffer.from('before');
    client.send(data, 7, '10.0.0.2');
    data.fill('x');
    const [got] = (await once(server, 'message')) as [Buffer];
    expect(got.toString()).toBe('before');
  });

  test('more than the queue holds is sent in the end, in order', async () => {
    const server = await listening(there, 7);
    server.setRecvBufferSize(10_000_000);
    const got: number[] = [];
    server.on('message', (data) => got.push(data.readUInt32BE()));
    const client = new UdpSocket(host, here);
    client.setSendBufferSize(4000);
    const datagram = Buffer.alloc(1000);
    for (let i = 0; i < 200; i++) {
      datagram.writeUInt32BE(i);
      client.send(datagram, 7, '10.0.0.2');
    }
    expect(client.getSendQueueCount()).toBeGreaterThan(0);
    while (got.length < 200) await once(server, 'message');
    expect(got).toEqual(Array.from({ length: 200 }, (_, i) => i));
  });

  test('a port in use is an error event with the code and the remedy', async () => {
    await listening(here, 53);
    const second = new UdpSocket(host, here);
    second.bind(53);
    const [error] = await once(second, 'error').catch((thrown: unknown) => [thrown]);
    expect(error).toMatchObject({ code: 'EADDRINUSE', syscall: 'bind', address: '0.0.0.0', port: 53 });
    expect((error as Error).message).toContain('another socket');
  });

  test('an ICMP error reaches the connected socket', async () => {
    const client = new UdpSocket(host, here);
    client.connect(4444, '10.0.0.2');
    await once(client, 'connect');
    client.send('nobody there');
    const [error] = await once(client, 'error').catch((thrown: unknown) => [thrown]);
    expect(error).toMatchObject({ code: 'ECONNREFUSED', address: '10.0.0.2', port: 4444 });
  });

  test('misuse throws the codes of dgram', async () => {
    const socket = await listening(here, 1000);
    expect(codeOf(() => socket.bind(1001))).toBe('ERR_SOCKET_ALREADY_BOUND');
    expect(codeOf(() => socket.send('x'))).toBe('ERR_SOCKET_BAD_PORT');
    expect(codeOf(() => socket.send('x', 70_000, '10.0.0.2'))).toBe('ERR_SOCKET_BAD_PORT');
    expect(codeOf(() => socket.send(Buffer.alloc(2), 1, 5, 7, '10.0.0.2'))).toBe('ERR_BUFFER_OUT_OF_BOUNDS');
    expect(codeOf(() => socket.disconnect())).toBe('ERR_SOCKET_DGRAM_NOT_CONNECTED');
    expect(codeOf(() => socket.remoteAddress())).toBe('ERR_SOCKET_DGRAM_NOT_CONNECTED');
    expect(codeOf(() => socket.setTTL(0))).toBe('ERR_INVALID_ARG_VALUE');
    socket.close();
    await once(socket, 'close');
    expect(codeOf(() => socket.send('x', 7, '10.0.0.2'))).toBe('ERR_SOCKET_DGRAM_NOT_RUNNING');
    expect(codeOf(() => socket.close())).toBe('ERR_SOCKET_DGRAM_NOT_RUNNING');
  });

  test('a message handler that throws gets the rest of the batch all the same', async () => {
    const errors: unknown[] = [];
    const watched = new Host({ onHandlerError: (error) => errors.push(error) });
    const stack = watched.stack();
    const server = new UdpSocket(watched, stack);
    const got: string[] = [];
    server.on('message', (data) => {
      got.push(data.toString());
      throw new Error('mine');
    });
    server.bind(7, '127.0.0.1');
    const client = new UdpSocket(watched, stack);
    for (const word of ['one', 'two', 'three']) client.send(word, 7);
    for (let i = 0; i < 10; i++) await turn();
    expect(got).toEqual(['one', 'two', 'three']);
    expect(errors).toHaveLength(3);
    watched.close();
  });

  test('what cannot be sent is told to the callback, and without one to nobody, as dgram does', async () => {
    const server = await listening(here, 7);
    const errors: Error[] = [];
    server.on('error', (error) => errors.push(error));
    // A spoofed sender: no route leads back.
    server.send('answer', 7, '192.0.2.1');
    const error = await new Promise((resolve) => server.send('answer', 7, '192.0.2.1', resolve));
    expect(error).toMatchObject({ code: 'ENETUNREACH', address: '192.0.2.1' });
    expect(errors).toEqual([]);
  });

  test('a first send that fails has bound the socket, as in dgram', async () => {
    const socket = new UdpSocket(host, here);
    socket.send('nowhere', 7, '192.0.2.1');
    await once(socket, 'listening');
    expect(codeOf(() => socket.bind(1000))).toBe('ERR_SOCKET_ALREADY_BOUND');
    const other = new UdpSocket(host, here);
    other.connect(7, '192.0.2.1', () => {});
    await once(other, 'listening');
    expect(other.address().port).toBeGreaterThan(0);
  });

  test('bind takes a callback alone, and forgets the one of a bind that failed', async () => {
    const first = new UdpSocket(host, here);
    await new Promise<void>((resolve) => first.bind(resolve));
    const { port } = first.address();
    expect(port).toBeGreaterThan(0);
    const called: string[] = [];
    const second = new UdpSocket(host, here);
    second.on('error', () => second.bind(0, () => called.push('second')));
    second.bind(port, () => called.push('first'));
    // Not `once`: the error on the way would reject it.
    await new Promise<void>((resolve) => second.on('listening', resolve));
    expect(called).toEqual(['second']);
  });

  test('a connected socket is connected once', async () => {
    const socket = new UdpSocket(host, here);
    socket.connect(7, '10.0.0.2');
    await once(socket, 'connect');
    expect(codeOf(() => socket.connect(9, '10.0.0.2'))).toBe('ERR_SOCKET_DGRAM_IS_CONNECTED');
    expect(socket.remoteAddress().port).toBe(7);
  });

  test('a send callback that throws holds up nothing that waits', async () => {
    const errors: unknown[] = [];
    const before = process.rawListeners('uncaughtException') as NodeJS.UncaughtExceptionListener[];
    process.removeAllListeners('uncaughtException');
    process.on('uncaughtException', (error) => errors.push(error));
    const server = await listening(there, 7);
    const got: string[] = [];
    server.on('message', (data) => got.push(data.toString()));
    const client = new UdpSocket(host, here);
    client.setSendBufferSize(300);
    for (const word of ['one', 'two', 'three', 'four']) {
      client.send(word, 7, '10.0.0.2', () => {
        throw new Error(word);
      });
    }
    for (let i = 0; i < 20; i++) await turn();
    process.removeAllListeners('uncaughtException');
    for (const listener of before) process.on('uncaughtException', listener);
    expect(got).toEqual(['one', 'two', 'three', 'four']);
    expect(errors).toHaveLength(4);
  });

  test('a datagram from port 0 cannot end a server that answers it', async () => {
    const server = await listening(there, 7);
    server.on('message', (data, from) => server.send(data, from.port, from.address));
    server.emit('message', Buffer.from('x'), { address: '10.0.0.1', family: 'IPv4', port: 0, size: 1 });
    const error = await new Promise((resolve) =>
      server.send('x', 0, '10.0.0.1', (thrown) => resolve(thrown)),
    );
    expect(error).toMatchObject({ code: 'ERR_SOCKET_BAD_PORT' });
  });

  test('when its stack leaves the host a socket closes, and holds the process no longer', async () => {
    const server = await listening(there, 7);
    const before = process.getActiveResourcesInfo().filter((name) => name === 'Timeout').length;
    host.remove(there);
    await once(server, 'close');
    const after = process.getActiveResourcesInfo().filter((name) => name === 'Timeout').length;
    expect(after).toBe(before - 1);
    expect(codeOf(() => server.send('x', 7, '10.0.0.1'))).toBe('ERR_SOCKET_DGRAM_NOT_RUNNING');
  });
});
