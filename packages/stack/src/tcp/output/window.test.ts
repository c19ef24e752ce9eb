// The window field and a reader that pauses: RFC 9293 3.8.6, RFC 7323 2.4.

import { expect, test } from 'vitest';
import { octets, tcpIn } from '../../testing/index.ts';

test.each([7, 14])(
  'a reader that pauses is sent no more than its buffer and an eighth, or one grain of the scale: shift %i',
  (shift) => {
    const bench = tcpIn('ESTABLISHED', {
      reads: false,
      windowScale: 7,
      timestamps: true,
      options: { tcpReceiveBytesMax: Math.min(65_535 * 2 ** shift, 1 << 29) },
    });
    const { rcvLimit } = bench.known;
    const grain = 2 ** bench.known.rcvScale;
    for (let i = 0; i < 3000 && bench.peer.sndNxt + 100 <= bench.peer.edge; i++) {
      bench.sends(octets(100));
      bench.run(40);
    }
    expect(bench.known.unread).toBeLessThanOrEqual(rcvLimit + Math.max(rcvLimit >> 3, grain));
    expect(bench.known.unread).toBeGreaterThan(rcvLimit - grain - 200);
  },
);
