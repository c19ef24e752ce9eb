// One direction of tun-wire: verdicts are sim's Fates, packets are conserved, the rate and its queue are bounds.

import { fc, test } from '@fast-check/vitest';
import { Fates, type Impairment } from '@tunstack/sim';
import { type Packet, PacketPool } from '@tunstack/stack/contract';
import { expect } from 'vitest';
import { Lane, type Verdict } from './wire-lane.ts';

/** A lane, its clock in steps, and what came out: [index, microsecond, octets]. */
function laneUnderTest(how: Impairment, seed: number, pool: PacketPool = new PacketPool()) {
  const out: { index: number; atUs: number; octets: Uint8Array }[] = [];
  const verdicts: Verdict[] = [];
  let nowUs = 0;
  const deliver = (packet: Packet): void => {
    const octets = packet.bytes.slice(packet.head, packet.tail);
    out.push({ index: octets[0] | (octets[1] << 8), atUs: nowUs, octets });
    packet.release();
  };
  const lane = new Lane(how, seed, deliver, (verdict) => verdicts.push(verdict));
  const advance = (us: number): void => {
    const end = nowUs + us;
    for (; lane.nextUs <= end; lane.run(nowUs)) nowUs = lane.nextUs;
    nowUs = end;
  };
  return {
    ...{ lane, out, verdicts, pool, advance },
    send: (index: number, length: number): void => {
      const packet = pool.allocate(length) as Packet;
      const at = packet.put(length);
      packet.bytes.fill(0, at, at + length);
      packet.bytes[at] = index;
      packet.bytes[at + 1] = index >> 8;
      lane.carry(packet, nowUs);
    },
  };
}

/** Even: of all doubles below 1 nearly all are next to 0. The edges, where nothing or all is befallen, often. */
const chance = fc.oneof(
  fc.constantFrom(0, 1),
  fc.nat(100).map((percent) => percent / 100),
);
const fates: fc.Arbitrary<Impairment> = fc.record({
  ...{ loss: chance, duplicate: chance, reorder: chance, corrupt: chance },
  ...{ delayUs: fc.nat(50_000), jitterUs: fc.nat(50_000), reorderUs: fc.integer({ min: 1, max: 100_000 }) },
});
const traffic = fc.array(fc.record({ length: fc.integer({ min: 64, max: 1500 }), gapUs: fc.nat(3000) }), {
  minLength: 1,
  maxLength: 60,
});

test.prop([fates, fc.integer(), traffic])(
  "the fate of packet i is that of sim's Fates with this seed, and the delay is told by it",
  (how, seed, packets) => {
    const { lane, send, advance, verdicts } = laneUnderTest(how, seed);
    const expected = new Fates(how, seed);
    const wrong: unknown[] = [];
    packets.forEach(({ length, gapUs }, i) => {
      send(i, length);
      advance(gapUs);
      const fate = expected.next(length);
      const { text, delayUs, index } = verdicts[i];
      const delayed = fate.delayUs <= 1 && how.delayUs === 0 ? 0 : fate.delayUs;
      const same =
        index === i &&
        (text === 'lost') === fate.lost &&
        (fate.lost || text.includes('duplicated') === fate.duplicated) &&
        (fate.lost || text.includes('reordered') === fate.reordered) &&
        (fate.lost ||
          /corrupted@(\d+)/.exec(text)?.[1] === (fate.corruptBit < 0 ? undefined : `${fate.corruptBit}`)) &&
        delayUs === (fate.lost ? -1 : delayed);
      if (!same) wrong.push({ i, fate: { ...fate }, verdict: verdicts[i] });
    });
    expect(wrong).toEqual([]);
    expect(lane.counters.packets).toBe(packets.length);
  },
);

