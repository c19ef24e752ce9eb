// Claiming and announcing an address: RFC 5227 2.1, 2.3.

import { expect, test } from 'vitest';
import {
  ALL_STATIONS,
  arpFrame,
  arpOf,
  type EthernetBench,
  NOBODY,
  OUR_STATION,
  stackOnEthernet,
  stackWith,
} from '../testing/index.ts';

const OTHER = '02:00:00:00:00:66';
const announcement = {
  operation: 1,
  station: OUR_STATION,
  sender: '10.0.0.2',
  targetStation: NOBODY,
  target: '10.0.0.2',
};

function heard(bench: EthernetBench): string[] {
  const news: string[] = [];
  bench.stack.ethernet.handler = {
    conflict: (_, address, ether) => news.push(`conflict ${address} ${ether}`),
    claimed: (_, address) => news.push(`claimed ${address}`),
  };
  return news;
}

// R5227.3
test('an address is announced to all when it becomes ours, and again two seconds later, and then no more', () => {
  const bench = stackOnEthernet({ announced: false });
  const first = bench.exchange();
  expect(first.map(({ to, arp }) => ({ to, ...arp }))).toEqual([{ to: ALL_STATIONS, ...announcement }]);
  expect(bench.pass(1999)).toEqual([]);
  expect(arpOf(bench.pass(1))).toEqual([announcement]);
  expect(bench.pass(600_000)).toEqual([]);
});

test('an address that went before its second announcement is not announced', () => {
  const bench = stackOnEthernet({ announced: false });
  bench.exchange();
  bench.stack.removeAddress(bench.face, '10.0.0.2/24');
  expect(bench.pass(5000)).toEqual([]);
});

test('a link that comes up again hears of all our addresses anew, twice, two seconds apart (RFC 5227 2.3)', () => {
  const bench = stackOnEthernet();
  bench.stack.addAddress(bench.face, '10.0.0.9/24');
  bench.pass(2000);
  bench.link.setUp(false);
  expect(bench.pass(10_000)).toEqual([]);
  bench.link.setUp(true);
  const senders = (ms: number): string[] => arpOf(bench.pass(ms)).map(({ sender }) => sender);
  expect(senders(0)).toEqual(['10.0.0.2', '10.0.0.9']);
  expect(senders(1999)).toEqual([]);
  expect(senders(1)).toEqual(['10.0.0.2', '10.0.0.9']);
  expect(bench.pass(600_000)).toEqual([]);
});

test('an address that was added while its link was down is announced when it comes up', () => {
  const bench = stackOnEthernet();
  bench.link.setUp(false);
  bench.stack.addAddress(bench.face, '10.0.0.9/24');
  expect(bench.pass(10_000)).toEqual([]);
  bench.link.setUp(true);
  expect(arpOf(bench.pass(0)).map(({ sender }) => sender)).toEqual(['10.0.0.2', '10.0.0.9']);
});

test('a link that goes up and down begins anew each time, and ends after the last one', () => {
  const bench = stackOnEthernet();
  for (let i = 0; i < 2000; i++) {
    bench.link.setUp(false);
    bench.link.setUp(true);
  }
  expect(arpOf(bench.pass(0))).toEqual([announcement]);
  expect(arpOf(bench.pass(600_000))).toEqual([announcement]);
});

test('another MTU, or being told again that a link is up, is no reason to announce', () => {
  const bench = stackOnEthernet();
  bench.link.setMtu(1400);
  bench.link.setUp(true);
  expect(bench.pass(10_000)).toEqual([]);
});

