// A packet against the plainest model there is: a list of octets. And the pool's books.

import { fc, test as property } from '@fast-check/vitest';
import { describe, expect, test } from 'vitest';
import { POISON } from '../base/assert.ts';
import { complement, fold, sumBytes } from '../wire/checksum.ts';
import type { Arena } from './arena.ts';
import {
  CHECKSUM_NONE,
  CHECKSUM_PARTIAL,
  CHECKSUM_VALID,
  copyOctets,
  GSO_UDP_L4,
  MAX_PIECES,
  PACKET_LENT,
  PACKET_OWNED,
  type Packet,
} from './packet.ts';
import { PacketPool, POOL_HEADROOM } from './packet-pool.ts';

/** Octets in front of a lent packet, and behind it. */
const ROOM = 100;

/** The octets of a packet, flat. */
function flat(packet: Packet): number[] {
  const into = new Uint8Array(packet.length + 2).fill(0xee);
  packet.copyTo(into, 1);
  expect([into[0], into[packet.length + 1]]).toEqual([0xee, 0xee]);
  return [...into.subarray(1, packet.length + 1)];
}

/** A packet in a receive slab, at any alignment. */
function lent(pool: PacketPool, octets: Uint8Array, shift: number): Packet {
  const room = 2 * ROOM + octets.length + 4;
  const slab = pool.arenas.register(new Uint8Array((room + 3) & ~3).fill(0xa5));
  slab.bytes.set(octets, ROOM + shift);
  return pool.lend(slab, shift, ROOM + shift, octets.length, ROOM + shift + octets.length + ROOM);
}

function owned(pool: PacketPool, octets: Uint8Array, headroom: number): Packet {
  const packet = pool.allocate(octets.length + ROOM, headroom)!;
  packet.bytes.set(octets, packet.put(octets.length));
  return packet;
}

type Step =
  | { readonly verb: 'push' | 'put'; readonly octets: Uint8Array }
  | { readonly verb: 'pull' | 'trim'; readonly share: number }
  | { readonly verb: 'append'; readonly octets: Uint8Array; readonly offset: number }
  | { readonly verb: 'own' | 'linearize' | 'clone' };

const octets = (maxLength: number) => fc.uint8Array({ minLength: 1, maxLength });
const share = fc.double({ min: 0, max: 1, noNaN: true });
const step: fc.Arbitrary<Step> = fc.oneof(
  fc.record({ verb: fc.constantFrom('push' as const, 'put' as const), octets: octets(40) }),
  fc.record({ verb: fc.constantFrom('pull' as const, 'trim' as const), share }),
  fc.record({ verb: fc.constant('append' as const), octets: octets(90), offset: fc.nat({ max: 5 }) }),
  fc.record({ verb: fc.constantFrom('own' as const, 'linearize' as const, 'clone' as const) }),
);

/** Does one step to the packet and answers what the model becomes; the packet may be another one afterwards. */
function take(pool: PacketPool, packet: Packet, model: number[], step: Step): [Packet, number[]] {
  switch (step.verb) {
    case 'push': {
      if (step.octets.length > packet.headroom) return [packet, model];
      const at = packet.push(step.octets.length);
      expect(at).toBe(packet.head);
      packet.bytes.set(step.octets, at);
      return [packet, [...step.octets, ...model]];
    }
    case 'put': {
      if (packet.pieces > 0 || step.octets.length > packet.tailroom) return [packet, model];
      packet.bytes.set(step.octets, packet.put(step.octets.length));
      return [packet, [...model, ...step.octets]];
    }
    case 'pull': {
      const n = Math.floor(packet.linear * step.share);
      expect(packet.pull(n)).toBe(packet.head);
      return [packet, model.slice(n)];
    }
    case 'trim': {
      const length = Math.floor(packet.length * step.share);
      packet.trim(length);
      return [packet, model.slice(0, length)];
    }
    case 'append': {
      if (packet.pieces === MAX_PIECES) return [packet, model];
      const arena = chunk(pool, step.octets, step.offset);
      packet.append(arena.id, step.offset, step.octets.length);
      return [packet, [...model, ...step.octets]];
    }
    case 'own':
      expect(packet.own()).toBe(true);
      expect([packet.state, packet.pieces]).toEqual([PACKET_OWNED, 0]);
      return [packet, model];
    case 'linearize':
      expect(packet.linearize()).toBe(true);
      expect(packet.pieces).toBe(0);
      return [packet, model];
    case 'clone': {
      const copy = pool.clone(packet)!;
      expect([copy.state, copy.pieces]).toEqual([PACKET_OWNED, 0]);
      packet.release();
      return [copy, model];
    }
  }
}

