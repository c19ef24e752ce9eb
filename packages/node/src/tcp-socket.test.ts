// TcpSocket on two stacks in this process: streams, back-pressure, ends, errors with Node's codes.

import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { setImmediate as turn } from 'node:timers/promises';
import { type VethEnd, veth } from '@tunstack/links';
import type { Stack } from '@tunstack/stack';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { Host } from './host.ts';
import { TcpServer } from './tcp-server.ts';
import { type TcpSocket as Socket, TcpSocket } from './tcp-socket.ts';

const MIB = 1 << 20;

let host: Host;
let here: Stack;
let there: Stack;
let wire: VethEnd;
let errors: unknown[];
/** How many hold the process. */
let held: number;

beforeEach(() => {
  errors = [];
  host = new Host({ onHandlerError: (error) => errors.push(error) });
  held = 0;
  vi.spyOn(host, 'ref').mockImplementation(() => held++);
  vi.spyOn(host, 'unref').mockImplementation(() => held--);
  [here, there] = [host.stack({ tcpTimeWaitMs: 10 }), host.stack({ tcpTimeWaitMs: 10 })];
  const [a, b] = veth();
  wire = a;
  here.addLink(a, '10.0.0.1/24');
  there.addLink(b, '10.0.0.2/24');
});

afterEach(() => {
  host.close();
  expect(host.pool.inUse).toBe(0);
  expect(host.pool.chunks.inUseBytes).toBe(0);
  expect(errors).toEqual([]);
});

/** A server on port 7 of the other stack. */
async function serve(
  listener: (socket: Socket) => void,
  options: { allowHalfOpen?: boolean; pauseOnConnect?: boolean } = {},
): Promise<TcpServer> {
  const server = new TcpServer(host, there, options, listener);
  server.listen(7);
  await once(server, 'listening');
  return server;
}

function connect(options: { allowHalfOpen?: boolean } = {}): Socket {
  return new TcpSocket(host, here, options).connect(7, '10.0.0.2');
}

/** A connection: its two ends. */
async function pair(
  options: { allowHalfOpen?: boolean; pauseOnConnect?: boolean } = {},
): Promise<[Socket, Socket]> {
  const server = await serve(() => {}, options);
  const accepted = once(server, 'connection');
  const client = connect(options);
  const [[socket]] = (await Promise.all([accepted, once(client, 'connect')])) as [[Socket], []];
  return [client, socket];
}

/** What a stream brings, to its end. */
function all(stream: Readable): Promise<Buffer> {
  const chunks: Buffer[] = [];
  stream.on('data', (chunk: Buffer) => chunks.push(chunk));
  return new Promise((resolve, reject) => {
    stream.once('error', reject);
    stream.once('end', () => resolve(Buffer.concat(chunks)));
  });
}

/** `count` octets in chunks of many sizes. */
function* cut(data: Buffer): Generator<Buffer> {
  const sizes = [1, 7, 1000, 1448, 4096, 65_536, 100_000, 700_000];
  for (let at = 0, i = 0; at < data.length; i++) {
    const size = sizes[i % sizes.length];
    yield data.subarray(at, at + size);
    at += size;
  }
}

/** The error that a socket ends with, and whether `close` said so. */
async function failure(socket: Socket): Promise<{ error: Error; hadError: boolean }> {
  const [error, hadError] = await Promise.all([
    new Promise<Error>((resolve) => socket.once('error', resolve)),
    new Promise<boolean>((resolve) => socket.once('close', resolve)),
  ]);
  return { error, hadError };
}

async function turns(count: number): Promise<void> {
  for (let i = 0; i < count; i++) await turn();
}

