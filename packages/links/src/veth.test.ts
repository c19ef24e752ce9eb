// veth beyond the laws that all links share: MTU per end, carrier, marks, ownership, two stacks over it.

import { Stack } from '@tunstack/stack';
import { Prng } from '@tunstack/stack/base';
import {
  CHECKSUM_NONE,
  CHECKSUM_PARTIAL,
  CHECKSUM_VALID,
  FULL,
  GSO_TCPV4,
  GSO_UDP_L4,
  type LinkUser,
  MEDIUM_ETHERNET,
  PACKET_OWNED,
  type Packet,
  PacketPool,
  R,
  TAKEN,
} from '@tunstack/stack/contract';
import { beforeEach, expect, test } from 'vitest';
import { type VethEnd, type VethOptions, veth } from './veth.ts';

/** Keeps what it is handed. */
class Keeper implements LinkUser {
  readonly packets: Packet[] = [];
  readies = 0;
  changes = 0;
  receive(packet: Packet): void {
    this.packets.push(packet);
  }
  ready(): void {
    this.readies++;
  }
  arrived(): void {}
  readonly reasons: number[] = [];

  dropped(packet: Packet, reason: number): void {
    this.reasons.push(reason);
    packet.release();
  }

  changed(): void {
    this.changes++;
  }
}

let pool: PacketPool;
let a: VethEnd;
let b: VethEnd;
let left: Keeper;
let right: Keeper;

function make(options: VethOptions = {}): void {
  [a, b] = veth(options);
  [left, right] = [new Keeper(), new Keeper()];
  a.attach(left);
  b.attach(right);
}

function packet(length: number): Packet {
  const one = pool.allocate(length);
  if (one === undefined) throw new Error('no slot');
  one.put(length);
  return one;
}

beforeEach(() => {
  pool = new PacketPool();
  make();
});

test('each end has its own MTU: a longer packet is dropped where it arrives, and counted', () => {
  a.setMtu(9000);
  b.setMtu(1000);
  expect([a.mtu, b.mtu, left.changes, right.changes]).toEqual([9000, 1000, 1, 1]);
  expect([1000, 1001, 9000].map((length) => a.transmit(packet(length)))).toEqual([TAKEN, TAKEN, TAKEN]);
  expect([a.counters.txPackets, a.counters.txDropped, b.counters.rxDropped]).toEqual([1, 2, 2]);
  expect(left.reasons).toEqual([R.LINK_TOO_LONG, R.LINK_TOO_LONG]);
  expect(b.transmit(packet(9000))).toBe(TAKEN);
  expect(b.counters.txPackets).toBe(1);
  expect(pool.inUse).toBe(2);
});

test('an Ethernet pair has room for a link header and a tag on top of the MTU', () => {
  make({ medium: MEDIUM_ETHERNET });
  for (const length of [1518, 1519]) a.transmit(packet(length));
  expect([a.counters.txPackets, a.counters.txDropped]).toEqual([1, 1]);
});

test('a super-packet passes whatever the MTU', () => {
  const big = packet(40_000);
  big.gsoType = GSO_TCPV4;
  big.gsoSize = 1448;
  a.transmit(big);
  expect(a.counters.txPackets).toBe(1);
});

test('the carrier is there when both ends are set up, and both stacks are told', () => {
  expect([a.up, b.up]).toEqual([true, true]);
  a.setUp(false);
  expect([a.up, b.up, left.changes, right.changes]).toEqual([false, false, 1, 1]);
  a.setUp(false);
  expect([left.changes, right.changes]).toEqual([1, 1]);
  b.transmit(packet(10));
  expect([b.counters.txDropped, right.reasons]).toEqual([1, [R.LINK_DOWN]]);
  a.setUp(true);
  expect([a.up, b.up]).toEqual([true, true]);
  expect(pool.inUse).toBe(0);
});

test('when one end is closed the other loses its carrier', () => {
  b.close();
  expect([a.up, b.up, left.changes]).toEqual([false, false, 1]);
  expect(a.transmit(packet(10))).toBe(TAKEN);
  expect([a.counters.txDropped, pool.inUse]).toEqual([1, 0]);
});

test('marks pass through: checksum, its places, GSO', () => {
  const one = packet(60);
  one.network = one.head;
  one.transport = one.head + 20;
  one.checksum = CHECKSUM_PARTIAL;
  one.checksumStart = one.head + 20;
  one.checksumAt = one.head + 26;
  one.gsoType = GSO_UDP_L4;
  one.gsoSize = 1200;
  a.transmit(one);
  b.poll(1);
  const [got] = right.packets;
  expect([got.checksum, got.checksumStart - got.head, got.checksumAt - got.head]).toEqual([
    CHECKSUM_PARTIAL,
    20,
    26,
  ]);
  expect([got.gsoType, got.gsoSize, got.transport - got.head]).toEqual([GSO_UDP_L4, 1200, 20]);
  for (const mark of [CHECKSUM_NONE, CHECKSUM_VALID]) {
    const other = packet(10);
    other.checksum = mark;
    a.transmit(other);
    b.poll(1);
    expect(right.packets.at(-1)?.checksum).toBe(mark);
  }
});

