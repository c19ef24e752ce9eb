import { fc, test as property } from '@fast-check/vitest';
import { describe, expect, test } from 'vitest';
import {
  formatIp4,
  formatPrefix,
  IP4_ANY,
  IP4_BROADCAST,
  isLoopback4,
  isMulticast4,
  isReserved4,
  isThisNetwork4,
  isValidSource4,
  parseIp4,
  parsePrefix,
  prefixMask,
} from './address.ts';

const word = fc.integer();

describe('text', () => {
  property.prop([word])('an address survives the way to text and back', (address) => {
    expect(parseIp4(formatIp4(address))).toBe(address);
  });

  property.prop([word, fc.nat({ max: 32 })])(
    'a prefix survives the way to text and back',
    (address, length) => {
      expect(parsePrefix(formatPrefix({ address, length }))).toEqual({ address, length });
    },
  );

  property.prop([fc.ipV4()])('all dotted decimals parse, and print the same', (text) => {
    expect(formatIp4(parseIp4(text)!)).toBe(text);
  });

  property.prop([fc.string({ unit: fc.constantFrom(...Array.from('0123456789./ -x')), maxLength: 18 })])(
    'what parses is what prints: any other text is refused',
    (text) => {
      const parsed = parseIp4(text);
      if (parsed !== undefined) expect(formatIp4(parsed)).toBe(text);
      const prefix = parsePrefix(text);
      if (prefix !== undefined) expect(prefix.length).toBeLessThanOrEqual(32);
    },
  );

  test.each([
    '',
    '1',
    '1.2.3',
    '1.2.3.4.5',
    '1.2.3.',
    '.1.2.3',
    '1..2.3',
    '256.1.1.1',
    '1.1.1.999',
    '1000.1.1.1',
    '01.2.3.4',
    '1.2.3.00',
    ' 1.2.3.4',
    '1.2.3.4 ',
    '1.2.3.4\n',
    '-1.2.3.4',
    '+1.2.3.4',
    '0x1.2.3.4',
    '1e1.2.3.4',
    '1.2.3.4/24',
    '::1',
    '१.2.3.4',
  ])('%j is no address', (text) => {
    expect(parseIp4(text)).toBeUndefined();
  });

  test.each([
    '1.2.3.4/',
    '1.2.3.4/33',
    '1.2.3.4/-1',
    '1.2.3.4/ 8',
    '1.2.3.4/8/8',
    '/8',
    '1.2.3/8',
    '1.2.3.4/1e1',
  ])('%j is no prefix', (text) => {
    expect(parsePrefix(text)).toBeUndefined();
  });

  test('an address without a length is a prefix of 32', () => {
    expect(parsePrefix('10.9.0.2')).toEqual({ address: 0x0a090002, length: 32 });
  });
});

describe('kinds', () => {
  // R1122.7
  test('a mask has as many ones as the length says', () => {
    expect([0, 1, 8, 24, 31, 32].map((length) => formatIp4(prefixMask(length)))).toEqual([
      '0.0.0.0',
      '128.0.0.0',
      '255.0.0.0',
      '255.255.255.0',
      '255.255.255.254',
      '255.255.255.255',
    ]);
  });

  test.each([
    // text, loopback, multicast, this network, reserved, may be a source
    ['0.0.0.0', false, false, true, false, false],
    ['0.255.255.255', false, false, true, false, false],
    ['1.0.0.0', false, false, false, false, true],
    ['126.255.255.255', false, false, false, false, true],
    ['127.0.0.0', true, false, false, false, false],
    ['127.255.255.255', true, false, false, false, false],
    ['128.0.0.0', false, false, false, false, true],
    ['223.255.255.255', false, false, false, false, true],
    ['224.0.0.0', false, true, false, false, false],
    ['239.255.255.255', false, true, false, false, false],
    ['240.0.0.0', false, false, false, true, false],
    ['255.255.255.254', false, false, false, true, false],
    ['255.255.255.255', false, false, false, false, false],
  ])('%s: loopback %s, multicast %s, this network %s, reserved %s, source %s', (text, ...kinds) => {
    const address = parseIp4(text)!;
    const found = [isLoopback4, isMulticast4, isThisNetwork4, isReserved4, isValidSource4].map((is) =>
      is(address),
    );
    expect(found).toEqual(kinds);
  });

  test('the two addresses that stand for no host', () => {
    expect(formatIp4(IP4_ANY)).toBe('0.0.0.0');
    expect(formatIp4(IP4_BROADCAST)).toBe('255.255.255.255');
  });
});
