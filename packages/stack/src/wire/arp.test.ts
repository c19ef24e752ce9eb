// ARP for IPv4 over Ethernet on the wire: RFC 826.

import { fc, test as property } from '@fast-check/vitest';
import { expect, test } from 'vitest';
import * as arp from './arp.ts';
import { wr16 } from './bytes.ts';

const high = fc.integer({ min: 0, max: 0xffff });
const word = fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 });

property.prop([fc.constantFrom(1, 2), high, word, word, high, word, word])(
  'what is written passes the check and is read back',
  (operation, senderHigh, senderLow, sender, targetHigh, targetLow, target) => {
    const b = new Uint8Array(arp.ARP_LENGTH + 2);
    arp.writeArp(b, 2, operation, senderHigh, senderLow, sender, targetHigh, targetLow, target);
    expect(arp.checkArp(b, 2, arp.ARP_LENGTH)).toBe(true);
    expect(arp.arpOperation(b, 2)).toBe(operation);
    expect([arp.arpSenderHigh(b, 2), arp.arpSenderLow(b, 2), arp.arpSender(b, 2)]).toEqual([
      senderHigh,
      senderLow,
      sender,
    ]);
    expect(arp.arpTarget(b, 2)).toBe(target);
  },
);

test('a request for 10.0.0.2 is these octets', () => {
  const b = new Uint8Array(arp.ARP_LENGTH);
  arp.writeArp(b, 0, arp.ARP_REQUEST, 0x0200, 1, 0x0a00_0001, 0, 0, 0x0a00_0002);
  expect(Buffer.from(b).toString('hex')).toBe('00010800060400010200000000010a0000010000000000000a000002');
});

// R826.3
property.prop([fc.integer({ min: 0, max: 3 }), fc.integer({ min: 0, max: 0xffff })])(
  'any other hardware, protocol or length of address is not ARP as we know it',
  (field, value) => {
    const b = new Uint8Array(arp.ARP_LENGTH);
    arp.writeArp(b, 0, arp.ARP_REQUEST, 0x0200, 1, 2, 0, 0, 3);
    const right = [1, 0x0800, 6, 4][field];
    if (field < 2) wr16(b, 2 * field, value);
    else b[2 + field] = value;
    const same = field < 2 ? value === right : (value & 255) === right;
    expect(arp.checkArp(b, 0, b.length)).toBe(same);
  },
);

property.prop([fc.integer({ min: 0, max: arp.ARP_LENGTH - 1 })])('one octet too few is not ARP', (length) => {
  const b = new Uint8Array(arp.ARP_LENGTH);
  arp.writeArp(b, 0, arp.ARP_REQUEST, 0x0200, 1, 2, 0, 0, 3);
  expect(arp.checkArp(b, 0, length)).toBe(false);
});
