// Arbitrary frames: IPv4 with ICMP, UDP or TCP, valid; and nearly valid, a few octets away from it. RFC 791, 792, 768, 9293.

import { craftIcmpEcho, craftIpv4, craftTcp, craftUdp, repairChecksums } from '@tunstack/stack/craft';
import type { TcpFlag, TcpOption } from '@tunstack/stack/dissect';
import type { Arbitrary, FastCheck } from './fast-check.ts';

/** Where frames come from and go to; what is not given is arbitrary. Dotted decimal. */
export interface FrameEnds {
  readonly source?: string;
  readonly destination?: string;
  readonly sourcePort?: number;
  readonly destinationPort?: number;
  /** Octets of payload at most. Default 1400. */
  readonly payloadMax?: number;
}

/** One thing that is wrong with a frame. Places are counted from its first octet, modulo its length. */
export type Fault =
  | { readonly fault: 'bit'; readonly at: number; readonly bit: number }
  | { readonly fault: 'octet'; readonly at: number; readonly value: number }
  | { readonly fault: 'cut'; readonly octets: number }
  | { readonly fault: 'grow'; readonly octets: number };

export interface NearlyValid {
  readonly frame: Uint8Array;
  readonly faults: readonly Fault[];
  /** Checksums were made right again behind the faults: then only the fields themselves betray them. */
  readonly repaired: boolean;
}

const FLAGS: readonly TcpFlag[] = ['FIN', 'SYN', 'RST', 'PSH', 'ACK', 'URG', 'ECE', 'CWR'];

const given = <T>(fc: FastCheck, value: T | undefined, any: Arbitrary<T>): Arbitrary<T> =>
  value === undefined ? any : fc.constant(value);

function ports(
  fc: FastCheck,
  ends: FrameEnds,
): { source: Arbitrary<number>; destination: Arbitrary<number> } {
  const any = fc.integer({ min: 1, max: 65_535 });
  return {
    source: given(fc, ends.sourcePort, any),
    destination: given(fc, ends.destinationPort, any),
  };
}

/** TCP options that fit into 40 octets together. */
export function tcpOptions(fc: FastCheck): Arbitrary<TcpOption[]> {
  const number = fc.integer({ min: 0, max: 0xffff_ffff });
  const option: Arbitrary<TcpOption> = fc.oneof(
    fc.constant({ option: 'nop' } as const),
    fc.constant({ option: 'sack-permitted' } as const),
    fc.record({ option: fc.constant('mss' as const), mss: fc.integer({ min: 0, max: 65_535 }) }),
    fc.record({ option: fc.constant('window-scale' as const), shift: fc.integer({ min: 0, max: 255 }) }),
    fc.record({ option: fc.constant('timestamps' as const), value: number, echo: number }),
    fc.record({
      option: fc.constant('sack' as const),
      blocks: fc.array(fc.tuple(number, number), { minLength: 1, maxLength: 2 }),
    }),
  );
  return fc.array(option, { maxLength: 6 }).map((list) => {
    const fitting: TcpOption[] = [];
    let room = 40;
    for (const one of list) {
      if (sizeOf(one) > room) continue;
      room -= sizeOf(one);
      fitting.push(one);
    }
    return fitting;
  });
}

/** Octets of an option, kind and length among them. */
function sizeOf(one: TcpOption): number {
  switch (one.option) {
    case 'nop':
      return 1;
    case 'mss':
      return 4;
    case 'window-scale':
      return 3;
    case 'timestamps':
      return 10;
    case 'sack':
      return 2 + 8 * one.blocks.length;
    default:
      return 2;
  }
}

/** Valid frames: whoever reads them finds no fault, whatever he makes of them. */
export function frames(fc: FastCheck, ends: FrameEnds = {}): Arbitrary<Uint8Array> {
  const address = fc.ipV4();
  const addresses = {
    source: given(fc, ends.source, address),
    destination: given(fc, ends.destination, address),
  };
  const port = ports(fc, ends);
  const payload = fc.uint8Array({ maxLength: ends.payloadMax ?? 1400 });
  const word16 = fc.integer({ min: 0, max: 65_535 });
  const word32 = fc.integer({ min: 0, max: 0xffff_ffff });
  const octet = fc.integer({ min: 0, max: 255 });
  const ip = fc.record({ ttl: fc.integer({ min: 1, max: 255 }), tos: octet, id: word16, df: fc.boolean() });
  const portFields = { sourcePort: port.source, destinationPort: port.destination };
  return fc.oneof(
    fc
      .record({ ...addresses, id: word16, sequence: word16, reply: fc.boolean(), payload, ip })
      .map((fields) => craftIcmpEcho(fields)),
    fc.record({ ...addresses, ...portFields, payload, ip }).map((fields) => craftUdp(fields)),
    fc
      .record({
        ...addresses,
        ...portFields,
        seq: word32,
        ack: word32,
        flags: fc.uniqueArray(fc.constantFrom(...FLAGS), { maxLength: 4 }),
        window: word16,
        urgent: word16,
        options: tcpOptions(fc),
        payload,
        ip,
      })
      .map((fields) => craftTcp(fields)),
    fc
      .record({ ...addresses, protocol: octet.filter((p) => ![1, 6, 17].includes(p)), payload })
      .map((fields) => craftIpv4(fields)),
  );
}

/** What can be wrong with a frame. */
export function faults(fc: FastCheck): Arbitrary<Fault> {
  // Most of what is checked stands in the first 60 octets: half of all places are there.
  const at = fc.oneof(fc.nat(59), fc.nat(1499));
  return fc.oneof(
    fc.record({ fault: fc.constant('bit' as const), at, bit: fc.nat(7) }),
    fc.record({ fault: fc.constant('octet' as const), at, value: fc.nat(255) }),
    fc.record({ fault: fc.constant('cut' as const), octets: fc.integer({ min: 1, max: 60 }) }),
    fc.record({ fault: fc.constant('grow' as const), octets: fc.integer({ min: 1, max: 60 }) }),
  );
}

/** The frame with these faults, in their order. */
export function withFaults(frame: Uint8Array, list: readonly Fault[], repaired: boolean): Uint8Array {
  let octets = frame.slice();
  for (const fault of list) {
    if (fault.fault === 'cut') octets = octets.slice(0, Math.max(1, octets.length - fault.octets));
    else if (fault.fault === 'grow') {
      const longer = new Uint8Array(octets.length + fault.octets);
      longer.set(octets);
      octets = longer;
    } else if (fault.fault === 'bit') octets[fault.at % octets.length] ^= 1 << fault.bit;
    else octets[fault.at % octets.length] = fault.value;
  }
  if (repaired) repairChecksums(octets);
  return octets;
}

/** Frames with one to three faults. They shrink to one fault on a short frame. */
export function nearlyValidFrames(fc: FastCheck, ends: FrameEnds = {}): Arbitrary<NearlyValid> {
  return fc
    .record({
      good: frames(fc, ends),
      faults: fc.array(faults(fc), { minLength: 1, maxLength: 3 }),
      repaired: fc.boolean(),
    })
    .map(({ good, faults: list, repaired }) => {
      return { frame: withFaults(good, list, repaired), faults: list, repaired };
    });
}
