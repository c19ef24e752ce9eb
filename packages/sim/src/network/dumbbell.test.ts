// Topologies: hosts by name, switches, dumbbells of both kinds.

import { craftUdp } from '@tunstack/stack/craft';
import { describe, expect, test } from 'vitest';
import { dumbbell, type Host, rules, Switch, World, when } from '../index.ts';

/** Pings from a to b; answers the milliseconds of the answer, or -1. */
function ping(world: World, from: Host, to: Host): number {
  let atUs = -1;
  const socket = from.stack.echoSocket({
    readable(s) {
      while (s.receive() !== undefined) atUs = world.clock.elapsedUs;
    },
  });
  const startUs = world.clock.elapsedUs;
  socket.send(to.address, 1, new Uint8Array(56));
  world.runFor(5000);
  socket.close();
  return atUs < 0 ? -1 : (atUs - startUs) / 1000;
}

describe('hosts', () => {
  test('have names, and a name is one host', () => {
    const world = new World();
    expect(world.host('a')).toBe(world.host('a'));
    expect([...world.hosts.keys()]).toEqual(['a']);
    expect(world.stacks.length).toBe(1);
  });

  test('are connected by wires with a network each', () => {
    const world = new World();
    const [a, b, c] = ['a', 'b', 'c'].map((name) => world.host(name));
    world.connect(a, b, { impairment: { delayUs: 1000 } });
    world.connect(b, c, { impairment: { delayUs: 3000 } });
    expect([a.address, b.address, c.address]).toEqual(['10.0.0.1', '10.0.0.2', '10.0.1.2']);
    expect(ping(world, a, b)).toBe(2);
    expect(ping(world, b, c)).toBe(6);
    expect(() => ping(world, a, c)).toThrow('ENETUNREACH');
  });
});

describe.each(['switch', 'stack'] as const)('a dumbbell of two routers that are a %s each', (routers) => {
  const shape = { rateBps: 8e6, delayUs: 4000, queue: { packets: 10 } };

  test('leads from everywhere to everywhere else, by the bottleneck only across', () => {
    const world = new World();
    const { left, right, bottleneck } = dumbbell(world, {
      pairs: 3,
      routers,
      bottleneck: shape,
      access: { delayUs: 100 },
    });
    for (const a of left) for (const b of right) expect(ping(world, a, b)).toBeGreaterThan(8);
    expect(bottleneck.counters.carried).toBe(18);
    expect(ping(world, left[0], left[2])).toBe(0.4);
    expect(bottleneck.counters.carried).toBe(18);
    // 84 octets at 8 Mbit/s are 84 us, twice; 2 x (100 + 4000 + 100) us of propagation.
    expect(ping(world, left[1], right[2])).toBeCloseTo(8.568, 3);
    world.close();
    expect(world.pool.inUse).toBe(0);
  });

  test('loses at the bottleneck what its queue cannot take', () => {
    const world = new World();
    const { left, right, bottleneck } = dumbbell(world, { pairs: 1, routers, bottleneck: shape });
    const [a] = left;
    const socket = a.stack.udpSocket({});
    for (let i = 0; i < 30; i++) socket.sendTo(new Uint8Array(1000), 0, 1000, right[0].address, 9);
    world.runFor(1);
    expect(bottleneck.counters).toMatchObject({ carried: 10, overflowed: 20 });
    world.close();
  });

  test('has rules on its bottleneck, and shapes of its own there and back', () => {
    const world = new World();
    const { left, right, bottleneck } = dumbbell(world, {
      pairs: 1,
      routers,
      bottleneck: [{ delayUs: 1000, rules: [rules.drop(when.nth(1, when.from(0)))] }, { delayUs: 9000 }],
    });
    expect(ping(world, left[0], right[0])).toBe(-1);
    expect(ping(world, left[0], right[0])).toBeCloseTo(10.004, 3);
    expect(bottleneck.counters.ruledOut).toBe(1);
    world.close();
  });
});

test('a dumbbell of no pairs, or of more than addresses, is refused', () => {
  for (const pairs of [0, 251, 1.5])
    expect(() => dumbbell(new World(), { pairs, bottleneck: {} })).toThrow(RangeError);
});

describe('a router that is a stack', () => {
  test('takes one from the TTL, where a switch does not', () => {
    const ttls = (['switch', 'stack'] as const).map((routers) => {
      const world = new World();
      const { left, right, access } = dumbbell(world, { pairs: 1, routers, bottleneck: {} });
      let ttl = 0;
      access[1].ends[0].watcher = (sent, octets) => {
        if (!sent) ttl = octets[8];
      };
      ping(world, left[0], right[0]);
      return ttl;
    });
    expect(ttls).toEqual([64, 62]);
  });
});

describe('a switch', () => {
  test('takes the longest prefix, and drops what leads nowhere', () => {
    const world = new World();
    const middle = new Switch();
    const wires = ['10.0.0.0/8', '10.1.0.0/16'].map((network) => {
      const wire = world.wire();
      middle.addPort(wire.ends[1], network);
      return wire;
    });
    const source = world.wire();
    middle.addPort(source.ends[1], '192.168.0.0/16');
    for (const destination of ['10.2.3.4', '10.1.3.4', '11.0.0.1']) {
      const ends = { source: '192.168.0.1', destination, sourcePort: 1, destinationPort: 2 };
      const octets = craftUdp(ends);
      const packet = world.pool.allocate(octets.length);
      packet?.bytes.set(octets, packet.put(octets.length));
      if (packet !== undefined) source.ends[0].transmit(packet);
    }
    world.runFor(10);
    expect(wires.map(({ counters }) => counters.carried)).toEqual([1, 1]);
    expect(middle).toMatchObject({ forwarded: 2, unroutable: 1 });
    world.close();
  });

  test('refuses what is no network', () => {
    expect(() => new Switch().addPort(new World().wire().ends[0], '10.0.0.0/33')).toThrow(RangeError);
  });
});
