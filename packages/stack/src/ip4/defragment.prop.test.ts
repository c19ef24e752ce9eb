// Laws of fragments: what is cut comes back whole, whatever the order; and rows 1 to 9 of the classes of bad input, each a
// generator and an oracle. A model that keeps octets in a map says what should have come of them.

import { fc, test as property } from '@fast-check/vitest';
import { expect } from 'vitest';
import { Prng } from '../base/prng.ts';
import {
  type Bench,
  type BenchOptions,
  cutAt,
  cutTo,
  icmpFrame,
  octets,
  stackWith,
  udpFrame,
} from '../testing/index.ts';
import { rd16 } from '../wire/bytes.ts';
import { setIpv4Checksum } from '../wire/ipv4.ts';

interface Listening extends Bench {
  readonly heard: Uint8Array[];
  /** Hands frames to the stack, and answers what it sent. */
  throw(frames: readonly Uint8Array[]): Uint8Array[];
}

/** A stack with a socket on port 7 that reads all. */
function listening(config: BenchOptions = {}): Listening {
  const bench = stackWith(config);
  const heard: Uint8Array[] = [];
  bench.stack
    .udpSocket({
      readable(s) {
        for (let d = s.receive(); d !== undefined; d = s.receive())
          heard.push(d.bytes.slice(d.offset, d.offset + d.length));
      },
    })
    .bind('0.0.0.0', 7);
  return {
    ...bench,
    heard,
    throw(frames) {
      for (const frame of frames) bench.link.inject(frame);
      while (bench.stack.pump() || bench.link.backlog);
      return bench.link.take();
    },
  };
}

function shuffled<T>(list: readonly T[], prng: Prng): T[] {
  const all = [...list];
  for (let i = all.length - 1; i > 0; i--) {
    const j = prng.below(i + 1);
    [all[i], all[j]] = [all[j], all[i]];
  }
  return all;
}

/** Octets that differ from one datagram to the next and from place to place. */
function payloadOf(length: number, salt: number): Uint8Array {
  const bytes = new Uint8Array(length);
  for (let i = 0; i < length; i++) bytes[i] = i * 7 + (i >> 8) + salt * 31;
  return bytes;
}

function same(a: readonly Uint8Array[], b: readonly Uint8Array[]): boolean {
  return a.length === b.length && a.every((one, i) => Buffer.compare(one, b[i]) === 0);
}

/** Which datagrams fragments make, by the letter: a datagram is whole when it has its last octet and all before. */
class Model {
  readonly whole: Uint8Array[] = [];
  private readonly waiting: Map<string, { parts: Map<number, Uint8Array>; came: number; end: number }> =
    new Map();

  arrive(frame: Uint8Array): void {
    const header = (frame[0] & 15) * 4;
    const key = [...frame.subarray(12, 20), frame[9], rd16(frame, 4)].join();
    const entry = this.waiting.get(key) ?? { parts: new Map<number, Uint8Array>(), came: 0, end: -1 };
    const place = (rd16(frame, 6) & 0x1fff) * 8;
    const data = frame.subarray(header);
    if (!entry.parts.has(place)) entry.came += data.length;
    entry.parts.set(place, data);
    if ((frame[6] & 0x20) === 0) entry.end = place + data.length;
    this.waiting.set(key, entry);
    if (entry.came !== entry.end) return;
    let next = 0;
    const joined: Uint8Array[] = [];
    for (let part = entry.parts.get(0); part !== undefined; part = entry.parts.get(next)) {
      joined.push(part);
      next += part.length;
    }
    if (next !== entry.end) return;
    // Behind the UDP header.
    this.whole.push(new Uint8Array(Buffer.concat(joined)).slice(8));
    this.waiting.delete(key);
  }
}

const mtu = fc.oneof(fc.integer({ min: 68, max: 200 }), fc.integer({ min: 68, max: 9000 }));
const length = fc.oneof(
  { weight: 10, arbitrary: fc.integer({ min: 0, max: 3000 }) },
  { weight: 3, arbitrary: fc.integer({ min: 0, max: 20_000 }) },
  { weight: 1, arbitrary: fc.integer({ min: 65_000, max: 65_507 }) },
);
const streams = fc.array(fc.record({ mtu, length, id: fc.nat(0xffff) }), { minLength: 1, maxLength: 4 });
/** Nothing is lost to a limit. */
const ROOM = { options: { udpReceiveBytes: 1 << 22, reassemblyBytes: 16 << 20 } };

