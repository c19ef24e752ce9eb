// Two that cut super-segments, complete checksums and verify them: the stack, and the addon for a device without a vnet header. They
// agree on each octet, however the packet lies in memory and however often the device is full in between.

import { closeSync, writeSync } from 'node:fs';
import { fc, test as property } from '@fast-check/vitest';
import {
  CHECKSUM_PARTIAL,
  GSO_NONE,
  GSO_TCPV4,
  GSO_UDP_L4,
  newLinkCounters,
  type Packet,
  PacketPool,
  PRIORITY_BULK,
  TAKEN,
} from '@tunstack/stack/contract';
import { adoptDevice, Device, socketPair, TunLink, VERIFIED, WRITE_STRIDE } from '@tunstack/tun';
import { expect } from 'vitest';
import { cutPiece, gsoHeaders, gsoText, leavePartial } from '../packages/stack/src/ip4/segmentation.ts';
import { ip4Frame, octets } from '../packages/stack/src/testing/index.ts';
import { rd16, rd32, wr16, wr32 } from '../packages/stack/src/wire/bytes.ts';
import { fold, pseudoHeaderSum, sumBytes } from '../packages/stack/src/wire/checksum.ts';

const TCP_FLAGS_AT = 13;

interface Super {
  readonly tcp: boolean;
  readonly text: number;
  readonly gsoSize: number;
  readonly id: number;
  readonly df: boolean;
  /** Words of IP options, and of TCP's. */
  readonly ipWords: number;
  readonly words: number;
  readonly flags: number;
  readonly seq: number;
  /** Where the text is cut into pieces; none: the packet is flat. */
  readonly cuts: readonly number[];
  readonly tap: boolean;
}

const supers = fc.record<Super>({
  tcp: fc.boolean(),
  text: fc.integer({ min: 1, max: 12_000 }),
  gsoSize: fc.oneof(fc.integer({ min: 100, max: 3000 }), fc.constant(1448)),
  id: fc.constantFrom(0, 1, 0xffff, 0xfff0),
  df: fc.boolean(),
  ipWords: fc.constantFrom(0, 0, 1, 10),
  words: fc.integer({ min: 0, max: 10 }),
  flags: fc.integer({ min: 0, max: 255 }),
  seq: fc.oneof(fc.integer(), fc.constantFrom(-1, -5000, 0x7fff_ffff)),
  cuts: fc.array(fc.integer({ min: 1, max: 11_999 }), { maxLength: 2 }),
  tap: fc.boolean(),
});

/** The super-segment, flat or with its text by reference in up to three pieces, head at its IP header. */
function build(pool: PacketPool, one: Super): Packet {
  const header = one.tcp ? 20 + 4 * one.words : 8;
  const transport = new Uint8Array(header + one.text).fill(1, 8, header);
  wr16(transport, 0, 1000);
  wr16(transport, 2, 2000);
  if (one.tcp) {
    wr32(transport, 4, one.seq);
    transport[12] = (header / 4) << 4;
    transport[TCP_FLAGS_AT] = one.flags;
  } else wr16(transport, 4, transport.length);
  transport.set(octets(one.text), header);
  const frame = ip4Frame(
    {
      ...{ src: '10.0.0.1', dst: '10.0.1.9', id: one.id, flags: one.df ? 0x4000 : 0 },
      ...{ protocol: one.tcp ? 6 : 17, options: Array.from({ length: 4 * one.ipWords }, () => 1) },
    },
    transport,
  );
  const headers = frame.length - one.text;
  const cuts = one.cuts.filter((at) => at < one.text).sort((a, b) => a - b);
  const flat = cuts.length === 0;
  const packet = pool.allocate(flat ? frame.length : headers) as Packet;
  const at = packet.put(flat ? frame.length : headers);
  packet.bytes.set(flat ? frame : frame.subarray(0, headers), at);
  if (!flat) {
    const arena = pool.arenas.adopt(frame) as { id: number };
    for (const [i, from] of [0, ...cuts].entries()) {
      const size = (cuts[i] ?? one.text) - from;
      if (size > 0) packet.append(arena.id, headers + from, size);
    }
  }
  packet.network = at;
  packet.transport = at + headers - header;
  leavePartial(packet, at);
  return packet;
}

