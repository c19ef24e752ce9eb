// IP options on the way in: RFC 791 3.1, RFC 1122 3.2.1.8 and 3.2.2.5, RFC 7126.

import { fc, test as property } from '@fast-check/vitest';
import { expect, test } from 'vitest';
import { icmpFrame, octets, PEER, stackWith, US, udpFrame } from '../testing/index.ts';
import { checkIpv4Options, OPTIONS_MALFORMED, OPTIONS_OK } from '../wire/ipv4-options.ts';

test.each([
  // name, options, the octet that cannot be right, counted from the start of the IP header
  ['of length 0', [7, 0, 0, 0], 21],
  ['of length 1', [1, 1, 7, 1], 23],
  ['past the end', [7, 5, 4, 0], 21],
  ['with no room for a length', [1, 1, 1, 7], 23],
  ['past the end, behind a good one', [148, 4, 0, 0, 68, 40, 5, 0], 25],
  ['that is a source route of impossible length', [131, 200, 4, 0], 21],
])('an option %s is answered: parameter problem, code 0, with a pointer to it', (_name, options, pointer) => {
  const bench = stackWith();
  const frame = icmpFrame({ options }, octets(40));
  const [answer, ...more] = bench.exchange(frame);
  expect([answer.type, answer.code, answer.src, answer.dst, more]).toEqual([12, 0, US, PEER, []]);
  expect([answer.word4, answer.word6]).toEqual([pointer << 8, 0]);
  expect([...answer.payload]).toEqual([...frame]);
  expect(bench.stack.stats.drops()).toEqual({ IP_BAD_OPTIONS: 1 });
  expect(bench.stack.stats.get('IcmpOutParmProbs')).toBe(1);
  expect(bench.stack.stats.get('IpInHdrErrors')).toBe(1);
  expect(bench.pool.inUse).toBe(0);
});

const bad = [7, 0, 0, 0];
test.each([
  ['an ICMP error', icmpFrame({ options: bad, type: 3 }, octets(40))],
  ['a later fragment', udpFrame({ options: bad, flags: 0x0002 }, octets(40))],
  ['a broadcast', icmpFrame({ options: bad, dst: '10.0.0.255' }, octets(40))],
  ['a group', icmpFrame({ options: bad, dst: '224.0.0.1' }, octets(40))],
  ['somebody else', icmpFrame({ options: bad, dst: '10.0.0.9' }, octets(40))],
  ['us, from no single host', icmpFrame({ options: bad, src: '10.0.0.255' }, octets(40))],
])('a bad option in a datagram that is or goes to %s is answered with nothing', (_name, frame) => {
  const bench = stackWith();
  expect(bench.exchange(frame)).toEqual([]);
  expect(bench.stack.stats.get('IpInDelivers')).toBe(0);
  expect(bench.pool.inUse).toBe(0);
});

test('parameter problems are limited as all errors are', () => {
  const bench = stackWith();
  const frames = Array.from({ length: 40 }, () => icmpFrame({ options: bad }, octets(8)));
  expect(bench.exchange(...frames)).toHaveLength(6);
  expect(bench.stack.stats.reason('ICMP_RATE_TARGET')).toBe(34);
});

// [hostile 9]
test('a source route is dropped in silence, and nothing is answered over it (RFC 7126 4.3, 4.4)', () => {
  const bench = stackWith();
  for (const kind of [131, 137]) {
    expect(bench.exchange(icmpFrame({ options: [kind, 7, 4, 10, 0, 0, 9, 0] }, octets(8)))).toEqual([]);
  }
  expect(bench.stack.stats.drops()).toEqual({ IP_SOURCE_ROUTE: 2 });
});

const option = fc.oneof(
  fc.constantFrom(
    [0],
    [1],
    [148, 4, 0, 0],
    [7, 7, 4, 0, 0, 0, 0],
    [7, 39, 40],
    [68, 8, 5, 0, 0, 0, 0, 0],
    [131, 3, 4],
  ),
  fc.array(fc.nat(255), { maxLength: 6 }),
);
const anyOptions = fc.array(option, { maxLength: 8 }).map((list) => list.flat().slice(0, 40));

// [hostile 9]
property.prop([anyOptions])(
  'whatever the options: a reply, or one parameter problem that points into them, or silence; the next ping is served',
  (options) => {
    const bench = stackWith();
    const padded = [...options, ...new Array<number>((4 - (options.length & 3)) & 3).fill(0)];
    const found = checkIpv4Options(Uint8Array.from(padded), 0, padded.length);
    const [answer, ...more] = bench.exchange(icmpFrame({ options }, octets(8)));
    expect(more).toEqual([]);
    if (found === OPTIONS_OK) expect([answer.type, [...answer.payload]]).toEqual([0, [...octets(8)]]);
    else if (found !== OPTIONS_MALFORMED) expect(answer).toBeUndefined();
    else {
      expect(answer.type).toBe(12);
      const pointer = answer.word4 >> 8;
      expect(pointer).toBeGreaterThanOrEqual(20);
      expect(pointer).toBeLessThan(20 + padded.length);
      // The length that is wrong; or the last octet, an option that has no room for one.
      const length = padded[pointer - 20];
      const last = pointer === 19 + padded.length;
      expect(length < 2 || pointer - 21 + length > padded.length || last).toBe(true);
    }
    expect(bench.exchange(icmpFrame({}, octets(8)))).toHaveLength(1);
    expect(bench.pool.inUse).toBe(0);
  },
);
