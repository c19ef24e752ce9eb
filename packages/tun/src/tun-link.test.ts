// The laws of a link for TunLink: on a socketpair, where both ends are ours, and on real devices against the kernel.

import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, readSync, writeSync } from 'node:fs';
import { CHECKS, POISON } from '@tunstack/stack/base';
import {
  CHECKSUM_NONE,
  CHECKSUM_PARTIAL,
  CHECKSUM_VALID,
  FULL,
  GSO_NONE,
  GSO_TCPV4,
  GSO_UDP_L4,
  type LinkUser,
  type Packet,
  PacketPool,
  TAKEN,
} from '@tunstack/stack/contract';
import { afterEach, describe, expect, test } from 'vitest';
import { nsenterCommand } from './netns.ts';
import {
  adoptDevice,
  type OpenOptions,
  openDevice,
  socketPair,
  TUN_F_CSUM,
  TUN_F_TSO4,
  TUN_F_USO,
} from './open.ts';
import { runIn } from './testing/command.ts';
import { Journal } from './testing/deferred.ts';
import { requireTun } from './testing/require-tun.ts';
import { TunLink, type TunLinkEvent, type TunLinkOptions } from './tun-link.ts';

const cleanUp: (() => void)[] = [];

afterEach(() => {
  for (const undo of cleanUp.splice(0).reverse()) undo();
});

/** A user that does in `arrived` what a host does: poll, let `handle` work on each packet, flush. */
class User implements LinkUser {
  readonly log: Journal<string> = new Journal();
  readonly received: Packet[] = [];
  readonly link: TunLink;
  handle: (packet: Packet) => void = (packet) => packet.release();
  pumping = true;

  constructor(link: TunLink) {
    this.link = link;
    link.attach(this);
  }

  receive(packet: Packet): void {
    this.handle(packet);
  }

  arrived(): void {
    this.log.add('arrived');
    if (this.pumping) this.pump();
  }

  ready(): void {
    this.log.add('ready');
  }

  changed(): void {
    this.log.add('changed');
  }

  dropped(packet: Packet): void {
    packet.release();
  }

  pump(): void {
    do {
      this.link.poll(256);
      this.link.flush();
    } while (this.link.backlog);
  }
}

interface Wire {
  link: TunLink;
  user: User;
  pool: PacketPool;
  far: number;
  events: Journal<TunLinkEvent>;
}

/** A TunLink on one end of a socketpair; the other end is the descriptor `far`. */
function wire(options: Partial<TunLinkOptions> & { vnetHdr?: boolean; sndbuf?: number } = {}): Wire {
  const [near, far] = socketPair({ sequenced: true, ...(options.sndbuf ? { sndbuf: options.sndbuf } : {}) });
  const pool = options.pool ?? new PacketPool();
  const events = new Journal<TunLinkEvent>();
  const device = adoptDevice({ fd: near, mode: 'tun', vnetHdr: options.vnetHdr ?? false });
  const link = new TunLink({ device, onEvent: events.add, ...options, pool });
  const user = new User(link);
  user.pumping = false;
  let open = true;
  cleanUp.push(() => {
    link.close();
    if (open) closeSync(far);
    open = false;
  });
  return { link, user, pool, far, events };
}

function packetOf(pool: PacketPool, ...octets: number[]): Packet {
  const packet = pool.allocate(octets.length) as Packet;
  packet.bytes.set(octets, packet.put(octets.length));
  return packet;
}

function octetsOf(packet: Packet): number[] {
  const bytes = new Uint8Array(packet.length);
  packet.copyTo(bytes, 0);
  return [...bytes];
}

function readFar(fd: number): number[] {
  const bytes = new Uint8Array(70_000);
  return [...bytes.subarray(0, readSync(fd, bytes))];
}