function flatten(packet: Packet): Buffer {
  const bytes = Buffer.alloc(packet.length);
  packet.copyTo(bytes, 0);
  return bytes;
}

/** As ip4/gso.ts sends it. */
function bySoftware(pool: PacketPool, packet: Packet): Buffer[] {
  const all: Buffer[] = [];
  const headers = gsoHeaders(packet);
  expect(headers).toBeGreaterThan(0);
  for (let done = 0; done < gsoText(packet, headers); done += packet.gsoSize) {
    const piece = cutPiece(pool, packet, headers, done, all.length) as Packet;
    piece.completeChecksum();
    expect(piece.priority).toBe(packet.priority);
    all.push(flatten(piece));
    piece.release();
  }
  return all;
}

/** As a TunLink does, onto a socket that holds `sndbuf` octets. */
function byDevice(pool: PacketPool, packet: Packet, tap: boolean, sndbuf: number): Buffer[] {
  const [near, far] = socketPair({ sequenced: true, sndbuf });
  const device = adoptDevice({ fd: near, mode: tap ? 'tap' : 'tun', mtu: 9000 });
  const link = new TunLink({ device, pool });
  const reader = new Device({ fd: far, onReadable: () => {}, onError: () => {} });
  const all: Buffer[] = [];
  if (tap) packet.bytes.fill(0xee, packet.push(14), packet.network);
  expect(link.transmit(packet)).toBe(TAKEN);
  for (let idle = 0; idle < 2; idle++) {
    link.flush();
    for (let count = reader.read(); count > 0; count = reader.read()) {
      for (let i = 0; i < count; i++) {
        const at = reader.records[2 * i];
        all.push(Buffer.from(reader.slab.subarray(at, at + reader.records[2 * i + 1])));
      }
      idle = 0;
    }
  }
  const counters = { ...newLinkCounters(), txPackets: 1, txBytes: link.counters.txBytes };
  expect(link.counters).toEqual(counters);
  link.close();
  reader.close();
  return tap ? all.map((frame) => frame.subarray(14)) : all;
}

property.prop([supers, fc.constantFrom(4608, 9000, 1 << 20)])(
  'the addon cuts a super-segment into the octets that IP would cut it into, full device or not',
  (one, sndbuf) => {
    const pool = new PacketPool();
    const packet = build(pool, one);
    packet.gsoType = one.tcp ? GSO_TCPV4 : GSO_UDP_L4;
    packet.priority = PRIORITY_BULK;
    packet.gsoSize = Math.max(one.gsoSize, Math.ceil(one.text / 128));
    const expected = bySoftware(pool, packet);
    const got = byDevice(pool, packet, one.tap, sndbuf);
    expect(got.length).toBe(expected.length);
    for (const [i, piece] of expected.entries()) expect(got[i].equals(piece)).toBe(true);
    expect(pool.inUse).toBe(0);
  },
);

