// The human face of Ethernet and ARP: what is read is written again, and the lines are tcpdump's.

import { fc, test as property } from '@fast-check/vitest';
import { expect, test } from 'vitest';
import { craftIcmpEcho } from './craft.ts';
import { craftArp, craftFrame, craftFrameLayer, dissectFrame, frameSummary } from './frame.ts';

const [PEER, US, ALL] = ['02:00:00:00:00:01', '02:00:00:00:00:02', 'ff:ff:ff:ff:ff:ff'];
const ARP = 0x0806;
const request = { senderStation: PEER, sender: '10.9.0.1', target: '10.9.0.2' };
const arpFrame = (fields: Parameters<typeof craftArp>[0], destination = ALL): Uint8Array =>
  craftFrame({ destination, source: fields.senderStation, type: ARP, payload: craftArp(fields) });

test.each([
  ['ARP, Request who-has 10.9.0.2 tell 10.9.0.1, length 28', arpFrame(request)],
  [
    `ARP, Request who-has 10.9.0.2 (${US}) tell 10.9.0.1, length 28`,
    arpFrame({ ...request, targetStation: US }, US),
  ],
  [
    `ARP, Reply 10.9.0.2 is-at ${US}, length 28`,
    arpFrame(
      { operation: 2, senderStation: US, sender: '10.9.0.2', targetStation: PEER, target: '10.9.0.1' },
      PEER,
    ),
  ],
  ['ARP, Request who-has 10.9.0.2 tell 0.0.0.0, length 28', arpFrame({ ...request, sender: 0 })],
  ['ARP, Unknown (9), length 28', arpFrame({ ...request, operation: 9 })],
  [' [|arp]', arpFrame(request).slice(0, 30)],
  [' [|ether]', arpFrame(request).slice(0, 13)],
  [
    'IP 10.9.0.1 > 10.9.0.2: ICMP echo request, id 1, seq 2, length 8',
    craftFrame({
      destination: US,
      source: PEER,
      payload: craftIcmpEcho({ source: '10.9.0.1', destination: '10.9.0.2', id: 1, sequence: 2 }),
    }),
  ],
  [
    `${PEER} > ${ALL}, ethertype 0x8100, length 14`,
    craftFrame({ destination: ALL, source: PEER, type: 0x8100 }),
  ],
  [`${PEER} > ${ALL}, 802.3, length 14`, craftFrame({ destination: ALL, source: PEER, type: 38 })],
])('the line %j is that of its frame', (line, frame) => {
  expect(frameSummary(frame)).toBe(line);
});

test('a request that is padded reads as its fields and its padding', () => {
  const frame = craftFrame({
    destination: ALL,
    source: PEER,
    type: ARP,
    payload: Uint8Array.of(...craftArp(request), 0, 0),
  });
  expect(dissectFrame(frame)).toEqual({
    layer: 'ethernet',
    destination: ALL,
    source: PEER,
    type: ARP,
    next: {
      layer: 'arp',
      operation: 1,
      senderStation: PEER,
      sender: '10.9.0.1',
      targetStation: '00:00:00:00:00:00',
      target: '10.9.0.2',
      trailer: new Uint8Array(2),
    },
  });
});

const type = fc.oneof(fc.constantFrom(0x0800, ARP, 0x8100, 40), fc.integer({ min: 0, max: 0xffff }));
const header = fc.oneof(
  fc.constant([0, 1, 8, 0, 6, 4]),
  fc.array(fc.integer({ min: 0, max: 255 }), { maxLength: 6 }),
);

property.prop([type, header, fc.uint8Array({ maxLength: 80 })])(
  'any frame of fourteen octets and more is read without an exception, and written again as it was',
  (etherType, start, rest) => {
    const payload = Uint8Array.of(...start, ...rest);
    const frame = craftFrame({ destination: US, source: PEER, type: etherType, payload });
    expect(craftFrameLayer(dissectFrame(frame))).toEqual(frame);
    expect(typeof frameSummary(frame)).toBe('string');
  },
);

property.prop([fc.uint8Array({ maxLength: 60 })])('any octets at all are read', (octets) => {
  expect(dissectFrame(octets).malformed === undefined).toBe(octets.length >= 14);
  expect(typeof frameSummary(octets)).toBe('string');
});

test('text that is no address is refused', () => {
  expect(() => craftFrame({ destination: 'x', source: PEER })).toThrow(RangeError);
  expect(() => craftArp({ ...request, target: '10.9.0' })).toThrow(RangeError);
});