describe('a stream', () => {
  test('8 MiB through a pipeline come back equal, in chunks of any size', async () => {
    const server = await serve((socket) => void pipeline(socket, socket));
    const data = randomBytes(8 * MIB);
    const client = connect();
    const [got] = await Promise.all([all(client), pipeline(Readable.from(cut(data)), client)]);
    expect(got.equals(data)).toBe(true);
    expect([client.bytesRead, client.bytesWritten]).toEqual([data.length, data.length]);
    expect(client.destroyed).toBe(true);
    server.close();
    await once(server, 'close');
  });

  test('8 MiB go both ways at once', async () => {
    const [client, server] = await pair({ allowHalfOpen: true });
    const [up, down] = [randomBytes(8 * MIB), randomBytes(8 * MIB)];
    const [atServer, atClient] = await Promise.all([
      all(server),
      all(client),
      pipeline(Readable.from(cut(up)), client),
      pipeline(Readable.from(cut(down)), server),
    ]);
    expect(atServer.equals(up)).toBe(true);
    expect(atClient.equals(down)).toBe(true);
  });

  test('one write of 16 MiB arrives, and calls back when its memory is free', async () => {
    const [client, server] = await pair();
    const data = randomBytes(16 * MIB);
    const copy = Buffer.from(data);
    const got = all(server);
    // What is lent must not change; after the callback it may, and what is still on its way is not touched by that.
    await new Promise<void>((resolve) => client.write(data, () => resolve()));
    data.fill(0);
    client.end();
    expect((await got).equals(copy)).toBe(true);
  });

  test('the memory of a small write may be used again after its callback', async () => {
    const [client, server] = await pair();
    const got = all(server);
    const data = Buffer.alloc(50_000);
    for (let i = 0; i < 40; i++) {
      data.fill(i);
      await new Promise<void>((resolve) => client.write(data, () => resolve()));
    }
    client.end();
    const text = await got;
    expect(text.length).toBe(40 * data.length);
    expect(
      [...Array(40).keys()].every((i) => text[i * 50_000] === i && text[i * 50_000 + 49_999] === i),
    ).toBe(true);
  });

  test('segments as small as the wire makes them are gathered to larger chunks, none lost', async () => {
    const [a, b] = veth({ features: 0 });
    here.addLink(a, '10.1.0.1/24');
    there.addLink(b, '10.1.0.2/24');
    const server = await serve(() => {});
    const client = new TcpSocket(host, here).connect(7, '10.1.0.2');
    const [socket] = (await once(server, 'connection')) as [Socket];
    let chunks = 0;
    socket.on('data', () => chunks++);
    const got = all(socket);
    const data = randomBytes(8 * MIB);
    client.end(data);
    expect((await got).equals(data)).toBe(true);
    expect(there.stats.get('TcpInSegs')).toBeGreaterThan(5000);
    expect(chunks).toBeLessThan(1000);
  });

  test('a data handler may take back what it was given, and ask for more', async () => {
    const [client, server] = await pair();
    const data = randomBytes(MIB);
    client.end(data);
    let first = true;
    server.on('data', (chunk: Buffer) => {
      if (!first) return;
      first = false;
      server.pause();
      server.read(0);
      // As parsers do: more than the stream cares to buffer.
      server.unshift(Buffer.concat([chunk, Buffer.alloc(100_000 - chunk.length)]));
    });
    await once(server, 'data');
    let got = 0;
    server.on('data', (chunk: Buffer) => {
      got += chunk.length;
    });
    server.resume();
    await once(server, 'end');
    expect(got).toBeGreaterThanOrEqual(MIB);
  });

  test('chunks stay as they are while more arrives', async () => {
    const [client, server] = await pair();
    const kept: Buffer[] = [];
    server.on('data', (chunk: Buffer) => kept.push(chunk));
    const data = randomBytes(2 * MIB);
    client.end(data);
    await once(server, 'end');
    expect(Buffer.concat(kept).equals(data)).toBe(true);
  });

  test('what is written before the connection is made is sent then, and so is the end', async () => {
    await serve((socket) => socket.pipe(socket));
    const client = connect();
    expect([client.connecting, client.pending, client.readyState]).toEqual([true, true, 'opening']);
    client.write('hello ');
    client.end('world');
    expect(client.bytesWritten).toBe(11);
    expect((await all(client)).toString()).toBe('hello world');
  });

  test('an end before the connection is made, with nothing written, comes after it', async () => {
    const closed = new Promise<boolean>((resolve) => {
      void serve((socket) => socket.once('close', resolve).resume());
    });
    const client = connect();
    client.end();
    client.resume();
    await once(client, 'connect');
    expect(await closed).toBe(false);
  });

  test('strings, encodings and setEncoding work as in any stream', async () => {
    await serve((socket) => socket.pipe(socket));
    const client = connect();
    client.setEncoding('utf8');
    client.write('68c3a9', 'hex');
    client.end('llo');
    let text = '';
    for await (const part of client) text += part as string;
    expect(text).toBe('héllo');
  });
});