describe.skipIf(process.platform !== 'linux')('a TunLink on a wire', () => {
  test('what comes while an answer is written is read by the flush that wrote it, and polled next', () => {
    const { link, user, far } = wire();
    const seen: number[] = [];
    user.handle = (packet) => {
      seen.push(packet.bytes[packet.head]);
      link.transmit(packet);
    };
    writeSync(far, Uint8Array.of(0x45, 1));
    expect([link.poll(256), link.backlog]).toEqual([1, false]);
    writeSync(far, Uint8Array.of(0x46, 2));
    link.flush();
    expect([seen, link.backlog]).toEqual([[0x45], true]);
    // One after one: nobody asked whether there is a third.
    expect([link.poll(256), link.backlog]).toEqual([1, true]);
    link.flush();
    expect([seen, link.backlog]).toEqual([[0x45, 0x46], false]);
  });

  test('a flush that wrote nothing reads nothing: the event loop will tell', () => {
    const { link, far } = wire();
    writeSync(far, Uint8Array.of(0x45, 1));
    link.poll(256);
    writeSync(far, Uint8Array.of(0x46, 2));
    link.flush();
    expect(link.backlog).toBe(false);
  });

  test('poll hands up what arrived, within its budget, and says whether more is there', () => {
    const { link, user, far } = wire();
    const seen: number[] = [];
    user.handle = (packet) => {
      expect(packet.network).toBe(packet.head);
      expect(packet.head % 4).toBe(0);
      expect(packet.headroom).toBeGreaterThanOrEqual(64);
      seen.push(packet.bytes[packet.head]);
      packet.release();
    };
    for (let i = 0; i < 5; i++) writeSync(far, Uint8Array.of(i, 0, 0));
    expect([link.poll(2), link.backlog]).toEqual([2, true]);
    link.flush();
    expect([link.poll(256), link.backlog]).toEqual([3, false]);
    link.flush();
    expect([link.poll(256), link.backlog]).toEqual([0, false]);
    expect(seen).toEqual([0, 1, 2, 3, 4]);
    expect(link.counters).toMatchObject({ rxPackets: 5, rxBytes: 15, rxDropped: 0 });
  });

  test('a lent packet stays as it is until the flush, and is poisoned after it', () => {
    const { link, user, far, pool } = wire();
    const kept: Packet[] = [];
    user.handle = (packet) => void kept.push(packet);
    writeSync(far, Uint8Array.of(1, 2, 3));
    expect(link.poll(256)).toBe(1);
    writeSync(far, Uint8Array.of(4, 5, 6));
    // Nothing was flushed: a second poll must not fill the slab again.
    expect(link.poll(256)).toBe(0);
    expect(octetsOf(kept[0])).toEqual([1, 2, 3]);
    const { bytes, head } = kept[0];
    kept[0].release();
    expect(pool.inUse).toBe(0);
    link.flush();
    expect(CHECKS).toBe(true);
    expect([...bytes.subarray(head, head + 3)]).toEqual([POISON, POISON, POISON]);
    expect(link.poll(256)).toBe(1);
    expect(octetsOf(kept[1])).toEqual([4, 5, 6]);
    kept[1].release();
  });

  test('a packet turned round leaves in the same pump, without a copy', async () => {
    const { link, user, far, pool } = wire();
    user.pumping = true;
    user.handle = (packet) => {
      packet.bytes[packet.head] = 99;
      expect(link.transmit(packet)).toBe(TAKEN);
    };
    writeSync(far, Uint8Array.of(1, 2, 3));
    await user.log.until((all) => all.includes('arrived'));
    expect(readFar(far)).toEqual([99, 2, 3]);
    expect([pool.inUse, pool.exhausted]).toEqual([0, 0]);
    expect(link.counters).toMatchObject({ txPackets: 1, txBytes: 3, txDropped: 0 });
  });

  test('pieces in arenas that were made after the link was go out as one packet', () => {
    const { link, far, pool } = wire();
    const arena = pool.arenas.register(Uint8Array.of(10, 11, 12, 13));
    const packet = packetOf(pool, 1, 2);
    for (const [offset, length] of [
      [0, 2],
      [3, 1],
      [2, 1],
    ] as const)
      packet.append(arena.id, offset, length);
    link.transmit(packet);
    link.flush();
    expect(readFar(far)).toEqual([1, 2, 10, 11, 13, 12]);
    expect(pool.inUse).toBe(0);
  });

  test('memory of the application that took over the number of another goes out with its own octets', () => {
    const { link, far, pool } = wire();
    const { arenas } = pool;
    const send = (bytes: Uint8Array): number => {
      const arena = arenas.adopt(bytes)!;
      const packet = packetOf(pool, 1);
      packet.append(arena.id, bytes.byteOffset, bytes.length);
      link.transmit(packet);
      link.flush();
      arenas.disown(arena);
      arenas.forget();
      return arena.id;
    };
    const ids = [Uint8Array.of(10, 11), Uint8Array.of(0, 12, 13, 14).subarray(1), Uint8Array.of(15)].map(
      send,
    );
    expect(new Set(ids).size).toBe(1);
    expect([readFar(far), readFar(far), readFar(far)]).toEqual([
      [1, 10, 11],
      [1, 12, 13, 14],
      [1, 15],
    ]);
    expect(pool.inUse).toBe(0);
  });

  test('what the device will not take yet is owned, and goes out later, in order; FULL is followed by one ready', async () => {
    const { link, user, far, pool } = wire({ sndbuf: 2048, queue: 64 });
    const arena = pool.arenas.register(new Uint8Array(4096));
    let sent = 0;
    const fillUp = (): void => {
      for (;;) {
        const packet = packetOf(pool, sent & 0xff);
        arena.bytes[0] = sent >>> 8;
        packet.append(arena.id, 0, 1);
        if (link.transmit(packet) === FULL) {
          expect(link.room).toBe(0);
          packet.release();
          return;
        }
        sent++;
      }
    };
    fillUp();
    link.flush(); // some went: room again
    fillUp();
    link.flush();
    while (link.room > 0) fillUp();
    const readies = user.log.all.length;
    // What stayed is independent of the piece's memory now.
    arena.bytes.fill(0xee);
    const got: number[][] = [];
    while (got.length < sent) {
      try {
        got.push(readFar(far));
      } catch {
        await new Promise(setImmediate); // EAGAIN: the event loop must see that there is room
      }
    }
    expect(got).toEqual(Array.from({ length: sent }, (_, i) => [i & 0xff, i >>> 8]));
    expect(user.log.all.slice(readies)).toEqual(['ready']);
    expect([pool.inUse, link.counters.txDropped, link.counters.txPackets]).toEqual([0, 0, sent]);
  });

  test('a packet that the device refuses is dropped alone, and told once', () => {
    const { link, far, pool, events } = wire({ sndbuf: 4608 });
    for (const length of [4, 60_000, 60_000, 8]) {
      const packet = pool.allocate(length) as Packet;
      packet.put(length);
      link.transmit(packet);
    }
    link.flush();
    expect(link.counters).toMatchObject({ txPackets: 2, txDropped: 2 });
    expect([readFar(far).length, readFar(far).length]).toEqual([4, 8]);
    expect(events.all.map((event) => event.text)).toEqual([expect.stringContaining('EMSGSIZE')]);
    expect([link.up, pool.inUse]).toEqual([true, 0]);
  });

  test('a partial checksum is completed where the device has no header for it; a super-segment is dropped', () => {
    const { link, far, pool } = wire();
    const packet = packetOf(pool, 0, 0, 0, 0, 0x12, 0x34, 0, 5);
    packet.checksum = CHECKSUM_PARTIAL;
    packet.checksumStart = packet.head + 4;
    packet.checksumAt = packet.head + 6;
    link.transmit(packet);
    const giant = packetOf(pool, 1, 2, 3, 4);
    giant.gsoType = GSO_TCPV4;
    expect(link.transmit(giant)).toBe(TAKEN);
    link.flush();
    const sum = 0xffff - (0x1234 + 5);
    expect(readFar(far)).toEqual([0, 0, 0, 0, 0x12, 0x34, sum >>> 8, sum & 0xff]);
    expect([link.counters.txDropped, pool.inUse]).toEqual([1, 0]);
  });

  test('the other end closes: one event, one changed, down for good, the queue is empty', async () => {
    const { link, user, far, pool, events } = wire();
    user.pumping = true;
    closeSync(far);
    cleanUp.pop();
    cleanUp.push(() => link.close());
    await events.until((all) => all.length > 0);
    expect(events.all).toEqual([{ type: 'gone', text: `${link.name} was closed by its other end` }]);
    expect(user.log.all).toEqual(['changed']);
    expect([link.up, link.gone, link.transmit(packetOf(pool, 1)), pool.inUse]).toEqual([
      false,
      true,
      TAKEN,
      0,
    ]);
  });

  test('close releases what is queued, twice does nothing', () => {
    const { link, pool } = wire();
    link.transmit(packetOf(pool, 1));
    link.close();
    link.close();
    expect([pool.inUse, link.up, link.poll(10)]).toEqual([0, false, 0]);
  });
});

