// Arbitrary packets for properties: well-formed ones, wrong ones, and plain octets.

import { fc } from '@fast-check/vitest';
import {
  craftIcmp,
  craftIcmpError,
  craftIpv4,
  craftUdp,
  type IcmpFields,
  type Ipv4Fields,
  type Ipv4Options,
  type UdpFields,
} from '../craft.ts';

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

/** Datagrams as a network carries them. */
export const wellFormed: fc.Arbitrary<Uint8Array> = fc.oneof(
  ipv4Fields.map(craftIpv4),
  udpFields.map(craftUdp),
  icmpFields.map(craftIcmp),
  udpFields.map((fields) => craftIcmpError({ quoting: craftUdp(fields) })),
);

/** Octets that look like datagrams to a varying degree. */
export const anyOctets: fc.Arbitrary<Uint8Array> = fc.oneof(
  fc.uint8Array({ maxLength: 120 }),
  wellFormed,
  fc.tuple(wellFormed, fc.nat()).map(([b, cut]) => b.slice(0, cut % (b.length + 1))),
  fc.tuple(udpFields, wrongIpOptions, word16).map(([f, ip, length]) => craftUdp({ ...f, ip, length })),
  fc.tuple(icmpFields, wrongIpOptions).map(([f, ip]) => craftIcmp({ ...f, ip })),
  fc.tuple(wellFormed, fc.nat(), octet).map(([b, at, value]) => b.with(at % b.length, value)),
);