describe('back-pressure', () => {
  test.each([
    ['that never began', true],
    ['that pauses at its first chunk', false],
  ])('a reader %s stops the writer at finite octets, and goes on afterwards', async (_, pauseOnConnect) => {
    const [client, server] = await pair({ pauseOnConnect });
    let got = 0;
    server.on('data', (chunk: Buffer) => {
      got += chunk.length;
      if (got === chunk.length && !pauseOnConnect) server.pause();
    });
    const data = randomBytes(MIB);
    let written = 0;
    const pump = (): void => {
      while (written < 64 && client.write(data)) written++;
    };
    client.on('drain', () => {
      written++;
      pump();
    });
    pump();
    // Nothing moves any more: what was taken at two moments, a hundred turns apart, is the same.
    let before = -1;
    for (let stuck = 0; stuck < 3; stuck = client.bytesWritten === before ? stuck + 1 : 0) {
      before = client.bytesWritten;
      await turns(100);
    }
    expect(written).toBeLessThan(16);
    expect(server.bytesRead).toBeLessThanOrEqual(4 * 65_536);
    expect(server.readableLength).toBeLessThanOrEqual(2 * 65_536);
    // In the core: what the receive window let through, and what the send buffer holds.
    expect(host.pool.chunks.inUseBytes).toBeLessThan(8 * MIB);
    server.resume();
    while (written < 64) await once(client, 'drain');
    client.end();
    await once(server, 'end');
    expect(got).toBe(client.bytesWritten);
    expect(got).toBeGreaterThanOrEqual(64 * MIB);
  });

  test('a reader that pauses between chunks gets all, in order', async () => {
    const [client, server] = await pair();
    const data = randomBytes(2 * MIB);
    client.end(data);
    const chunks: Buffer[] = [];
    for await (const chunk of server) {
      chunks.push(chunk as Buffer);
      await turns(2);
    }
    expect(Buffer.concat(chunks).equals(data)).toBe(true);
  });

  test('read() of so many octets takes what it asks for', async () => {
    const [client, server] = await pair();
    client.end('abcdefghij');
    await once(server, 'readable');
    while (server.readableLength < 10) await turn();
    expect((server.read(4) as Buffer).toString()).toBe('abcd');
    expect((server.read(6) as Buffer).toString()).toBe('efghij');
    server.resume();
    await once(server, 'end');
  });
});

