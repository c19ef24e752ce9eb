import { fc, test as property } from '@fast-check/vitest';
import { expect, test } from 'vitest';
import { copiedOptions } from '../testing/fragments.ts';
import {
  checkIpv4Options,
  copyIpv4Options,
  ipv4OptionFault,
  OPTIONS_MALFORMED as MALFORMED,
  OPTIONS_OK as OK,
  OPTIONS_SOURCE_ROUTE as ROUTE,
} from './ipv4-options.ts';

test.each([
  // RFC 791 section 3.1: END and NOP are one octet, all others carry a length of 2 or more.
  ['none', [], OK],
  ['the end', [0], OK],
  ['four times nothing', [1, 1, 1, 1], OK],
  ['router alert (RFC 2113)', [148, 4, 0, 0], OK],
  ['record route', [7, 7, 4, 0, 0, 0, 0], OK],
  ['timestamp', [68, 4, 5, 0], OK],
  ['an unknown option', [250, 3, 0], OK],
  ['an unknown option of two octets', [250, 2], OK],
  ['garbage behind the end', [0, 7, 255, 131], OK],
  ['a source route behind the end', [1, 0, 131, 3, 4], OK],
  ['a length of 0', [7, 0, 0, 0], MALFORMED],
  ['a length of 1', [7, 1, 0, 0], MALFORMED],
  ['a length past the end', [7, 5, 4, 0], MALFORMED],
  ['no room for a length', [1, 1, 1, 7], MALFORMED],
  ['a second option past the end', [148, 4, 0, 0, 7, 3], MALFORMED],
  ['loose source route', [131, 7, 4, 10, 9, 0, 1], ROUTE],
  ['strict source route', [137, 7, 4, 10, 9, 0, 1], ROUTE],
  ['a source route behind others', [1, 148, 4, 0, 0, 131, 3, 4], ROUTE],
  ['a source route of impossible length', [131, 200, 4, 0], MALFORMED],
])('%s', (_name, octets, verdict) => {
  expect(checkIpv4Options(Uint8Array.from(octets), 0, octets.length)).toBe(verdict);
});

// R1122.13
property.prop([fc.uint8Array({ maxLength: 60 }), fc.nat({ max: 60 })])(
  'the walk ends with a verdict on any octets, and reads none outside of its length',
  (bytes, length) => {
    const inside = Math.min(length, bytes.length);
    const verdict = checkIpv4Options(bytes, 0, inside);
    expect([OK, MALFORMED, ROUTE]).toContain(verdict);
    for (const filler of [0, 1, 131, 255]) {
      const other = new Uint8Array(80).fill(filler);
      other.set(bytes.subarray(0, inside), 7);
      expect(checkIpv4Options(other, 7, inside)).toBe(verdict);
    }
  },
);

test.each([
  ['a length of 0', [7, 0, 0, 0], 1],
  ['a length of 1 behind others', [1, 148, 4, 0, 0, 7, 1, 0], 6],
  ['a length past the end', [1, 1, 68, 9], 3],
  ['no room for a length', [1, 1, 1, 7], 3],
])('the fault of %s is the length, or the type that has none', (_name, octets, at) => {
  const bytes = Uint8Array.from([9, 9, ...octets]);
  expect(ipv4OptionFault(bytes, 2, octets.length)).toBe(at);
});

property.prop([fc.uint8Array({ maxLength: 40 })])(
  'what is copied into fragments is whole words of well formed options, all with the copied bit',
  (bytes) => {
    const into = new Uint8Array(44).fill(0xee);
    const length = copyIpv4Options(bytes, 0, bytes.length, into);
    expect(length % 4).toBe(0);
    expect(checkIpv4Options(into, 0, length)).not.toBe(MALFORMED);
    expect([...into.subarray(length)]).toEqual(new Array(44 - length).fill(0xee));
    if (checkIpv4Options(bytes, 0, bytes.length) === OK)
      expect([...into.subarray(0, length)]).toEqual(copiedOptions(bytes));
    else expect(ipv4OptionFault(bytes, 0, bytes.length)).toBeLessThanOrEqual(bytes.length);
  },
);
