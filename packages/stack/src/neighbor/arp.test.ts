// ARP as others hear it: RFC 826, RFC 1027, RFC 5227 2.4; rows 42 of bad inputs.

import { expect, test } from 'vitest';
import {
  ALL_STATIONS,
  arpFrame,
  arpOf,
  type EthernetBench,
  NOBODY,
  OUR_STATION,
  octets,
  PEER_STATION,
  stackOnEthernet,
} from '../testing/index.ts';

const REQUEST = 1;
const REPLY = 2;
const OTHER = '02:00:00:00:00:66';

function heard(bench: EthernetBench): string[] {
  const news: string[] = [];
  bench.stack.ethernet.handler = {
    conflict: (face, address, ether) => news.push(`conflict ${face} ${address} ${ether}`),
    claimed: (face, address) => news.push(`claimed ${face} ${address}`),
  };
  return news;
}

// R826.1
test('who asks for our address is answered in the same pump, by us alone', () => {
  const bench = stackOnEthernet();
  bench.link.inject(arpFrame());
  bench.stack.pump();
  const [frame, ...more] = bench.exchange();
  expect(more).toEqual([]);
  expect([frame.to, frame.from]).toEqual([PEER_STATION, OUR_STATION]);
  expect(frame.arp).toEqual({
    operation: REPLY,
    station: OUR_STATION,
    sender: '10.0.0.2',
    targetStation: PEER_STATION,
    target: '10.0.0.1',
  });
  expect(frame.payload.length).toBe(28);
  expect(bench.pool.inUse).toBe(0);
});

test('who asks is known from then on: what goes to him asks nobody first', () => {
  const bench = stackOnEthernet();
  bench.exchange(arpFrame());
  expect(bench.state()).toBe('STALE');
  const socket = bench.stack.udpSocket({});
  socket.connect('10.0.0.1', 7);
  socket.send(octets(4));
  const sent = bench.exchange();
  expect(sent.map(({ to, arp }) => [to, arp])).toEqual([[PEER_STATION, undefined]]);
});

test('a probe for our address (sender 0) is answered, and teaches nothing (RFC 5227 2.1.1)', () => {
  const bench = stackOnEthernet();
  const [reply] = arpOf(bench.exchange(arpFrame({ sender: '0.0.0.0' })));
  expect(reply).toMatchObject({ operation: REPLY, sender: '10.0.0.2', target: '0.0.0.0' });
  expect(bench.stack.ethernet.list()).toEqual([]);
});

test.each([
  ['for somebody else', { target: '10.0.0.77' }],
  ['for a loopback address of ours', { target: '127.0.0.1' }],
  ['for our broadcast address', { target: '10.0.0.255' }],
  ['that is a reply', { operation: REPLY }],
])('a packet %s gets no answer and makes no neighbour', (_, fields) => {
  const bench = stackOnEthernet();
  expect(bench.exchange(arpFrame(fields))).toEqual([]);
  expect(bench.stack.ethernet.list()).toEqual([]);
  expect(bench.pool.inUse).toBe(0);
});

// R826.3
test.each([
  ['another hardware', { wrong: [0, 6] as const }, 'ARP_BAD'],
  ['another protocol', { wrong: [2, 0x86dd] as const }, 'ARP_BAD'],
  ['another length of hardware address', { wrong: [4, 0x0804] as const }, 'ARP_BAD'],
  ['another length of protocol address', { wrong: [4, 0x0610] as const }, 'ARP_BAD'],
  ['operation 0', { operation: 0 }, 'ARP_MARTIAN'],
  ['operation 3 (RARP)', { operation: 3 }, 'ARP_MARTIAN'],
  ['operation 25', { operation: 25 }, 'ARP_MARTIAN'],
  ['a sender that is everybody', { sender: '255.255.255.255' }, 'ARP_MARTIAN'],
  ['a sender that is a group', { sender: '224.0.0.1' }, 'ARP_MARTIAN'],
  ['a sender of loopback', { sender: '127.0.0.1' }, 'ARP_MARTIAN'],
  ['a sending station that is a group', { station: '03:00:00:00:00:01', from: PEER_STATION }, 'ARP_MARTIAN'],
  ['a sending station that is nobody', { station: NOBODY, from: PEER_STATION }, 'ARP_MARTIAN'],
  ['another sending station than the frame', { station: OTHER, from: PEER_STATION }, 'ARP_MARTIAN'],
])('ARP with %s is dropped, unanswered, and teaches nothing', (_, fields, reason) => {
  const bench = stackOnEthernet();
  expect(bench.exchange(arpFrame(fields))).toEqual([]);
  expect(bench.drops()).toEqual({ [reason]: 1 });
  expect(bench.stack.ethernet.list()).toEqual([]);
});

