// The persist timer: RFC 9293 3.8.6.1. The window is shut, text waits.

import { expect, test } from 'vitest';
import { octets } from '../../testing/frames.ts';
import { type Sent, show, type TcpBench, tcpIn } from '../../testing/tcp-bench.ts';

const RTO_MS = 201;
const RTO_MAX_MS = 120_000;
const HOUR_MS = 3_600_000;
const PROBE = '<SEQ=0><ACK=1><CTL=ACK>';

/** ESTABLISHED, the peer's window shut, ten octets waiting. */
function shut(): TcpBench {
  const bench = tcpIn('ESTABLISHED');
  bench.acks(1, 0);
  bench.app.send(octets(10));
  expect(bench.pump()).toEqual([]);
  return bench;
}

const times = (sent: readonly Sent[]): number[] => sent.map(({ atMs }) => atMs);

/** The peer answers every probe within the same millisecond: window still shut. Answers when the probes came. */
function answered(bench: TcpBench, ms: number): number[] {
  const at: number[] = [];
  for (let passed = 0; passed < ms; ) {
    const wait = bench.stack.msUntilNext(bench.clock.ms);
    if (wait < 0 || passed + wait > ms) return at;
    const sent = bench.run(wait);
    passed += wait;
    if (sent.length === 0) continue;
    expect(sent.map(show)).toEqual([PROBE]);
    at.push(passed);
    expect(bench.acks(1, 0)).toEqual([]);
  }
  return at;
}

test('MUST-36, SHLD-29: a shut window is probed first after one RTO', () => {
  const bench = shut();
  const sent = bench.run(RTO_MS);
  expect(sent.map(show)).toEqual([PROBE]);
  expect(times(sent)).toEqual([RTO_MS]);
});

test('SHLD-30: the intervals between probes double up to 120 s, answered or not', () => {
  const expected: number[] = [];
  for (let i = 0, at = 0; i < 12; i++) {
    at += Math.min(RTO_MAX_MS, RTO_MS * 2 ** i);
    expected.push(at);
  }
  const last = expected[expected.length - 1];
  expect(times(shut().run(last))).toEqual(expected);
  expect(answered(shut(), last)).toEqual(expected);
});

test('MUST-37: a peer that answers every probe keeps the connection for ever', () => {
  const bench = shut();
  const probes = answered(bench, 20 * HOUR_MS);
  expect(probes.length).toBeGreaterThan(500);
  expect(bench.state()).toBe('ESTABLISHED');
  expect(bench.heard).toEqual([]);
});

test('a peer that falls silent behind a shut window is given up after 15 probes', () => {
  const bench = shut();
  const sent = bench.run(2 * HOUR_MS);
  expect(sent.length).toBe(15);
  expect(bench.heard).toEqual(['error ETIMEDOUT', 'closed']);
  bench.end();
});

test('a lost window update does no harm: the next probe brings it again', () => {
  const bench = shut();
  expect(bench.run(RTO_MS).map(show)).toEqual([PROBE]);
  expect(bench.acks(1, 1000).map(show)).toEqual(['<SEQ=1><ACK=1><CTL=ACK><DATA=10>']);
  bench.acks();
  expect(bench.run(HOUR_MS)).toEqual([]);
});

test('a window that opens lets the text go at once, and the next time it shuts the first probe comes after one RTO', () => {
  const bench = shut();
  bench.run(RTO_MS * 3);
  bench.acks(1, 1000);
  bench.acks(11, 0);
  bench.app.send(octets(10));
  bench.pump();
  expect(times(bench.run(RTO_MS))).toEqual([bench.app.status().rtoMs]);
});

test('MUST-35: a window that shuts over what is outstanding is probed with the first segment of it', () => {
  const bench = tcpIn('ESTABLISHED', { outstanding: 100 });
  bench.acks(1, 0);
  const sent = bench.run(RTO_MS * 3);
  expect(new Set(sent.map(show))).toEqual(new Set(['<SEQ=1><ACK=1><CTL=ACK><DATA=100>']));
  expect(times(sent)).toEqual([RTO_MS, 3 * RTO_MS]);
});

test('MUST-34, SHLD-16: a window that shrinks below what was sent is survived, and nothing new goes beyond it', () => {
  const bench = tcpIn('ESTABLISHED', { outstanding: 100 });
  bench.acks(51, 10);
  bench.app.send(octets(10));
  expect(bench.pump()).toEqual([]);
  bench.acks(101, 10);
  expect(bench.state()).toBe('ESTABLISHED');
  expect(bench.peer.rcvNxt).toBe(111);
});

test('a FIN behind a shut window waits, and is probed for', () => {
  const bench = tcpIn('ESTABLISHED');
  bench.acks(1, 0);
  bench.app.end();
  expect(bench.pump()).toEqual([]);
  expect(bench.run(RTO_MS).map(show)).toEqual([PROBE]);
  expect(bench.acks(1, 1).map(show)).toEqual(['<SEQ=1><ACK=1><CTL=FIN,ACK>']);
});

test('the user timeout ends a connection whose peer is silent behind a shut window', () => {
  const bench = shut();
  bench.app.userTimeoutMs = 5000;
  bench.run(10_000);
  expect(bench.heard).toEqual(['error ETIMEDOUT', 'closed']);
});

test('3.8.6.2.1 rule 4: less window than a segment is used when it stays so', () => {
  const bench = tcpIn('ESTABLISHED');
  bench.acks(1, 100);
  bench.app.send(octets(1000));
  expect(bench.pump()).toEqual([]);
  expect(bench.run(RTO_MS).map(show)).toEqual(['<SEQ=1><ACK=1><CTL=ACK><DATA=100>']);
});

test('a user timeout counts from when the probing began, not from when the peer was last heard', () => {
  const bench = tcpIn('ESTABLISHED');
  bench.app.userTimeoutMs = 5000;
  bench.acks(1, 0);
  bench.run(HOUR_MS);
  bench.app.send(octets(10));
  bench.pump();
  expect(bench.run(4000).length).toBeGreaterThan(2);
  expect(bench.state()).toBe('ESTABLISHED');
});
