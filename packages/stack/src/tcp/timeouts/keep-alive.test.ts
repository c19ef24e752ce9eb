// Keep-alive: RFC 9293 3.8.4.

import { expect, test } from 'vitest';
import { octets } from '../../testing/frames.ts';
import { type Sent, show, tcpIn } from '../../testing/tcp-bench.ts';

const HOUR_MS = 3_600_000;
const PROBE = '<SEQ=0><ACK=1><CTL=ACK>';

/** What a wait may be longer by: a 64th, and a second at most. */
const late = (ms: number): number => Math.min(1024, ms / 64);

/** True when each came as long after the one before as it should, or a little later. */
function areAfter(sent: readonly Sent[], waits: readonly number[]): boolean {
  let before = 0;
  return times(sent).every((atMs, i) => {
    const longer = atMs - before - waits[i];
    before = atMs;
    return longer >= 0 && longer <= late(waits[i]);
  });
}

const times = (sent: readonly Sent[]): number[] => sent.map(({ atMs }) => atMs);

test('MUST-25: it is off unless asked for', () => {
  const bench = tcpIn('ESTABLISHED');
  expect(bench.run(72 * HOUR_MS)).toEqual([]);
  expect(bench.state()).toBe('ESTABLISHED');
});

test('MUST-24: it is switched on and off for each connection', () => {
  const bench = tcpIn('ESTABLISHED');
  bench.app.setKeepAlive(true, 1000);
  expect(bench.run(1000 + late(1000)).map(show)).toEqual([PROBE]);
  bench.acks();
  bench.app.setKeepAlive(false);
  expect(bench.run(24 * HOUR_MS)).toEqual([]);
});

test('MUST-28: two hours of silence before the first probe, unless the application says so', () => {
  const bench = tcpIn('ESTABLISHED');
  bench.app.setKeepAlive(true);
  const sent = bench.run(2 * HOUR_MS + 1024);
  expect([sent.length, areAfter(sent, [2 * HOUR_MS])]).toEqual([1, true]);
});

test('MUST-27: idle time, interval and number of probes can be set', () => {
  const bench = tcpIn('ESTABLISHED');
  bench.app.setKeepAlive(true, 10_000, 2000, 3);
  const sent = bench.run(HOUR_MS);
  expect([sent.length, areAfter(sent, [10_000, 2000, 2000])]).toEqual([3, true]);
  expect(bench.heard).toEqual(['error ETIMEDOUT', 'closed']);
});

test('MUST-26: whatever arrives puts the probe off', () => {
  const bench = tcpIn('ESTABLISHED');
  bench.app.setKeepAlive(true, 10_000);
  bench.run(6000);
  bench.sends(octets(1));
  const sent = bench.run(12_000);
  expect(sent.map(show)).toEqual(['<SEQ=0><ACK=2><CTL=ACK>']);
  expect(areAfter(sent, [10_000])).toBe(true);
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
  const sent = bench.run(2 * HOUR_MS + 1024);
  expect([sent.length, areAfter(sent, [2 * HOUR_MS])]).toEqual([1, true]);
  expect(bench.heard).toEqual([]);
});

test('nine probes without an answer, 75 s apart, end the connection with ETIMEDOUT', () => {
  const bench = tcpIn('ESTABLISHED');
  bench.app.setKeepAlive(true);
  const sent = bench.run(24 * HOUR_MS);
  expect([sent.length, areAfter(sent, [2 * HOUR_MS, ...Array<number>(8).fill(75_000)])]).toEqual([9, true]);
  expect(bench.heard).toEqual(['error ETIMEDOUT', 'closed']);
  bench.end();
});

test('SHLD-12: a probe has no text, and a number that was used: the peer must answer it', () => {
  const bench = tcpIn('ESTABLISHED', { outstanding: 100 });
  bench.acks();
  bench.app.setKeepAlive(true, 1000);
  expect(bench.run(1000 + late(1000)).map(show)).toEqual(['<SEQ=100><ACK=1><CTL=ACK>']);
});

test('a peer that lost the connection answers a probe with RST, and the application hears ECONNRESET', () => {
  const bench = tcpIn('ESTABLISHED');
  bench.app.setKeepAlive(true, 1000);
  bench.run(1000 + late(1000));
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

test('many who wait for the same time are probed in one wake-up', () => {
  const probes = Array.from({ length: 20 }, (_, i) => {
    const bench = tcpIn('ESTABLISHED');
    bench.run(i);
    bench.app.setKeepAlive(true, 10_000);
    return i + times(bench.run(11_000))[0];
  });
  expect(new Set(probes).size).toBeLessThanOrEqual(2);
});
