import { fc, test as property } from '@fast-check/vitest';
import { expect, test } from 'vitest';
import * as vnet from './virtio-net.ts';

const octet = fc.nat({ max: 0xff });
const word16 = fc.nat({ max: 0xffff });

property.prop([octet, octet, word16, word16, word16, word16, fc.nat({ max: 5 })])(
  'what is written is what is read, and nothing else is touched',
  (flags, gsoType, headerLength, gsoSize, start, offset, o) => {
    const bytes = new Uint8Array(vnet.VNET_HEADER + 10).fill(0x5a);
    vnet.writeVnet(bytes, o, flags, gsoType, headerLength, gsoSize, start, offset);
    expect([
      vnet.vnetFlags(bytes, o),
      vnet.vnetGsoType(bytes, o),
      vnet.vnetHeaderLength(bytes, o),
      vnet.vnetGsoSize(bytes, o),
      vnet.vnetChecksumStart(bytes, o),
      vnet.vnetChecksumOffset(bytes, o),
    ]).toEqual([flags, gsoType, headerLength, gsoSize, start, offset]);
    const outside = [...bytes.subarray(0, o), ...bytes.subarray(o + vnet.VNET_HEADER)];
    expect(outside.every((b) => b === 0x5a)).toBe(true);
  },
);

test('the layout is that of virtio 1.2 section 5.1.6, little-endian', () => {
  const bytes = new Uint8Array(vnet.VNET_HEADER);
  vnet.writeVnet(bytes, 0, vnet.VNET_F_NEEDS_CSUM, vnet.VNET_GSO_TCPV4, 0x0102, 0x0304, 0x0506, 0x0708);
  expect([...bytes]).toEqual([1, 1, 0x02, 0x01, 0x04, 0x03, 0x06, 0x05, 0x08, 0x07]);
});
