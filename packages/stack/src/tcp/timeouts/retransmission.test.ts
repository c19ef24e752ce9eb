// The retransmission timer in virtual time: RFC 6298 section 5, RFC 9293 3.8.1 and 3.8.3.

import { expect, test } from 'vitest';
import { octets } from '../../testing/frames.ts';
import { type Sent, show, tcpIn } from '../../testing/tcp-bench.ts';
import { TCP_ACK, TCP_SYN } from '../../wire/tcp.ts';

/** After a handshake that took no time: the least variance, and one microsecond of SRTT, rounded up. */
const RTO_MS = 201;
const RTO_MAX_MS = 120_000;
const HOUR_MS = 3_600_000;

/** When a timer of this RTO runs out the first `n` times, backed off each time (5.5), never beyond the cap. */
function timeouts(rtoMs: number, n: number): number[] {
  let at = 0;
  return Array.from({ length: n }, (_, i) => {
    at += Math.min(RTO_MAX_MS, rtoMs * 2 ** i);
    return at;
  });
}

const times = (sent: readonly Sent[]): number[] => sent.map(({ atMs }) => atMs);

// R6298.7, R6298.10
test('5.1, 5.4: what is not acknowledged within the RTO is sent again, the earliest segment first and alone', () => {
  const bench = tcpIn('ESTABLISHED');
  bench.app.send(octets(2 * 1460));
  expect(bench.pump().map(show)).toEqual([
    '<SEQ=1><ACK=1><CTL=ACK><DATA=1460>',
    '<SEQ=1461><ACK=1><CTL=ACK><DATA=1460>',
  ]);
  const sent = bench.run(RTO_MS);
  expect(sent.map(show)).toEqual(['<SEQ=1><ACK=1><CTL=ACK><DATA=1460>']);
  expect(times(sent)).toEqual([RTO_MS]);
});

// R6298.8
test('5.2: when all is acknowledged the timer is off', () => {
  const bench = tcpIn('ESTABLISHED', { outstanding: 100 });
  bench.acks();
  expect(bench.run(HOUR_MS)).toEqual([]);
});

// R6298.9
test('5.3: an acknowledgment of something new starts the timer again', () => {
  const bench = tcpIn('ESTABLISHED', { outstanding: 100 });
  bench.run(150);
  bench.acks(51);
  // The sample of 150 ms: RTO = 150 + max(200, 4 * 75) or less, as it is smoothed with the handshake's.
  const { rtoMs } = bench.app.status();
  expect(rtoMs).toBeGreaterThan(200);
  const sent = bench.run(HOUR_MS / 3600);
  expect(times(sent)[0]).toBe(rtoMs);
  expect(sent.slice(0, 1).map(show)).toEqual(['<SEQ=51><ACK=1><CTL=ACK><DATA=50>']);
});

test('an acknowledgment of nothing new leaves the timer as it runs', () => {
  const bench = tcpIn('ESTABLISHED', { outstanding: 100 });
  bench.run(100);
  bench.acks(1);
  expect(times(bench.run(RTO_MS))).toEqual([RTO_MS - 100]);
});

// R6298.10
test('5.5: the timeout doubles up to 120 s; R2: after 15 retransmissions in vain the application hears ETIMEDOUT (MUST-20, SHLD-11)', () => {
  const bench = tcpIn('ESTABLISHED', { outstanding: 100 });
  const sent = bench.run(HOUR_MS);
  const all = timeouts(RTO_MS, 16);
  expect(times(sent)).toEqual(all.slice(0, 15));
  expect(new Set(sent.map(show))).toEqual(new Set(['<SEQ=1><ACK=1><CTL=ACK><DATA=100>']));
  expect(bench.heard).toEqual(['trouble', 'error ETIMEDOUT', 'closed']);
  expect(bench.tcb()).toBe(undefined);
  bench.end();
});

test('R2 is 15 timeouts, not earlier: the connection lives until the sixteenth', () => {
  const bench = tcpIn('ESTABLISHED', { outstanding: 100 });
  const end = timeouts(RTO_MS, 16)[15];
  bench.run(end - 1);
  expect(bench.state()).toBe('ESTABLISHED');
  bench.run(1);
  expect(bench.heard).toContain('error ETIMEDOUT');
  // SHLD-11: at least 100 seconds.
  expect(end).toBeGreaterThan(100_000);
});

test('R1: at the third retransmission the application hears of trouble, and the connection goes on (MUST-20, SHLD-9, SHLD-10)', () => {
  const bench = tcpIn('ESTABLISHED', { outstanding: 100 });
  const third = timeouts(RTO_MS, 3)[2];
  bench.run(third - 1);
  expect(bench.heard).toEqual([]);
  bench.run(1);
  expect(bench.heard).toEqual(['trouble']);
  bench.acks();
  bench.run(HOUR_MS);
  expect(bench.heard).toEqual(['trouble']);
  expect(bench.state()).toBe('ESTABLISHED');
});

