// Whether a datagram is admitted is a matter of its addresses alone: that a socket talks to that pair changes nothing.

import { fc, test } from '@fast-check/vitest';
import { expect } from 'vitest';
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

test.prop([fc.constantFrom(...addresses), fc.constantFrom(...addresses), fc.constantFrom(...bindable)], {
  numRuns: 600,
})('a path between two addresses admits nothing that a stranger would be refused', (src, dst, bound) => {
  const stranger = stackWith();
  const known = stackWith();
  const socket = known.stack.udpSocket({});
  try {
    socket.bind(bound, 5000);
    socket.sendTo(octets(1), 0, 1, src, 9);
  } catch {
    // Some pairs cannot be talked to: then there is no path, which is well.
  }
  known.exchange();
  const before = { ...known.stack.stats.drops() };
  stranger.exchange(icmpFrame({ src, dst }, octets(8)));
  known.exchange(icmpFrame({ src, dst }, octets(8)));
  for (const name of [
    'IP_MARTIAN_SOURCE',
    'IP_MARTIAN_DESTINATION',
    'IP_NOT_LOCAL',
    'IP_BROADCAST',
  ] as const) {
    expect(known.stack.stats.reason(name) - (before[name] ?? 0)).toBe(stranger.stack.stats.reason(name));
  }
});
