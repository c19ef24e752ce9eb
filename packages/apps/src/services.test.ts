// The UDP services and those who abuse them.

import { Probe, World } from '@tunstack/sim';
import { craftUdp } from '@tunstack/stack/craft';
import { expect, test } from 'vitest';
import { Services } from './services.ts';

/** The services on 10.0.0.2/24, and what they say to a datagram. */
function serve(destination: string, port: number): { answers: number; refused: number } {
  const world = new World({ seed: 1 });
  const stack = world.stack();
  const probe = new Probe(world.pool);
  stack.addLink(probe, '10.0.0.2/24');
  const services = new Services(stack);
  const source = '10.0.0.1';
  probe.arrive(
    craftUdp({
      source,
      destination,
      sourcePort: 4000,
      destinationPort: port,
      payload: Uint8Array.of(1, 2, 3),
    }),
  );
  world.settle();
  const { refused } = services.counters;
  world.close();
  return { answers: probe.take().length, refused };
}

test.each([7, 19])('a datagram to us is answered, one to all is not (fraggle): port %i', (port) => {
  expect(serve('10.0.0.2', port)).toEqual({ answers: 1, refused: 0 });
  for (const many of ['10.0.0.255', '255.255.255.255']) {
    expect(serve(many, port)).toEqual({ answers: 0, refused: 1 });
  }
});
