// DSACK, the side that receives text: RFC 2883 section 4, with its examples. Segments of 500 octets, as there.

import { describe, expect, test } from 'vitest';
import { type TcpBench, type TcpBenchOptions, tcpIn } from '../../testing/tcp-bench.ts';

const SIZE = 500;
const AGREED: TcpBenchOptions = { sack: true, options: { tcpQuickAcks: 0 } };

/** The peer sends these octets, relative to the first of its text: what the last answer acknowledges, and its blocks. */
function gets(bench: TcpBench, from: number, to = from + SIZE): [ack: number, ...blocks: [number, number][]] {
  const sent = bench.segment({ seq: 1 + from }, new Uint8Array(to - from));
  const last = sent.at(-1) ?? bench.run(50).at(-1);
  expect(last).toBeDefined();
  const relative = (seq: number): number => ((seq - bench.peer.iss) | 0) - 1;
  return [last!.ack - 1, ...last!.sack.map(([l, r]): [number, number] => [relative(l), relative(r)])];
}

describe('RFC 2883 section 4: what came twice stands first', () => {
  // R2883.1
  test('4.1.1: a segment in order that comes twice', () => {
    const bench = tcpIn('ESTABLISHED', AGREED);
    gets(bench, 0);
    gets(bench, 500);
    expect(gets(bench, 0)).toEqual([1000, [0, 500]]);
    expect(bench.stack.stats.get('TcpExtTCPDSACKOldSent')).toBe(1);
  });

  test('4.1.2: one that comes twice while another is missing: its block, and then the others', () => {
    const bench = tcpIn('ESTABLISHED', AGREED);
    gets(bench, 0);
    expect(gets(bench, 1000)).toEqual([500, [1000, 1500]]);
    expect(gets(bench, 1500)).toEqual([500, [1000, 2000]]);
    expect(gets(bench, 0)).toEqual([500, [0, 500], [1000, 2000]]);
  });

  // R2883.1
  test('4.1.3: one out of order that comes twice: its block, and the one that it lies in', () => {
    const bench = tcpIn('ESTABLISHED', AGREED);
    gets(bench, 500);
    gets(bench, 1000);
    expect(gets(bench, 500)).toEqual([0, [500, 1000], [500, 1500]]);
    expect(bench.stack.stats.get('TcpExtTCPDSACKOfoSent')).toBe(1);
  });

  test('4.2.1: a segment of which the first half is known below RCV.NXT: that half', () => {
    const bench = tcpIn('ESTABLISHED', AGREED);
    gets(bench, 0);
    expect(gets(bench, 0, 1000)).toEqual([1000, [0, 500]]);
  });

  // R2883.1
  test('it is told once', () => {
    const bench = tcpIn('ESTABLISHED', AGREED);
    gets(bench, 0);
    gets(bench, 1000);
    expect(gets(bench, 0)).toEqual([500, [0, 500], [1000, 1500]]);
    expect(gets(bench, 1500)).toEqual([500, [1000, 2000]]);
    expect(gets(bench, 500)).toEqual([2000]);
  });

  test('it goes with text of our own, if that leaves first', () => {
    const bench = tcpIn('ESTABLISHED', {
      ...AGREED,
      handler: { readable: (s) => s.send(new Uint8Array(10)) },
    });
    bench.segment({ seq: 1 }, new Uint8Array(SIZE));
    bench.acks();
    const [ack] = bench.batch(
      bench.frame({ seq: 1 }, new Uint8Array(SIZE)),
      bench.frame({ seq: 1 + SIZE }, new Uint8Array(SIZE)),
    );
    const iss = bench.peer.iss;
    expect(ack.sack).toEqual([[(iss + 1) | 0, (iss + 1 + SIZE) | 0]]);
  });

  test('beside timestamps there is room for three blocks: the DSACK is one of them', () => {
    const bench = tcpIn('ESTABLISHED', { ...AGREED, timestamps: true });
    for (const from of [500, 1500, 2500, 3500]) gets(bench, from);
    expect(gets(bench, 500)).toEqual([0, [500, 1000], [500, 1000], [3500, 4000]]);
  });

  test('what a probe of one octet brings again is told, and what carries no text is not', () => {
    const bench = tcpIn('ESTABLISHED', AGREED);
    gets(bench, 0);
    expect(gets(bench, 499, 500)).toEqual([500, [499, 500]]);
    const [empty] = bench.segment({ seq: 500 });
    expect([empty.ack, empty.sack]).toEqual([501, []]);
  });

  test('a peer that did not agree to SACK hears nothing of it', () => {
    const bench = tcpIn('ESTABLISHED', { ...AGREED, sack: false });
    gets(bench, 0);
    expect(gets(bench, 0)).toEqual([500]);
  });
});