test.prop([fates, fc.integer(), traffic, fc.option(fc.integer({ min: 10_000, max: 100_000_000 }))])(
  'each packet is carried, lost or overflowed; what is carried comes out once, or twice, and no slot is left behind',
  (how, seed, packets, rate) => {
    const impairment = rate === null ? how : { ...how, rateBps: rate, queueBytes: 8000 };
    const { lane, send, advance, out, pool } = laneUnderTest(impairment, seed);
    packets.forEach(({ length, gapUs }, i) => {
      send(i, length);
      advance(gapUs);
    });
    const { counters: c } = lane;
    expect(c.carried + c.lost + c.overflowed).toBe(packets.length);
    advance(1e9);
    expect(out.length).toBe(c.carried + c.duplicated);
    expect(pool.inUse).toBe(0);
    for (const [i, { length }] of packets.entries()) send(i, length);
    lane.clear();
    expect(pool.inUse).toBe(0);
  },
);

test.prop([traffic, fc.nat(20_000)])(
  'without jitter and reordering packets come out in order, unchanged, after the delay',
  (packets, delayUs) => {
    const { send, advance, out } = laneUnderTest({ delayUs }, 1);
    const sentUs: number[] = [];
    let nowUs = 0;
    packets.forEach(({ length, gapUs }, i) => {
      sentUs.push(nowUs);
      send(i, length);
      advance(gapUs);
      nowUs += gapUs;
    });
    advance(1e9);
    expect(out.map(({ index }) => index)).toEqual(packets.map((_, i) => i));
    expect(out.map(({ atUs }) => atUs)).toEqual(sentUs.map((at) => at + delayUs));
    expect(out.map(({ octets }) => octets.length)).toEqual(packets.map(({ length }) => length));
  },
);

test.prop([traffic, fc.integer({ min: 100_000, max: 50_000_000 }), fc.integer({ min: 1500, max: 20_000 })])(
  'no more leaves than the rate allows, nothing waits longer than the queue holds, and only a full queue drops',
  (packets, rateBps, queueBytes) => {
    const { lane, send, advance, out, verdicts } = laneUnderTest({ rateBps, queueBytes }, 1);
    let queued = 0;
    let wrong = 0;
    packets.forEach(({ length, gapUs }, i) => {
      send(i, length);
      const full = queued + length > queueBytes + 1e-6;
      if ((verdicts[i].text === 'overflowed') !== full) wrong++;
      if (!full) queued += length;
      if (verdicts[i].delayUs > (queueBytes * 8e6) / rateBps + 1) wrong++;
      advance(gapUs);
      queued = Math.max(0, queued - (gapUs * rateBps) / 8e6);
    });
    advance(1e9);
    out.forEach(({ atUs, octets }, i) => {
      const gap = i === 0 ? atUs : atUs - out[i - 1].atUs;
      if (gap < (octets.length * 8e6) / rateBps - 0.01) wrong++;
    });
    expect(wrong).toBe(0);
    expect(lane.counters.carried).toBe(out.length);
  },
);

test.prop([fc.integer()])('a corrupted packet differs in one bit, a double is its like', (seed) => {
  const { send, advance, out, verdicts } = laneUnderTest({ corrupt: 1, duplicate: 1 }, seed);
  send(0, 100);
  advance(1000);
  expect(out.length).toBe(2);
  expect(out[0].octets).toEqual(out[1].octets);
  const bit = Number(/corrupted@(\d+)/.exec(verdicts[0].text)?.[1]);
  const expected = new Uint8Array(100);
  expected[bit >> 3] = 1 << (bit & 7);
  expect(out[0].octets).toEqual(expected);
});

test.prop([fc.integer({ min: 1, max: 50 })])(
  'a wire that has no memory left for what is under way overflows, and is bounded so',
  (slots) => {
    const pool = new PacketPool({ smallBytes: 0, mediumBytes: slots * 2048, largeBytes: 0 });
    const { lane } = laneUnderTest({ delayUs: 1000 }, 1, pool);
    const slab = pool.arenas.register(new Uint8Array(1024));
    for (let i = 0; i < 60; i++) lane.carry(pool.lend(slab, 0, 64, 500, 1024), 0);
    expect(lane.counters.carried).toBe(slots);
    expect(lane.counters.overflowed).toBe(60 - slots);
    lane.clear();
    expect(pool.inUse).toBe(0);
  },
);