// R6298.6
test('MUST-18, Karn: the acknowledgment of what was sent twice is no sample, and the backed-off timeout stays', () => {
  const bench = tcpIn('ESTABLISHED', { outstanding: 100 });
  bench.run(RTO_MS);
  const { srttMs } = bench.app.status();
  bench.acks();
  expect(bench.app.status().srttMs).toBe(srttMs);
  expect(bench.app.status().rtoMs).toBe(2 * RTO_MS);
  bench.app.send(octets(10));
  bench.pump();
  expect(times(bench.run(2 * RTO_MS))).toEqual([2 * RTO_MS]);
});

test('after an acknowledgment the count to R2 begins anew', () => {
  const bench = tcpIn('ESTABLISHED', { outstanding: 100 });
  bench.run(timeouts(RTO_MS, 15)[14]);
  bench.acks(51);
  const sent = bench.run(HOUR_MS);
  expect(sent.length).toBe(15);
  expect(bench.heard).toContain('error ETIMEDOUT');
});

test('a FIN is sent again like text', () => {
  const bench = tcpIn('FIN-WAIT-1');
  const sent = bench.run(RTO_MS * 3);
  expect(sent.map(show)).toEqual(['<SEQ=1><ACK=1><CTL=FIN,ACK>', '<SEQ=1><ACK=1><CTL=FIN,ACK>']);
  expect(times(sent)).toEqual(timeouts(RTO_MS, 2));
});

test.each(['FIN-WAIT-1', 'CLOSING', 'LAST-ACK'] as const)(
  'an orphan in %s whose FIN nobody acknowledges ends by itself, and says nothing more',
  (state) => {
    const bench = tcpIn(state, { close: 'close' });
    expect(bench.run(HOUR_MS).length).toBe(15);
    expect(bench.tcb()).toBe(undefined);
    expect(bench.heard).toEqual([]);
    bench.end();
  },
);

test('MUST-22: a SYN is sent again after 1, 3, 7, 15, 31, 63 s, and the application hears ETIMEDOUT at 127 s', () => {
  const bench = tcpIn('SYN-SENT');
  const sent = bench.run(126_999);
  expect(times(sent)).toEqual([1000, 3000, 7000, 15_000, 31_000, 63_000]);
  expect(new Set(sent.map(show))).toEqual(new Set(['<SEQ=0><CTL=SYN>']));
  expect(bench.state()).toBe('SYN-SENT');
  bench.run(1);
  expect(bench.heard).toEqual(['trouble', 'error ETIMEDOUT', 'closed']);
  expect(bench.tcb()).toBe(undefined);
  bench.end();
});

test('MUST-23: with tcpSynRetries 7 a SYN is tried for more than three minutes', () => {
  const bench = tcpIn('SYN-SENT', { options: { tcpSynRetries: 7 } });
  bench.run(180_000);
  expect(bench.state()).toBe('SYN-SENT');
  bench.run(HOUR_MS);
  expect(bench.heard).toContain('error ETIMEDOUT');
});

test('a SYN,ACK is sent again 5 times, then the half-open connection is forgotten', () => {
  const bench = tcpIn('SYN-RECEIVED');
  const sent = bench.run(62_999);
  expect(times(sent)).toEqual([1000, 3000, 7000, 15_000, 31_000]);
  expect(new Set(sent.map(show))).toEqual(new Set(['<SEQ=0><ACK=1><CTL=SYN,ACK>']));
  expect(bench.state()).toBe('SYN-RECEIVED');
  bench.run(1);
  expect(bench.state()).toBe('LISTEN');
  expect(bench.heard).toEqual([]);
});

test('the SYN,ACK of a simultaneous open that nobody answers ends in ETIMEDOUT', () => {
  const bench = tcpIn('SYN-RECEIVED', { open: 'active' });
  bench.run(HOUR_MS);
  expect(bench.heard).toContain('error ETIMEDOUT');
  expect(bench.tcb()).toBe(undefined);
});

// R6298.11
test.each(['active', 'passive'] as const)(
  '5.7: after a lost SYN (%s) the timeout of the first text is 3 s, for nothing was measured',
  (open) => {
    const bench = tcpIn(open === 'active' ? 'SYN-SENT' : 'SYN-RECEIVED', { open });
    bench.run(1000);
    if (open === 'active') {
      bench.peer.sndNxt = 1;
      bench.segment({ seq: 0, flags: TCP_SYN | TCP_ACK });
    } else bench.acks();
    expect(bench.state()).toBe('ESTABLISHED');
    bench.app.send(octets(10));
    bench.pump();
    expect(times(bench.run(3000))).toEqual([3000]);
  },
);

test('2.1: without a sample the timeout is 1 s', () => {
  const bench = tcpIn('SYN-SENT');
  expect(bench.app.status().rtoMs).toBe(1000);
});
