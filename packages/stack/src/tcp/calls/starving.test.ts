// A sender that finds the chunk pool empty.

import { expect, test } from 'vitest';
import { octets, tcpIn } from '../../testing/index.ts';

test('who found no chunk, with nothing of its own under way, is told to try again', () => {
  let writable = 0;
  const bench = tcpIn('ESTABLISHED', { handler: { writable: () => writable++ } });
  const { chunks } = bench.bench.pool;
  const take = chunks.take.bind(chunks);
  const socket = bench.app;
  chunks.take = () => undefined;
  expect(socket.send(octets(10))).toBe(0);
  expect(socket.sendOwned(octets(10), () => {})).toBe(false);
  chunks.take = take;
  bench.run(100);
  expect(writable).toBe(1);
  expect(socket.send(octets(10))).toBe(10);
});