/** A send buffer that holds `octets` at `offset`. */
function chunk(pool: PacketPool, octets: Uint8Array, offset: number): Arena {
  const arena = pool.arenas.register(new Uint8Array((offset + octets.length + 7) & ~3).fill(0x5a));
  arena.bytes.set(octets, offset);
  return arena;
}

const start = fc.record({
  octets: fc.uint8Array({ maxLength: 120 }),
  lent: fc.boolean(),
  shift: fc.nat({ max: 3 }),
});

property.prop([start, fc.array(step, { maxLength: 20 })])('a packet is a list of octets', (first, steps) => {
  const pool = new PacketPool();
  const { octets, shift } = first;
  let packet = first.lent ? lent(pool, octets, shift) : owned(pool, octets, POOL_HEADROOM + shift);
  let model = [...octets];
  for (const step of steps) {
    [packet, model] = take(pool, packet, model, step);
    expect(flat(packet)).toEqual(model);
    expect([packet.length, packet.linear + packet.piecesLength]).toEqual([model.length, model.length]);
    expect(packet.base <= packet.head && packet.head <= packet.tail && packet.tail <= packet.limit).toBe(
      true,
    );
    expect([packet.headroom, packet.tailroom]).toEqual([
      packet.head - packet.base,
      packet.limit - packet.tail,
    ]);
    expect(fold(packet.sumFrom(packet.head))).toBe(fold(sumBytes(Uint8Array.from(model), 0, model.length)));
    expect([pool.inUse, pool.lent]).toEqual([1, packet.state === PACKET_LENT ? 1 : 0]);
  }
  packet.release();
  expect([pool.inUse, pool.owned, pool.lent]).toEqual([0, 0, 0]);
});

describe('checksums', () => {
  const piece = fc.record({ octets: octets(70), offset: fc.nat({ max: 5 }) });

  property.prop([
    octets(80),
    fc.array(piece, { maxLength: MAX_PIECES }),
    fc.nat({ max: 3 }),
    fc.nat({ max: 0xffff }),
  ])('a completed checksum is that of the flat octets, and never 0', (payload, pieces, shift, pseudo) => {
    const pool = new PacketPool();
    // [ 20 octets of another header | a UDP header, its checksum at 6 | payload | pieces ]
    const header = new Uint8Array(28);
    const packet = lent(pool, Uint8Array.of(...header, ...payload), shift);
    for (const { octets, offset } of pieces)
      packet.append(chunk(pool, octets, offset).id, offset, octets.length);
    packet.checksum = CHECKSUM_PARTIAL;
    packet.checksumStart = packet.head + 20;
    packet.checksumAt = packet.head + 26;
    packet.bytes[packet.checksumAt] = pseudo >> 8;
    packet.bytes[packet.checksumAt + 1] = pseudo;
    const before = Uint8Array.from(flat(packet).slice(20));
    const expected = complement(sumBytes(before, 0, before.length)) || 0xffff;
    packet.completeChecksum();
    const after = Uint8Array.from(flat(packet).slice(20));
    expect((after[6] << 8) | after[7]).toBe(expected);
    expect([...after.slice(0, 6), ...after.slice(8)]).toEqual([...before.slice(0, 6), ...before.slice(8)]);
    expect(packet.checksum).toBe(CHECKSUM_NONE);
    packet.release();
  });

  test('a checksum that completes to 0 is written as all ones (RFC 768)', () => {
    const pool = new PacketPool();
    const packet = owned(pool, Uint8Array.of(0x12, 0x34, 0, 0, 0xed, 0xcb), 0);
    packet.checksum = CHECKSUM_PARTIAL;
    packet.checksumStart = packet.head;
    packet.checksumAt = packet.head + 2;
    packet.completeChecksum();
    expect(flat(packet)).toEqual([0x12, 0x34, 0xff, 0xff, 0xed, 0xcb]);
    packet.release();
  });

  test('a checksum that is not partial is left alone', () => {
    const pool = new PacketPool();
    const packet = owned(pool, new Uint8Array(30), 0);
    packet.checksum = CHECKSUM_VALID;
    packet.completeChecksum();
    expect(packet.checksum).toBe(CHECKSUM_VALID);
    expect(flat(packet)).toEqual([...new Uint8Array(30)]);
    packet.release();
  });
});