describe.skipIf(process.platform !== 'linux')('the vnet header', () => {
  const header = (...octets: number[]): Uint8Array => Uint8Array.from([...octets, 1, 2, 3, 4, 5, 6, 7, 8]);

  test('marks of what arrives', () => {
    const { link, user, far } = wire({ vnetHdr: true });
    const seen: unknown[] = [];
    user.handle = (packet) => {
      const { checksum, checksumStart, checksumAt, gsoType, gsoSize, head, length } = packet;
      const places = checksum === CHECKSUM_PARTIAL ? [checksumStart - head, checksumAt - head] : [];
      seen.push([checksum, ...places, gsoType, gsoSize, length, head % 4, packet.bytes[head]]);
      packet.release();
    };
    writeSync(far, header(0, 0, 0, 0, 0, 0, 0, 0, 0, 0));
    writeSync(far, header(2, 0, 0, 0, 0, 0, 0, 0, 0, 0));
    writeSync(far, header(1, 0, 0, 0, 0, 0, 2, 0, 4, 0));
    writeSync(far, header(1, 0x81, 54, 0, 0xb4, 5, 2, 0, 4, 0));
    writeSync(far, header(1, 5, 0, 0, 100, 0, 2, 0, 4, 0));
    expect(link.poll(256)).toBe(5);
    expect(seen).toEqual([
      [CHECKSUM_NONE, GSO_NONE, 0, 8, 0, 1],
      [CHECKSUM_VALID, GSO_NONE, 0, 8, 0, 1],
      [CHECKSUM_PARTIAL, 2, 6, GSO_NONE, 0, 8, 0, 1],
      [CHECKSUM_PARTIAL, 2, 6, GSO_TCPV4, 1460, 8, 0, 1],
      [CHECKSUM_PARTIAL, 2, 6, GSO_UDP_L4, 100, 8, 0, 1],
    ]);
  });

  test('a header that is cut short or points outside is dropped and counted', () => {
    const { link, far, pool } = wire({ vnetHdr: true });
    writeSync(far, new Uint8Array(10));
    writeSync(far, header(1, 0, 0, 0, 0, 0, 2, 0, 5, 0));
    writeSync(far, header(1, 0, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff));
    writeSync(far, header(1, 1, 0, 0, 0, 0, 2, 0, 4, 0)); // segments of 0
    expect(link.poll(256)).toBe(0);
    expect([link.counters.rxDropped, link.counters.rxPackets, pool.inUse]).toEqual([4, 0, 0]);
  });

  /** A super-segment of TCP without text, flags and data offset at their places. */
  function superSegment(pool: PacketPool, flags: number): Packet {
    const segment = packetOf(pool, ...new Array<number>(60).fill(0));
    segment.checksum = CHECKSUM_PARTIAL;
    segment.checksumStart = segment.head + 20;
    segment.checksumAt = segment.checksumStart + 16;
    segment.bytes[segment.checksumStart + 12] = 0x80;
    segment.bytes[segment.checksumStart + 13] = flags;
    segment.gsoType = GSO_TCPV4;
    segment.gsoSize = 1460;
    return segment;
  }

  test('a super-segment with CWR is told as such: only its first segment may say it (RFC 3168 6.1.2)', () => {
    const { link, far, pool } = wire({ vnetHdr: true });
    for (const flags of [0xd0, 0x50]) link.transmit(superSegment(pool, flags));
    link.flush();
    expect([readFar(far)[1], readFar(far)[1]]).toEqual([0x81, 1]);
  });

  test('marks of what leaves, and none for a packet without any', () => {
    const { link, far, pool } = wire({ vnetHdr: true });
    const plain = packetOf(pool, 9);
    plain.bytes.fill(0xee, plain.head - 10, plain.head);
    link.transmit(plain);
    link.transmit(superSegment(pool, 0));
    const wrong = packetOf(pool, 9);
    wrong.gsoType = GSO_TCPV4;
    link.transmit(wrong);
    link.flush();
    expect(readFar(far)).toEqual([0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 9]);
    expect(readFar(far).slice(0, 10)).toEqual([1, 1, 52, 0, 0xb4, 5, 20, 0, 16, 0]);
    expect(link.counters).toMatchObject({ txPackets: 2, txBytes: 61, txDropped: 1 });
  });
});

