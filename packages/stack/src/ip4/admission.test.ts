// Whether a datagram is admitted is a matter of its addresses alone: that a socket talks to that pair changes nothing.

import { expect, test } from 'vitest';
import { icmpFrame, octets, stackWith } from '../testing/index.ts';

const addresses = [
  '10.0.0.1',
  '10.0.0.2',
  '10.0.0.255',
  '10.0.0.0',
  '10.0.0.77',
  '127.0.0.1',
  '127.3.3.3',
  '8.8.8.8',
  '240.0.0.1',
  '224.0.0.5',
  '255.255.255.255',
  '0.0.0.0',
  '0.0.0.7',
] as const;
const bindable = ['0.0.0.0', '10.0.0.2', '127.0.0.1'] as const;

const REASONS = ['IP_MARTIAN_SOURCE', 'IP_MARTIAN_DESTINATION', 'IP_NOT_LOCAL', 'IP_BROADCAST'] as const;

/** What happens to a ping from `src` to `dst` when a socket bound to `bound` has sent something to `src` before. */
function refused(src: string, dst: string, bound?: string): number[] {
  const bench = stackWith();
  if (bound !== undefined) {
    const socket = bench.stack.udpSocket({});
    try {
      socket.bind(bound, 5000);
      socket.sendTo(octets(1), 0, 1, src, 9);
    } catch {
      // Some pairs cannot be talked to: then there is no path, which is well.
    }
  }
  bench.exchange();
  const { stats } = bench.stack;
  const before = REASONS.map((name) => stats.reason(name));
  bench.exchange(icmpFrame({ src, dst }, octets(8)));
  return REASONS.map((name, i) => stats.reason(name) - before[i]);
}

test.each(bindable)('a path from %s admits nothing that a stranger would be refused', (bound) => {
  for (const src of addresses) {
    for (const dst of addresses) {
      expect(refused(src, dst, bound), `${src} > ${dst}`).toEqual(refused(src, dst));
    }
  }
});