describe('copies', () => {
  test.each(['own', 'clone', 'linearize'] as const)(
    '%s keeps the marks, and headers that were pulled',
    (verb) => {
      const pool = new PacketPool();
      const octets = Uint8Array.from({ length: 90 }, (_, i) => i);
      const packet = lent(pool, octets, 1);
      packet.link = packet.head;
      packet.network = packet.pull(14);
      packet.transport = packet.pull(20);
      packet.checksum = CHECKSUM_PARTIAL;
      packet.checksumStart = packet.transport;
      packet.checksumAt = packet.transport + 6;
      packet.gsoType = GSO_UDP_L4;
      packet.gsoSize = 30;
      packet.ingress = 3;
      packet.path = 5;
      packet.addressSum = 77;
      packet.pull(8);
      if (verb === 'linearize') packet.append(chunk(pool, Uint8Array.of(1), 0).id, 0, 1);
      const copy = verb === 'clone' ? pool.clone(packet)! : packet;
      if (verb !== 'clone') expect(packet[verb]()).toBe(true);
      expect(copy.state).toBe(PACKET_OWNED);
      const { bytes, head, link, network, transport, checksumStart, checksumAt } = copy;
      expect([link, network, transport].map((o) => bytes[o])).toEqual([0, 14, 34]);
      expect([...bytes.subarray(link, head)]).toEqual([...octets.subarray(0, 42)]);
      expect([bytes[checksumStart], bytes[checksumAt]]).toEqual([34, 40]);
      expect(copy).toMatchObject({ checksum: CHECKSUM_PARTIAL, gsoType: GSO_UDP_L4, gsoSize: 30 });
      expect(copy).toMatchObject({ ingress: 3, path: 5, addressSum: 77 });
      expect(copy.headroom).toBeGreaterThanOrEqual(POOL_HEADROOM);
      if (copy !== packet) packet.release();
      copy.release();
      expect(pool.inUse).toBe(0);
    },
  );

  test.each(['link', 'network', 'transport'] as const)('the octets from %s on travel along', (offset) => {
    const pool = new PacketPool();
    const packet = lent(
      pool,
      Uint8Array.from({ length: 80 }, (_, i) => i),
      3,
    );
    packet[offset] = packet.head;
    packet.pull(60);
    const copy = pool.clone(packet)!;
    expect(packet.own()).toBe(true);
    for (const { bytes, [offset]: at, tail } of [packet, copy]) {
      expect([...bytes.subarray(at, tail)]).toEqual(Array.from({ length: 80 }, (_, i) => i));
    }
    packet.release();
    copy.release();
  });

  test('a copy stands on its own', () => {
    const pool = new PacketPool();
    const packet = lent(pool, new Uint8Array(30), 0);
    const slab = packet.bytes;
    const copy = pool.clone(packet)!;
    expect(packet.own()).toBe(true);
    slab.fill(0xff);
    expect([flat(packet), flat(copy)]).toEqual([[...new Uint8Array(30)], [...new Uint8Array(30)]]);
    packet.release();
    copy.release();
  });

  property.prop([octets(300), fc.nat({ max: 5 }), fc.nat({ max: 7 })])(
    'copyOctets copies',
    (from, at, offset) => {
      const length = Math.max(0, from.length - at);
      const to = new Uint8Array(320);
      copyOctets(from, at, to, offset, length);
      const expected = new Uint8Array(320);
      expected.set(from.subarray(at, at + length), offset);
      expect(to).toEqual(expected);
    },
  );

  property.prop([octets(300), fc.nat({ max: 5 }), fc.nat({ max: 7 })])(
    'copyOctets copies within one memory',
    (from, at, offset) => {
      const length = Math.max(0, from.length - at);
      const memory = new Uint8Array(700);
      memory.set(from);
      const expected = memory.slice();
      expected.set(from.subarray(at, at + length), 320 + offset);
      copyOctets(memory, at, memory, 320 + offset, length);
      expect(memory).toEqual(expected);
    },
  );
});

