// About what no error is ever sent: RFC 1122 3.2.2, RFC 1812 4.3.2.7.

import { expect, test } from 'vitest';
import { Context } from '../context.ts';
import { CAST_ALL, CAST_GROUP, CAST_HOST } from '../contract/packet.ts';
import { PacketPool } from '../contract/packet-pool.ts';
import { R } from '../contract/reasons.ts';
import { DEFAULT_OPTIONS } from '../options.ts';
import { icmpFrame, ip4Frame, octets, SeededEntropy, udpFrame } from '../testing/index.ts';
import { Icmp4Errors } from './icmp-error.ts';
import { Identification } from './identification.ts';

/** How many errors this datagram causes when somebody wants to send one about it. */
function errorsAbout(frame: Uint8Array, cast = CAST_HOST): number {
  const pool = new PacketPool();
  const context = new Context(DEFAULT_OPTIONS, pool, new SeededEntropy(1));
  const errors = new Icmp4Errors(context, new Identification(context.entropy));
  const packet = pool.allocate(frame.length);
  if (packet === undefined) throw new Error('no slot');
  packet.bytes.set(frame, packet.put(frame.length));
  packet.network = packet.head;
  packet.cast = cast;
  errors.send(packet, 3, 2, 0, R.IP_UNKNOWN_PROTOCOL);
  const sent = context.answers.size;
  for (let answer = context.answers.shift(); answer !== undefined; answer = context.answers.shift())
    answer.release();
  expect(pool.inUse).toBe(0);
  expect(context.stats.reason('IP_UNKNOWN_PROTOCOL')).toBe(1);
  return sent;
}

// R1122.17
test.each([3, 4, 5, 11, 12, 40, 255])('no error about ICMP type %i', (type) => {
  expect(errorsAbout(icmpFrame({ type }, octets(30)))).toBe(0);
});

test.each([0, 8, 13, 14, 17, 18])('ICMP type %i is a query or its answer: it may be told about', (type) => {
  expect(errorsAbout(icmpFrame({ type }, octets(30)))).toBe(1);
});

test('no error about ICMP of which not even the type is there', () => {
  expect(errorsAbout(ip4Frame({ protocol: 1 }, new Uint8Array(0)))).toBe(0);
});

// R1122.17
test('an error about a first fragment, none about a later one', () => {
  expect(errorsAbout(udpFrame({ flags: 0x2000 }, octets(8)))).toBe(1);
  expect(errorsAbout(udpFrame({ flags: 0x2001 }, octets(8)))).toBe(0);
  expect(errorsAbout(udpFrame({ flags: 0x0001 }, octets(8)))).toBe(0);
});

// R1122.17
test.each(['0.0.0.0', '0.1.1.1', '224.0.0.1', '239.1.1.1', '240.0.0.1', '255.255.255.255'])(
  'no error to %s, which is no single host',
  (src) => {
    expect(errorsAbout(udpFrame({ src }, octets(8)))).toBe(0);
  },
);

// R1122.17
test('no error about what was sent to many, by IP or by its frame (RFC 1122 3.2.2)', () => {
  for (const dst of ['224.0.0.1', '239.1.1.1', '255.255.255.255'])
    expect(errorsAbout(udpFrame({ dst }, octets(8)))).toBe(0);
  for (const cast of [CAST_GROUP, CAST_ALL]) expect(errorsAbout(udpFrame({}, octets(8)), cast)).toBe(0);
});