test('ARP that is cut short is dropped', () => {
  const bench = stackOnEthernet();
  const whole = arpFrame({ padding: 0 });
  for (let length = 14; length < whole.length; length++) bench.exchange(whole.slice(0, length));
  expect(bench.drops()).toEqual({ ARP_BAD: 28 });
});

// R826.2
test('gratuitous ARP corrects who is known, and makes nobody known', () => {
  const bench = stackOnEthernet();
  bench.exchange(arpFrame({ target: '10.0.0.1' }));
  expect(bench.stack.ethernet.list()).toEqual([]);
  bench.exchange(arpFrame());
  bench.pass(1500);
  expect(bench.exchange(arpFrame({ target: '10.0.0.1', station: OTHER }))).toEqual([]);
  expect(bench.stack.ethernet.list()).toMatchObject([{ etherAddress: OTHER, state: 'STALE' }]);
});

test('replies that nobody asked for make no neighbour, and confirm none (RFC 4861 7.2.5)', () => {
  const bench = stackOnEthernet();
  bench.answer('10.0.0.9', OTHER);
  expect(bench.stack.ethernet.list()).toEqual([]);
  bench.exchange(arpFrame());
  bench.pass(1500);
  bench.answer('10.0.0.1', OTHER);
  expect(bench.state()).toBe('STALE');
});

test('a broadcast reply does not answer a question of ours in our stead: the neighbour is STALE', () => {
  const bench = stackOnEthernet();
  const socket = bench.stack.udpSocket({});
  socket.connect('10.0.0.1', 7);
  socket.send(octets(4));
  bench.exchange();
  bench.exchange(arpFrame({ operation: REPLY, to: ALL_STATIONS }));
  expect(bench.state()).toBe('DELAY');
});

test('of two stations that claim one address the first stands for a second (locktime)', () => {
  const bench = stackOnEthernet();
  bench.exchange(arpFrame());
  bench.pass(500);
  bench.exchange(arpFrame({ station: OTHER }));
  expect(bench.stack.ethernet.list()).toMatchObject([{ etherAddress: PEER_STATION }]);
  bench.pass(501);
  bench.exchange(arpFrame({ station: OTHER }));
  expect(bench.stack.ethernet.list()).toMatchObject([{ etherAddress: OTHER }]);
});

test('an entry that is older than int32 of milliseconds can tell is corrected at once', () => {
  const bench = stackOnEthernet();
  bench.exchange(arpFrame());
  for (let day = 0; day < 30; day += 5) bench.pass(5 * 86_400_000);
  bench.exchange(arpFrame({ station: OTHER }));
  expect(bench.stack.ethernet.list()).toMatchObject([{ etherAddress: OTHER }]);
});