describe('reserve', () => {
  test('makes headroom in an empty packet only', () => {
    const pool = new PacketPool();
    const packet = pool.allocate(50, 10)!;
    packet.reserve(20);
    expect([packet.headroom, packet.length]).toEqual([30, 0]);
    packet.put(1);
    expect(() => packet.reserve(1)).toThrow('it must hold that headroom is reserved in an empty packet');
    packet.release();
  });
});

describe('laws that only a bug of ours breaks', () => {
  const pool = new PacketPool();
  const make = () => owned(pool, new Uint8Array(10), 16);

  test.each<[string, (packet: Packet) => unknown]>([
    ['pushing more than the headroom', (p) => p.push(17)],
    ['pushing less than nothing', (p) => p.push(-1)],
    ['pulling more than is linear', (p) => p.pull(11)],
    ['pulling less than nothing', (p) => p.pull(-1)],
    ['putting more than the tailroom', (p) => p.put(p.tailroom + 1)],
    ['stretching by trim', (p) => p.trim(11)],
    ['trimming to less than nothing', (p) => p.trim(-1)],
    ['an empty piece', (p) => p.append(0, 0, 0)],
  ])('%s', (_name, act) => {
    const packet = make();
    expect(() => act(packet)).toThrow('tunstack bug: it must hold that');
    expect(flat(packet)).toEqual([...new Uint8Array(10)]);
    packet.release();
  });

  test('a fourth piece, and putting behind pieces', () => {
    const packet = make();
    for (let i = 0; i < MAX_PIECES; i++) packet.append(0, 0, 1);
    expect(() => packet.append(0, 0, 1)).toThrow('up to three pieces');
    expect(() => packet.put(1)).toThrow('tunstack bug');
    packet.release();
  });

  test('releasing twice', () => {
    const packet = make();
    packet.release();
    expect(() => packet.release()).toThrow('it must hold that a packet goes back to its pool once');
    expect(pool.inUse).toBe(0);
  });

  test('an arena that does not start at its buffer, or is not made of words', () => {
    expect(() => pool.arenas.register(new Uint8Array(8).subarray(4))).toThrow('tunstack bug');
    expect(() => pool.arenas.register(new Uint8Array(7))).toThrow('tunstack bug');
  });
});

