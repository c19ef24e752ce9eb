// Arbitrary packets for properties: well-formed ones, wrong ones, and plain octets.

import { fc } from '@fast-check/vitest';
import {
  craftIcmp,
  craftIcmpError,
  craftIpv4,
  craftTcp,
  craftUdp,
  type IcmpFields,
  type Ipv4Fields,
  type Ipv4Options,
  type TcpFields,
  type UdpFields,
} from '../craft.ts';
import { TCP_FLAG_NAMES, type TcpOption } from '../layers.ts';
import { readTcpOptionList, tcpOptionOctets } from '../tcp-option-list.ts';

const octet = fc.nat({ max: 255 });
const word16 = fc.nat({ max: 0xffff });
const address = fc.integer();
const payload = fc.uint8Array({ maxLength: 90 });

/** Header fields that leave a datagram well-formed. */
export const ipOptions: fc.Arbitrary<Ipv4Options> = fc.record(
  {
    tos: octet,
    id: word16,
    df: fc.boolean(),
    ttl: octet,
    options: fc.uint8Array({ maxLength: 40 }),
  },
  { requiredKeys: [] },
);

/** Any header fields, sensible or not. */
export const wrongIpOptions: fc.Arbitrary<Ipv4Options> = fc.record(
  {
    version: fc.nat({ max: 15 }),
    headerLength: fc.nat({ max: 15 }).map((words) => words * 4),
    totalLength: fc.oneof(word16, fc.nat({ max: 100 })),
    reserved: fc.boolean(),
    mf: fc.boolean(),
    fragmentOffset: fc.nat({ max: 0x1fff }).map((units) => units * 8),
    checksum: word16,
    options: fc.uint8Array({ maxLength: 40 }),
  },
  { requiredKeys: [] },
);

export const ipv4Fields: fc.Arbitrary<Ipv4Fields & { payload: Uint8Array; protocol: number }> = fc
  .tuple(ipOptions, fc.record({ source: address, destination: address, payload, protocol: octet }))
  .map(([options, rest]) => ({ ...options, ...rest }));

export const udpFields: fc.Arbitrary<UdpFields & { payload: Uint8Array }> = fc.record({
  source: address,
  destination: address,
  sourcePort: word16,
  destinationPort: word16,
  payload,
  ip: ipOptions,
});

export const icmpFields: fc.Arbitrary<Required<Omit<IcmpFields, 'checksum'>>> = fc.record({
  source: address,
  destination: address,
  type: fc.oneof(octet, fc.constantFrom(0, 3, 4, 5, 8, 11, 12)),
  code: fc.nat({ max: 17 }),
  id: word16,
  sequence: word16,
  payload,
  ip: ipOptions,
});

/** The octets of one option, of a right length, a wrong one, or an impossible one. */
const tcpOption: fc.Arbitrary<number[]> = fc.oneof(
  fc.constantFrom<number[]>([0], [1], [1, 1], [4, 2]),
  octet.map((shift) => [3, 3, shift]),
  fc.tuple(octet, octet).map(([high, low]) => [2, 4, high, low]),
  fc.uint8Array({ minLength: 8, maxLength: 8 }).map((stamps) => [8, 10, ...stamps]),
  fc.uint8Array({ minLength: 8, maxLength: 8 }).map((stamps) => [1, 1, 8, 10, ...stamps]),
  fc.tuple(fc.nat({ max: 5 }), octet).map(([n, first]) => [5, 2 + 8 * n, ...tail(8 * n, first)]),
  fc
    .tuple(fc.nat({ max: 9 }), fc.nat({ max: 12 }))
    .map(([kind, size]) => [kind, size, ...tail(size - 2, size)]),
  fc.tuple(octet, fc.nat({ max: 12 })).map(([kind, size]) => [kind, size, ...tail(size - 2, kind)]),
);

function tail(length: number, first: number): number[] {
  return Array.from({ length: Math.max(0, length) }, (_, i) => (first + i) & 255);
}