// R5227.1, R5227.5
test.each([1, 2, 3, 4, 5])(
  'a claim probes three times, 1 to 2 s apart, and is granted 2 s later (seed %i)',
  (seed) => {
    const bench = stackOnEthernet({ seed });
    const news = heard(bench);
    const begin = bench.clock.ms;
    bench.stack.ethernet.claim(bench.face, '10.0.0.9');
    const times: number[] = [];
    while (news.length === 0) {
      const sent = bench.pass(Math.max(1, bench.stack.msUntilNext(bench.clock.ms)));
      for (const frame of sent) {
        expect(frame.to).toBe(ALL_STATIONS);
        expect(frame.arp).toMatchObject({
          operation: 1,
          sender: '0.0.0.0',
          target: '10.0.0.9',
          targetStation: NOBODY,
        });
        times.push((bench.clock.ms - begin) | 0);
      }
    }
    const end = (bench.clock.ms - begin) | 0;
    expect(times.length).toBe(3);
    expect(times[0]).toBeLessThanOrEqual(1000);
    for (const i of [1, 2]) {
      expect(times[i] - times[i - 1]).toBeGreaterThanOrEqual(1000);
      expect(times[i] - times[i - 1]).toBeLessThanOrEqual(2000);
    }
    expect(end - times[2]).toBe(2000);
    expect(end).toBeLessThanOrEqual(7000);
    expect(news).toEqual(['claimed 10.0.0.9']);
    expect(bench.pass(10_000)).toEqual([]);
  },
);

test('an address that is added once it was claimed is announced twice, not four times', () => {
  const bench = stackOnEthernet();
  bench.stack.ethernet.handler = { claimed: () => bench.stack.addAddress(bench.face, '10.0.0.9/24') };
  bench.stack.ethernet.claim(bench.face, '10.0.0.9');
  const sent = arpOf(bench.pass(20_000));
  expect(sent.map(({ sender }) => sender)).toEqual(['0.0.0.0', '0.0.0.0', '0.0.0.0', '10.0.0.9', '10.0.0.9']);
});

// R5227.2
test.each([
  ['who has it answers the probe', { operation: 2, sender: '10.0.0.9', target: '0.0.0.0' }],
  ['who has it asks for somebody', { sender: '10.0.0.9', target: '10.0.0.1' }],
  ['somebody else probes for it', { sender: '0.0.0.0', target: '10.0.0.9' }],
])('a claim ends in a conflict when %s, and it is asked no more', (_, fields) => {
  const bench = stackOnEthernet();
  const news = heard(bench);
  bench.stack.ethernet.claim(bench.face, '10.0.0.9');
  expect(arpOf(bench.pass(1000)).length).toBe(1);
  bench.exchange(arpFrame({ station: OTHER, ...fields }));
  expect(news).toEqual([`conflict 10.0.0.9 ${OTHER}`]);
  expect(bench.pass(20_000)).toEqual([]);
  expect(news.length).toBe(1);
});

// R5227.2
test('who merely asks for a claimed address, or our own probe come back, does not end the claim', () => {
  const bench = stackOnEthernet();
  const news = heard(bench);
  bench.stack.ethernet.claim(bench.face, '10.0.0.9');
  bench.exchange(arpFrame({ target: '10.0.0.9' }));
  bench.exchange(arpFrame({ sender: '0.0.0.0', target: '10.0.0.9', station: OUR_STATION }));
  bench.pass(7000);
  expect(news).toEqual(['claimed 10.0.0.9']);
});

test('a claim goes with its link', () => {
  const bench = stackOnEthernet();
  const news = heard(bench);
  bench.stack.ethernet.claim(bench.face, '10.0.0.9');
  bench.stack.removeLink(bench.face);
  bench.pass(20_000);
  expect(news).toEqual([]);
  expect(bench.stack.msUntilNext(bench.clock.ms)).toBe(-1);
});

test('claims have a limit, and where there is no Ethernet nothing is claimed', () => {
  const bench = stackOnEthernet();
  const claim = (): void => {
    for (let i = 0; i < 2000; i++) bench.stack.ethernet.claim(bench.face, `10.0.${i >> 8}.${i & 255}`);
  };
  expect(claim).toThrow(/too many/);
  const tun = stackWith();
  expect(() => tun.stack.ethernet.claim(tun.face, '10.0.0.9')).toThrow(/Ethernet/);
  expect(() => tun.stack.ethernet.addNeighbor(tun.face, '10.0.0.9', OTHER)).toThrow(/Ethernet/);
});
