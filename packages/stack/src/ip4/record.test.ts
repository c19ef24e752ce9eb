// Record Route and Timestamp on what we pass on: RFC 791 3.1, RFC 1812 4.2.2.2, 5.3.13.4, 5.3.13.5. Octet by octet.

import { fc, test as property } from '@fast-check/vitest';
import { expect, test } from 'vitest';
import type { Options } from '../options.ts';
import { icmpFrame, octets, type RouterBench, readFrame, routerWith, udpFrame } from '../testing/index.ts';
import { rd32 } from '../wire/bytes.ts';
import { complement, sumBytes } from '../wire/checksum.ts';
import { checkIpv4Options, OPTIONS_SOURCE_ROUTE } from '../wire/ipv4-options.ts';

const through = { src: '10.0.0.1', dst: '10.0.1.9' };
/** Ours, on the link it leaves by; and on the one it came by. */
const RIGHT = [10, 0, 1, 2];
const LEFT = [10, 0, 0, 2];

interface Passed {
  readonly router: RouterBench;
  /** The options as they left; undefined: nothing did. */
  readonly options: number[] | undefined;
  readonly answers: readonly Uint8Array[];
}

/** Sends a datagram with these options through a router. */
function pass(options: readonly number[], more: Partial<Options> = {}, router = routerWith(more)): Passed {
  const frame = udpFrame({ ...through, options }, octets(8));
  const { left, right } = router.fromLeft(frame);
  for (const one of [...left, ...right]) expect(complement(sumBytes(one, 0, (one[0] & 15) * 4))).toBe(0);
  expect(router.pool.inUse).toBe(0);
  if (right.length === 0) return { router, options: undefined, answers: left };
  expect(right[0].slice(20 + options.length)).toEqual(frame.slice(20 + options.length));
  return { router, options: [...right[0].subarray(20, 20 + options.length)], answers: left };
}

test.each([
  ['the first', [7, 11, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0], [7, 11, 8, ...RIGHT, 0, 0, 0, 0, 0]],
  ['the next', [7, 11, 8, 9, 9, 9, 9, 0, 0, 0, 0, 0], [7, 11, 12, 9, 9, 9, 9, ...RIGHT, 0]],
  ['the only', [1, 7, 7, 4, 0, 0, 0, 0], [1, 7, 7, 8, ...RIGHT]],
])('a recorded route gets our address on the link it leaves by, in %s place', (_, options, expected) => {
  expect(pass(options).options).toEqual(expected);
});

test.each([
  ['a full record', [7, 7, 8, 9, 9, 9, 9, 0]],
  ['a record without a place', [7, 3, 4, 0]],
  ['a record behind the end of the options', [0, 7, 7, 4, 0, 0, 0, 0]],
  ['times of a flag that nobody knows', [68, 8, 5, 2, 0, 0, 0, 0]],
  ['times that are asked of somebody else', [68, 12, 5, 3, 10, 0, 1, 77, 0, 0, 0, 0]],
  ['no record at all', [148, 4, 0, 0]],
])('%s goes on as it came', (_, options) => {
  expect(pass(options)).toMatchObject({ options, answers: [] });
});

test('a time alone is 32 bits with the high bit set, and moves with the clock', () => {
  const router = routerWith();
  const stamps: number[] = [];
  for (let i = 0; i < 3; i++) {
    const { options = [] } = pass([68, 12, 5, 0, 0, 0, 0, 0, 0, 0, 0, 0], {}, router);
    expect([options.slice(0, 4), options.slice(8)]).toEqual([
      [68, 12, 9, 0],
      [0, 0, 0, 0],
    ]);
    stamps.push(rd32(Uint8Array.from(options), 4));
    router.clock.advanceMs(1234);
  }
  expect(stamps.every((stamp) => stamp < 0)).toBe(true);
  expect([1, 2].map((i) => (stamps[i] - stamps[i - 1]) & 0x7fff_ffff)).toEqual([1234, 1234]);
});

test('a time has its high bit set at any hour', () => {
  const router = routerWith();
  for (let i = 0; i < 8; i++) {
    const { options = [] } = pass([68, 8, 5, 0, 0, 0, 0, 0], {}, router);
    expect(options[4]).toBeGreaterThanOrEqual(0x80);
    router.clock.advanceMs(2 ** 29);
  }
});

test('a time with an address says which of ours; the second entry stands behind the first', () => {
  const { options = [] } = pass([68, 20, 13, 1, 9, 9, 9, 9, 1, 2, 3, 4, 0, 0, 0, 0, 0, 0, 0, 0]);
  expect(options.slice(0, 16)).toEqual([68, 20, 21, 1, 9, 9, 9, 9, 1, 2, 3, 4, ...RIGHT]);
  expect(options[16]).toBeGreaterThanOrEqual(0x80);
});

test.each([
  ['on the link it leaves by', RIGHT],
  ['on the link it came by', LEFT],
])('a time that is asked of an address of ours %s is given', (_, address) => {
  const { options = [] } = pass([68, 12, 5, 3, ...address, 0, 0, 0, 0]);
  expect(options.slice(0, 8)).toEqual([68, 12, 13, 3, ...address]);
  expect(options[8]).toBeGreaterThanOrEqual(0x80);
});

