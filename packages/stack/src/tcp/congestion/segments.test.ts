// Congestion control as the wire sees it: RFC 5681, RFC 6928, RFC 6298 5.5, on segments, with NewReno. The arithmetic by
// itself: new-reno.test.ts. What is resent after loss: loss/fast-retransmit.test.ts.

import { describe, expect, test } from 'vitest';
import { type Sent, type TcpBench, type TcpBenchOptions, tcpIn } from '../../testing/tcp-bench.ts';
import { TCP_ACK, TCP_SYN } from '../../wire/tcp.ts';
import { NewReno } from './new-reno.ts';

const MSS = 1000;
const WIDE: TcpBenchOptions = {
  mss: MSS,
  windowScale: 7,
  window: 65_535,
  options: { tcpCongestion: 'reno', tcpSendBytes: 4 << 20 },
};

const segments = (sent: readonly Sent[]): number => sent.filter(({ payload }) => payload.length > 0).length;

/** A connection whose application has given `octets`, and how many segments left at once. */
function loaded(octets: number, config: TcpBenchOptions = {}): { bench: TcpBench; burst: number } {
  const bench = tcpIn('ESTABLISHED', { ...WIDE, ...config });
  bench.app.send(new Uint8Array(octets));
  return { bench, burst: segments(bench.pump()) };
}

/** The peer acknowledges all it has, one ACK for each `each` octets, in one batch. */
function ackAll(bench: TcpBench, each: number): number {
  const frames: Uint8Array[] = [];
  for (let ack = bench.sndUna + each; ack <= bench.peer.rcvNxt; ack += each)
    frames.push(bench.frame({ ack }));
  return segments(bench.batch(...frames));
}

test('MAY-18: the connection asks its controller, whichever it is', () => {
  const bench = tcpIn('ESTABLISHED', WIDE);
  const { output } = (bench.stack as unknown as { tcp: { output: object } }).tcp;
  const make = (_: string, mss: number): NewReno =>
    Object.assign(new NewReno(mss), { name: 'three', cwnd: 3 * mss });
  Object.assign(output, { controllers: { make } });
  bench.app.send(new Uint8Array(20 * MSS));
  expect(segments(bench.pump())).toBe(3);
});