describe('ends', () => {
  test('without allowHalfOpen the end is answered by an end, and both close without error', async () => {
    const [client, server] = await pair();
    const closed = Promise.all([once(client, 'close'), once(server, 'close')]);
    server.resume();
    client.resume();
    client.end('bye');
    expect(await closed).toEqual([[false], [false]]);
    expect([client.destroyed, server.destroyed]).toEqual([true, true]);
    expect([client.readyState, server.readyState]).toEqual(['closed', 'closed']);
  });

  test('with allowHalfOpen the other direction goes on after the end', async () => {
    const [client, server] = await pair({ allowHalfOpen: true });
    client.end('question');
    expect((await all(server)).toString()).toBe('question');
    expect([server.readyState, server.writable]).toEqual(['writeOnly', true]);
    await turns(20);
    const answer = randomBytes(MIB);
    server.end(answer);
    expect(client.readyState).toBe('readOnly');
    expect((await all(client)).equals(answer)).toBe(true);
  });

  test('an end is heard although nobody reads, when nothing waits to be read', async () => {
    const [client, server] = await pair();
    client.end();
    client.resume();
    await once(server, 'close');
    expect(server.readableEnded).toBe(true);
  });

  test('destroy with nothing unread ends in order: the peer reads all, and its end', async () => {
    const [client, server] = await pair();
    const got = all(server);
    await new Promise<void>((resolve) => client.write('the last', () => resolve()));
    client.destroy();
    expect(await once(client, 'close')).toEqual([false]);
    expect((await got).toString()).toBe('the last');
  });

  test('destroy with text unread in the core resets the connection, as the kernel does', async () => {
    const [client, server] = await pair({ pauseOnConnect: true });
    client.write(randomBytes(MIB));
    await turns(50);
    const failed = failure(client);
    server.destroy();
    expect(await failed).toMatchObject({ error: { code: 'ECONNRESET' }, hadError: true });
    expect(there.stats.get('TcpExtTCPAbortOnClose')).toBe(1);
  });

  test("destroy in the middle of a large write resets: its memory is the writer's again", async () => {
    const [client, server] = await pair({ pauseOnConnect: true });
    const failed = failure(server);
    const told = new Promise<Error | null | undefined>((resolve) => client.write(randomBytes(MIB), resolve));
    await turns(20);
    client.destroy();
    expect(await told).toMatchObject({ code: 'ERR_STREAM_DESTROYED' });
    server.resume();
    expect((await failed).error).toMatchObject({ code: 'ECONNRESET' });
  });

  test('resetAndDestroy tells the peer ECONNRESET', async () => {
    const [client, server] = await pair();
    const failed = failure(server);
    server.resume();
    client.resetAndDestroy();
    const { error } = await failed;
    const port = client.localPort;
    expect(error).toMatchObject({
      code: 'ECONNRESET',
      syscall: 'read',
      errno: -104,
      address: '10.0.0.1',
      port,
    });
  });

  test('destroySoon lets what was written go out', async () => {
    const [client, server] = await pair();
    const data = randomBytes(3 * MIB);
    client.write(data);
    client.destroySoon();
    expect((await all(server)).equals(data)).toBe(true);
    expect(client.destroyed).toBe(true);
  });
});

