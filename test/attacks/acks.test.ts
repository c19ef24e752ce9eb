// Acknowledgments that lie (Savage et al., "TCP congestion control with a misbehaving receiver"): of what was not sent, of what
// has not arrived, in slices, again and again. RFC 5681 3.1 and 3.2, RFC 3465, RFC 5961 section 5.

import { fc, test as property } from '@fast-check/vitest';
import { describe, expect, test } from 'vitest';
import {
  Ordeal,
  type Sent,
  type TcpBench,
  type TcpBenchOptions,
  tcpIn,
} from '../../packages/stack/src/testing/index.ts';

const MSS = 1460;
const CONTROLLERS = ['reno', 'cubic', 'bbr'] as const;

/** As much text as the window lets is under way. */
function sending(config: TcpBenchOptions = {}, text = 1 << 20): { tcp: TcpBench; ordeal: Ordeal } {
  const tcp = tcpIn('ESTABLISHED', { mss: MSS, windowScale: 7, ...config });
  const ordeal = new Ordeal(tcp.bench);
  tcp.app.send(new Uint8Array(text));
  tcp.pump();
  return { tcp, ordeal };
}

const textOf = (sent: readonly Sent[]): number => sent.reduce((sum, { payload }) => sum + payload.length, 0);

describe('optimistic acknowledgments', () => {
  // [hostile 34]
  property.prop([fc.array(fc.integer({ min: 1, max: 1 << 20 }), { minLength: 1, maxLength: 200 })])(
    'of what was never sent: none is accepted, one in 500 ms is challenged, and the sender goes no faster',
    (beyond) => {
      const { tcp, ordeal } = sending();
      const { cwnd } = tcp.app.status();
      const { sndNxt } = tcp;
      const frames = beyond.map((distance) => tcp.frame({ ack: sndNxt + distance }));
      expect(ordeal.withstand(frames, { reasons: ['TCP_BAD_ACK'] }).length).toBe(1);
      expect([tcp.sndUna, tcp.sndNxt, tcp.app.status().cwnd]).toEqual([1, sndNxt, cwnd]);
      ordeal.serve();
      tcp.end();
    },
  );

  // [hostile 34]
  test.each(CONTROLLERS)(
    'of all that was sent, before it can have arrived: no more is let out than twice what they acknowledge, within the window and the send buffer (%s)',
    (tcpCongestion) => {
      const limit = 256 << 10;
      const options = { tcpCongestion, tcpSendBytes: limit, tcpSendBytesMax: limit };
      const { tcp, ordeal } = sending({ options }, limit);
      for (let round = 0; round < 200; round++) {
        const { cwnd } = tcp.app.status();
        const acked = tcp.sndNxt - tcp.sndUna;
        const end = tcp.sndNxt;
        // It hears what leaves, and acknowledges what that ACK itself will let out: that is not believed.
        const left = tcp.batch(tcp.frame({ ack: end }), tcp.frame({ ack: end + acked }));
        expect(textOf(left)).toBeLessThanOrEqual(2 * acked + MSS);
        expect(tcp.sndUna).toBe(end);
        if (tcpCongestion !== 'bbr') expect(tcp.app.status().cwnd).toBeLessThanOrEqual(cwnd + acked);
        tcp.app.send(new Uint8Array(limit));
        tcp.pump();
        expect(tcp.known.outstanding).toBeLessThanOrEqual(limit);
        expect(tcp.bench.pool.chunks.inUseBytes).toBeLessThanOrEqual(limit + (1 << 17));
      }
      ordeal.serve();
      tcp.end();
    },
  );
});

describe('divided acknowledgments', () => {
  /** The window after so many octets were acknowledged, `slice` at a time. */
  function windowAfter(tcpCongestion: string, octets: number, slice: number, avoiding: boolean): number {
    const { tcp, ordeal } = sending({ options: { tcpCongestion } });
    if (avoiding) {
      // Three duplicates, and all of it arrives: from here on it is congestion avoidance.
      for (let i = 0; i < 3; i++) tcp.acks(1);
      tcp.acks();
      tcp.run(50);
    }
    const from = tcp.sndUna;
    for (let ack = from + slice; ack < from + octets + slice; ack += slice)
      tcp.acks(Math.min(ack, from + octets));
    expect(tcp.sndUna).toBe(from + octets);
    const { cwnd } = tcp.app.status();
    ordeal.serve();
    tcp.end();
    return cwnd;
  }

  // [hostile 34]
  test.each([
    ['reno', false],
    ['reno', true],
    ['cubic', false],
    ['cubic', true],
  ] as const)(
    '1460 of an octet each open the window no further than one of 1460 (%s, congestion avoidance: %s)',
    (tcpCongestion, avoiding) => {
      const whole = windowAfter(tcpCongestion, MSS, MSS, avoiding);
      expect(windowAfter(tcpCongestion, MSS, 1, avoiding)).toBeLessThanOrEqual(whole + 1);
      expect(windowAfter(tcpCongestion, MSS, 7, avoiding)).toBeLessThanOrEqual(whole + 1);
    },
  );
});

describe('duplicates that nobody caused', () => {
  // [hostile 34]
  test.each(CONTROLLERS)(
    '10,000 to a sender without SACK let out no more than was under way: nothing inflates (%s)',
    (tcpCongestion) => {
      const { tcp, ordeal } = sending({ options: { tcpCongestion } });
      const flight = tcp.known.outstanding;
      const { cwnd } = tcp.app.status();
      let text = 0;
      for (let i = 0; i < 10_000; i++) text += textOf(tcp.acks(1));
      expect(text).toBeGreaterThan(0);
      // Each segment under way may be told of once, and the first goes again.
      expect(text).toBeLessThanOrEqual(flight + MSS);
      expect(tcp.app.status().cwnd).toBeLessThanOrEqual(cwnd);
      expect([tcp.sndUna, tcp.bench.pool.inUse]).toEqual([1, 0]);
      ordeal.serve();
      tcp.end();
    },
  );

  // [hostile 34]
  test.each(CONTROLLERS)(
    '10,000 without a block to a sender with SACK say nothing: no segment leaves for them (%s)',
    (tcpCongestion) => {
      const { tcp, ordeal } = sending({ sack: true, options: { tcpCongestion } });
      const { cwnd, ssthresh } = tcp.app.status();
      for (let i = 0; i < 10_000; i++) expect(tcp.acks(1)).toEqual([]);
      expect([tcp.app.status().cwnd, tcp.app.status().ssthresh]).toEqual([cwnd, ssthresh]);
      ordeal.serve();
      tcp.end();
    },
  );
});
