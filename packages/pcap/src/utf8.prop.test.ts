import { fc, test as property } from '@fast-check/vitest';
import { expect, test } from 'vitest';
import { decodeUtf8, encodeUtf8 } from './utf8.ts';

const any = fc
  .array(fc.nat({ max: 0xffff }), { maxLength: 30 })
  .map((units) => String.fromCharCode(...units));

property.prop([fc.oneof(any, fc.string({ unit: 'binary' }))])(
  'texts are encoded as the platform does',
  (text) => {
    expect(encodeUtf8(text)).toEqual(new TextEncoder().encode(text));
  },
);

property.prop([fc.string({ unit: 'binary' })])('a text survives the way to octets and back', (text) => {
  expect(decodeUtf8(encodeUtf8(text))).toBe(text);
});

property.prop([fc.uint8Array({ maxLength: 40 })])(
  'any octets give the text that the platform gives',
  (octets) => {
    // The platform replaces a cut sequence once, we each of its octets: the rest is alike.
    const ours = decodeUtf8(octets).replaceAll(/\ufffd+/g, '?');
    expect(ours).toBe(
      new TextDecoder('utf-8', { ignoreBOM: true }).decode(octets).replaceAll(/\ufffd+/g, '?'),
    );
  },
);

test('overlong forms, surrogates and what lies beyond Unicode are no UTF-8 (RFC 3629 section 10)', () => {
  for (const octets of [
    [0xc0, 0x80],
    [0xe0, 0x80, 0xaf],
    [0xed, 0xa0, 0x80],
    [0xf4, 0x90, 0x80, 0x80],
    [0xff],
  ]) {
    expect(decodeUtf8(Uint8Array.from(octets))).toMatch(/^\ufffd+$/);
  }
});
