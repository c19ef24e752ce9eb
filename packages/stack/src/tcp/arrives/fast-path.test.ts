// Header prediction: which segments it takes. That it changes nothing is a property: test/tcp-laws.test.ts.

import { describe, expect, test } from 'vitest';
import { octets } from '../../testing/frames.ts';
import { type TcpBench, tcpIn } from '../../testing/tcp-bench.ts';

/** Segments that were predicted: with text, without. */
function predicted({ stack: { stats } }: TcpBench): [number, number] {
  return [stats.get('TcpExtTCPHPHits'), stats.get('TcpExtTCPHPAcks')];
}

test('in a conversation, text that acknowledges text is predicted', () => {
  const bench = tcpIn('ESTABLISHED', { timestamps: true });
  bench.app.noDelay = true;
  for (let i = 0; i < 3; i++) {
    bench.app.send(octets(1));
    bench.pump();
    bench.sends(octets(1));
  }
  expect([bench.read.length, bench.sndUna, ...predicted(bench)]).toEqual([3, bench.sndNxt, 3, 0]);
});

test('an acknowledgment alone is, and one of nothing new is not', () => {
  const bench = tcpIn('ESTABLISHED', { outstanding: 10 });
  bench.acks();
  bench.acks();
  expect(predicted(bench)).toEqual([0, 1]);
});

describe('told alike with prediction and without:', () => {
  test('where the send window was seen last, by text that was out of order', () => {
    const story = (tcpFastPath: boolean): unknown[] => {
      const bench = tcpIn('ESTABLISHED', { outstanding: 10, options: { tcpFastPath } });
      bench.segment({ seq: bench.rcvNxt + 10, ack: bench.sndUna }, octets(10));
      bench.segment({ ack: bench.sndNxt });
      return [bench.known.sndWl1, bench.known.sndWl2, bench.sndUna];
    };
    expect(story(true)).toEqual(story(false));
  });
});
