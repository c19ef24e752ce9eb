// Laws of worlds: equal seeds give equal traces, nobody starves, everything comes home.

import { veth } from '@tunstack/links';
import type { Stack } from '@tunstack/stack';
import type { Packet, Tap } from '@tunstack/stack/contract';
import { expect, test } from 'vitest';
import { World } from './index.ts';

/** Writes down every packet and every drop of all stacks, octet by octet. */
function trace(log: string[], world: () => World, name: string): Tap {
  const octets = (packet: Packet): string => {
    const copy = new Uint8Array(packet.length);
    packet.copyTo(copy, 0);
    return Buffer.from(copy).toString('hex');
  };
  return {
    packet: (packet, direction, face) =>
      log.push(`${world().clock.elapsedUs} ${name} ${direction}${face} ${octets(packet)}`),
    drop: (packet, reason) => log.push(`${world().clock.elapsedUs} ${name} drop ${reason} ${octets(packet)}`),
  };
}

/** A world with everything in it: pings, UDP echo, closed ports, losses, a bottleneck, loopback. */
function story(seed: number): string[] {
  const log: string[] = [];
  const world = new World({ seed });
  const [a, b] = ['a', 'b'].map((name) =>
    world.stack(
      {},
      trace(log, () => world, name),
    ),
  );
  const impairment = {
    loss: 0.1,
    duplicate: 0.05,
    reorder: 0.1,
    corrupt: 0.05,
    delayUs: 500,
    jitterUs: 300,
    rateBps: 5e6,
  };
  const wire = world.wire({ impairment });
  a.addLink(wire.ends[0], '10.0.0.1/24');
  b.addLink(wire.ends[1], '10.0.0.2/24');
  const echo = b.udpSocket({
    readable(s) {
      for (let d = s.receive(); d !== undefined; d = s.receive())
        s.sendTo(d.bytes, d.offset, d.length, d.address, d.port);
    },
  });
  echo.bind('0.0.0.0', 7);
  const client = a.udpSocket({
    readable(s) {
      while (s.receive() !== undefined);
    },
  });
  const ping = a.echoSocket({
    readable(s) {
      while (s.receive() !== undefined);
    },
  });
  for (let i = 0; i < 100; i++) {
    world.after(i, () => {
      client.sendTo(new Uint8Array(i * 5), 0, i * 5, '10.0.0.2', i % 3 === 0 ? 99 : 7);
      ping.send('10.0.0.2', i, new Uint8Array(i));
      if (i % 10 === 0) ping.send('127.0.0.1', i, new Uint8Array(3));
    });
  }
  world.runFor(1000);
  expect(world.pool.inUse).toBe(0);
  return log;
}

test('equal seeds give equal traces, octet by octet', () => {
  const [one, two] = [story(5), story(5)];
  expect(one.length).toBeGreaterThan(400);
  expect(one).toEqual(two);
});

test('different seeds give different traces', () => {
  const traces = new Set([1, 2, 3, 4].map((seed) => story(seed).join('\n')));
  expect(traces.size).toBe(4);
});

test('a world that is closed leaves no packet anywhere, under way ones included', () => {
  const world = new World({ seed: 2 });
  const [a, b] = [world.stack(), world.stack()];
  const wire = world.wire({ impairment: { delayUs: 50_000 } });
  a.addLink(wire.ends[0], '10.0.0.1/24');
  b.addLink(wire.ends[1], '10.0.0.2/24');
  a.echoSocket({}).send('10.0.0.2', 1, new Uint8Array(10));
  world.runFor(10);
  expect(world.pool.inUse).toBe(1);
  world.close();
  expect(world.pool.inUse).toBe(0);
});

test('a world whose stacks answer each other for ever says so', () => {
  const world = new World();
  const stack = world.stack();
  const again = stack.udpSocket({
    readable(s) {
      while (s.receive() !== undefined) s.sendTo(new Uint8Array(1), 0, 1, '127.0.0.1', 7);
    },
  });
  again.bind('127.0.0.1', 7);
  again.sendTo(new Uint8Array(1), 0, 1, '127.0.0.1', 7);
  expect(() => world.settle()).toThrow('never come to rest');
});

test('virtual timers fire at their moment, over the wrap of the clock', () => {
  const world = new World({ startMs: 0x7fff_ffff - 5 });
  const [a, b] = [world.stack({ pmtuExpiresMs: 20 }), world.stack()];
  const wire = world.wire();
  a.addLink(wire.ends[0], '10.0.0.1/24');
  b.addLink(wire.ends[1], '10.0.0.2/24');
  expect(a.msUntilNext(world.clock.nowMs())).toBe(-1);
  const happened: number[] = [];
  for (const ms of [3, 1, 30]) world.after(ms, () => happened.push(ms));
  world.runFor(2);
  expect(happened).toEqual([1]);
  world.runFor(100);
  expect(happened).toEqual([1, 3, 30]);
  expect(world.clock.elapsedUs).toBe(102_000);
});

/** Sends to itself or to a peer for ever: whatever arrives goes back twice as long as `budget` lasts. */
function flood(stack: Stack, port: number, peer: string, inFlight: number): { got: number } {
  const progress = { got: 0 };
  const socket = stack.udpSocket({
    readable(s) {
      for (let d = s.receive(); d !== undefined; d = s.receive()) {
        progress.got++;
        s.sendTo(d.bytes, d.offset, d.length, d.address, d.port);
      }
    },
  });
  socket.bind('0.0.0.0', port);
  for (let i = 0; i < inFlight; i++) socket.sendTo(new Uint8Array(20), 0, 20, peer, port);
  return progress;
}

test('stacks that flood each other and themselves starve neither one another nor a timer', () => {
  const world = new World({ seed: 9 });
  const stacks = [0, 1, 2].map(() =>
    world.stack({ pmtuExpiresMs: 50, fullBatchesBeforeTimers: 4, batchPackets: 64 }),
  );
  const [a, b, c] = stacks;
  const [left, right] = veth();
  a.addLink(left, '10.0.0.1/24');
  b.addLink(right, '10.0.0.2/24');
  // More in flight than a batch takes: there is always a backlog.
  const floods = [
    flood(a, 7, '10.0.0.2', 300),
    flood(b, 7, '10.0.0.1', 300),
    flood(a, 8, '127.0.0.1', 200),
    flood(c, 8, '127.0.0.1', 200),
  ];
  // A learned path MTU is the timer: its expiry raises the path MTU again.
  const victim = a.udpSocket({ error: () => {} });
  victim.bind('10.0.0.1', 9000);
  victim.connect('10.0.0.2', 9);
  victim.dontFragment = true;
  const paths = a.resolver.paths;
  paths.learnMtu(paths.at(paths.find(0x0a00_0001, 0x0a00_0002)), 600);
  const sends = (): boolean => {
    try {
      victim.send(new Uint8Array(1000));
      return true;
    } catch {
      return false;
    }
  };
  expect(sends()).toBe(false);
  let firedAtMs = -1;
  for (let round = 0; round < 400; round++) {
    for (const stack of stacks) stack.pump();
    world.clock.advanceTo(world.clock.elapsedUs + 500);
    if (firedAtMs < 0 && sends()) firedAtMs = world.clock.elapsedUs / 1000;
  }
  expect(firedAtMs).toBeGreaterThanOrEqual(50);
  expect(firedAtMs).toBeLessThan(55);
  for (const { got } of floods) expect(got).toBeGreaterThan(400 * 8);
  world.close();
  expect(world.pool.inUse).toBe(0);
});
