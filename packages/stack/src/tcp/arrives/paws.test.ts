// Timestamps in SEGMENT ARRIVES: RFC 7323 section 3.2 (they must be there), 4.3 (TS.Recent), 5.3 (PAWS).

import { describe, expect, test } from 'vitest';
import { octets } from '../../testing/frames.ts';
import { type StateName, show, type TcpBench, type TcpBenchOptions, tcpIn } from '../../testing/tcp-bench.ts';
import { TCP_ACK, TCP_FIN, TCP_RST, TCP_SYN } from '../../wire/tcp.ts';

const DAY_MS = 86_400_000;

const STATES: readonly StateName[] = [
  'SYN-RECEIVED',
  'ESTABLISHED',
  'FIN-WAIT-1',
  'FIN-WAIT-2',
  'CLOSE-WAIT',
  'CLOSING',
  'LAST-ACK',
  'TIME-WAIT',
];

const SEGMENTS = [
  ['ACK', TCP_ACK, 0],
  ['text', TCP_ACK, 10],
  ['FIN', TCP_FIN | TCP_ACK, 0],
  ['SYN', TCP_SYN, 0],
  ['SYN,ACK', TCP_SYN | TCP_ACK, 0],
  ['nothing', 0, 0],
] as const;

function withTimestamps(state: StateName, config: TcpBenchOptions = {}): TcpBench {
  return tcpIn(state, { timestamps: true, ...config });
}

for (const state of STATES) {
  describe(`timestamps in ${state}`, () => {
    // R7323.7
    test.each(SEGMENTS)(
      '5.3 R1: %s with an older timestamp is answered by an ACK, and dropped',
      (_name, flags, length) => {
        const bench = withTimestamps(state);
        const { sndNxt, peer } = bench;
        bench.pump();
        const answers = bench.segment({ seq: peer.sndNxt, flags, tsVal: -1 }, octets(length));
        expect(answers.map(show)).toEqual([`<SEQ=${sndNxt}><ACK=${peer.sndNxt}><CTL=ACK>`]);
        expect(bench.state()).toBe(state);
        expect(bench.heard).toEqual([]);
        bench.end();
      },
    );

    // R7323.4
    test.each(SEGMENTS)('3.2: %s without timestamps is dropped in silence', (_name, flags, length) => {
      const bench = withTimestamps(state);
      const { peer } = bench;
      const answers = bench.segment({ seq: peer.sndNxt, flags, options: [] }, octets(length));
      expect(answers).toEqual([]);
      expect(bench.state()).toBe(state);
      expect(bench.heard).toEqual([]);
      bench.end();
    });

    // R7323.5
    test('5.2: a RST counts, however old its timestamp is, and without one', () => {
      for (const options of [undefined, []]) {
        const bench = withTimestamps(state);
        const { peer } = bench;
        const fields = { seq: peer.sndNxt, flags: TCP_RST, tsVal: -1000 };
        expect(bench.segment(options === undefined ? fields : { ...fields, options })).toEqual([]);
        expect(bench.tcb()).toBe(undefined);
        bench.end();
      }
    });
  });
}

// R7323.6
test('4.3: TS.Recent follows a segment at the left edge, and is echoed', () => {
  const bench = withTimestamps('ESTABLISHED');
  const [ack] = bench.segment({ seq: 1, tsVal: 5 }, octets(10));
  expect((ack.tsEcr - 0x7fff_fff0) | 0).toBe(5);
});

test('4.3: TS.Recent does not follow what arrives behind a gap, so that the round trip is not understated', () => {
  const bench = withTimestamps('ESTABLISHED');
  const [ack] = bench.segment({ seq: 101, tsVal: 5 }, octets(10));
  expect((ack.tsEcr - 0x7fff_fff0) | 0).toBe(0);
});

// R7323.6
test('4.3: TS.Recent does not go back, and does not follow a segment outside of the window', () => {
  const bench = withTimestamps('ESTABLISHED');
  bench.segment({ seq: 1, tsVal: 5 }, octets(10));
  const [old] = bench.segment({ seq: -500, tsVal: 9 }, octets(10));
  expect((old.tsEcr - 0x7fff_fff0) | 0).toBe(5);
});

// R7323.8
test('5.5: after 24 days without a word TS.Recent says nothing, and an older timestamp is taken', () => {
  const bench = withTimestamps('ESTABLISHED');
  bench.run(12 * DAY_MS);
  bench.run(12 * DAY_MS - 1000);
  expect(bench.segment({ seq: 1, tsVal: -1 }, octets(10)).length).toBe(1);
  expect(bench.read.length).toBe(0);
  bench.run(2000);
  bench.segment({ seq: 1, tsVal: -1 }, octets(10));
  expect(bench.read.length).toBe(10);
});

test('timestamps wrap: a value past the wrap is newer', () => {
  const bench = withTimestamps('ESTABLISHED');
  bench.segment({ seq: 1, tsVal: 0x20 }, octets(10));
  expect(bench.read.length).toBe(10);
  bench.segment({ seq: 11, tsVal: 0x1f }, octets(10));
  expect(bench.read.length).toBe(10);
});

test('who did not offer timestamps is not asked for them, and gets none', () => {
  const bench = tcpIn('ESTABLISHED');
  const [ack] = bench.segment({ seq: 1 }, octets(10));
  expect(ack.timestamps).toBe(false);
  expect(bench.read.length).toBe(10);
});

test('PAWS answers to segments that carry nothing are limited: one in 500 ms', () => {
  const bench = withTimestamps('ESTABLISHED');
  let answers = 0;
  for (let i = 0; i < 10; i++) answers += bench.segment({ seq: 1, tsVal: -1 }).length;
  expect(answers).toBe(1);
  bench.run(500);
  expect(bench.segment({ seq: 1, tsVal: -1 }).length).toBe(1);
});