test('marks of a lent packet move with its octets', () => {
  const slab = pool.arenas.register(new Uint8Array(1024));
  slab.bytes.fill(7, 100, 160);
  const lent = pool.lend(slab, 0, 100, 60, 200);
  lent.transport = 120;
  lent.checksum = CHECKSUM_PARTIAL;
  lent.checksumStart = 120;
  lent.checksumAt = 126;
  a.transmit(lent);
  a.flush();
  slab.bytes.fill(0);
  b.poll(1);
  const [got] = right.packets;
  expect([got.state, got.checksumStart - got.head, got.checksumAt - got.head]).toEqual([
    PACKET_OWNED,
    20,
    26,
  ]);
  expect(got.bytes[got.head]).toBe(7);
  expect(pool.lent).toBe(0);
});

test('without a slot for a lent packet it is dropped, with the reason', () => {
  pool = new PacketPool({ smallBytes: 0, mediumBytes: 0, largeBytes: 0 });
  const slab = pool.arenas.register(new Uint8Array(1024));
  expect(a.transmit(pool.lend(slab, 0, 100, 60, 200))).toBe(TAKEN);
  expect([a.counters.txDropped, left.reasons, pool.inUse]).toEqual([1, [R.LINK_NO_BUFFER], 0]);
});

test('FULL when the far inbox is full, and ready once when it has been read', () => {
  make({ queuePackets: 2 });
  a.transmit(packet(1));
  a.transmit(packet(1));
  expect(a.room).toBe(0);
  const third = packet(1);
  expect(a.transmit(third)).toBe(FULL);
  expect(third.state).toBe(PACKET_OWNED);
  b.poll(1);
  b.poll(1);
  expect(left.readies).toBe(1);
  expect([a.room, a.transmit(third)]).toEqual([2, TAKEN]);
});

test('the far end is told of arrivals at flush, once a batch', () => {
  for (let i = 0; i < 5; i++) a.transmit(packet(1));
  expect(right.readies).toBe(0);
  a.flush();
  a.flush();
  expect(right.readies).toBe(1);
});

test('what arrives during a poll waits for the next', () => {
  a.transmit(packet(1));
  const keep = right.receive.bind(right);
  right.receive = (one) => {
    keep(one);
    if (right.packets.length < 5) a.transmit(packet(1));
  };
  expect([b.poll(10), b.backlog]).toEqual([1, false]);
  expect(b.poll(10)).toBe(1);
});

/** Two stacks on a pair, pumped in turn until neither has anything to do. */
function twoStacks(options: VethOptions): { one: Stack; two: Stack; run: (most: number) => number } {
  const clock = { nowMs: () => 5, nowUs: () => 5 };
  const prng = new Prng(1);
  const entropy = { int32: () => prng.int32() };
  make(options);
  const runnable = new Set<Stack>();
  const [one, two] = [a, b].map((end, i) => {
    const stack = new Stack({ clock, entropy, pool });
    const wake = (): void => void runnable.add(stack);
    stack.attachHost({ wake, wakeNow: wake });
    stack.addLink(end, `10.0.0.${i + 1}/24`);
    return stack;
  });
  return {
    one,
    two,
    run(most) {
      let pumps = 0;
      for (; runnable.size > 0 && pumps < most; pumps++) {
        const [next] = runnable;
        runnable.delete(next);
        if (next.pump()) runnable.add(next);
      }
      return pumps;
    },
  };
}

test('a sender that fills the pair goes on as soon as the other end has read, and all arrives', () => {
  const { one, two, run } = twoStacks({ queuePackets: 16 });
  let got = 0;
  two
    .udpSocket({
      readable(s) {
        while (s.receive() !== undefined) got++;
      },
    })
    .bind('0.0.0.0', 7);
  const socket = one.udpSocket({});
  for (let i = 0; i < 500; i++) expect(socket.sendTo(new Uint8Array(10), 0, 10, '10.0.0.2', 7)).toBe(true);
  expect(run(10_000)).toBeLessThan(1000);
  expect([got, pool.inUse]).toEqual([500, 0]);
});

test('an end is full when so many octets wait, however few packets they are, and has room again once they are read', () => {
  make({ queueBytes: 3000 });
  expect([1500, 1499].map((length) => a.transmit(packet(length)))).toEqual([TAKEN, TAKEN]);
  expect(a.room).toBeGreaterThan(0);
  expect(a.transmit(packet(1500))).toBe(TAKEN);
  const refused = packet(1);
  expect([a.room, a.transmit(refused)]).toEqual([0, FULL]);
  b.poll(1);
  expect([a.room > 0, left.readies]).toEqual([true, 1]);
  b.poll(10);
  expect([right.packets.length, left.readies]).toEqual([3, 1]);
  for (const one of [refused, ...right.packets]) one.release();
  expect(pool.inUse).toBe(0);
});

test('two stacks that flood each other both get through', () => {
  const { one, two, run } = twoStacks({ queuePackets: 16 });
  const got = [0, 0];
  for (const [i, stack] of [one, two].entries()) {
    const socket = stack.udpSocket({
      readable(s) {
        while (s.receive() !== undefined) got[i]++;
      },
    });
    socket.bind('0.0.0.0', 7);
    for (let n = 0; n < 400; n++) socket.sendTo(new Uint8Array(10), 0, 10, `10.0.0.${2 - i}`, 7);
  }
  run(10_000);
  expect([got, pool.inUse]).toEqual([[400, 400], 0]);
});

test('stacks that leave a pair leave no packet in it', () => {
  const { one, two } = twoStacks({});
  const socket = one.udpSocket({});
  for (let n = 0; n < 40; n++) socket.sendTo(new Uint8Array(10), 0, 10, '10.0.0.2', 7);
  one.pump();
  expect(pool.inUse).toBe(40);
  two.close();
  one.close();
  expect(pool.inUse).toBe(0);
});