/** What may stand between the 20th octet of a TCP header and its end: 0 .. 40 octets. */
export const rawTcpOptions: fc.Arbitrary<Uint8Array> = fc
  .array(tcpOption, { maxLength: 10 })
  .map((parts) => Uint8Array.from(parts.flat().slice(0, 40)));

const word32 = fc.nat({ max: 0xffff_ffff });
const edges = fc.tuple(word32, word32);

/** One readable option of a right length. */
export const namedTcpOption: fc.Arbitrary<TcpOption> = fc.oneof(
  fc.constantFrom<TcpOption>({ option: 'nop' }, { option: 'sack-permitted' }),
  word16.map((mss): TcpOption => ({ option: 'mss', mss })),
  octet.map((shift): TcpOption => ({ option: 'window-scale', shift })),
  edges.map(([value, echo]): TcpOption => ({ option: 'timestamps', value, echo })),
  fc.array(edges, { minLength: 1, maxLength: 4 }).map((blocks): TcpOption => ({ option: 'sack', blocks })),
  // Kinds that are nobody's (RFC 4727 has 253 and 254 for experiments).
  fc
    .tuple(fc.integer({ min: 70, max: 250 }), fc.uint8Array({ maxLength: 6 }))
    .map(([kind, bytes]): TcpOption => ({ option: 'unknown', kind, bytes })),
);

const tcpHeaderFields = {
  source: address,
  destination: address,
  sourcePort: word16,
  destinationPort: word16,
  seq: word32,
  ack: word32,
  flags: fc.subarray([...TCP_FLAG_NAMES]),
  window: word16,
  urgent: word16,
  payload,
  ip: ipOptions,
};

/** Segments with the options that fit. */
export const tcpFields: fc.Arbitrary<Required<Omit<TcpFields, 'headerLength' | 'reserved' | 'checksum'>>> = fc
  .record({ ...tcpHeaderFields, options: fc.array(namedTcpOption, { maxLength: 6 }) })
  .map((fields) => ({ ...fields, options: fitting(fields.options) }));

function fitting(options: readonly TcpOption[]): TcpOption[] {
  let room = 40;
  return options.filter((option) => {
    const size = tcpOptionOctets([option]).length;
    if (size > room) return false;
    room -= size;
    return true;
  });
}

/** Any octets for options, in a header of the right length. */
const rawTcpFields: fc.Arbitrary<TcpFields> = fc.record({
  ...tcpHeaderFields,
  reserved: fc.nat({ max: 15 }),
  checksum: word16,
  options: rawTcpOptions.map(readTcpOptionList),
});

/** Any header fields, sensible or not. */
export const anyTcpFields: fc.Arbitrary<TcpFields> = fc.oneof(
  tcpFields,
  rawTcpFields,
  fc.tuple(rawTcpFields, fc.nat({ max: 15 })).map(([f, words]) => ({ ...f, headerLength: 4 * words })),
);

/** Datagrams as a network carries them. */
export const wellFormed: fc.Arbitrary<Uint8Array> = fc.oneof(
  ipv4Fields.map(craftIpv4),
  udpFields.map(craftUdp),
  tcpFields.map(craftTcp),
  icmpFields.map(craftIcmp),
  fc.oneof(udpFields.map(craftUdp), tcpFields.map(craftTcp)).map((quoting) => craftIcmpError({ quoting })),
);

/** Octets that look like datagrams to a varying degree. */
export const anyOctets: fc.Arbitrary<Uint8Array> = fc.oneof(
  fc.uint8Array({ maxLength: 120 }),
  wellFormed,
  fc.tuple(wellFormed, fc.nat()).map(([b, cut]) => b.slice(0, cut % (b.length + 1))),
  fc.tuple(udpFields, wrongIpOptions, word16).map(([f, ip, length]) => craftUdp({ ...f, ip, length })),
  anyTcpFields.map(craftTcp),
  fc.tuple(anyTcpFields, wrongIpOptions).map(([f, ip]) => craftTcp({ ...f, ip })),
  fc.tuple(icmpFields, wrongIpOptions).map(([f, ip]) => craftIcmp({ ...f, ip })),
  fc.tuple(wellFormed, fc.nat(), octet).map(([b, at, value]) => b.with(at % b.length, value)),
);