describe('errors have the codes of Node', () => {
  test('ECONNREFUSED', async () => {
    const client = connect();
    const { error, hadError } = await failure(client);
    expect(error).toMatchObject({
      code: 'ECONNREFUSED',
      errno: -111,
      syscall: 'connect',
      address: '10.0.0.2',
      port: 7,
    });
    expect([hadError, client.connecting, client.destroyed]).toEqual([true, false, true]);
  });

  test('what was written to a connection that is refused is called back with the error', async () => {
    const client = connect();
    const failed = failure(client);
    const told = await new Promise<Error | null | undefined>((resolve) => client.write('x', resolve));
    expect(told).toMatchObject({ code: 'ECONNREFUSED' });
    await failed;
  });

  test('ENETUNREACH where no route leads, EADDRNOTAVAIL from an address that is not ours', async () => {
    const far = failure(new TcpSocket(host, here).connect(7, '192.0.2.1'));
    const foreign = failure(
      new TcpSocket(host, here).connect({ port: 7, host: '10.0.0.2', localAddress: '10.0.0.77' }),
    );
    expect((await far).error).toMatchObject({
      code: 'ENETUNREACH',
      syscall: 'connect',
      address: '192.0.2.1',
    });
    expect((await foreign).error).toMatchObject({
      code: 'EADDRNOTAVAIL',
      syscall: 'connect',
      address: '10.0.0.77',
    });
  });

  test('EPIPE for a write after the peer has ended, and that ended us', async () => {
    const [client, server] = await pair();
    const failed = failure(server);
    server.resume();
    client.end();
    // Its own end has come by itself by then.
    const told = new Promise<Error | null | undefined>((resolve) =>
      server.once('finish', () => server.write('late', resolve)),
    );
    expect(await told).toMatchObject({ code: 'EPIPE' });
    expect((await failed).error).toMatchObject({ code: 'EPIPE' });
  });

  test('ERR_STREAM_WRITE_AFTER_END for a write after the own end', async () => {
    const [client] = await pair();
    const failed = failure(client);
    client.end();
    client.write('late');
    expect((await failed).error).toMatchObject({ code: 'ERR_STREAM_WRITE_AFTER_END' });
  });

  test('ECONNRESET comes behind the text that was received before', async () => {
    const [client, server] = await pair({ pauseOnConnect: true });
    client.write(randomBytes(50_000));
    // The core of the other stack has it, its stream nothing.
    await turns(50);
    const failed = failure(server);
    client.resetAndDestroy();
    await turns(20);
    expect(server.destroyed).toBe(false);
    let got = 0;
    server.on('data', (chunk: Buffer) => {
      got += chunk.length;
    });
    server.resume();
    expect((await failed).error).toMatchObject({ code: 'ECONNRESET' });
    expect([got, server.bytesRead]).toEqual([50_000, 50_000]);
  });

  test('ETIMEDOUT when the peer is dead for longer than the user timeout (MUST-21)', async () => {
    const [client] = await pair();
    client.setUserTimeout(50);
    wire.setUp(false);
    const failed = failure(client);
    client.write('anybody there?');
    expect((await failed).error).toMatchObject({
      code: 'ETIMEDOUT',
      syscall: 'read',
      address: '10.0.0.2',
      port: 7,
    });
  });

  test('ERR_SOCKET_CLOSED for a write that was never connected, EISCONN for a second connect', async () => {
    const idle = new TcpSocket(host, here);
    expect([idle.pending, idle.address(), idle.readyState]).toEqual([true, {}, 'open']);
    const failed = failure(idle);
    idle.write('x');
    expect((await failed).error).toMatchObject({ code: 'ERR_SOCKET_CLOSED' });
    const [client] = await pair();
    expect(() => client.connect(7, '10.0.0.2')).toThrow(/EISCONN/);
    expect(() => new TcpSocket(host, here).connect(70_000)).toThrow(/Port should be/);
  });
});

