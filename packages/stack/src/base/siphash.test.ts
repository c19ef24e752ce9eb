// SipHash-2-4 against the test vectors of its authors.

import { expect, test } from 'vitest';
import { SipHash } from './siphash.ts';

/** Key 00 01 .. 0f, message 00 01 .. of length 0, 1, 2 .. 31: the tags, octets as hexadecimal. */
const VECTORS = `
  310e0edd47db6f72 fd67dc93c539f874 5a4fa9d909806c0d 2d7efbd796666785
  b7877127e09427cf 8da699cd64557618 cee3fe586e46c9cb 37d1018bf50002ab
  6224939a79f5f593 b0e4a90bdf82009e f3b9dd94c5bb5d7a a7ad6b22462fb3f4
  fbe50e86bc8f1e75 903d84c02756ea14 eef27a8e90ca23f7 e545be4961ca29a1
  db9bc2577fcc2a3f 9447be2cf5e99a69 9cd38d96f0b3c14b bd6179a71dc96dbb
  98eea21af25cd6be c7673b2eb0cbf2d0 883ea3e395675393 c8ce5ccd8c030ca8
  94af49f6c650adb8 eab8858ade92e1bc f315bb5bb835d817 adcf6b0763612e2f
  a5c91da7acaa4dde 716595876650a2a6 28ef495c53a387ad 42c341d8fa92d832
`
  .trim()
  .split(/\s+/);

const octets = (from: number, count: number): number[] => Array.from({ length: count }, (_, i) => from + i);

/** Octets as words, little-endian; the last word may be short. */
const words = (bytes: readonly number[]): number[] => {
  const found = new Array<number>(Math.ceil(bytes.length / 4)).fill(0);
  for (const [i, byte] of bytes.entries()) found[i >> 2] |= byte << (8 * (i & 3));
  return found;
};

const hex = (...halves: number[]): string =>
  halves
    .flatMap((half) => [0, 8, 16, 24].map((bit) => ((half >>> bit) & 255).toString(16).padStart(2, '0')))
    .join('');

const underTheKey = (): SipHash => {
  const [k0, k1, k2, k3] = words(octets(0, 16));
  return new SipHash(k0, k1, k2, k3);
};

test.each(VECTORS.map((tag, length) => ({ length, tag })))(
  'the message of $length octets has its published tag',
  ({ length, tag }) => {
    const hash = underTheKey();
    const message = words(octets(0, length));
    hash.begin();
    let i = 0;
    for (; i + 8 <= length; i += 8) hash.compress(message[i >> 2], message[(i >> 2) + 1]);
    const [low = 0, high = 0] = message.slice(i >> 2);
    hash.finish(low, high | (length << 24));
    expect(hex(hash.low, hash.high)).toBe(tag);
  },
);

test('hash is the low half of the tag of four words', () => {
  const [a, b, c, d] = words(octets(0, 16));
  expect(hex(underTheKey().hash(a, b, c, d))).toBe(VECTORS[16].slice(0, 8));
});

test('one message leaves nothing behind for the next', () => {
  const hash = underTheKey();
  const first = hash.hash(1, -2, 3, -4);
  hash.hash(-5, 6, -7, 8);
  expect(hash.hash(1, -2, 3, -4)).toBe(first);
});

test('the hash is an int32', () => {
  const hash = underTheKey();
  const values = octets(0, 200).map((i) => hash.hash(i, 0, 0, 0));
  expect(values).toEqual(values.map((value) => value | 0));
  expect(values.some((value) => value < 0)).toBe(true);
});
