// The laws at the head of contract/link.ts, for any link: `linkSuite('veth', () => ...)`. A link for a real device runs it too.

import {
  type Arena,
  CHECKSUM_PARTIAL,
  FEATURE_CHECKSUM,
  FULL,
  type Link,
  type LinkUser,
  PACKET_LENT,
  PACKET_OWNED,
  type Packet,
  type PacketPool,
  TAKEN,
} from '@tunstack/stack/contract';
import { craftUdp } from '@tunstack/stack/craft';
import * as wire from '@tunstack/stack/wire';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';

/** A link with something at its far end. */
export interface LinkUnderTest {
  /** Not attached yet. */
  readonly link: Link;
  readonly pool: PacketPool;
  /** Packets that `transmit` takes at least, without anybody reading at the far end; undefined: it is never FULL. */
  readonly capacity?: number;
  /** What is transmitted comes back to `poll` of this link: `far` is not called. */
  readonly loops?: boolean;
  /** The order of packets is not kept. */
  readonly reorders?: boolean;
  /** The far end sends these octets; when it is done, `poll` has them (or `link.backlog` says there is more). */
  arrive(frame: Uint8Array): void | Promise<void>;
  /** After one or more `arrive`: lets the event loop tell the link. */
  settle?(): Promise<void>;
  /** Lets what was transmitted and flushed reach the far end, and answers it as octets with complete checksums. */
  far(): Uint8Array[] | Promise<Uint8Array[]>;
  /** Cleans up beyond `link.close`. */
  dispose?(): void | Promise<void>;
}

/** Stands on the link: keeps octets, gives packets back, and watches the law of one way in. */
class Recorder implements LinkUser {
  readonly frames: Uint8Array[] = [];
  readonly states: number[] = [];
  readies = 0;
  changes = 0;
  drops = 0;
  inPoll = false;
  outside = 0;
  private readonly link: Link;

  constructor(link: Link) {
    this.link = link;
  }

  receive(packet: Packet): void {
    if (!this.inPoll) this.outside++;
    this.states.push(packet.state);
    packet.completeChecksum();
    this.frames.push(octetsOf(packet));
    packet.release();
  }

  ready(): void {
    this.readies++;
  }

  arrived(): void {
    this.readies++;
  }

  changed(): void {
    this.changes++;
  }

  dropped(packet: Packet): void {
    this.drops++;
    packet.release();
  }

  poll(budget: number): number {
    this.inPoll = true;
    const count = this.link.poll(budget);
    this.inPoll = false;
    this.link.flush();
    return count;
  }

  /** Polls until nothing is left; answers what came. */
  take(): Uint8Array[] {
    do this.poll(256);
    while (this.link.backlog);
    return this.frames.splice(0);
  }
}

function octetsOf(packet: Packet): Uint8Array {
  const octets = new Uint8Array(packet.length);
  packet.copyTo(octets, 0);
  return octets;
}

/** A UDP datagram with this number in it. */
function datagram(number: number, length = 20): Uint8Array {
  const payload = new Uint8Array(length).fill(number);
  return craftUdp({
    source: '10.0.0.1',
    destination: '10.0.0.2',
    sourcePort: 5,
    destinationPort: 6,
    payload,
  });
}

/** One link with a recorder on it. */
class Bench {
  readonly under: LinkUnderTest;
  readonly link: Link;
  readonly pool: PacketPool;
  readonly user: Recorder;
  /** Memory that packets are lent from. */
  readonly slab: Arena;

  constructor(under: LinkUnderTest) {
    this.under = under;
    this.link = under.link;
    this.pool = under.pool;
    this.user = new Recorder(under.link);
    this.link.attach(this.user);
    this.slab = under.pool.arenas.register(new Uint8Array(4096));
  }

  owned(frame: Uint8Array): Packet {
    const packet = this.pool.allocate(frame.length);
    if (packet === undefined) throw new Error('no slot');
    packet.bytes.set(frame, packet.put(frame.length));
    packet.network = packet.head;
    return packet;
  }

  /** What came out at the far end, wherever that is. */
  async received(): Promise<Uint8Array[]> {
    return this.under.loops === true ? this.user.take() : await this.under.far();
  }

  async arrive(...frames: readonly Uint8Array[]): Promise<void> {
    for (const frame of frames) {
      if (this.under.loops !== true) await this.under.arrive(frame);
      else {
        this.link.transmit(this.owned(frame));
        this.link.flush();
      }
    }
    await this.under.settle?.();
  }

