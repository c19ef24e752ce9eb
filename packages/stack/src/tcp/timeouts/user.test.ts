// The user timeout: RFC 9293 3.10.8, RFC 5482; MUST-21.

import { expect, test } from 'vitest';
import { octets } from '../../testing/frames.ts';
import { tcpIn } from '../../testing/tcp-bench.ts';

const HOUR_MS = 3_600_000;

test('MUST-21: text that stays unacknowledged for the user timeout ends the connection at the next timeout', () => {
  const bench = tcpIn('ESTABLISHED');
  bench.app.userTimeoutMs = 5000;
  bench.app.send(octets(10));
  bench.pump();
  bench.run(5000);
  expect(bench.state()).toBe('ESTABLISHED');
  // 201 * (1 + 2 + 4 + 8 + 16) = 6231
  bench.run(1231);
  expect(bench.heard).toEqual(['trouble', 'error ETIMEDOUT', 'closed']);
  bench.end();
});

test('MUST-21: a longer user timeout than R2 keeps the connection for as long', () => {
  const bench = tcpIn('ESTABLISHED');
  bench.app.userTimeoutMs = 2 * HOUR_MS;
  bench.app.send(octets(10));
  bench.pump();
  bench.run(2 * HOUR_MS - 1);
  expect(bench.state()).toBe('ESTABLISHED');
  bench.run(120_000);
  expect(bench.heard).toContain('error ETIMEDOUT');
});

test('MUST-22: a user timeout ends a connection attempt, too', () => {
  const bench = tcpIn('SYN-SENT');
  bench.app.userTimeoutMs = 2000;
  bench.run(2999);
  expect(bench.heard).toEqual([]);
  bench.run(1);
  expect(bench.heard).toEqual(['error ETIMEDOUT', 'closed']);
});

test('the user timeout does not concern a connection that has nothing to send', () => {
  const bench = tcpIn('ESTABLISHED');
  bench.app.userTimeoutMs = 1000;
  bench.run(HOUR_MS);
  expect(bench.state()).toBe('ESTABLISHED');
  expect(bench.heard).toEqual([]);
});

test('acknowledged text starts the user timeout anew', () => {
  const bench = tcpIn('ESTABLISHED');
  bench.app.userTimeoutMs = 5000;
  for (let i = 0; i < 4; i++) {
    bench.app.send(octets(10));
    bench.pump();
    bench.run(2000);
    bench.acks();
  }
  expect(bench.state()).toBe('ESTABLISHED');
});

test('SHLD-17: text beyond a window that shrank does not time out while the peer answers', () => {
  const bench = tcpIn('ESTABLISHED', { options: { tcpRetries: 3 } });
  const before = bench.peer.rcvNxt;
  bench.app.send(octets(1000));
  bench.pump();
  bench.peer.rcvNxt = before;
  // The window is shut behind its back; all that comes is answered by where it stands.
  bench.acks(before, 0);
  for (let passed = 0; passed < HOUR_MS; passed += 1000) {
    if (bench.run(1000).length > 0) bench.acks(before, 0);
  }
  expect(bench.state()).toBe('ESTABLISHED');
  expect(bench.heard).not.toContain('closed');
});
