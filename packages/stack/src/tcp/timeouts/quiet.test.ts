// A long pause: what an idle connection gives up, and that it goes on as before.

import { describe, expect, test } from 'vitest';
import { octets } from '../../testing/index.ts';
import { type TcpBench, tcpIn } from '../../testing/tcp-bench.ts';
import { NOTHING_SENT } from '../buffers/sent-ranges.ts';

const MSS = 1460;
const PAUSE_MS = 4000;
const OPTIONS = { mss: MSS, sack: true, timestamps: true, windowScale: 7 } as const;

/** Sends `segments`, which are acknowledged `rttMs` later. */
function exchange(bench: TcpBench, segments: number, rttMs = 1): void {
  bench.app.send(new Uint8Array(segments * MSS));
  bench.pump();
  bench.run(rttMs);
  bench.acks();
  while (bench.app.queuedBytes > 0) {
    bench.run(rttMs);
    bench.acks();
  }
}

describe('what an idle connection holds', () => {
  test('with all acknowledged neither a buffer nor a list of ranges, and with all read no list of packets', () => {
    const bench = tcpIn('ESTABLISHED', OPTIONS);
    bench.sends(octets(100));
    exchange(bench, 3);
    const { sendBuffer, sent, fresh, queued } = bench.known;
    expect([sendBuffer, sent === NOTHING_SENT, fresh, queued]).toEqual([undefined, true, undefined, 0]);
  });

  test('after a pause no record of losses and no controller; what was measured of the round trip stays', () => {
    const bench = tcpIn('ESTABLISHED', OPTIONS);
    exchange(bench, 2);
    const { rtt, minRtt } = bench.app.tcpInfo();
    expect(minRtt).toBeGreaterThan(0);
    expect(bench.known.loss).toBeDefined();
    bench.run(PAUSE_MS);
    expect([bench.known.loss, bench.known.controller]).toEqual([undefined, undefined]);
    expect(bench.app.tcpInfo()).toMatchObject({ rtt, minRtt, totalRetrans: 0 });
  });

  test('after a pause, or closed, no memory of the application, which it sends again and again', () => {
    const bench = tcpIn('ESTABLISHED', OPTIONS);
    const { arenas } = bench.pool;
    const bytes = new Uint8Array(5000);
    const exchangeOwned = (): void => {
      bench.app.sendOwned(bytes, () => {});
      bench.pump();
      bench.acks();
      bench.run(1);
    };
    for (let i = 0; i < 3; i++) exchangeOwned();
    expect([bench.app.queuedBytes, arenas.disownedCount]).toEqual([0, 0]);
    bench.run(PAUSE_MS);
    expect(arenas.disownedCount).toBe(1);
    exchangeOwned();
    expect(arenas.disownedCount).toBe(1);
    bench.app.abort();
    bench.pump();
    expect(arenas.disownedCount).toBe(2);
  });

  test('nothing wakes it afterwards', () => {
    const bench = tcpIn('ESTABLISHED', OPTIONS);
    exchange(bench, 1);
    bench.run(PAUSE_MS);
    expect(bench.stack.msUntilNext(bench.clock.ms)).toBe(-1);
  });
});

describe('it goes on as if it had kept them', () => {
  /** Segments of a long answer after a pause, with the time of each. */
  const after = (pauseMs: number): unknown[] => {
    const options = { tcpTailLossProbe: false, tcpPacing: true };
    const bench = tcpIn('ESTABLISHED', { ...OPTIONS, options });
    exchange(bench, 20, 50);
    bench.run(pauseMs);
    expect(bench.known.loss === undefined).toBe(pauseMs === PAUSE_MS);
    bench.app.send(new Uint8Array(40 * MSS));
    const sent = [...bench.pump(), ...bench.run(49)];
    return sent.map(({ seq, payload, atMs }) => [seq, payload.length, atMs]);
  };

  test('the initial window, paced as before: RFC 5681 4.1', () => {
    const kept = after(1500);
    expect(kept.length).toBe(10);
    expect(after(PAUSE_MS)).toEqual(kept);
  });
});

describe('what a pause does not end', () => {
  test('the record of who has seen a loss, and its controller', () => {
    const bench = tcpIn('ESTABLISHED', OPTIONS);
    exchange(bench, 4);
    bench.app.send(new Uint8Array(MSS));
    bench.pump();
    bench.run(1000);
    bench.acks();
    const { ssthresh } = bench.app.status();
    bench.run(PAUSE_MS);
    expect(bench.known.loss).toBeDefined();
    expect(bench.app.status().ssthresh).toBe(ssthresh);
  });

  test('the model of BBR', () => {
    const bench = tcpIn('ESTABLISHED', { ...OPTIONS, options: { tcpCongestion: 'bbr' } });
    exchange(bench, 20);
    bench.run(PAUSE_MS);
    expect(bench.known.controller?.name).toBe('bbr');
  });

  test('a window that no idle time takes back', () => {
    const bench = tcpIn('ESTABLISHED', { ...OPTIONS, options: { tcpSlowStartAfterIdle: false } });
    exchange(bench, 40);
    const { cwnd } = bench.app.status();
    bench.run(PAUSE_MS);
    expect(bench.app.status().cwnd).toBe(cwnd);
  });
});