  /** As text, in an order that does not matter where the link keeps none. */
  sorted(frames: readonly Uint8Array[]): string[] {
    const texts = frames.map((frame) => Buffer.from(frame).toString('hex'));
    return this.under.reorders === true ? texts.sort() : texts;
  }
}

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
    const frames = [1, 2, 3].map((number) => datagram(number, 20 + number * 100));
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
    const frames = [1, 2, 3].map((number) => datagram(number));
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
    await bench.arrive(datagram(1));
    link.transmit(bench.owned(datagram(2)));
    link.flush();
    expect([user.frames.length, user.outside]).toEqual([0, 0]);
    user.take();
    await bench.received();
  });

  test('poll keeps to its budget, answers how many, and says in backlog whether more is waiting', async () => {
    const bench = fresh();
    const { link, user } = bench;
    await bench.arrive(...[1, 2, 3, 4, 5].map((number) => datagram(number)));
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
    await bench.arrive(datagram(1));
    user.take();
    expect([PACKET_OWNED, PACKET_LENT]).toContain(user.states[0]);
  });
}

function ownershipLaws(fresh: () => Bench): void {
  test('what is queued beyond a flush does not depend on the slab it was lent from', async () => {
    const bench = fresh();
    const { link, pool, slab } = bench;
    const frame = datagram(7, 100);
    slab.bytes.set(frame, 256);
    const packet = pool.lend(slab, 128, 256, frame.length, 1024);
    packet.network = packet.head;
    expect(link.transmit(packet)).toBe(TAKEN);
    link.flush();
    slab.bytes.fill(0xee);
    expect(pool.lent).toBe(0);
    expect(bench.sorted(await bench.received())).toEqual(bench.sorted([frame]));
  });

  test('a packet in pieces comes out whole, and needs its pieces no longer', async () => {
    const bench = fresh();
    const { link, pool, slab } = bench;
    const frame = datagram(9, 301);
    const packet = pool.allocate(64);
    if (packet === undefined) throw new Error('no slot');
    packet.bytes.set(frame.subarray(0, 40), packet.put(40));
    packet.network = packet.head;
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
    const frame = datagram(5, 33);
    const packet = bench.owned(frame);
    const { head } = packet;
    const pseudo = wire.pseudoHeaderSum(wire.ipv4Source(frame, 0), wire.ipv4Destination(frame, 0), 17, 41);
    wire.wr16(packet.bytes, head + 26, wire.fold(pseudo));
    packet.transport = head + 20;
    packet.checksum = CHECKSUM_PARTIAL;
    packet.checksumStart = head + 20;
    packet.checksumAt = head + 26;
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
      const frame = datagram(i & 255);
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
    while (link.room > 0) link.transmit(bench.owned(datagram(1)));
    const packet = bench.owned(datagram(2));
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
  test('a link is up, has an MTU of at least 68, and room', () => {
    const { link } = fresh();
    expect([link.up, link.mtu >= 68, link.room > 0, link.backlog]).toEqual([true, true, true, false]);
    expect(link.name).toMatch(/^\S{1,15}$/);
  });

  test('what passes is counted, packets and octets, each way', async () => {
    const bench = fresh();
    const { link, user } = bench;
    const frame = datagram(1, 50);
    link.transmit(bench.owned(frame));
    link.flush();
    await bench.received();
    const { txPackets, txBytes, txDropped } = link.counters;
    expect([txPackets, txBytes, txDropped]).toEqual([1, frame.length, 0]);
    const before = { ...link.counters };
    await bench.arrive(datagram(2, 60));
    user.take();
    const { rxPackets, rxBytes } = link.counters;
    expect([rxPackets - before.rxPackets, rxBytes - before.rxBytes]).toEqual([1, datagram(2, 60).length]);
  });

  test('a link that nobody stands on keeps no packet', async () => {
    const bench = fresh();
    const { link, pool } = bench;
    await bench.arrive(datagram(1));
    link.attach(undefined);
    link.poll(10);
    link.flush();
    expect(pool.inUse).toBe(0);
  });

  test('close gives back what is queued, is final, and may be said twice', async () => {
    const bench = fresh();
    const { link, pool, user } = bench;
    await bench.arrive(datagram(1));
    link.transmit(bench.owned(datagram(2)));
    link.close();
    link.close();
    expect(link.up).toBe(false);
    await bench.received();
    expect(link.poll(10)).toBe(0);
    link.flush();
    expect([user.frames, pool.inUse]).toEqual([[], 0]);
  });
}