describe('the rest of net.Socket', () => {
  test('addresses and ports of both ends agree', async () => {
    const [client, server] = await pair();
    expect(client.address()).toEqual({ address: '10.0.0.1', family: 'IPv4', port: client.localPort });
    expect([client.remoteAddress, client.remotePort, client.remoteFamily]).toEqual(['10.0.0.2', 7, 'IPv4']);
    expect([server.remoteAddress, server.remotePort]).toEqual([client.localAddress, client.localPort]);
    expect([server.localAddress, server.localPort, server.localFamily]).toEqual(['10.0.0.2', 7, 'IPv4']);
  });

  test('connect takes options, and calls back once connected', async () => {
    await serve((socket) => socket.pipe(socket));
    const client = new TcpSocket(host, here);
    await new Promise<void>((resolve) =>
      client.connect(
        {
          port: 7,
          host: '10.0.0.2',
          localAddress: '10.0.0.1',
          localPort: 4444,
          noDelay: true,
          keepAlive: true,
        },
        resolve,
      ),
    );
    expect(client.localPort).toBe(4444);
    expect([client.pending, client.readyState]).toEqual([false, 'open']);
  });

  test('timeout is told after silence, once, and again after something happened', async () => {
    const [client, server] = await pair();
    let told = 0;
    client.setTimeout(20, () => told++);
    expect(client.timeout).toBe(20);
    await once(client, 'timeout');
    server.write('x');
    client.resume();
    await once(client, 'timeout');
    expect([told, client.destroyed]).toEqual([1, false]);
    client.setTimeout(0);
    expect(() => client.setTimeout(-1)).toThrow(/out of range/);
  });

  test('keep-alive finds a dead peer (MUST-24)', async () => {
    const quick = host.stack({ tcpKeepAliveIntervalMs: 10, tcpKeepAliveProbes: 2 });
    const [a, b] = veth();
    quick.addLink(a, '10.1.0.1/24');
    there.addLink(b, '10.1.0.2/24');
    await serve((socket) => socket.resume());
    const client = new TcpSocket(host, quick).connect(7, '10.1.0.2');
    client.setKeepAlive(true, 20);
    await once(client, 'connect');
    const failed = failure(client);
    a.setUp(false);
    expect((await failed).error).toMatchObject({ code: 'ETIMEDOUT' });
  });

  test('a stack that closes closes its sockets, without an error, and they hold the process no longer', async () => {
    const [client, server] = await pair();
    const closed = once(client, 'close');
    expect(held).toBe(3);
    host.remove(here);
    expect(await closed).toEqual([false]);
    server.destroy();
    host.remove(there);
    expect(held).toBe(0);
  });

  test('unref lets go of the process, ref holds it', async () => {
    const server = await serve(() => {});
    const client = connect();
    const [other] = (await once(server, 'connection')) as [Socket];
    expect(held).toBe(3);
    server.unref();
    client.unref();
    client.unref();
    expect(held).toBe(1);
    other.unref();
    expect(held).toBe(0);
    other.ref();
    expect(held).toBe(1);
    other.destroy();
    expect(held).toBe(0);
  });
});

describe('an exception in a handler', () => {
  test('of data gets the rest all the same, and harms no other connection', async () => {
    const sockets: Socket[] = [];
    await serve((socket) => sockets.push(socket));
    const [bad, good] = [connect(), connect()];
    await Promise.all([once(bad, 'connect'), once(good, 'connect')]);
    while (sockets.length < 2) await turn();
    const [atBad, atGood] = sockets.sort((a) => (a.remotePort === bad.localPort ? -1 : 1));
    let got = 0;
    atBad.on('data', (chunk: Buffer) => {
      got += chunk.length;
      throw new Error('mine');
    });
    const other = all(atGood);
    const ended = once(atBad, 'end');
    const data = randomBytes(MIB);
    bad.end(data);
    good.end(data);
    expect((await other).equals(data)).toBe(true);
    await ended;
    expect(got).toBe(MIB);
    expect(errors.splice(0).every((error) => (error as Error).message === 'mine')).toBe(true);
  });

  test('of connect does not hold back what was written', async () => {
    await serve((socket) => socket.pipe(socket));
    const client = connect();
    client.on('connect', () => {
      throw new Error('mine');
    });
    client.end('hello');
    expect((await all(client)).toString()).toBe('hello');
    expect(errors.splice(0)).toHaveLength(1);
  });
});

test('the connection in the core tells what net has no name for, and takes another congestion controller', async () => {
  await serve((socket) => socket.resume());
  const socket = connect();
  expect(new TcpSocket(host, here).connection).toBe(undefined);
  await once(socket, 'connect');
  const { connection } = socket;
  if (connection === undefined) throw new Error('it is connected');
  connection.congestion = 'bbr';
  socket.end(randomBytes(MIB));
  await once(socket, 'finish');
  expect([connection.congestion, connection.tcpInfo().caState]).toEqual(['bbr', 0]);
  expect(connection.tcpInfo().bytesSent).toBeGreaterThan(MIB / 2);
  await once(socket, 'close');
});
