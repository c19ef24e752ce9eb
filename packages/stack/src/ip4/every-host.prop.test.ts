// What is asked of every host, whatever arrives: RFC 1122 3.2.1.3, 3.2.1.7, 3.2.2; RFC 6633, RFC 6864.

import { fc, test as property } from '@fast-check/vitest';
import { expect, test } from 'vitest';
import { icmpFrame, octets, routerWith, stackWith, udpFrame } from '../testing/index.ts';
import { isValidSource4 } from '../wire/address.ts';
import { ICMP_REDIRECT, ICMP_SOURCE_QUENCH } from '../wire/icmpv4.ts';
import { ipv4Source, ipv4Ttl, PROTO_ICMP } from '../wire/ipv4.ts';

const DF = 0x4000;
const byte = fc.integer({ min: 0, max: 255 });

/** Somewhere, and often one of ours, of many, or of nobody. */
const address = fc.oneof(
  fc.constantFrom(
    '10.0.0.1',
    '10.0.0.2',
    '10.0.0.255',
    '255.255.255.255',
    '224.0.0.1',
    '127.0.0.1',
    '0.0.0.0',
  ),
  fc.tuple(byte, byte, byte, byte).map((parts) => parts.join('.')),
);

// R1122.10
property.prop([byte, fc.boolean()])(
  'a datagram for us is taken whatever its TTL, and what we send has one that is not 0',
  (ttl, asUdp) => {
    const bench = stackWith();
    const frame = asUdp ? udpFrame({ ttl, dport: 9 }, octets(8)) : icmpFrame({ ttl }, octets(8));
    const [answer] = bench.exchange(frame);
    expect(answer.ttl).toBeGreaterThan(0);
  },
);

// R1122.6, R1122.10
property.prop([
  address,
  address,
  byte,
  byte,
  fc.boolean(),
  fc.constantFrom([], [7, 7, 4, 0, 0, 0, 0], [131, 7, 4, 1, 2, 3, 4], [9]),
])(
  'whatever arrives, what leaves has an address of ours as its source, and a TTL',
  (src, dst, ttl, protocol, ping, options) => {
    const bench = stackWith();
    const fields = { src, dst, ttl, options };
    const frame = ping ? icmpFrame(fields, octets(8)) : udpFrame(fields, octets(8));
    if (!ping) frame[9] = protocol;
    bench.link.inject(frame);
    while (bench.stack.pump());
    for (const sent of bench.link.take()) {
      expect(ipv4Source(sent, 0)).toBe(0x0a00_0002);
      expect(isValidSource4(ipv4Source(sent, 0))).toBe(true);
      expect(ipv4Ttl(sent, 0)).toBeGreaterThan(0);
    }
  },
);

// R6864.1
property.prop([fc.array(fc.constantFrom(0, 1, 0xffff), { minLength: 2, maxLength: 20 })])(
  'the identification of an atomic datagram means nothing: equal ones are as many as they are',
  (ids) => {
    const bench = stackWith();
    const replies = bench.exchange(...ids.map((id) => icmpFrame({ id, flags: DF }, octets(8))));
    expect(replies).toHaveLength(ids.length);
    expect(bench.stack.stats.drops()).toEqual({});
  },
);

// R1122.20, R1122.22, R6633.1
test('who is flooded drops and says so to nobody: no source quench, no redirect, from host or router', () => {
  const host = stackWith({ options: { answersMax: 4, udpReceiveBytes: 1000 } });
  host.stack.udpSocket({}).bind('0.0.0.0', 7);
  const router = routerWith({ forwardQueueMax: 4 });
  for (let i = 0; i < 100; i++) {
    host.link.inject(icmpFrame({ word6: i }, octets(8)));
    host.link.inject(udpFrame({ sport: 1000 + i }, octets(200)));
    router.left.inject(udpFrame({ src: '10.0.0.1', dst: '10.0.1.9', sport: 1000 + i }, octets(200)));
  }
  while (host.stack.pump());
  while (router.stack.pump());
  expect(host.stack.stats.drops()).toMatchObject({ ANSWERS_FULL: 96, UDP_RECEIVE_FULL: expect.any(Number) });
  expect(router.stack.stats.drops()).toMatchObject({ FORWARD_QUEUE_FULL: 96 });
  const types = [...host.link.take(), ...router.left.take(), ...router.right.take()]
    .filter((frame) => frame[9] === PROTO_ICMP)
    .map((frame) => frame[20]);
  expect(types.length).toBeGreaterThan(0);
  expect(types).not.toContain(ICMP_SOURCE_QUENCH);
  expect(types).not.toContain(ICMP_REDIRECT);
});
