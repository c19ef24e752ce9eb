// The delayed acknowledgment: RFC 9293 3.8.6.3, RFC 5681 4.2.

import { expect, test } from 'vitest';
import { octets } from '../../testing/frames.ts';
import { show, type TcpBench, tcpIn } from '../../testing/tcp-bench.ts';

/** ESTABLISHED, and past the segments that are acknowledged at once: we have spoken, it was acknowledged. */
function talking(): TcpBench {
  const bench = tcpIn('ESTABLISHED', { outstanding: 100, options: { tcpQuickAcks: 0 } });
  bench.acks();
  return bench;
}

test('MUST-40, SHLD-18: one segment is acknowledged after 40 ms', () => {
  const bench = talking();
  expect(bench.sends(octets(10))).toEqual([]);
  expect(bench.run(39)).toEqual([]);
  expect(bench.run(1).map(show)).toEqual(['<SEQ=101><ACK=11><CTL=ACK>']);
  expect(bench.run(1000)).toEqual([]);
});

test('the delay counts from the first segment that waits, not from the last', () => {
  const bench = talking();
  bench.sends(octets(10));
  bench.run(30);
  expect(bench.sends(octets(10))).toEqual([]);
  expect(bench.run(10).map(show)).toEqual(['<SEQ=101><ACK=21><CTL=ACK>']);
});

test('SHLD-19: every second full-sized segment is acknowledged at once', () => {
  const bench = talking();
  bench.sends(octets(1460));
  bench.run(40);
  for (let i = 0; i < 3; i++) {
    expect(bench.sends(octets(1460))).toEqual([]);
    expect(bench.sends(octets(1460)).length).toBe(1);
  }
  expect(bench.run(1000)).toEqual([]);
});

test('text that goes the other way carries the acknowledgment', () => {
  const bench = talking();
  bench.sends(octets(10));
  bench.app.send(octets(5));
  expect(bench.pump().map(show)).toEqual(['<SEQ=101><ACK=11><CTL=ACK><DATA=5>']);
  bench.acks();
  expect(bench.run(1000)).toEqual([]);
});

test('the first 16 segments of a connection are acknowledged at once, the next waits', () => {
  const bench = tcpIn('ESTABLISHED');
  for (let i = 0; i < 16; i++) expect(bench.sends(octets(10)).length).toBe(1);
  expect(bench.sends(octets(10))).toEqual([]);
  expect(bench.run(40).length).toBe(1);
});

test('a FIN is acknowledged at once', () => {
  const bench = talking();
  expect(bench.sends(octets(10), 1).map(show)).toEqual(['<SEQ=101><ACK=12><CTL=ACK>']);
  expect(bench.run(1000)).toEqual([]);
});

// R5681.4
test('out of order, and where a gap is filled, the acknowledgment goes at once (RFC 5681 4.2)', () => {
  const bench = talking();
  expect(bench.say({ seq: 11 }, octets(10))).toEqual(['<SEQ=101><ACK=1><CTL=ACK>']);
  expect(bench.sends(octets(10)).map(show)).toEqual(['<SEQ=101><ACK=21><CTL=ACK>']);
  expect(bench.run(1000)).toEqual([]);
});
