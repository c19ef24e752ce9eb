// Echo replies mirror what was asked: RFC 792, RFC 1122 3.2.2.6.

import { fc, test as property } from '@fast-check/vitest';
import { expect, test } from 'vitest';
import { CHECKSUM_PARTIAL, CHECKSUM_VALID } from '../contract/packet.ts';
import { icmpFrame, octets, stackWith } from '../testing/index.ts';

const word16 = fc.oneof(fc.integer({ min: 0, max: 0xffff }), fc.constantFrom(0, 0xffff));
const data = fc.oneof(
  fc.uint8Array({ maxLength: 1400, size: 'max' }),
  fc.integer({ min: 0, max: 1400 }).map((n) => new Uint8Array(n)),
  fc.integer({ min: 0, max: 1400 }).map((n) => new Uint8Array(n).fill(255)),
);

// R1122.25
property.prop([word16, word16, data, fc.constantFrom(0, 0, 3)])(
  'a reply carries identifier, sequence number, code and data of its request, and a right checksum',
  (word4, word6, payload, code) => {
    const bench = stackWith();
    const replies = bench.exchange(
      icmpFrame({ word4, word6, code, ttl: 1, tos: 0x28, id: 77, flags: 0x4000 }, payload),
    );
    expect(replies).toHaveLength(1);
    const [reply] = replies;
    expect([reply.type, reply.code, reply.word4, reply.word6]).toEqual([0, code, word4, word6]);
    expect(reply.payload).toEqual(payload);
    expect([reply.src, reply.dst, reply.ttl, reply.tos, reply.header]).toEqual([
      '10.0.0.2',
      '10.0.0.1',
      64,
      0x28,
      20,
    ]);
    expect([reply.id, reply.flags]).toEqual([77, 0x4000]);
    expect(bench.pool.inUse).toBe(0);
  },
);

property.prop([
  fc.array(fc.constantFrom(0, 1), { minLength: 1, maxLength: 40, size: 'max' }),
  fc.uint8Array({ maxLength: 100, size: 'max' }),
])('options of a request are stripped from its reply', (options, payload) => {
  const bench = stackWith();
  const [reply] = bench.exchange(icmpFrame({ options }, payload));
  expect([reply.header, reply.total]).toEqual([20, 28 + payload.length]);
  expect(reply.payload).toEqual(payload);
});

test('the reply of which all octets are zero has a checksum that holds', () => {
  const bench = stackWith();
  expect(bench.exchange(icmpFrame({ word4: 0, word6: 0 }, new Uint8Array(56)))[0].checksum).toBe(0xffff);
});

test('a request that the device vouches for is answered unread; one with a partial checksum is completed', () => {
  const bench = stackWith();
  const wrong = icmpFrame({ checksumError: 5 }, octets(9));
  bench.link.inject(wrong, { checksum: CHECKSUM_VALID });
  bench.stack.pump();
  expect(bench.link.take()).toHaveLength(1);
  const unfinished = icmpFrame({}, octets(9));
  unfinished[22] = 0;
  unfinished[23] = 0;
  const marks = { checksum: CHECKSUM_PARTIAL, checksumStart: 20, checksumAt: 22 };
  const [reply] = bench.exchangeMarked(unfinished, marks);
  expect([...reply.payload]).toEqual([...octets(9)]);
});

property.prop([fc.integer({ min: 0, max: 200 }), fc.integer({ min: 0, max: 200 })])(
  'whatever places a device names for a partial checksum, the stack stays within the datagram',
  (checksumStart, checksumAt) => {
    const bench = stackWith();
    bench.link.inject(icmpFrame({}, octets(60)), { checksum: CHECKSUM_PARTIAL, checksumStart, checksumAt });
    bench.link.inject(icmpFrame({ word6: 9 }, octets(60)));
    bench.stack.pump();
    const last = bench.link.take().at(-1) as Uint8Array;
    expect(last[27]).toBe(9);
    expect([...last.subarray(28)]).toEqual([...octets(60)]);
  },
);
