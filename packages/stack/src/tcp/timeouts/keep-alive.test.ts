// Keep-alive: RFC 9293 3.8.4.

import { expect, test } from 'vitest';
import { octets } from '../../testing/frames.ts';
import { type Sent, show, tcpIn } from '../../testing/tcp-bench.ts';

const HOUR_MS = 3_600_000;
const PROBE = '<SEQ=0><ACK=1><CTL=ACK>';

const times = (sent: readonly Sent[]): number[] => sent.map(({ atMs }) => atMs);

test('MUST-25: it is off unless asked for', () => {
  const bench = tcpIn('ESTABLISHED');
  expect(bench.run(72 * HOUR_MS)).toEqual([]);
  expect(bench.state()).toBe('ESTABLISHED');
});

test('MUST-24: it is switched on and off for each connection', () => {
  const bench = tcpIn('ESTABLISHED');
  bench.app.setKeepAlive(true, 1000);
  expect(bench.run(1000).map(show)).toEqual([PROBE]);
  bench.acks();
  bench.app.setKeepAlive(false);
  expect(bench.run(24 * HOUR_MS)).toEqual([]);
});

test('MUST-28: two hours of silence before the first probe, unless the application says so', () => {
  const bench = tcpIn('ESTABLISHED');
  bench.app.setKeepAlive(true);
  expect(times(bench.run(2 * HOUR_MS))).toEqual([2 * HOUR_MS]);
});

test('MUST-27: idle time, interval and number of probes can be set', () => {
  const bench = tcpIn('ESTABLISHED');
  bench.app.setKeepAlive(true, 10_000, 2000, 3);
  expect(times(bench.run(HOUR_MS))).toEqual([10_000, 12_000, 14_000]);
  expect(bench.heard).toEqual(['error ETIMEDOUT', 'closed']);
});

test('MUST-26: whatever arrives puts the probe off', () => {
  const bench = tcpIn('ESTABLISHED');
  bench.app.setKeepAlive(true, 10_000);
  bench.run(6000);
  bench.sends(octets(1));
  const sent = bench.run(12_000);
  expect(sent.map(show)).toEqual(['<SEQ=0><ACK=2><CTL=ACK>']);
  expect(times(sent)).toEqual([10_000]);
});

test('MUST-26: no probe while something is outstanding', () => {
  const bench = tcpIn('ESTABLISHED');
  bench.app.setKeepAlive(true, 1000, 1000, 1);
  bench.app.send(octets(100));
  bench.pump();
  const sent = bench.run(60_000);
  expect(new Set(sent.map(show))).toEqual(new Set(['<SEQ=1><ACK=1><CTL=ACK><DATA=100>']));
  expect(bench.state()).toBe('ESTABLISHED');
});

test('MUST-29: eight probes in vain prove nothing, one answer and the count begins anew', () => {
  const bench = tcpIn('ESTABLISHED');
  bench.app.setKeepAlive(true);
  expect(bench.run(2 * HOUR_MS + 8 * 75_000 - 1).length).toBe(8);
  bench.acks();
  expect(times(bench.run(2 * HOUR_MS))).toEqual([2 * HOUR_MS]);
  expect(bench.heard).toEqual([]);
});

test('nine probes without an answer, 75 s apart, end the connection with ETIMEDOUT', () => {
  const bench = tcpIn('ESTABLISHED');
  bench.app.setKeepAlive(true);
  const sent = bench.run(24 * HOUR_MS);
  expect(times(sent)).toEqual(Array.from({ length: 9 }, (_, i) => 2 * HOUR_MS + i * 75_000));
  expect(bench.heard).toEqual(['error ETIMEDOUT', 'closed']);
  bench.end();
});

test('SHLD-12: a probe has no text, and a number that was used: the peer must answer it', () => {
  const bench = tcpIn('ESTABLISHED', { outstanding: 100 });
  bench.acks();
  bench.app.setKeepAlive(true, 1000);
  expect(bench.run(1000).map(show)).toEqual(['<SEQ=100><ACK=1><CTL=ACK>']);
});

test('a peer that lost the connection answers a probe with RST, and the application hears ECONNRESET', () => {
  const bench = tcpIn('ESTABLISHED');
  bench.app.setKeepAlive(true, 1000);
  bench.run(1000);
  bench.segment({ seq: 1, flags: 4 });
  expect(bench.heard).toEqual(['error ECONNRESET', 'closed']);
});

test("a peer's own probe is answered", () => {
  const bench = tcpIn('ESTABLISHED');
  expect(bench.say({ seq: 0 })).toEqual(['<SEQ=1><ACK=1><CTL=ACK>']);
  bench.run(1000);
  expect(bench.say({ seq: 0 }, octets(1))).toEqual(['<SEQ=1><ACK=1><CTL=ACK>']);
});

test.each(['CLOSE-WAIT', 'FIN-WAIT-2'] as const)('a half-closed connection in %s is probed, too', (state) => {
  const bench = tcpIn(state);
  bench.app.setKeepAlive(true, 1000, 1000, 2);
  expect(bench.run(HOUR_MS).length).toBe(2);
  expect(bench.heard).toEqual(['error ETIMEDOUT', 'closed']);
});