test('where times are full we are counted among those that found no room', () => {
  expect(pass([68, 8, 9, 0x00, 1, 2, 3, 4]).options).toEqual([68, 8, 9, 0x10, 1, 2, 3, 4]);
  expect(pass([68, 8, 9, 0xe1, 1, 2, 3, 4]).options).toEqual([68, 8, 9, 0xf1, 1, 2, 3, 4]);
});

test('both are filled in, each as if it were alone', () => {
  const { options = [] } = pass([7, 7, 4, 0, 0, 0, 0, 1, 68, 8, 5, 0, 0, 0, 0, 0]);
  expect(options.slice(0, 12)).toEqual([7, 7, 8, ...RIGHT, 1, 68, 8, 9, 0]);
});

test.each([
  // name, options, the octet that cannot be right, counted from the start of the IP header
  ['a record with some room, but not enough', [7, 10, 8, 9, 9, 9, 9, 0, 0, 0, 0, 0], 22],
  ['a record that points into itself', [7, 7, 3, 0, 0, 0, 0, 0], 22],
  ['a record without a pointer', [7, 2, 0, 0], 21],
  ['times with some room, but not enough', [68, 7, 5, 0, 0, 0, 0, 0], 22],
  ['times with room for an address alone', [68, 8, 5, 1, 0, 0, 0, 0], 22],
  ['times that point into themselves', [68, 8, 4, 0, 0, 0, 0, 0], 22],
  ['times without flags', [1, 68, 3, 5], 22],
  ['times that have overflown fifteen times', [68, 8, 9, 0xf0, 1, 2, 3, 4], 23],
  ['times with a fault behind a record without', [7, 7, 4, 0, 0, 0, 0, 1, 68, 8, 9, 0xf0, 1, 2, 3, 4], 31],
])('%s ends here: a parameter problem points to it, and quotes what came', (_, options, pointer) => {
  const frame = udpFrame({ ...through, options }, octets(8));
  const { router, options: left, answers } = pass(options);
  expect(left).toBeUndefined();
  const [answer] = answers.map((one) => readFrame(one));
  expect([answer.type, answer.code, answer.word4, answer.dst]).toEqual([12, 0, pointer << 8, '10.0.0.1']);
  expect([...answer.payload]).toEqual([...frame]);
  expect(router.stack.stats.drops()).toEqual({ IP_BAD_OPTIONS: 1 });
  expect(router.stack.stats.get('IpForwDatagrams')).toBe(0);
});

test('with forwardRecords off both go on as they came, whatever they say', () => {
  for (const options of [
    [7, 7, 4, 0, 0, 0, 0, 0],
    [68, 8, 9, 0xf0, 1, 2, 3, 4],
    [7, 2, 0, 0],
  ]) {
    expect(pass(options, { forwardRecords: false }).options).toEqual(options);
  }
});

test('the address of a link with several is the one in the network that it goes on to', () => {
  const router = routerWith();
  router.stack.addAddress(router.rightFace, '172.16.0.2/16');
  const options = [7, 7, 4, 0, 0, 0, 0, 0];
  const frame = udpFrame({ ...through, dst: '172.16.9.9', options }, octets(8));
  const { right } = router.fromLeft(frame);
  expect([...right[0].subarray(20, 28)]).toEqual([7, 7, 8, 172, 16, 0, 2, 0]);
});

test('what is for us is recorded by nobody: a host acts on neither', () => {
  const router = routerWith();
  const options = [7, 7, 4, 0, 0, 0, 0, 0];
  const { left } = router.fromLeft(icmpFrame({ options }, octets(8)));
  expect(left).toHaveLength(1);
  expect(router.stack.stats.drops()).toEqual({});
});

const entry = fc.oneof(
  fc.constant([1]),
  fc.constant([0]),
  fc
    .tuple(
      fc.constantFrom(7, 68, 148),
      fc.nat(14),
      fc.nat(20),
      fc.nat(255),
      fc.array(fc.nat(255), { maxLength: 12 }),
    )
    .map(([kind, size, pointer, flags, rest]) => [kind, size, pointer, flags, ...rest]),
);

property.prop([fc.array(entry, { maxLength: 6 }).map((list) => list.flat().slice(0, 40))])(
  'whatever the options: it goes on with a right checksum and options as long, or one error says why not',
  (some) => {
    const options = [...some, ...new Array<number>((4 - (some.length & 3)) & 3).fill(0)];
    const { options: out, answers } = pass(options);
    const routed = checkIpv4Options(Uint8Array.from(options), 0, options.length) === OPTIONS_SOURCE_ROUTE;
    expect(answers.length).toBe(out === undefined && !routed ? 1 : 0);
    if (out === undefined) return;
    // Types and lengths are never touched.
    let at = 0;
    while (at < options.length && options[at] !== 0) {
      expect(out[at]).toBe(options[at]);
      if (options[at] !== 1) expect(out[at + 1]).toBe(options[at + 1]);
      at += options[at] === 1 ? 1 : options[at + 1];
    }
    expect(out.slice(at)).toEqual(options.slice(at));
  },
);