// R791.5, R815.1
property.prop([streams, fc.integer(), fc.integer({ min: 0, max: 100 })])(
  'fragments of interleaved datagrams, in any order, some twice, make exactly these datagrams',
  (list, seed, twicePercent) => {
    const bench = listening(ROOM);
    const prng = new Prng(seed);
    const ids = new Map(list.map((one) => [one.id, one]));
    const frames = [...ids.values()].flatMap((one) =>
      cutTo(udpFrame({ id: one.id }, payloadOf(one.length, one.id)), one.mtu),
    );
    const twice = frames.filter((frame) => prng.below(100) < twicePercent && (rd16(frame, 6) & 0x3fff) !== 0);
    const all = shuffled([...frames, ...twice], prng);
    const model = new Model();
    for (const frame of all) model.arrive(frame);
    expect(bench.throw(all)).toEqual([]);
    expect(same(bench.heard, model.whole)).toBe(true);
    expect(bench.heard.length).toBeGreaterThanOrEqual(ids.size);
    // Second copies that came after the first were whole begin datagrams that never end.
    expect(Object.keys(bench.stack.stats.drops()).filter((name) => name !== 'IP_FRAGMENT_DUPLICATE')).toEqual(
      [],
    );
    bench.clock.advanceMs(30_000);
    bench.throw([]);
    expect(bench.pool.inUse).toBe(0);
  },
);

// R791.4
property.prop([length, mtu, fc.integer()])(
  'what one stack cuts another puts together: fragment and reassemble is the identity',
  (size, linkMtu, seed) => {
    const [from, to] = [stackWith({ mtu: linkMtu, seed }), listening({ ...ROOM, address: '10.0.0.1/24' })];
    const payload = payloadOf(size, seed);
    from.stack.udpSocket({}).sendTo(payload, 0, size, '10.0.0.1', 7);
    while (from.stack.pump());
    const frames = from.link.take();
    expect(Math.max(...frames.map((frame) => frame.length))).toBeLessThanOrEqual(linkMtu);
    expect(frames.length > 1).toBe(size + 28 > linkMtu);
    to.throw(shuffled(frames, new Prng(seed)));
    expect(same(to.heard, [payload])).toBe(true);
    expect(to.stack.stats.drops()).toEqual({});
    expect([from.pool.inUse, to.pool.inUse]).toEqual([0, 0]);
  },
);

// R791.7
property.prop([
  fc.array(fc.integer({ min: 1, max: 60 }), { maxLength: 12 }),
  fc.integer({ min: 9, max: 600 }),
  fc.integer(),
])('fragments may have any lengths, not only those that an MTU gives', (steps, size, seed) => {
  const bench = listening();
  const places: number[] = [];
  for (const step of steps) places.push((places.at(-1) ?? 0) + 8 * step);
  const frame = udpFrame({ id: 1 }, payloadOf(size, seed));
  const inside = places.filter((place) => place < size + 8);
  bench.throw(shuffled(cutAt(frame, inside), new Prng(seed)));
  expect(same(bench.heard, [payloadOf(size, seed)])).toBe(true);
  expect(bench.pool.inUse).toBe(0);
});

// Bad inputs. What each row demands of all: no exception, at most one answer a frame, all memory back when time is up,
// the next good datagram served.

/** Throws frames, some datagram's good fragments among them, and checks the demands. Answers what was heard besides. */
function survives(frames: readonly Uint8Array[], config: BenchOptions = {}): Listening {
  const bench = listening({ ...config, options: { ...config.options, icmpErrorsBurst: 1000 } });
  const good = cutTo(udpFrame({ id: 0xbeef, src: '10.0.0.77' }, payloadOf(400, 1)), 200);
  const drops = (): number => Object.values(bench.stack.stats.drops()).reduce((sum, n) => sum + n, 0);
  const answers = bench.throw([...frames.slice(0, 3), good[0], ...frames.slice(3), ...good.slice(1)]);
  expect(answers.length).toBeLessThanOrEqual(frames.length);
  expect(bench.heard.filter((data) => Buffer.compare(data, payloadOf(400, 1)) === 0)).toHaveLength(1);
  bench.clock.advanceMs(30_000);
  expect(bench.throw([]).length).toBeLessThanOrEqual(frames.length);
  expect(bench.pool.inUse).toBe(0);
  const before = drops();
  expect(bench.throw([icmpFrame({ src: '10.0.0.78' }, octets(8))])).toHaveLength(1);
  expect(drops()).toBe(before);
  return bench;
}

const fragmentAt = (id: number, place: number, more: boolean, data: Uint8Array): Uint8Array => {
  const flags = (more ? 0x2000 : 0) | (place >> 3);
  const frame = udpFrame({ id }, data);
  // Raw octets: the UDP header of the frame is part of what is thrown.
  frame[6] = flags >> 8;
  frame[7] = flags & 255;
  setIpv4Checksum(frame, 0);
  return frame;
};
const place = (most: number): fc.Arbitrary<number> => fc.nat(most >> 3).map((n) => n * 8);

property.prop([fc.array(fc.tuple(place(4000), fc.boolean(), fc.nat(1400)), { maxLength: 6 }), fc.nat(1400)])(
  '[hostile 1] ping of death: what ends beyond 65,535 ends its datagram, and its memory is free at once',
  (before, size) => {
    const bench = listening();
    bench.throw(before.map(([at, , n]) => fragmentAt(5, at, true, octets((n & ~7) + 8))));
    bench.throw([fragmentAt(5, 65_528, false, octets(size))]);
    expect(bench.pool.inUse).toBe(0);
    expect(bench.stack.stats.reason('IP_FRAGMENT_BEYOND')).toBeGreaterThanOrEqual(1);
    expect(bench.heard).toEqual([]);
    survives([fragmentAt(5, 65_528, false, octets(size)), fragmentAt(5, 65_520, true, octets(size & ~7))]);
  },
);

