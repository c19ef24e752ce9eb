// The rtnetlink parser on made and on mangled messages.
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  addressesRequest,
  linkRequest,
  parseRtnetlink,
  RTM_DELLINK,
  RTM_NEWADDR,
  RTM_NEWLINK,
} from './rtnetlink.ts';

function attribute(type: number, value: readonly number[]): number[] {
  const padding = new Array<number>((4 - (value.length % 4)) % 4).fill(0);
  return [value.length + 4, 0, type, 0, ...value, ...padding];
}

function message(
  type: number,
  flags: number,
  fixed: readonly number[],
  ...attributes: number[][]
): Uint8Array {
  const body = [...fixed, ...attributes.flat()];
  return Uint8Array.from([
    16 + body.length,
    0,
    0,
    0,
    type,
    0,
    flags,
    0,
    ...new Array<number>(8).fill(0),
    ...body,
  ]);
}

function link(type: number, family: number, flags: number, mtu: number): Uint8Array {
  const fixed = [family, 0, 0, 0, 7, 0, 0, 0, flags, 0, 0, 0, 0, 0, 0, 0];
  return message(type, 0, fixed, attribute(3, [116, 48, 0]), attribute(4, [mtu & 0xff, mtu >>> 8, 0, 0]));
}

describe('parseRtnetlink', () => {
  test('reads a link: index, flags, MTU, wherever it lies', () => {
    const bytes = new Uint8Array(200).fill(0xee);
    const up = link(RTM_NEWLINK, 0, 0x41, 1400);
    bytes.set(up, 12);
    const expected = { kind: 'link', ifindex: 7, deleted: false, up: true, running: true, mtu: 1400 };
    expect(parseRtnetlink(bytes, 12, up.length)).toEqual([expected]);
  });

  test('a bridge port that leaves its bridge is not a deletion', () => {
    const [left, gone] = [link(RTM_DELLINK, 7, 1, 1500), link(RTM_DELLINK, 0, 0, 1500)];
    expect(parseRtnetlink(left, 0, left.length)).toEqual([]);
    expect(parseRtnetlink(gone, 0, gone.length)).toMatchObject([{ deleted: true, up: false }]);
  });

  test('an address is the local one, not the peer', () => {
    const fixed = [2, 32, 0, 0, 7, 0, 0, 0];
    const bytes = message(RTM_NEWADDR, 2, fixed, attribute(1, [10, 9, 0, 2]), attribute(2, [10, 9, 0, 1]));
    expect(parseRtnetlink(bytes, 0, bytes.length)).toEqual([
      { kind: 'address', ifindex: 7, added: true, address: '10.9.0.1', prefixLength: 32, listed: true },
    ]);
  });

  test('several messages in one datagram', () => {
    const one = link(RTM_NEWLINK, 0, 1, 1500);
    const both = Uint8Array.from([...one, ...one]);
    expect(parseRtnetlink(both, 0, both.length)).toHaveLength(2);
  });

  test('no bytes whatever make it throw or read outside', () => {
    const seed = [
      ...link(RTM_NEWLINK, 0, 1, 1500),
      ...message(RTM_NEWADDR, 0, [2, 24, 0, 0, 7, 0, 0, 0], attribute(2, [1, 2, 3, 4])),
    ];
    const mangled = fc
      .tuple(fc.array(fc.tuple(fc.nat(seed.length - 1), fc.nat(255)), { maxLength: 6 }), fc.nat(seed.length))
      .map(([changes, length]) => {
        const bytes = Uint8Array.from(seed);
        for (const [at, value] of changes) bytes[at] = value;
        return bytes.subarray(0, length);
      });
    fc.assert(
      fc.property(fc.oneof(mangled, fc.uint8Array({ maxLength: 200 })), (bytes) => {
        parseRtnetlink(bytes, 0, bytes.length);
      }),
      { numRuns: 2000 },
    );
  });

  test('requests say their own length', () => {
    for (const request of [linkRequest(7), addressesRequest()]) {
      expect(new DataView(request.buffer).getUint32(0, true)).toBe(request.length);
    }
  });
});
