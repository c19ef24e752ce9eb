// The laws at the head of contract/link.ts, for any link: `linkSuite('veth', () => ...)`. A link for a real device runs it too.

import {
  CHECKSUM_PARTIAL,
  FEATURE_CHECKSUM,
  FULL,
  MEDIUM_ETHERNET,
  MEDIUM_IP,
  PACKET_LENT,
  PACKET_OWNED,
  TAKEN,
} from '@tunstack/stack/contract';
import * as wire from '@tunstack/stack/wire';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { Bench, type LinkUnderTest, octetsOf } from './link-bench.ts';

export type { LinkUnderTest } from './link-bench.ts';

/** Runs the suite. `setup` makes a fresh link for each test. */
export function linkSuite(name: string, setup: () => LinkUnderTest | Promise<LinkUnderTest>): void {
  describe(`link laws: ${name}`, () => {
    let bench: Bench;
    beforeEach(async () => {
      bench = new Bench(await setup());
    });
    afterEach(async () => {
      bench.link.close();
      await bench.under.dispose?.();
    });
    const fresh = (): Bench => bench;
    transmitLaws(fresh);
    receiveLaws(fresh);
    ownershipLaws(fresh);
    fullLaws(fresh);
    lifeLaws(fresh);
  });
}

function transmitLaws(fresh: () => Bench): void {
  test('what is transmitted comes out at the far end, octet by octet, in order', async () => {
    const bench = fresh();
    const { link, pool } = bench;
    const frames = [1, 2, 3].map((number) => bench.frame(number, 20 + number * 100));
    for (const frame of frames) expect(link.transmit(bench.owned(frame))).toBe(TAKEN);
    link.flush();
    expect(bench.sorted(await bench.received())).toEqual(bench.sorted(frames));
    expect(pool.inUse).toBe(0);
  });
}

function receiveLaws(fresh: () => Bench): void {
  test('what arrives is handed up by poll, octet by octet, in order, and nowhere else', async () => {
    const bench = fresh();
    const { pool, user } = bench;
    const frames = [1, 2, 3].map((number) => bench.frame(number));
    await bench.arrive(...frames);
    expect(user.frames).toEqual([]);
    expect(user.readies).toBeGreaterThan(0);
    expect(bench.sorted(user.take())).toEqual(bench.sorted(frames));
    expect(user.outside).toBe(0);
    expect(pool.inUse).toBe(0);
  });

  test('transmit and flush hand nothing up', async () => {
    const bench = fresh();
    const { link, user } = bench;
    await bench.arrive(bench.frame(1));
    link.transmit(bench.owned(bench.frame(2)));
    link.flush();
    expect([user.frames.length, user.outside]).toEqual([0, 0]);
    user.take();
    await bench.received();
  });

  test('poll keeps to its budget, answers how many, and says in backlog whether more is waiting', async () => {
    const bench = fresh();
    const { link, user } = bench;
    await bench.arrive(...[1, 2, 3, 4, 5].map((number) => bench.frame(number)));
    let seen = 0;
    for (let polls = 0; polls < 20 && seen < 5; polls++) {
      const count = user.poll(2);
      expect(count).toBeLessThanOrEqual(2);
      seen += count;
      expect(user.frames).toHaveLength(seen);
      if (seen < 5) expect(link.backlog).toBe(true);
    }
    expect(seen).toBe(5);
    expect([user.poll(2), link.backlog]).toEqual([0, false]);
  });

  test('what poll hands up is owned, or lent', async () => {
    const bench = fresh();
    const { user } = bench;
    await bench.arrive(bench.frame(1));
    user.take();
    expect([PACKET_OWNED, PACKET_LENT]).toContain(user.states[0]);
  });
}

function ownershipLaws(fresh: () => Bench): void {
  test('what is queued beyond a flush does not depend on the slab it was lent from', async () => {
    const bench = fresh();
    const { link, pool, slab } = bench;
    const frame = bench.frame(7, 100);
    slab.bytes.set(frame, 256);
    const packet = pool.lend(slab, 128, 256, frame.length, 1024);
    packet.network = packet.head + bench.lead;
    expect(link.transmit(packet)).toBe(TAKEN);
    link.flush();
    slab.bytes.fill(0xee);
    expect(pool.lent).toBe(0);
    expect(bench.sorted(await bench.received())).toEqual(bench.sorted([frame]));
  });

  test('a packet in pieces comes out whole, and needs its pieces no longer', async () => {
    const bench = fresh();
    const { link, pool, slab } = bench;
    const frame = bench.frame(9, 301);
    const packet = pool.allocate(64);
    if (packet === undefined) throw new Error('no slot');
    packet.bytes.set(frame.subarray(0, 40), packet.put(40));
    packet.network = packet.head + bench.lead;
    slab.bytes.set(frame.subarray(40, 141), 3);
    slab.bytes.set(frame.subarray(141), 600);
    packet.append(slab.id, 3, 101);
    packet.append(slab.id, 600, frame.length - 141);
    expect(link.transmit(packet)).toBe(TAKEN);
    link.flush();
    slab.bytes.fill(0xee);
    expect(bench.sorted(await bench.received())).toEqual(bench.sorted([frame]));
    expect(pool.inUse).toBe(0);
  });

  test('a partial checksum is passed on as a mark or completed, if the link promises it', async () => {
    const bench = fresh();
    const { link } = bench;
    const frame = bench.frame(5, 33);
    const { lead } = bench;
    const packet = bench.owned(frame);
    const { network } = packet;
    const [from, to] = [wire.ipv4Source(frame, lead), wire.ipv4Destination(frame, lead)];
    wire.wr16(packet.bytes, network + 26, wire.fold(wire.pseudoHeaderSum(from, to, 17, 41)));
    packet.transport = network + 20;
    packet.checksum = CHECKSUM_PARTIAL;
    packet.checksumStart = network + 20;
    packet.checksumAt = network + 26;
    // A link without the feature is never given one: the stack completes it first.
    if ((link.features & FEATURE_CHECKSUM) === 0) packet.completeChecksum();
    link.transmit(packet);
    link.flush();
    expect(bench.sorted(await bench.received())).toEqual(bench.sorted([frame]));
  });
}

