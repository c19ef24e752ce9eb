// Progress of a connection as confirmation that its next hop hears us: RFC 4861 7.3.1.

import { expect, test } from 'vitest';
import { arpFrame, arpOf, type EthernetBench, ip, octets, stackOnEthernet } from '../testing/index.ts';

const OTHER = '02:00:00:00:00:66';

const confirm = (bench: EthernetBench, address = '10.0.0.1'): void => bench.face.confirm(ip(address));

/** A stack that was asked by its peer, which is STALE to it, and something that sends there. */
function stale(seed = 1) {
  const bench = stackOnEthernet({ seed });
  const socket = bench.stack.udpSocket({});
  socket.connect('10.0.0.1', 7);
  bench.exchange(arpFrame());
  expect(bench.state()).toBe('STALE');
  return { bench, send: () => socket.send(octets(4)) };
}

test('progress makes a STALE neighbour REACHABLE, and nobody is asked', () => {
  const { bench, send } = stale();
  confirm(bench);
  expect(bench.state()).toBe('REACHABLE');
  send();
  expect(arpOf(bench.pass(14_000))).toEqual([]);
  expect(bench.state()).toBe('REACHABLE');
});

test('progress within the delay of five seconds makes a neighbour REACHABLE without a probe', () => {
  const { bench, send } = stale();
  send();
  bench.pass(4999);
  expect(bench.state()).toBe('DELAY');
  confirm(bench);
  expect(bench.state()).toBe('REACHABLE');
  expect(arpOf(bench.pass(10_000))).toEqual([]);
});

test('progress ends a probe: no other request goes, and the neighbour stays', () => {
  const { bench, send } = stale();
  send();
  expect(arpOf(bench.pass(5000)).length).toBe(1);
  expect(bench.state()).toBe('PROBE');
  confirm(bench);
  expect(bench.state()).toBe('REACHABLE');
  expect(arpOf(bench.pass(10_000))).toEqual([]);
});

test.each([1, 2, 3, 4, 5])(
  'a neighbour is REACHABLE while there is progress, and for 15 to 45 s after (seed %i)',
  (seed) => {
    const { bench, send } = stale(seed);
    for (let i = 0; i < 60; i++) {
      send();
      confirm(bench);
      expect(arpOf(bench.pass(10_000))).toEqual([]);
      expect(bench.state()).toBe('REACHABLE');
    }
    // 10 s of it are over.
    bench.pass(4999);
    expect(bench.state()).toBe('REACHABLE');
    bench.pass(30_001);
    expect(bench.state()).toBe('STALE');
  },
);

test('progress makes nobody known, finds no station address, and moves no PERMANENT neighbour', () => {
  const bench = stackOnEthernet();
  confirm(bench, '10.0.0.9');
  expect(bench.stack.ethernet.list()).toEqual([]);
  const socket = bench.stack.udpSocket({});
  socket.connect('10.0.0.1', 7);
  socket.send(octets(4));
  bench.exchange();
  confirm(bench);
  expect(bench.state()).toBe('INCOMPLETE');
  bench.stack.ethernet.addNeighbor(bench.face, '10.0.0.8', OTHER);
  confirm(bench, '10.0.0.8');
  expect(bench.state('10.0.0.8')).toBe('PERMANENT');
});

test('progress says nothing of the station address: who says a new one is believed, and asked', () => {
  const { bench, send } = stale();
  bench.pass(1001);
  confirm(bench);
  bench.exchange(arpFrame({ station: OTHER, target: '10.0.0.77' }));
  expect(bench.stack.ethernet.list()).toMatchObject([{ etherAddress: OTHER, state: 'STALE' }]);
  send();
  expect(bench.pass(5000).map(({ to }) => to)).toEqual([OTHER, OTHER]);
});