// R815.1
property.prop([fc.array(fc.tuple(place(64), fc.boolean(), fc.nat(40)), { minLength: 2, maxLength: 12 })])(
  '[hostile 2, 4] teardrop and nested overlaps: what is heard is what the fragments say, or nothing',
  (list) => {
    const frames = list.map(([at, more, n], i) => fragmentAt(6, at, more, payloadOf(more ? n & ~7 : n, i)));
    const bench = survives(frames);
    const others = bench.heard.filter((data) => Buffer.compare(data, payloadOf(400, 1)) !== 0);
    for (const data of others) {
      // Each octet of it came at its place in some fragment (the 8 of the UDP header aside).
      const known = data.every((octet, i) =>
        frames.some((frame) => frame[28 - 8 + 8 + i - (rd16(frame, 6) & 0x1fff) * 8] === octet),
      );
      expect(known).toBe(true);
    }
  },
);

property.prop([fc.integer(), fc.integer({ min: 10, max: 400 })])(
  '[hostile 3] FragmentSmack: memory stays under its cap however many fragments come, and the oldest go',
  (seed, count) => {
    const prng = new Prng(seed);
    const options = { reassemblyBytes: 24 * 1024, reassemblyDatagramsMax: 20 };
    const bench = listening({ options });
    let most = 0;
    for (let i = 0; i < count; i++) {
      const data = payloadOf(400 + prng.below(100) * 8, i);
      bench.throw([fragmentAt(prng.below(60), 8 * prng.below(8000), prng.chance(0.9), data)]);
      most = Math.max(most, bench.pool.inUse);
      if (i % 16 === 0) bench.clock.advanceMs(prng.below(2000));
    }
    // Each lies in a slot of 2048 octets.
    expect(most).toBeLessThanOrEqual((24 * 1024) / 2048);
    bench.clock.advanceMs(30_000);
    bench.throw([]);
    expect(bench.pool.inUse).toBe(0);
    // What went gave back what it held: there is room for good ones as before.
    for (let id = 0; id < 8; id++) bench.throw(cutTo(udpFrame({ id }, payloadOf(3000, id)), 600));
    expect(
      same(
        bench.heard.slice(-8),
        Array.from({ length: 8 }, (_, id) => payloadOf(3000, id)),
      ),
    ).toBe(true);
  },
);

// R1858.1, R3128.1
property.prop([fc.integer({ min: 0, max: 24 }), fc.boolean(), fc.nat(60)])(
  '[hostile 5] tiny fragments: nothing of TCP is taken that splits its header',
  (at, more, size) => {
    const frame = fragmentAt(7, at & ~7, more || at < 8, octets(size & ~7));
    frame[9] = 6;
    setIpv4Checksum(frame, 0);
    const bench = survives([frame]);
    const tiny = at < 8 ? (size & ~7) + 8 < 20 : (at & ~7) < 20;
    expect(bench.stack.stats.reason('IP_FRAGMENT_TINY')).toBe(tiny ? 1 : 0);
  },
);

// R791.4
property.prop([fc.nat(8000), fc.nat(1000)])(
  '[hostile 6, 7] lengths that are no multiple of eight with more to come, and fragments of nothing',
  (at, size) => {
    const ragged = size % 8 === 0 ? size + 1 : size;
    const bench = survives([fragmentAt(8, at * 8 > 60_000 ? 0 : at * 8, true, octets(ragged))]);
    expect(bench.stack.stats.reason('IP_FRAGMENT_RAGGED')).toBe(1);
    const empty = fragmentAt(8, at * 8, true, octets(0)).slice(0, 20);
    empty[3] = 20;
    setIpv4Checksum(empty, 0);
    expect(survives([empty]).stack.stats.reason('IP_FRAGMENT_EMPTY')).toBe(1);
  },
);

property.prop([fc.nat(255), fc.nat(0xffff), fc.nat(80)])(
  '[hostile 8] any version, header length, total length and size of packet, in a fragment and in none',
  (versionAndLength, total, size) => {
    for (const flags of [0, 0x20]) {
      const frame = udpFrame({ id: 3 }, octets(60));
      frame[0] = versionAndLength;
      frame[2] = total >> 8;
      frame[3] = total & 255;
      frame[6] = flags;
      if ((versionAndLength & 15) >= 5) setIpv4Checksum(frame, 0);
      survives([frame.slice(0, size)]);
    }
  },
);

property.prop([fc.uint8Array({ maxLength: 40 }), fc.nat(2), fc.boolean()])(
  '[hostile 9] any options, in a fragment and in none',
  (options, at, more) => {
    const frames = cutAt(udpFrame({ id: 4 }, payloadOf(64, 2)), [24, 48]);
    const [one] = cutAt(udpFrame({ id: 4, options: [...options] }, payloadOf(64, 2)), []);
    one[6] = more ? 0x20 : 0;
    one[7] = at * 3;
    setIpv4Checksum(one, 0);
    survives([one, ...frames]);
  },
);
