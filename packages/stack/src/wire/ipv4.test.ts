import { fc, test as property } from '@fast-check/vitest';
import { describe, expect, test } from 'vitest';
import { craftIpv4, type Ipv4Fields } from './craft.ts';
import * as ip from './ipv4.ts';
import { hex } from './testing/hex.ts';

const ends = { source: '10.9.0.1', destination: '10.9.0.2' };

function verdict(fields: Partial<Ipv4Fields>, available?: number): number {
  const b = craftIpv4({ ...ends, payload: new Uint8Array(12), ...fields });
  return ip.checkIpv4(b, 0, available ?? b.length);
}

describe('checkIpv4', () => {
  test('takes the datagram that Wikipedia and a hundred lectures use', () => {
    const header = hex('4500 0073 0000 4000 4011 b861 c0a8 0001 c0a8 00c7');
    const datagram = new Uint8Array(0x73);
    datagram.set(header);
    expect(ip.checkIpv4(datagram, 0, datagram.length)).toBe(ip.IPV4_OK);
    expect(ip.ipv4Checksum(datagram, 0)).toBe(0xb861);
  });

  test.each([
    ['a plain one', {}, ip.IPV4_OK],
    ['one with 40 octets of options', { options: new Uint8Array(40) }, ip.IPV4_OK],
    ['version 5', { version: 5 }, ip.IPV4_BAD_VERSION],
    ['version 6', { version: 6 }, ip.IPV4_BAD_VERSION],
    ['a header length of 16', { headerLength: 16 }, ip.IPV4_BAD_HEADER_LENGTH],
    ['a header length of 0', { headerLength: 0 }, ip.IPV4_BAD_HEADER_LENGTH],
    ['a header longer than the datagram', { headerLength: 60 }, ip.IPV4_BAD_HEADER_LENGTH],
    ['a total length below the header', { totalLength: 19 }, ip.IPV4_BAD_TOTAL_LENGTH],
    ['a total length of 0', { totalLength: 0 }, ip.IPV4_BAD_TOTAL_LENGTH],
    ['a total length of just the header', { totalLength: 20 }, ip.IPV4_OK],
    ['a total length beyond what is there', { totalLength: 33 }, ip.IPV4_BAD_TOTAL_LENGTH],
    ['a wrong checksum', { checksum: 0x1234 }, ip.IPV4_BAD_CHECKSUM],
    ['no checksum', { checksum: 0 }, ip.IPV4_BAD_CHECKSUM],
  ])('%s', (_name, fields, expected) => {
    expect(verdict(fields)).toBe(expected);
  });

  test.each([0, 1, 19])('%i octets are short', (available) => {
    expect(verdict({}, available)).toBe(ip.IPV4_SHORT);
  });

  test('a stray octet of another version is told from a short header', () => {
    expect(ip.checkIpv4(Uint8Array.of(0x60), 0, 1)).toBe(ip.IPV4_BAD_VERSION);
  });

  test('link padding behind the total length does no harm', () => {
    const b = new Uint8Array(46);
    b.set(craftIpv4({ ...ends, payload: new Uint8Array(12) }));
    expect(ip.checkIpv4(b, 0, b.length)).toBe(ip.IPV4_OK);
  });

  // R1122.2
  property.prop([fc.nat({ max: 159 })])('any one wrong bit of a header is found', (bit) => {
    const b = craftIpv4({ ...ends, payload: new Uint8Array(100) });
    b[bit >>> 3] ^= 1 << (bit & 7);
    expect(ip.checkIpv4(b, 0, b.length)).not.toBe(ip.IPV4_OK);
  });

  // R791.1
  property.prop([fc.uint8Array({ maxLength: 80 }), fc.nat({ max: 255 })])(
    'after OK, header and datagram lie within what is there',
    (octets, first) => {
      // A header that has a chance: version 4, its checksum repaired.
      const b = Uint8Array.of(0x40 | (first & 15), 0, 0, first, ...octets, ...new Uint8Array(20));
      if (ip.ipv4HeaderLength(b, 0) <= b.length) ip.setIpv4Checksum(b, 0);
      if (ip.checkIpv4(b, 0, b.length) !== ip.IPV4_OK) return;
      expect(ip.ipv4HeaderLength(b, 0)).toBeGreaterThanOrEqual(20);
      expect(ip.ipv4HeaderLength(b, 0)).toBeLessThanOrEqual(ip.ipv4TotalLength(b, 0));
      expect(ip.ipv4TotalLength(b, 0)).toBeLessThanOrEqual(b.length);
    },
  );
});

describe('setters', () => {
  const octet = fc.nat({ max: 255 });
  const word16 = fc.nat({ max: 0xffff });

  property.prop([octet, word16, word16, octet, octet, fc.integer(), fc.integer()])(
    'a written header reads back, and its checksum is right',
    (tos, total, id, ttl, protocol, source, destination) => {
      const b = new Uint8Array(24).fill(0xee);
      ip.writeIpv4(b, 2, tos, total, id, ip.IPV4_DF, ttl, protocol, source, destination);
      expect([
        ip.ipv4HeaderLength(b, 2),
        ip.ipv4Tos(b, 2),
        ip.ipv4TotalLength(b, 2),
        ip.ipv4Id(b, 2),
        ip.ipv4Flags(b, 2),
        ip.ipv4FragmentOffset(b, 2),
        ip.ipv4Ttl(b, 2),
        ip.ipv4Protocol(b, 2),
        ip.ipv4Source(b, 2),
        ip.ipv4Destination(b, 2),
      ]).toEqual([20, tos, total, id, ip.IPV4_DF, 0, ttl, protocol, source, destination]);
      expect([b[0], b[1], b[22], b[23]]).toEqual([0xee, 0xee, 0xee, 0xee]);
      const checksum = ip.ipv4Checksum(b, 2);
      ip.setIpv4Checksum(b, 2);
      expect(ip.ipv4Checksum(b, 2)).toBe(checksum);
    },
  );

  property.prop([octet, octet, fc.integer()])(
    'a changed TTL keeps the checksum right',
    (from, to, source) => {
      const b = craftIpv4({ ...ends, source, ttl: from });
      ip.setIpv4Ttl(b, 0, to);
      expect(ip.ipv4Ttl(b, 0)).toBe(to);
      expect(ip.checkIpv4(b, 0, b.length)).toBe(ip.IPV4_OK);
    },
  );

  test('fragments: DF alone is none, MF or an offset is one', () => {
    const is = (fields: Partial<Ipv4Fields>) => ip.ipv4IsFragment(craftIpv4({ ...ends, ...fields }), 0);
    expect([
      is({}),
      is({ df: true }),
      is({ reserved: true }),
      is({ mf: true }),
      is({ fragmentOffset: 8 }),
    ]).toEqual([false, false, false, true, true]);
    expect(ip.ipv4FragmentOffset(craftIpv4({ ...ends, fragmentOffset: 65_528, df: true }), 0)).toBe(65_528);
  });
});
