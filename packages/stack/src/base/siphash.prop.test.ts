// SipHash in int32 halves against the paper's words over BigInt.

import { fc, test as property } from '@fast-check/vitest';
import { expect } from 'vitest';
import { SipHash } from './siphash.ts';

const M = (1n << 64n) - 1n;
const rotl = (x: bigint, by: bigint): bigint => ((x << by) | (x >> (64n - by))) & M;
const word = (low: number, high: number): bigint => (BigInt(high >>> 0) << 32n) | BigInt(low >>> 0);

function sipRounds(v: bigint[], count: number): void {
  for (let i = 0; i < count; i++) {
    v[0] = (v[0] + v[1]) & M;
    v[2] = (v[2] + v[3]) & M;
    v[1] = rotl(v[1], 13n) ^ v[0];
    v[3] = rotl(v[3], 16n) ^ v[2];
    v[0] = rotl(v[0], 32n);
    v[2] = (v[2] + v[1]) & M;
    v[0] = (v[0] + v[3]) & M;
    v[1] = rotl(v[1], 17n) ^ v[2];
    v[3] = rotl(v[3], 21n) ^ v[0];
    v[2] = rotl(v[2], 32n);
  }
}

function reference(k: readonly number[], m: readonly number[]): bigint {
  const [k0, k1] = [word(k[0], k[1]), word(k[2], k[3])];
  const v = [
    k0 ^ 0x736f6d6570736575n,
    k1 ^ 0x646f72616e646f6dn,
    k0 ^ 0x6c7967656e657261n,
    k1 ^ 0x7465646279746573n,
  ];
  for (const part of [word(m[0], m[1]), word(m[2], m[3]), 16n << 56n]) {
    v[3] ^= part;
    sipRounds(v, 2);
    v[0] ^= part;
  }
  v[2] ^= 0xffn;
  sipRounds(v, 4);
  return v[0] ^ v[1] ^ v[2] ^ v[3];
}

const edge = fc.constantFrom(0, 1, -1, 0x7fff_ffff, -0x8000_0000);
const int32 = fc.oneof({ weight: 4, arbitrary: fc.integer() }, { weight: 1, arbitrary: edge });
const four = fc.array(int32, { minLength: 4, maxLength: 4 });

/** A key that empties a word of the state: its sum with another is the other, and carries nothing. */
const emptying = fc.constantFrom(0x70736575, 0x736f6d65, 0x6e646f6d, 0x646f7261, 0x6e657261, 0x79746573);

property.prop([fc.oneof(four, fc.array(emptying, { minLength: 4, maxLength: 4 })), four])(
  'the halves add and rotate as 64-bit words do',
  (key, message) => {
    const [k0, k1, k2, k3] = key;
    const [a, b, c, d] = message;
    const hash = new SipHash(k0, k1, k2, k3);
    const expected = reference(key, message);
    expect(hash.hash(a, b, c, d)).toBe(Number(BigInt.asIntN(32, expected)));
    expect(hash.high).toBe(Number(BigInt.asIntN(32, expected >> 32n)));
  },
);