describe('the pool', () => {
  const small = { smallBytes: 256 * 3, mediumBytes: 2048 * 2, largeBytes: 66_048 };

  test('freed memory is poisoned where checks are on', () => {
    const pool = new PacketPool();
    const packet = owned(pool, new Uint8Array(10), 4);
    const { bytes, base, limit } = packet;
    packet.release();
    expect(bytes.subarray(base, limit).every((b) => b === POISON)).toBe(true);
    expect(packet.length).toBe(0);
  });

  test('an owned packet that moves leaves poison behind', () => {
    const pool = new PacketPool();
    const packet = owned(pool, new Uint8Array(10), 4);
    const { bytes, head } = packet;
    packet.append(chunk(pool, Uint8Array.of(9), 0).id, 0, 1);
    expect(packet.linearize()).toBe(true);
    expect(bytes[head]).toBe(POISON);
    packet.release();
  });

  test('slots run out at the limit, are counted, and come back', () => {
    const pool = new PacketPool(small);
    const all = [0, 0, 0, 0, 0, 0].map(() => pool.allocate(10)!);
    expect(all.map((p) => p.limit - p.base)).toEqual([256, 256, 256, 2048, 2048, 66_048]);
    expect([pool.allocate(10), pool.exhausted, pool.owned]).toEqual([undefined, 1, 6]);
    all[0].release();
    const again = pool.allocate(10)!;
    expect(again.length).toBe(0);
    for (const packet of [again, ...all.slice(1)]) packet.release();
    expect(pool.inUse).toBe(0);
  });

  test('a packet lies in the smallest slot that holds it: frames of 9000 octets and datagrams of 8 KiB in none for 64', () => {
    const pool = new PacketPool();
    const sizes = [192, 193, 1984, 1985, 8192 + 28, 9014, 9152, 9153].map((length) => {
      const packet = pool.allocate(length)!;
      const size = packet.limit - packet.base;
      packet.release();
      return size;
    });
    expect(sizes).toEqual([256, 2048, 2048, 9216, 9216, 9216, 9216, 66_048]);
  });

  test('without a slot nothing changes', () => {
    const pool = new PacketPool({ smallBytes: 0, mediumBytes: 0, largeBytes: 0 });
    const packet = lent(pool, Uint8Array.of(1, 2, 3), 0);
    packet.append(chunk(pool, Uint8Array.of(4), 0).id, 0, 1);
    expect([packet.own(), packet.linearize(), pool.clone(packet)]).toEqual([false, false, undefined]);
    expect(flat(packet)).toEqual([1, 2, 3, 4]);
    expect([packet.state, pool.lent, pool.owned]).toEqual([PACKET_LENT, 1, 0]);
    packet.release();
    expect(pool.inUse).toBe(0);
  });

  test('more than the largest slot is nobody’s', () => {
    expect(new PacketPool().allocate(66_048, 1)).toBeUndefined();
    expect(new PacketPool().allocate(66_047, 1)).toBeDefined();
  });

  test('a reused packet remembers nothing', () => {
    const pool = new PacketPool();
    const first = owned(pool, new Uint8Array(10), 4);
    first.network = first.head;
    first.ingress = 2;
    first.path = 9;
    first.checksum = CHECKSUM_PARTIAL;
    first.append(0, 0, 1);
    first.release();
    const second = pool.allocate(10)!;
    expect(second).toBe(first);
    expect(second).toMatchObject({
      network: -1,
      ingress: -1,
      path: -1,
      checksum: CHECKSUM_NONE,
      pieces: 0,
      length: 0,
    });
    second.release();
  });

  property.prop([fc.array(fc.tuple(fc.nat({ max: 3000 }), fc.nat()), { maxLength: 60 })])(
    'slots in use never overlap',
    (requests) => {
      const pool = new PacketPool(small);
      const held: Packet[] = [];
      for (const [length, pick] of requests) {
        if (length % 3 === 0 && held.length > 0) held.splice(pick % held.length, 1)[0].release();
        const packet = pool.allocate(length);
        if (packet !== undefined) held.push(packet);
        const rooms = held.map((p) => [p.arena, p.base, p.limit]).sort((a, b) => a[0] - b[0] || a[1] - b[1]);
        for (let i = 1; i < rooms.length; i++) {
          if (rooms[i][0] === rooms[i - 1][0]) expect(rooms[i][1]).toBeGreaterThanOrEqual(rooms[i - 1][2]);
        }
        expect(pool.owned).toBe(held.length);
      }
      for (const packet of held) packet.release();
      expect(pool.inUse).toBe(0);
    },
  );
});