function fullLaws(fresh: () => Bench): void {
  test('FULL is answered exactly when there was no room, and leaves the packet as it was', async () => {
    const bench = fresh();
    const { under, link } = bench;
    const sent: Uint8Array[] = [];
    const most = under.capacity ?? 100;
    for (let i = 0; i <= most * 2 + 10; i++) {
      const frame = bench.frame(i & 255);
      const packet = bench.owned(frame);
      const had = link.room;
      const answer = link.transmit(packet);
      expect(answer === FULL).toBe(had === 0);
      if (answer === FULL) {
        expect([packet.state, octetsOf(packet)]).toEqual([PACKET_OWNED, frame]);
        packet.release();
        break;
      }
      sent.push(frame);
    }
    if (under.capacity !== undefined) expect(sent.length).toBeGreaterThanOrEqual(under.capacity);
    link.flush();
    await bench.received();
  });

  test('when there was no room ready is called once there is, and then packets pass', async () => {
    const bench = fresh();
    const { under, link, pool, user } = bench;
    if (under.capacity === undefined) return;
    while (link.room > 0) link.transmit(bench.owned(bench.frame(1)));
    const packet = bench.owned(bench.frame(2));
    expect(link.transmit(packet)).toBe(FULL);
    user.readies = 0;
    link.flush();
    for (let i = 0; i < 50 && (link.room === 0 || user.readies === 0); i++) {
      await bench.received();
      if (under.loops === true) break;
    }
    // A link that loops is polled by the one who sends: it needs not be told.
    if (under.loops !== true) expect(user.readies).toBeGreaterThan(0);
    expect(link.room).toBeGreaterThan(0);
    expect(link.transmit(packet)).toBe(TAKEN);
    link.flush();
    expect((await bench.received()).length).toBeGreaterThan(0);
    expect(pool.inUse).toBe(0);
  });
}

function lifeLaws(fresh: () => Bench): void {
  test('a link is up, has a medium, an MTU of at least 68, and room', () => {
    const { link, under } = fresh();
    expect(link.medium).toBe(under.ethernet === true ? MEDIUM_ETHERNET : MEDIUM_IP);
    expect([link.up, link.mtu >= 68, link.room > 0, link.backlog]).toEqual([true, true, true, false]);
    expect(link.name).toMatch(/^\S{1,15}$/);
  });

  test('what passes is counted, packets and octets, each way', async () => {
    const bench = fresh();
    const { link, user } = bench;
    const frame = bench.frame(1, 50);
    link.transmit(bench.owned(frame));
    link.flush();
    await bench.received();
    const { txPackets, txBytes, txDropped } = link.counters;
    expect([txPackets, txBytes, txDropped]).toEqual([1, frame.length, 0]);
    const before = { ...link.counters };
    await bench.arrive(bench.frame(2, 60));
    user.take();
    const { rxPackets, rxBytes } = link.counters;
    expect([rxPackets - before.rxPackets, rxBytes - before.rxBytes]).toEqual([1, bench.frame(2, 60).length]);
  });

  test('a link that nobody stands on keeps no packet', async () => {
    const bench = fresh();
    const { link, pool } = bench;
    await bench.arrive(bench.frame(1));
    link.attach(undefined);
    link.poll(10);
    link.flush();
    expect(pool.inUse).toBe(0);
  });

  test('close gives back what is queued, is final, and may be said twice', async () => {
    const bench = fresh();
    const { link, pool, user } = bench;
    await bench.arrive(bench.frame(1));
    link.transmit(bench.owned(bench.frame(2)));
    link.close();
    link.close();
    expect(link.up).toBe(false);
    await bench.received();
    expect(link.poll(10)).toBe(0);
    link.flush();
    expect([user.frames, pool.inUse]).toEqual([[], 0]);
  });
}