describe('MUST-19', () => {
  // R6928.1
  test.each([
    [536, 10],
    [1000, 10],
    [1460, 10],
    [4000, 3],
    [8000, 2],
  ])('RFC 6928: with an MSS of %i the first flight has %i segments', (mss, burst) => {
    expect(loaded(200_000, { mss, mtu: 9000 }).burst).toBe(burst);
  });

  test('slow start: a round trip of ACKs lets out twice as much', () => {
    const { bench } = loaded(1_000_000);
    expect([1, 2, 3, 4].map(() => ackAll(bench, MSS))).toEqual([20, 40, 80, 160]);
  });

  test('slow start: a peer that acknowledges every second segment holds nothing back', () => {
    const { bench } = loaded(1_000_000);
    expect([1, 2, 3].map(() => ackAll(bench, 2 * MSS))).toEqual([20, 40, 80]);
  });

  // R5681.1, R5681.2
  test('RFC 6298 5.5, RFC 5681 3.1: a timeout leaves one segment, then slow start to half of the flight, then one a round trip', () => {
    const { bench } = loaded(1_000_000, {
      options: { tcpCongestion: 'reno', tcpSendBytes: 4 << 20, tcpFrto: false },
    });
    ackAll(bench, MSS);
    const { retransmits: before } = bench.app.status();
    const timeout = bench.run(300);
    expect([before, segments(timeout)]).toEqual([0, 1]);
    expect(timeout[0].seq).toBe(10 * MSS + 1);
    expect(bench.app.status()).toMatchObject({ cwnd: MSS, ssthresh: 10 * MSS });
    // Resent segments are acknowledged one by one, as they come; nothing beyond them had arrived.
    const flights: number[] = [];
    let una = 10 * MSS + 1;
    let flight = 1;
    for (let turn = 0; turn < 5; turn++) {
      let next = 0;
      for (let i = 0; i < flight; i++) {
        una += MSS;
        next += segments(bench.acks(una));
      }
      flights.push(next);
      flight = next;
    }
    expect(flights).toEqual([2, 4, 8, 10, 11]);
  });

  test('a timeout whose hole is all that was missing does not open the window beyond ssthresh', () => {
    const { bench } = loaded(1_000_000);
    ackAll(bench, MSS);
    bench.run(300);
    // Ten by slow start, one more for the rest of what was acknowledged, and not the 21 of one slow start on.
    expect(segments(bench.acks())).toBe(11);
  });

  test('slow start goes on after a timeout although there is nothing new to send', () => {
    const { bench } = loaded(10 * MSS);
    bench.run(300);
    const flights = [1, 2, 3].map((n) => segments(bench.acks(1 + n * MSS)));
    expect(flights).toEqual([2, 2, 2]);
    expect(bench.app.status().cwnd).toBe(4 * MSS);
  });

  test('RFC 6298 5.5: timeouts of one segment come twice as late each, and ssthresh is halved once', () => {
    const { bench } = loaded(20 * MSS);
    const sent = bench.run(10_000);
    const gaps = sent.map(({ atMs }) => atMs).map((at, i, all) => at - (all[i - 1] ?? 0));
    const [first] = gaps;
    expect(gaps).toEqual(gaps.map((_, i) => first * 2 ** i));
    expect(new Set(sent.map(({ seq }) => seq))).toEqual(new Set([1]));
    expect(bench.app.status()).toMatchObject({ cwnd: MSS, ssthresh: 5 * MSS });
  });

  // R5681.5
  test('RFC 5681 4.1: after a pause longer than the RTO the window is the initial one again', () => {
    const { bench } = loaded(150 * MSS);
    for (let i = 0; i < 4; i++) ackAll(bench, MSS);
    expect(bench.app.status().cwnd).toBeGreaterThan(40 * MSS);
    bench.run(5000);
    bench.app.send(new Uint8Array(100 * MSS));
    expect(segments(bench.pump())).toBe(10);
  });

  test('RFC 5681 4.1: a shorter pause leaves it', () => {
    const { bench } = loaded(150 * MSS);
    for (let i = 0; i < 4; i++) ackAll(bench, MSS);
    bench.run(100);
    bench.app.send(new Uint8Array(100 * MSS));
    expect(segments(bench.pump())).toBeGreaterThan(40);
  });

  test('RFC 7661: an application that sends little gets no larger window for it', () => {
    const bench = tcpIn('ESTABLISHED', WIDE);
    for (let i = 0; i < 100; i++) {
      bench.app.send(new Uint8Array(MSS));
      bench.pump();
      bench.acks();
    }
    expect(bench.app.status().cwnd).toBe(10 * MSS);
  });

  test('the window of the peer holds what the congestion window would let go', () => {
    const bench = tcpIn('ESTABLISHED', { mss: MSS, window: 3 * MSS });
    bench.app.send(new Uint8Array(20 * MSS));
    expect(segments(bench.pump())).toBe(3);
  });

  test('RFC 6928 section 2: when the SYN had to go more than once again, the first flight is one segment', () => {
    const bench = tcpIn('SYN-SENT', WIDE);
    bench.run(4000);
    bench.peer.sndNxt = 1;
    bench.segment({ seq: 0, flags: TCP_SYN | TCP_ACK });
    bench.app.send(new Uint8Array(20 * MSS));
    expect(segments(bench.pump())).toBe(1);
  });

  test('RFC 6928 section 2: one SYN lost changes nothing', () => {
    const bench = tcpIn('SYN-SENT', WIDE);
    bench.run(1500);
    bench.peer.sndNxt = 1;
    bench.segment({ seq: 0, flags: TCP_SYN | TCP_ACK });
    bench.app.send(new Uint8Array(20 * MSS));
    expect(segments(bench.pump())).toBe(10);
  });
});