describe.skipIf(requireTun())('a TunLink on a device', () => {
  function lab(
    options: Partial<OpenOptions> = {},
  ): Omit<Wire, 'far'> & { device: ReturnType<typeof openDevice> } {
    const device = openDevice({ mode: 'tun', netns: 'new', address: '10.9.0.1/24', ...options });
    const events = new Journal<TunLinkEvent>();
    const pool = new PacketPool();
    const link = new TunLink({ device, pool, onEvent: events.add });
    cleanUp.push(() => link.close());
    const user = new User(link);
    user.handle = (packet) => echo(link, packet);
    return { device, events, pool, link, user };
  }

  /** Turns a ping round in place; anything else is released. */
  function echo(link: TunLink, packet: Packet): void {
    const { bytes: b, head: o } = packet;
    if (b[o] !== 0x45 || b[o + 9] !== 1 || b[o + 20] !== 8) {
      packet.release();
      return;
    }
    for (let i = 12; i < 16; i++) [b[o + i], b[o + i + 4]] = [b[o + i + 4], b[o + i]];
    b[o + 20] = 0;
    const sum = ((b[o + 22] << 8) | b[o + 23]) + 0x0800;
    const folded = (sum & 0xffff) + (sum >>> 16);
    b[o + 22] = folded >>> 8;
    b[o + 23] = folded & 0xff;
    if (link.transmit(packet) === FULL) packet.release();
  }

  for (const vnetHdr of [false, true]) {
    test(`a flood of 2000 pings loses nothing${vnetHdr ? ' (offloads)' : ''}`, async () => {
      const offload = vnetHdr ? TUN_F_CSUM | TUN_F_TSO4 | TUN_F_USO : 0;
      const { device, link, pool } = lab({ vnetHdr, offload });
      const out = await runIn(device, 'ping', '-q', '-f', '-c', '2000', '10.9.0.2');
      expect(out).toContain('2000 packets transmitted, 2000 received');
      expect([pool.inUse, link.counters.txDropped, link.counters.rxDropped]).toEqual([0, 0, 0]);
    });
  }

  test('set down and up again: each told once, packets in between are dropped, and it goes on', async () => {
    const { device, link, user, pool, events } = lab();
    await runIn(device, 'ip', 'link', 'set', device.name, 'down');
    await events.until((all) => all.length > 0);
    expect([link.up, link.transmit(packetOf(pool, 0x45)), pool.inUse]).toEqual([false, TAKEN, 0]);
    await runIn(device, 'ip', 'link', 'set', device.name, 'up');
    await events.until((all) => all.length > 1);
    expect(await runIn(device, 'ping', '-q', '-c', '1', '-W', '2', '10.9.0.2')).toContain('1 received');
    expect(events.all.map((event) => event.type)).toEqual(['down', 'up']);
    expect(user.log.all.filter((one) => one === 'changed')).toHaveLength(2);
  });

  test('a write that meets a device that is down says so at once, and once', async () => {
    const { device, link, user, pool, events } = lab();
    // The monitor has not been read yet when the command has ended only if this turn of the loop came first: so ask the
    // link itself, whichever saw it.
    await runIn(device, 'ip', 'link', 'set', device.name, 'down');
    const packet = packetOf(pool, ...new Array<number>(20).fill(0x45));
    link.transmit(packet);
    link.flush();
    expect(link.up).toBe(false);
    await runIn(device, 'ip', 'link', 'set', device.name, 'mtu', '1400');
    await events.until((all) => all.some((event) => event.type === 'mtu'));
    expect(events.all.map((event) => event.type)).toEqual(['down', 'mtu']);
    expect(link.mtu).toBe(1400);
    expect(user.log.all.filter((one) => one === 'changed')).toHaveLength(2);
    expect(pool.inUse).toBe(0);
  });

  test('down and up again before the monitor was read: the link asks, and is up again', async () => {
    const { device, link, pool, events } = lab();
    const set = (state: string): void => {
      const [command, ...words] = [...nsenterCommand(device), 'ip', 'link', 'set', device.name, state];
      // Within one turn of the event loop, so that the monitor sees both at once: as no change at all.
      expect(spawnSync(command, words).status).toBe(0);
    };
    set('down');
    link.transmit(packetOf(pool, ...new Array<number>(20).fill(0x45)));
    link.flush();
    expect(link.up).toBe(false);
    set('up');
    await events.until((all) => all.length > 1);
    expect(events.all.map((event) => event.type)).toEqual(['down', 'up']);
    expect(link.up).toBe(true);
  });

  test('without a monitor it is the writes that find out, and writability that brings it back', async () => {
    const device = openDevice({ mode: 'tun', netns: 'new', address: '10.9.0.1/24' });
    closeSync(device.monitorFd);
    const events = new Journal<TunLinkEvent>();
    const pool = new PacketPool();
    const link = new TunLink({ device: { ...device, monitorFd: -1 }, pool, onEvent: events.add });
    cleanUp.push(() => link.close());
    const user = new User(link);
    user.handle = (packet) => echo(link, packet);
    await runIn(device, 'ip', 'link', 'set', device.name, 'down');
    expect(link.up).toBe(true);
    link.transmit(packetOf(pool, ...new Array<number>(20).fill(0x45)));
    link.flush();
    expect([link.up, link.counters.txDropped, pool.inUse]).toEqual([false, 1, 0]);
    await runIn(device, 'ip', 'link', 'set', device.name, 'up');
    await events.until((all) => all.length === 2);
    expect(await runIn(device, 'ping', '-q', '-c', '1', '-W', '2', '10.9.0.2')).toContain('1 received');
    expect(events.all.map((event) => event.type)).toEqual(['down', 'up']);
    expect(user.log.all.filter((one) => one === 'changed')).toHaveLength(2);
  });

  test('deleted: down and gone are told once each', async () => {
    const { device, link, user, events } = lab();
    await runIn(device, 'ip', 'link', 'delete', device.name);
    await events.until((all) => all.some((event) => event.type === 'gone'));
    const types = events.all.map((event) => event.type);
    expect(types.filter((type) => type === 'gone')).toHaveLength(1);
    expect(types.filter((type) => type === 'down').length).toBeLessThanOrEqual(1);
    expect(events.all.at(-1)?.text).toBe(`${device.name} was deleted`);
    expect([link.up, link.gone]).toEqual([false, true]);
    expect(user.log.all.filter((one) => one === 'changed')).toHaveLength(
      types.filter((type) => type !== 'address').length,
    );
  });

  test('addresses are told in one line', async () => {
    const { device, events } = lab();
    await runIn(device, 'ip', 'address', 'add', '10.9.5.1/16', 'dev', device.name);
    await events.until((all) => all.length > 0);
    expect(events.all).toEqual([{ type: 'address', text: `10.9.5.1/16 was added to ${device.name}` }]);
  });

  test('TCP from the kernel arrives with a partial checksum (offloads on)', async () => {
    const { device, user } = lab({ vnetHdr: true, offload: TUN_F_CSUM | TUN_F_TSO4 | TUN_F_USO });
    const marks = new Journal<number>();
    user.handle = (packet) => {
      if (packet.bytes[packet.head + 9] === 6) marks.add(packet.checksum);
      packet.release();
    };
    // Its SYN is enough.
    const [command, ...words] = [...nsenterCommand(device), 'nc', '10.9.0.2', '80'];
    const client = spawn(command, words, { stdio: 'ignore' });
    await marks.until((all) => all.length > 0);
    client.kill();
    await once(client, 'exit');
    expect(marks.all[0]).toBe(CHECKSUM_PARTIAL);
  });
});
