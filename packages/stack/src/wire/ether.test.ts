// The Ethernet II header, RFC 894, and station addresses.

import { fc, test as property } from '@fast-check/vitest';
import { expect, test } from 'vitest';
import * as ether from './ether.ts';

const address = fc.tuple(
  fc.integer({ min: 0, max: 0xffff }),
  fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 }),
);

// R1122.37
property.prop([address, address, fc.integer({ min: 0, max: 0xffff }), fc.integer({ min: 0, max: 5 })])(
  'what is written is read back, and nothing else of the frame is touched',
  (to, from, type, offset) => {
    const b = new Uint8Array(offset + 20).fill(0xaa);
    ether.writeEther(b, offset, ...to, ...from, type);
    expect([ether.etherDestinationHigh(b, offset), ether.etherDestinationLow(b, offset)]).toEqual(to);
    expect([ether.etherSourceHigh(b, offset), ether.etherSourceLow(b, offset)]).toEqual(from);
    expect(ether.etherType(b, offset)).toBe(type);
    const rest = [...b.subarray(0, offset), ...b.subarray(offset + ether.ETHER_HEADER)];
    expect(rest.every((octet) => octet === 0xaa)).toBe(true);
  },
);

property.prop([address])('an address as text is that address again', ([high, low]) => {
  const text = ether.formatEther(high, low);
  expect(text).toMatch(/^([0-9a-f]{2}:){5}[0-9a-f]{2}$/);
  expect(ether.parseEther(text)).toEqual([high, low]);
  expect(ether.parseEther(text.toUpperCase())).toEqual([high, low]);
});

test.each([
  '',
  '02:00:00:00:00',
  '02:00:00:00:00:02:01',
  '2:0:0:0:0:2',
  '02-00-00-00-00-02',
  '02:00:00:00:00:0g',
])("'%s' is no station address", (text) => {
  expect(ether.parseEther(text)).toBeUndefined();
});

test.each([
  ['02:00:00:00:00:02', true],
  ['00:00:00:00:00:01', true],
  ['00:01:00:00:00:00', true],
  ['00:00:00:00:00:00', false],
  ['01:00:5e:00:00:01', false],
  ['ff:ff:ff:ff:ff:ff', false],
])('that %s is the address of one station: %s', (text, expected) => {
  expect(ether.isStationEther(...(ether.parseEther(text) as [number, number]))).toBe(expected);
});

test.each([
  [0xe000_0001, '01:00:5e:00:00:01'],
  [0xefff_ffff, '01:00:5e:7f:ff:ff'],
  [0xe080_0001, '01:00:5e:00:00:01'],
])('the group %i has the low 23 bits of its address on the wire: %s (RFC 1112 6.4)', (group, expected) => {
  expect(ether.formatEther(ether.multicastEtherHigh(), ether.multicastEtherLow(group | 0))).toBe(expected);
});
