// The laws of the Internet checksum: RFC 1071, RFC 1624.

import { fc, test as property } from '@fast-check/vitest';
import { describe, expect, test } from 'vitest';
import { complement, fold, pseudoHeaderSum, sumBytes, sumWords, updateChecksum } from './checksum.ts';

const octets = fc.uint8Array({ minLength: 0, maxLength: 200 });
const word16 = fc.integer({ min: 0, max: 0xffff });

/** The plainest reading of RFC 1071 section 1: add with end-around carry, one word at a time. */
function reference(bytes: Uint8Array): number {
  let sum = 0;
  for (let i = 0; i < bytes.length; i += 2) {
    sum += bytes[i] * 256 + (bytes[i + 1] ?? 0);
    if (sum > 0xffff) sum -= 0xffff;
  }
  return sum;
}

/** The octets at `offset` of an arena, whose other octets are noise. */
function placed(bytes: Uint8Array, offset: number): { bytes: Uint8Array; words: Uint32Array } {
  const arena = new Uint8Array((offset + bytes.length + 7) & ~3).fill(0xa7);
  arena.set(bytes, offset);
  return { bytes: arena, words: new Uint32Array(arena.buffer) };
}

/** In one's complement both zeros are one value. */
function value(folded: number): number {
  return folded % 0xffff;
}

describe('sums', () => {
  test('the example of RFC 1071 section 3', () => {
    const bytes = Uint8Array.of(0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7);
    expect(sumBytes(bytes, 0, 8)).toBe(0x2ddf0);
    expect(fold(0x2ddf0)).toBe(0xddf2);
    expect(complement(0x2ddf0)).toBe(0x220d);
    const { bytes: arena, words } = placed(Uint8Array.of(...bytes, ...bytes, ...bytes), 0);
    expect(sumWords(words, arena, 0, 24)).toBe(fold(3 * 0x2ddf0));
  });

  // R1071.1
  property.prop([octets])('sumBytes is the sum of RFC 1071, an odd last octet padded with zero', (bytes) => {
    expect(fold(sumBytes(bytes, 0, bytes.length))).toBe(reference(bytes));
  });

  property.prop([octets, fc.nat({ max: 9 })])(
    'sumWords is sumBytes at any alignment and length',
    (bytes, offset) => {
      const { bytes: arena, words } = placed(bytes, offset);
      expect(fold(sumWords(words, arena, offset, bytes.length))).toBe(reference(bytes));
    },
  );

  test('sumWords is sumBytes at each alignment and each length up to 80, of ones and of a ramp', () => {
    for (let length = 0; length <= 80; length++) {
      for (let offset = 0; offset < 4; offset++) {
        for (const step of [0, 41]) {
          const bytes = Uint8Array.from({ length }, (_, i) => 0xff - i * step);
          const { bytes: arena, words } = placed(bytes, offset);
          const what = `length ${length} at ${offset}`;
          expect(fold(sumWords(words, arena, offset, length)), what).toBe(fold(sumBytes(bytes, 0, length)));
        }
      }
    }
  });

  test('64 KiB of ones neither overflow nor lose a carry', () => {
    const { bytes, words } = placed(new Uint8Array(65_535).fill(0xff), 1);
    expect(fold(sumWords(words, bytes, 1, 65_535))).toBe(fold(sumBytes(bytes, 1, 65_535)));
    expect(fold(sumBytes(bytes, 1, 65_535))).toBe(0xff00);
  });

  property.prop([fc.maxSafeNat()])('fold keeps the value modulo 2^16 - 1, and zero only of zero', (sum) => {
    expect(fold(sum)).toBeLessThanOrEqual(0xffff);
    expect(value(fold(sum))).toBe(sum % 0xffff);
    expect(fold(sum) === 0).toBe(sum === 0);
  });

  property.prop([octets, octets])('sums of even parts add up (RFC 1071 section 2 A)', (a, b) => {
    const even = a.subarray(0, a.length & ~1);
    const whole = Uint8Array.of(...even, ...b);
    const parts = sumBytes(even, 0, even.length) + sumBytes(b, 0, b.length);
    expect(fold(parts)).toBe(fold(sumBytes(whole, 0, whole.length)));
  });

  // R1071.1
  property.prop([octets])('a sum of swapped octets is the swapped sum (RFC 1071 section 2 B)', (bytes) => {
    const even = bytes.subarray(0, bytes.length & ~1);
    const swapped = even.map((_, i) => even[i ^ 1]);
    const sum = fold(sumBytes(swapped, 0, even.length));
    expect(((sum & 0xff) << 8) | (sum >>> 8)).toBe(fold(sumBytes(even, 0, even.length)));
  });

  property.prop([octets])('octets with their checksum sum up to all ones', (bytes) => {
    const checksum = complement(sumBytes(bytes, 0, bytes.length));
    expect(fold(sumBytes(bytes, 0, bytes.length) + checksum)).toBe(0xffff);
  });
});

describe('updates', () => {
  test('the example of RFC 1624 section 4', () => {
    expect(updateChecksum(0xdd2f, 0x5555, 0x3285)).toBe(0x0000);
  });

  // A word that stays and is not zero: only data of all zeros has the other zero as its checksum.
  // R1624.1
  property.prop([octets, fc.nat({ max: 98 }), word16])(
    'an update is the full computation',
    (bytes, at, to) => {
      const header = Uint8Array.of(0x45, 0, ...bytes, ...new Uint8Array(200));
      const o = 2 + at * 2;
      const before = complement(sumBytes(header, 0, 200));
      const from = (header[o] << 8) | header[o + 1];
      header[o] = to >> 8;
      header[o + 1] = to;
      expect(updateChecksum(before, from, to)).toBe(complement(sumBytes(header, 0, 200)));
    },
  );
});

property.prop([fc.integer(), fc.integer(), fc.nat({ max: 255 }), word16])(
  'a pseudo-header sums up as its twelve octets do (RFC 768)',
  (source, destination, protocol, length) => {
    const view = new DataView(new ArrayBuffer(12));
    view.setInt32(0, source);
    view.setInt32(4, destination);
    view.setUint8(9, protocol);
    view.setUint16(10, length);
    const octetsOf = new Uint8Array(view.buffer);
    expect(pseudoHeaderSum(source, destination, protocol, length)).toBe(sumBytes(octetsOf, 0, 12));
  },
);
