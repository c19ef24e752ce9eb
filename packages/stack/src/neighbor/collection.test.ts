// Who is STALE for long leaves a crowded table: garbage collection, RFC 4861 7.3.3, as Linux bounds it.

import { expect, test } from 'vitest';
import { arpFrame, type EthernetBench, ip, octets, stackOnEthernet } from '../testing/index.ts';

const OTHER = '02:00:00:00:00:66';
/** A minute, and the longest wait for somebody to look. */
const STALE_MS = 60_000;
const SWEEP_MS = 15_000;

const numbered = (i: number): string => `10.0.0.${10 + i}`;

/** Numbered hosts, from first to last but one, ask us. */
function asked(bench: EthernetBench, first: number, end: number): void {
  for (let i = first; i < end; i++) bench.exchange(arpFrame({ sender: numbered(i) }));
}

const listed = (bench: EthernetBench): string[] => bench.stack.ethernet.list().map(({ address }) => address);

test('a table with no more than 128 neighbours keeps them all, STALE as they are, and sets no timer', () => {
  const bench = stackOnEthernet();
  asked(bench, 0, 128);
  expect(bench.stack.msUntilNext(bench.clock.ms)).toBe(-1);
  bench.pass(3 * 3_600_000);
  expect(listed(bench).length).toBe(128);
});

test('of more than 128 those that are STALE for a minute leave, down to 128, and then there is no timer', () => {
  const bench = stackOnEthernet();
  asked(bench, 0, 200);
  bench.pass(STALE_MS - 1);
  expect(listed(bench).length).toBe(200);
  expect(bench.pass(SWEEP_MS + 1)).toEqual([]);
  expect(listed(bench).length).toBe(128);
  expect(bench.stack.msUntilNext(bench.clock.ms)).toBe(-1);
  expect(bench.drops()).toEqual({});
});

test('whom we talk to stays, and who is PERMANENT; the others leave, those used longest ago first', () => {
  const bench = stackOnEthernet({ options: { neighborsKept: 4 } });
  asked(bench, 0, 8);
  const sockets = [0, 3, 5].map((i) => {
    const socket = bench.stack.udpSocket({});
    socket.connect(numbered(i), 7);
    return socket;
  });
  const send = (): void => {
    for (const [i, socket] of sockets.entries()) {
      socket.send(octets(1));
      bench.exchange();
      bench.face.confirm(ip(numbered([0, 3, 5][i])));
    }
  };
  bench.stack.ethernet.addNeighbor(bench.face, numbered(7), OTHER);
  send();
  asked(bench, 8, 20);
  for (let s = 0; s < 7; s++) {
    bench.pass(10_000);
    send();
  }
  bench.pass(SWEEP_MS);
  expect(listed(bench).sort()).toEqual([0, 3, 5, 7].map(numbered).sort());
  // Each was REACHABLE and is STALE now, but nobody is in its way.
  bench.pass(600_000);
  expect(listed(bench).length).toBe(4);
});

test('of those that are STALE for long the ones used longest ago leave first', () => {
  const bench = stackOnEthernet({ options: { neighborsKept: 4 } });
  asked(bench, 0, 4);
  for (const i of [2, 0, 3, 1]) {
    const socket = bench.stack.udpSocket({});
    socket.connect(numbered(i), 7);
    socket.send(octets(1));
    bench.exchange();
    bench.face.confirm(ip(numbered(i)));
  }
  bench.pass(600_000);
  expect(listed(bench).length).toBe(4);
  asked(bench, 4, 6);
  bench.pass(SWEEP_MS);
  expect(listed(bench).sort()).toEqual([1, 3, 4, 5].map(numbered));
});

test('who became STALE less than a minute ago stays, however many there are', () => {
  const bench = stackOnEthernet({ options: { neighborsKept: 2 } });
  asked(bench, 0, 5);
  bench.pass(45_000);
  asked(bench, 5, 10);
  bench.pass(30_000);
  expect(listed(bench)).toEqual([5, 6, 7, 8, 9].map(numbered));
  bench.pass(STALE_MS);
  expect(listed(bench).length).toBe(2);
});
