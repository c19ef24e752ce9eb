// Datagrams in the receive slab live for one pump, whoever reads them.

import { expect, test } from 'vitest';
import { icmpFrame, octets, stackWith, udpFrame } from '../testing/index.ts';

test('a datagram read in the handler of its own socket is shown in the slab itself', () => {
  const bench = stackWith();
  let lent = 0;
  bench.stack
    .udpSocket({
      readable(s) {
        s.receive();
        lent = bench.pool.lent;
      },
    })
    .bind('0.0.0.0', 7);
  bench.exchange(udpFrame({}, octets(4)));
  expect([lent, bench.pool.inUse]).toEqual([1, 0]);
});

test('a datagram read in the handler of another socket outlives the pump as a copy', () => {
  const bench = stackWith();
  const shown: { readonly bytes: Uint8Array; readonly offset: number; readonly length: number }[] = [];
  const second = bench.stack.udpSocket({});
  second.bind('0.0.0.0', 8);
  const ping = bench.stack.echoSocket({}, 5);
  bench.stack
    .udpSocket({
      readable(s) {
        while (s.receive() !== undefined);
        for (const socket of [second, ping]) {
          const datagram = socket.receive();
          if (datagram !== undefined) shown.push(datagram);
        }
      },
    })
    .bind('0.0.0.0', 7);
  const frames = [
    udpFrame({ dport: 8 }, octets(4, 50)),
    icmpFrame({ type: 0, word4: 5 }, octets(4, 90)),
    udpFrame({}, octets(4)),
  ];
  bench.exchange(...frames);
  expect(bench.pool.lent).toBe(0);
  bench.exchange(icmpFrame({}, octets(4)));
  expect(shown.map(({ bytes, offset, length }) => [...bytes.subarray(offset, offset + length)])).toEqual([
    [...octets(4, 50)],
    [...octets(4, 90)],
  ]);
  second.close();
  ping.close();
  expect(bench.pool.inUse).toBe(0);
});

test('with no slot for that copy the datagram is dropped: NO_BUFFER', () => {
  const bench = stackWith({ pool: { smallBytes: 0, mediumBytes: 0, largeBytes: 0 } });
  const second = bench.stack.udpSocket({});
  second.bind('0.0.0.0', 8);
  const got: unknown[] = [];
  bench.stack.udpSocket({ readable: () => got.push(second.receive()) }).bind('0.0.0.0', 7);
  bench.exchange(udpFrame({ dport: 8 }, octets(4)), udpFrame({}, octets(4)));
  expect([got, bench.pool.inUse]).toEqual([[undefined], 0]);
  expect(bench.stack.stats.reason('NO_BUFFER')).toBe(2); // the other is what the first socket left unread
});
