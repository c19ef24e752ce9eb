import { setImmediate as turn, setTimeout as wait } from 'node:timers/promises';
import { veth } from '@tunstack/links';
import type { Stack, UdpSocket } from '@tunstack/stack';
import { afterEach, describe, expect, test } from 'vitest';
import { Host } from './host.ts';

let host = new Host();
afterEach(() => {
  host.close();
  host = new Host();
});

/** Two sockets that throw a datagram back and forth for ever; answers how often. */
function pingPong(a: Stack, b: Stack, address: string, port: number): () => number {
  let count = 0;
  const back = (socket: UdpSocket): void => {
    for (let d = socket.receive(); d !== undefined; d = socket.receive()) {
      count++;
      socket.sendTo(d.bytes, d.offset, d.length, d.address, d.port);
    }
  };
  const [left, right] = [a.udpSocket({ readable: back }), b.udpSocket({ readable: back })];
  right.bind('0.0.0.0', port);
  left.sendTo(Uint8Array.of(1), 0, 1, address, port);
  return () => count;
}

describe('the host', () => {
  test('lets stacks on a veth, one on loopback and the timers of the process all have their turn', async () => {
    const [a, b, c] = [host.stack(), host.stack(), host.stack()];
    const [left, right] = veth();
    a.addLink(left, '10.0.0.1/24');
    b.addLink(right, '10.0.0.2/24');
    const overVeth = pingPong(a, b, '10.0.0.2', 1000);
    const overLoopback = pingPong(c, c, '127.0.0.1', 1000);
    let ticks = 0;
    const timer = setInterval(() => ticks++, 1);
    // Bounded by what happens, not by time: if one of the three starves, this never ends and the test times out.
    while (ticks < 50 || overVeth() < 1000 || overLoopback() < 1000) await turn();
    clearInterval(timer);
    const ratio = overVeth() / overLoopback();
    expect(ratio).toBeGreaterThan(0.1);
    expect(ratio).toBeLessThan(10);
  });

  test('a handler that throws is reported, and the other sockets of the same pump are served', async () => {
    const errors: unknown[] = [];
    const watched = new Host({ onHandlerError: (error) => errors.push(error) });
    const stack = watched.stack();
    let served = 0;
    const bad = stack.udpSocket({
      readable() {
        throw new Error('mine');
      },
    });
    bad.bind('127.0.0.1', 1);
    stack.udpSocket({ readable: () => served++ }).bind('127.0.0.1', 2);
    const client = stack.udpSocket({});
    client.sendTo(Uint8Array.of(1), 0, 1, '127.0.0.1', 1);
    client.sendTo(Uint8Array.of(1), 0, 1, '127.0.0.1', 2);
    while (served === 0) await turn();
    expect(errors).toEqual([new Error('mine')]);
    watched.close();
  });

  test('calls made in one turn of the loop are one pump', async () => {
    const stack = host.stack();
    const counters = stack.loopback.link.counters;
    const client = stack.udpSocket({});
    for (let i = 0; i < 10; i++) client.sendTo(Uint8Array.of(i), 0, 1, '127.0.0.1', 9);
    expect(counters.txPackets).toBe(0);
    await turn();
    await turn();
    expect(counters.txPackets).toBeGreaterThanOrEqual(10);
  });

  test('what a handler sends leaves with the pump that called it: one datagram, one pump', async () => {
    const [a, b] = [host.stack(), host.stack()];
    const [left, right] = veth();
    a.addLink(left, '10.0.0.1/24');
    b.addLink(right, '10.0.0.2/24');
    let pumps = 0;
    const pump = b.pump.bind(b);
    b.pump = () => {
      pumps++;
      return pump();
    };
    const server = b.udpSocket({
      readable(socket) {
        for (let d = socket.receive(); d !== undefined; d = socket.receive())
          socket.sendTo(d.bytes, d.offset, d.length, d.address, d.port);
      },
    });
    server.bind('0.0.0.0', 7);
    await turn();
    let answered = false;
    const client = a.udpSocket({ readable: () => (answered = true) });
    pumps = 0;
    client.sendTo(Uint8Array.of(1), 0, 1, '10.0.0.2', 7);
    while (!answered) await turn();
    expect(pumps).toBe(1);
  });

  test('an idle host leaves no timer behind', async () => {
    const before = process.getActiveResourcesInfo().filter((name) => name === 'Timeout').length;
    const stack = host.stack();
    stack.udpSocket({}).sendTo(Uint8Array.of(1), 0, 1, '127.0.0.1', 9);
    await turn();
    await wait(0);
    const after = process.getActiveResourcesInfo().filter((name) => name === 'Timeout').length;
    expect(after).toBeLessThanOrEqual(before);
  });

  test('a host that a handler closes comes to rest, whatever still waited on its links', async () => {
    const stack = host.stack({ batchPackets: 1 });
    let served = 0;
    const server = stack.udpSocket({
      readable() {
        served++;
        host.close();
      },
    });
    server.bind('127.0.0.1', 7);
    const client = stack.udpSocket({});
    for (let i = 0; i < 3; i++) client.sendTo(Uint8Array.of(i), 0, 1, '127.0.0.1', 7);
    while (served === 0) await turn();
    await turn();
    expect(process.getActiveResourcesInfo()).not.toContain('Immediate');
  });

  test('what the error handler itself throws is an uncaught exception, and the host goes on', async () => {
    const uncaught: unknown[] = [];
    const before = process.rawListeners('uncaughtException') as NodeJS.UncaughtExceptionListener[];
    process.removeAllListeners('uncaughtException');
    process.on('uncaughtException', (error) => uncaught.push(error));
    const clumsy = new Host({
      onHandlerError: (error) => {
        throw error;
      },
    });
    const stack = clumsy.stack();
    const seen: number[] = [];
    const server = stack.udpSocket({
      readable(s) {
        const d = s.receive();
        if (d !== undefined) seen.push(d.bytes[d.offset]);
        throw new Error('mine');
      },
    });
    server.bind('127.0.0.1', 7);
    const client = stack.udpSocket({});
    for (const octet of [1, 2]) {
      client.sendTo(Uint8Array.of(octet), 0, 1, '127.0.0.1', 7);
      for (let i = 0; i < 4; i++) await turn();
    }
    process.removeAllListeners('uncaughtException');
    for (const listener of before) process.on('uncaughtException', listener);
    expect(seen).toEqual([1, 2]);
    expect(uncaught).toEqual([new Error('mine'), new Error('mine')]);
    clumsy.close();
  });
});
