// Crumbs: a peer that wants its text in tiny segments, or sends its own so. What it costs is bounded by octets and batches, not
// by how finely they are cut. CVE-2019-11479, RFC 9293 3.7.1 and 3.8.6.2, RFC 1122 4.2.3.4.

import { FEATURE_TSO4 } from '@tunstack/stack/contract';
import { describe, expect, test } from 'vitest';
import { Ordeal, octets, tcpIn } from '../../packages/stack/src/testing/index.ts';

/** Linux tcp_min_snd_mss, TCP options included. */
const MSS_MIN = 48;
const TIMESTAMPS_OCTETS = 12;
const TEXT = 200_000;

describe('a peer that offers an MSS of next to nothing', () => {
  // [hostile 20, 21]
  test.each(
    [0, 1, 8, 40, 47, 48].flatMap((mss) => [false, true].map((timestamps) => [mss, timestamps] as const)),
  )(
    'MSS %i (timestamps: %s): segments are no crumbs, one for each 48 octets of the window, and the stream arrives',
    (mss, timestamps) => {
      const options = { tcpTailLossProbe: false };
      const tcp = tcpIn('ESTABLISHED', { mss, timestamps, windowScale: 7, sack: true, options });
      const ordeal = new Ordeal(tcp.bench);
      // 0 is no MSS at all: 536 (MUST-15).
      const least = (mss === 0 ? 536 : MSS_MIN) - (timestamps ? TIMESTAMPS_OCTETS : 0);
      expect(tcp.app.send(new Uint8Array(TEXT))).toBe(TEXT);
      let [sent, segments, small] = [0, 0, 0];
      for (let round = 0; round < 2000 && sent < TEXT; round++) {
        const cwnd = Math.max(tcp.app.status().cwnd, 10 * least);
        const left = (round === 0 ? tcp.pump() : tcp.acks()).filter(({ payload }) => payload.length > 0);
        for (const { payload } of left) {
          expect(payload.length).toBeLessThanOrEqual(least);
          if (payload.length < least) small++;
          sent += payload.length;
        }
        segments += left.length;
        // What one acknowledgment lets out is the window at most, twice as wide as before.
        expect(left.length).toBeLessThanOrEqual(Math.ceil((2 * cwnd) / least) + 1);
        for (const { payload } of tcp.run(10)) sent += payload.length;
      }
      expect(sent).toBe(TEXT);
      expect(small).toBeLessThanOrEqual(1);
      expect(segments).toBeLessThanOrEqual(Math.ceil(TEXT / least) + 1);
      tcp.acks();
      expect([tcp.known.outstanding, tcp.bench.pool.inUse]).toEqual([0, 0]);
      ordeal.serve();
      tcp.end();
    },
  );

  // [hostile 21]
  test('to a device that segments such a stream costs one packet for 65 thousand octets', () => {
    const tcp = tcpIn('ESTABLISHED', { mss: 1, windowScale: 7 });
    const ordeal = new Ordeal(tcp.bench);
    tcp.link.features = FEATURE_TSO4;
    tcp.app.send(new Uint8Array(TEXT));
    let packets = 0;
    tcp.pump();
    for (let round = 0; round < 20; round++)
      packets += tcp.acks().filter(({ payload }) => payload.length > 0).length;
    expect(tcp.known.sndUna).toBe(tcp.known.sndNxt);
    expect(packets).toBeLessThanOrEqual(20);
    ordeal.serve();
    tcp.end();
  });
});

describe('a peer that sends octet by octet', () => {
  // [hostile 22]
  test('in order: one ACK a batch at most, and memory for what is unread, however finely it was cut', () => {
    const tcp = tcpIn('ESTABLISHED', { reads: false, receiveBuffer: 65_536 });
    const ordeal = new Ordeal(tcp.bench);
    const batch = 256;
    let acks = 0;
    for (let at = 0; at + batch <= 60_000; at += batch) {
      const frames = Array.from({ length: batch }, (_, i) =>
        tcp.frame({ seq: 1 + at + i }, Uint8Array.of(at + i)),
      );
      acks += tcp.batch(...frames).length;
      expect(tcp.bench.pool.inUse).toBe(0);
    }
    const batches = Math.floor(60_000 / batch);
    expect(tcp.rcvNxt).toBe(1 + batches * batch);
    // The first segments of a connection are acknowledged by eights.
    expect(acks).toBeLessThanOrEqual(batches + 2);
    tcp.readAll();
    expect(tcp.read).toEqual([...octets(batches * batch)].map((_, i) => i & 255));
    ordeal.serve();
    tcp.end();
  });

  // [hostile 22]
  test('out of order over a full window: runs are capped, and all the memory is the window', () => {
    const receiveBuffer = 1 << 20;
    const tcp = tcpIn('ESTABLISHED', { receiveBuffer, windowScale: 7, sack: true });
    const ordeal = new Ordeal(tcp.bench);
    const edge = tcp.rcvNxt + tcp.known.rcvWnd;
    let [most, replies] = [0, 0];
    for (let at = 3; at < edge - 512; at += 512) {
      const frames = Array.from({ length: 128 }, (_, i) => tcp.frame({ seq: at + 4 * i }, Uint8Array.of(7)));
      replies += tcp.batch(...frames).length;
      most = Math.max(most, tcp.known.reassembly?.count ?? 0);
      expect(tcp.bench.pool.inUse).toBe(0);
    }
    expect(most).toBe(512);
    // The first of them one by one, for fast retransmit; then one a batch (SACK tells the rest).
    expect(replies).toBeLessThanOrEqual(Math.ceil(edge / 512) + 8);
    expect(tcp.sndUna).toBe(1);
    ordeal.serve();
    tcp.end();
  });
});
