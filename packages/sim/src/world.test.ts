import type { Stack, UdpSocket } from '@tunstack/stack';
import { expect, test } from 'vitest';
import { World } from './index.ts';

function pair(seed: number, impairment = {}): { world: World; a: Stack; b: Stack } {
  const world = new World({ seed });
  const a = world.stack();
  const b = world.stack();
  const wire = world.wire({ impairment });
  a.addLink(wire.ends[0], '10.0.0.1/24');
  b.addLink(wire.ends[1], '10.0.0.2/24');
  return { world, a, b };
}

function echo(socket: UdpSocket): void {
  for (let d = socket.receive(); d !== undefined; d = socket.receive()) {
    socket.sendTo(d.bytes, d.offset, d.length, d.address, d.port);
  }
}

test('a ping crosses a wire and comes back with the time of the way', () => {
  const { world, a } = pair(1, { delayUs: 5000 });
  const replies: { sequence: number; ttl: number; length: number; atUs: number }[] = [];
  const ping = a.echoSocket({
    readable(s) {
      for (let d = s.receive(); d !== undefined; d = s.receive()) {
        replies.push({ sequence: d.sequence, ttl: d.ttl, length: d.length, atUs: world.clock.elapsedUs });
      }
    },
  });
  ping.send('10.0.0.2', 7, new Uint8Array(56));
  world.runFor(100);
  expect(replies).toEqual([{ sequence: 7, ttl: 64, length: 56, atUs: 10_000 }]);
  expect(world.pool.inUse).toBe(0);
});

test('a UDP echo answers every datagram on a perfect wire', () => {
  const { world, a, b } = pair(2);
  b.udpSocket({ readable: echo }).bind('0.0.0.0', 7);
  const got: number[] = [];
  const client = a.udpSocket({
    readable(s) {
      for (let d = s.receive(); d !== undefined; d = s.receive()) got.push(d.bytes[d.offset]);
    },
  });
  client.connect('10.0.0.2', 7);
  for (let i = 0; i < 100; i++) client.send(Uint8Array.of(i, 1, 2));
  world.runFor(100);
  expect(got).toEqual(Array.from({ length: 100 }, (_, i) => i));
  expect(world.pool.inUse).toBe(0);
});

test('a closed port answers unreachable, and the connected socket hears ECONNREFUSED', () => {
  const { world, a, b } = pair(3);
  const errors: string[] = [];
  const client = a.udpSocket({
    error: (_, error) => errors.push(`${error.code} ${error.address}:${error.port}`),
  });
  client.connect('10.0.0.2', 9999);
  client.send(Uint8Array.of(1));
  world.runFor(10);
  expect(errors).toEqual(['ECONNREFUSED 10.0.0.2:9999']);
  expect(b.stats.get('UdpNoPorts')).toBe(1);
  expect(b.stats.get('IcmpOutDestUnreachs')).toBe(1);
});

test('a stack talks to itself by loopback', () => {
  const { world, a } = pair(4);
  a.udpSocket({ readable: echo }).bind('127.0.0.1', 7);
  let got = 0;
  const client = a.udpSocket({
    readable(s) {
      for (let d = s.receive(); d !== undefined; d = s.receive()) got += d.length;
    },
  });
  client.sendTo(Uint8Array.of(1, 2, 3), 0, 3, '127.0.0.1', 7);
  world.runFor(10);
  expect(got).toBe(3);
});

test('closing a world calls nobody who asked for later, and gives back what was under way', () => {
  const { world, a } = pair(5, { delayUs: 5000 });
  const ping = a.echoSocket({});
  ping.send('10.0.0.2', 1, new Uint8Array(56));
  world.runFor(1);
  expect(world.pool.inUse).toBe(1);
  let called = 0;
  const again = (): void => {
    // Bounded, so that the test ends where the law is broken.
    if (++called < 10) world.after(10, again);
  };
  world.after(10, again);
  world.close();
  expect([called, world.pool.inUse]).toEqual([0, 0]);
});