// R5227.4
test('a station that uses our address is told of and counted; we defend it once in ten seconds (RFC 5227 2.4)', () => {
  const bench = stackOnEthernet();
  const news = heard(bench);
  const rival = arpFrame({ sender: '10.0.0.2', station: OTHER, target: '10.0.0.1' });
  const defence = arpOf(bench.exchange(rival));
  expect(defence).toEqual([
    {
      operation: REQUEST,
      station: OUR_STATION,
      sender: '10.0.0.2',
      targetStation: NOBODY,
      target: '10.0.0.2',
    },
  ]);
  bench.pass(9000);
  expect(bench.exchange(rival)).toEqual([]);
  bench.pass(1100);
  expect(arpOf(bench.exchange(rival)).length).toBe(1);
  expect(bench.drops()).toEqual({ ARP_CONFLICT: 3 });
  expect(news).toEqual(Array.from({ length: 3 }, () => `conflict test0 10.0.0.2 ${OTHER}`));
  expect(bench.stack.ethernet.list()).toEqual([]);
});

test('a reply with our address conflicts as a request does', () => {
  const bench = stackOnEthernet();
  const news = heard(bench);
  bench.exchange(arpFrame({ operation: REPLY, sender: '10.0.0.2', station: OTHER }));
  expect(news).toEqual([`conflict test0 10.0.0.2 ${OTHER}`]);
});

test('our own frame that comes back is no conflict', () => {
  const bench = stackOnEthernet();
  const news = heard(bench);
  const echo = arpFrame({ sender: '10.0.0.2', station: OUR_STATION, target: '10.0.0.2' });
  expect(bench.exchange(echo)).toEqual([]);
  expect(bench.drops()).toEqual({ ARP_OWN: 1 });
  expect(news).toEqual([]);
});

test('a handler that throws keeps nobody else from hearing of the next conflict', () => {
  const bench = stackOnEthernet();
  const news: string[] = [];
  bench.stack.ethernet.handler = {
    conflict(_, __, ether) {
      news.push(ether);
      if (news.length === 1) throw new Error('of the application');
    },
  };
  bench.link.inject(arpFrame({ sender: '10.0.0.2', station: OTHER }));
  bench.link.inject(arpFrame({ sender: '10.0.0.2', station: PEER_STATION }));
  expect(() => bench.exchange()).toThrow('of the application');
  bench.exchange();
  bench.exchange();
  expect(news).toEqual([OTHER, PEER_STATION]);
});

test('a flood of conflicts is told of within a limit, counted whole, and answered once', () => {
  const bench = stackOnEthernet();
  const news = heard(bench);
  const rival = arpFrame({ sender: '10.0.0.2', station: OTHER });
  for (let i = 0; i < 1000; i++) bench.link.inject(rival);
  expect(arpOf(bench.exchange()).length).toBe(1);
  expect(bench.drops()).toEqual({ ARP_CONFLICT: 1000 });
  expect(news.length).toBeLessThanOrEqual(1000);
  expect(news.length).toBeGreaterThan(0);
});

test('arpIgnore 0 answers for any address of ours, 1 for those of the link alone', () => {
  for (const arpIgnore of [0, 1]) {
    const bench = stackOnEthernet({ options: { arpIgnore } });
    bench.stack.addLocal('192.0.2.0/24');
    const target = '192.0.2.9';
    expect(bench.exchange(arpFrame({ target })).length).toBe(arpIgnore === 0 ? 1 : 0);
    expect(bench.exchange(arpFrame()).length).toBe(1);
  }
});

test('a proxy answers for its network, but neither its own hosts nor who only probes (RFC 1027)', () => {
  const bench = stackOnEthernet();
  bench.stack.ethernet.addProxy('192.0.2.0/24');
  const [reply] = arpOf(bench.exchange(arpFrame({ target: '192.0.2.9' })));
  expect(reply).toMatchObject({ station: OUR_STATION, sender: '192.0.2.9', target: '10.0.0.1' });
  expect(bench.exchange(arpFrame({ sender: '192.0.2.1', target: '192.0.2.9' }))).toEqual([]);
  expect(bench.exchange(arpFrame({ sender: '192.0.2.9', target: '192.0.2.9' }))).toEqual([]);
  expect(bench.exchange(arpFrame({ sender: '0.0.0.0', target: '192.0.2.9' }))).toEqual([]);
  expect(bench.exchange(arpFrame({ target: '192.0.3.9' }))).toEqual([]);
});
