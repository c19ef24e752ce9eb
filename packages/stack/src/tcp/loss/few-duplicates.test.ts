// A peer that tells of fewer duplicates than segments it got: Linux sends three at once and compresses the rest.

import { expect, test } from 'vitest';
import { tcpIn } from '../../testing/index.ts';

test('three duplicates send the lost segment again, whatever is under way: RFC 5681 3.2 step 3', () => {
  const bench = tcpIn('ESTABLISHED');
  bench.app.send(new Uint8Array(14_600));
  const first = bench.pump();
  expect(first.length).toBe(10);
  const { seq } = first[0];
  bench.acks(seq);
  bench.acks(seq);
  const again = bench.acks(seq);
  expect(again.map((segment) => [segment.seq, segment.payload.length])).toEqual([[seq, 1460]]);
});

test('a partial acknowledgment sends the next lost segment again, whatever is under way: RFC 6582 3.2 step 3', () => {
  const bench = tcpIn('ESTABLISHED');
  bench.app.send(new Uint8Array(14_600));
  const [{ seq }] = bench.pump();
  for (let i = 0; i < 3; i++) bench.acks(seq);
  const next = bench.acks(seq + 1460);
  expect(next.map((segment) => [segment.seq, segment.payload.length])).toEqual([[seq + 1460, 1460]]);
});
