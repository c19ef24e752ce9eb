// Frames in: RFC 894, RFC 1122 2.3. Which frames are ours, and why the others are not.

import { fc, test as property } from '@fast-check/vitest';
import { expect, test } from 'vitest';
import {
  ALL_STATIONS,
  arpOf,
  datagramsOf,
  etherFrame,
  icmpFrame,
  OUR_STATION,
  octets,
  PEER_STATION,
  stackOnEthernet,
  udpFrame,
} from '../testing/index.ts';

const ping = icmpFrame({}, octets(8));

/** A stack that knows the peer. */
function acquainted() {
  const bench = stackOnEthernet();
  bench.stack.ethernet.addNeighbor(bench.face, '10.0.0.1', PEER_STATION);
  bench.exchange();
  bench.drops();
  return bench;
}

test.each([
  ['for another station, as a bridge floods them', { to: '02:00:00:00:00:03' }, 'ETHER_OTHER_HOST'],
  ['from a group', { from: '03:00:00:00:00:01' }, 'ETHER_BAD_SOURCE'],
  ['from everybody', { from: ALL_STATIONS }, 'ETHER_BAD_SOURCE'],
  ['from nobody', { from: '00:00:00:00:00:00' }, 'ETHER_BAD_SOURCE'],
  ['with a length for a type (802.3)', { type: 28 }, 'ETHER_LENGTH'],
  ['with the largest length (802.3)', { type: 1500 }, 'ETHER_LENGTH'],
  ['with a VLAN tag', { type: 0x8100 }, 'ETHER_VLAN'],
  ['with a service tag (802.1ad)', { type: 0x88a8 }, 'ETHER_VLAN'],
  ['of IPv6', { type: 0x86dd }, 'ETHER_UNKNOWN_TYPE'],
  ['of the least type there is', { type: 0x0600 }, 'ETHER_UNKNOWN_TYPE'],
])('a frame %s is dropped for that reason, and nothing answers', (_, fields, reason) => {
  const bench = acquainted();
  expect(bench.exchange(etherFrame(fields, ping))).toEqual([]);
  expect(bench.drops()).toEqual({ [reason]: 1 });
  expect(bench.pool.inUse).toBe(0);
});

property.prop([fc.integer({ min: 0, max: 13 })])(
  'a frame shorter than its header is a runt: ETHER_TRUNCATED',
  (length) => {
    const bench = acquainted();
    expect(bench.exchange(etherFrame({}, ping).slice(0, length))).toEqual([]);
    expect(bench.drops()).toEqual({ ETHER_TRUNCATED: 1 });
  },
);

property.prop([fc.integer({ min: 14, max: 33 })])(
  'a frame that ends within the header of its datagram is dropped by IP',
  (length) => {
    const bench = acquainted();
    expect(bench.exchange(etherFrame({}, ping).slice(0, length))).toEqual([]);
    expect(bench.drops()).toEqual({ IP_TRUNCATED: 1 });
  },
);

// R791.2
property.prop([fc.uint8Array({ minLength: 0, maxLength: 46 })])(
  'padding behind a datagram is no part of it: the answer is as long as the question',
  (padding) => {
    const bench = acquainted();
    const padded = new Uint8Array(ping.length + padding.length);
    padded.set(ping);
    padded.set(padding, ping.length);
    const [answer] = bench.exchange(etherFrame({}, padded));
    expect(answer.to).toBe(PEER_STATION);
    expect(answer.from).toBe(OUR_STATION);
    expect(answer.payload.length).toBe(ping.length);
    expect(datagramsOf([answer])[0].payload).toEqual(octets(8));
  },
);

// R1122.34
test.each([
  ['broadcast', ALL_STATIONS],
  ['group', '01:00:5e:00:00:01'],
])('a datagram for one host in a %s frame is dropped (RFC 1122 3.3.6), and no error answers', (_, to) => {
  const bench = acquainted();
  expect(bench.exchange(etherFrame({ to }, ping))).toEqual([]);
  expect(bench.exchange(etherFrame({ to }, udpFrame({ dport: 5555 }, octets(4))))).toEqual([]);
  expect(bench.drops()).toEqual({ IP_LINK_BROADCAST: 2 });
});

test('a datagram longer than our MTU is taken: the limit is on what we send', () => {
  const bench = acquainted();
  const [answer] = datagramsOf(bench.exchange(etherFrame({}, icmpFrame({}, octets(1472)))));
  expect(answer.total).toBe(1500);
  const whole = bench.exchange(etherFrame({}, icmpFrame({}, octets(3000))));
  expect(whole.length).toBe(3);
  expect(bench.drops()).toEqual({});
});

test('a broadcast of ours goes to all stations, and asks nobody', () => {
  const bench = stackOnEthernet();
  const socket = bench.stack.udpSocket({});
  socket.bind('10.0.0.2', 68);
  socket.setBroadcast(true);
  for (const all of ['10.0.0.255', '255.255.255.255']) {
    socket.sendTo(octets(4), 0, 4, all, 67);
    const sent = bench.exchange();
    expect(arpOf(sent)).toEqual([]);
    expect(sent.map(({ to }) => to)).toEqual([ALL_STATIONS]);
    expect(datagramsOf(sent)[0]).toMatchObject({ src: '10.0.0.2', dst: all });
  }
  expect(bench.stack.ethernet.list()).toEqual([]);
});

test('without leave to broadcast (SO_BROADCAST) a socket is refused, as by Linux', () => {
  const bench = stackOnEthernet();
  const socket = bench.stack.udpSocket({});
  socket.bind('10.0.0.2', 68);
  const send = (): unknown => socket.sendTo(octets(4), 0, 4, '10.0.0.255', 67);
  expect(send).toThrow(expect.objectContaining({ code: 'EACCES' }));
  expect(bench.exchange()).toEqual([]);
});