property.prop([supers, fc.boolean()])(
  'the addon completes a checksum to the octet that the stack would, again after the device was full',
  (one, wait) => {
    const pool = new PacketPool();
    const packet = build(pool, { ...one, text: Math.min(one.text, 3000) });
    expect(packet.checksum).toBe(CHECKSUM_PARTIAL);
    expect(packet.gsoType).toBe(GSO_NONE);
    const copy = build(pool, { ...one, text: Math.min(one.text, 3000) });
    copy.completeChecksum();
    const expected = flatten(copy);
    copy.release();
    const [near, far] = socketPair({ sequenced: true, sndbuf: 4608 });
    const filler = new Device({ fd: near, onReadable: () => {}, onError: () => {}, ownsFd: false });
    const records = new Int32Array(WRITE_STRIDE);
    filler.bindArena(0, new Uint8Array(2000));
    records.set([1, 0, 0, 2000]);
    if (wait) while (filler.write(records, 0, 1) === 1);
    const link = new TunLink({ device: adoptDevice({ fd: near, mode: 'tun', mtu: 9000 }), pool });
    const reader = new Device({ fd: far, onReadable: () => {}, onError: () => {} });
    link.transmit(packet);
    link.flush();
    while (wait && reader.read() > 0);
    if (wait) link.flush();
    expect(reader.read()).toBe(1);
    const [at, length] = reader.records;
    expect(expected.equals(reader.slab.subarray(at, at + length))).toBe(true);
    filler.close();
    link.close();
    reader.close();
    expect(pool.inUse).toBe(0);
  },
);

interface Damage {
  /** Octet of the packet that is changed, from its end backwards, and what is exclusive-ored to it; 0: nothing. */
  readonly at: number;
  readonly by: number;
  readonly noChecksum: boolean;
  readonly fragment: number;
  readonly trailer: number;
}

const damage = fc.record<Damage>({
  at: fc.nat(3000),
  by: fc.oneof(fc.constant(0), fc.integer({ min: 1, max: 255 })),
  noChecksum: fc.boolean(),
  fragment: fc.constantFrom(0, 0, 0, 0x2000, 1),
  trailer: fc.constantFrom(0, 0, 5),
});

/** What the stack would say of TCP or UDP in it, by octets: true where a checksum is there and holds. */
function holds(frame: Uint8Array, o: number): boolean {
  const header = (frame[o] & 15) * 4;
  const total = rd16(frame, o + 2);
  if (frame[o] >> 4 !== 4 || header < 20 || total < header + 8 || o + total > frame.length) return false;
  if ((rd16(frame, o + 6) & 0x3fff) !== 0) return false;
  const t = o + header;
  const protocol = frame[o + 9];
  let length = total - header;
  if (protocol === 17) {
    if (rd16(frame, t + 6) === 0 || rd16(frame, t + 4) < 8 || rd16(frame, t + 4) > length) return false;
    length = rd16(frame, t + 4);
  } else if (protocol !== 6 || length < 20) return false;
  const addresses = [rd32(frame, o + 12), rd32(frame, o + 16)] as const;
  return fold(pseudoHeaderSum(...addresses, protocol, length) + sumBytes(frame, t, length)) === 0xffff;
}

property.prop([supers, damage])(
  'what the addon says it has verified is what a sum over the octets says, and nothing else',
  (one, { at, by, noChecksum, fragment, trailer }) => {
    const pool = new PacketPool();
    const packet = build(pool, { ...one, text: Math.min(one.text, 3000), cuts: [] });
    packet.completeChecksum();
    const o = one.tap ? 14 : 0;
    const frame = new Uint8Array(o + packet.length + trailer);
    if (one.tap) wr16(frame, 12, 0x0800);
    packet.copyTo(frame, o);
    if (fragment !== 0) wr16(frame, o + 6, fragment);
    if (noChecksum && !one.tcp) wr16(frame, packet.checksumAt - packet.head + o, 0);
    frame[frame.length - 1 - (at % frame.length)] ^= by;
    packet.release();
    const [near, far] = socketPair({ sequenced: true });
    const reader = new Device({ fd: near, verifyAt: o, onReadable: () => {}, onError: () => {} });
    writeSync(far, frame);
    expect(reader.read()).toBe(1);
    const expected = (!one.tap || rd16(frame, 12) === 0x0800) && holds(frame, o);
    expect(reader.records[1]).toBe(frame.length + (expected ? VERIFIED : 0));
    if (by === 0 && fragment === 0 && !(noChecksum && !one.tcp)) expect(expected).toBe(true);
    reader.close();
    closeSync(far);
  },
);
