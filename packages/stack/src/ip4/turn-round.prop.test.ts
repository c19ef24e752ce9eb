// Turning round in place against writing the answer's header anew.

import { fc, test } from '@fast-check/vitest';
import { expect } from 'vitest';
import { PacketPool } from '../contract/packet-pool.ts';
import { rd16, wr16 } from '../wire/bytes.ts';
import { IPV4_MIN_HEADER, PROTO_ICMP, setIpv4Checksum, writeIpv4 } from '../wire/ipv4.ts';
import { turnRound } from './turn-round.ts';

const MESSAGE = 12;
const octet = fc.integer({ min: 0, max: 255 });
const word = fc.integer({ min: 0, max: 0xffff });

test.prop([
  fc.record({
    tos: octet,
    id: word,
    /** Reserved bit, DF and MF. */
    flags: fc.constantFrom(0, 0x2000, 0x4000, 0x8000, 0xc000),
    ttl: octet,
    answerTtl: fc.integer({ min: 1, max: 255 }),
    source: fc.integer(),
    destination: fc.integer(),
    options: fc.constantFrom(0, 4, 40),
  }),
])('an answer has the header that would be written for it, whatever the old one was', (given) => {
  const { tos, id, flags, ttl, answerTtl, source, destination, options } = given;
  const header = IPV4_MIN_HEADER + options;
  const packet = new PacketPool().allocate(header + MESSAGE);
  if (packet === undefined) throw new Error('a new pool has a slot');
  const o = packet.put(header + MESSAGE);
  packet.network = o;
  writeIpv4(packet.bytes, o, tos, header + MESSAGE, id, flags, ttl, PROTO_ICMP, source, destination);
  packet.bytes[o] = 0x40 | (header >> 2);
  setIpv4Checksum(packet.bytes, o);
  packet.pull(header);

  turnRound(packet, answerTtl, PROTO_ICMP);

  const wanted = new Uint8Array(IPV4_MIN_HEADER);
  const total = IPV4_MIN_HEADER + MESSAGE;
  writeIpv4(wanted, 0, tos, total, id, flags & 0x6000, answerTtl, PROTO_ICMP, destination, source);
  const got = packet.bytes.slice(packet.head, packet.head + IPV4_MIN_HEADER);
  // Zero has two spellings in one's complement; a header is never all zeros, so only one of them can be right.
  expect(rd16(got, 10)).toBe(rd16(wanted, 10));
  wr16(got, 10, 0);
  wr16(wanted, 10, 0);
  expect(got).toEqual(wanted);
  expect([packet.network, packet.path, packet.length]).toEqual([packet.head, -1, total]);
  packet.release();
});
