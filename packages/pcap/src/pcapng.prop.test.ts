// The writer against the reader: what a tap saw is what the file says.

import { fc, test as property } from '@fast-check/vitest';
import {
  CHECKSUM_PARTIAL,
  DIRECTION_IN,
  DIRECTION_OUT,
  type Packet,
  PacketPool,
  R,
  REASONS,
} from '@tunstack/stack/contract';
import { craftUdp } from '@tunstack/stack/craft';
import { dissectIpv4 } from '@tunstack/stack/dissect';
import { describe, expect, test } from 'vitest';
import { type Capture, LINKTYPE_ETHERNET, LINKTYPE_RAW, PcapngWriter, readPcapng } from './index.ts';

const START_US = 1_700_000_000_000_000;
const FACES = [
  { name: 'tun0', linkType: LINKTYPE_RAW, snaplen: 0 },
  { name: 'tap-ä€😀', linkType: LINKTYPE_ETHERNET, snaplen: 100 },
  { name: '', linkType: LINKTYPE_RAW, snaplen: 262_144 },
];
const UDP = { source: '10.9.0.1', destination: '10.9.0.2', sourcePort: 40_000, destinationPort: 7 };

/** A writer, the chunks it wrote, and a wall clock to set. */
class Bench {
  readonly pool = new PacketPool();
  readonly chunks: Uint8Array[] = [];
  wallUs = START_US;
  readonly writer: PcapngWriter;

  constructor(drops = true) {
    this.writer = new PcapngWriter({
      write: (chunk) => this.chunks.push(chunk),
      interfaces: (id) => FACES[id],
      epochUs: () => this.wallUs,
      drops,
    });
  }

  /** A packet that came in by this interface, as `Interface.receive` marks it. */
  packet(octets: Uint8Array, ingress = -1): Packet {
    const packet = this.pool.allocate(octets.length)!;
    packet.bytes.set(octets, packet.put(octets.length));
    packet.network = packet.head;
    packet.ingress = ingress;
    return packet;
  }

  file(): Uint8Array {
    this.writer.flush();
    return new Uint8Array(Buffer.concat(this.chunks));
  }

  read(): Capture {
    return readPcapng(this.file());
  }
}

/** Octets as text: `toEqual` looks at each octet of an array, which takes its time. */
function text(octets: Uint8Array): string {
  return Buffer.from(octets).toString('base64');
}

function dropped(reason: number): string {
  const { name, clause, text } = REASONS[reason];
  return `dropped: ${name} (${clause}): ${text}`;
}

const seen = fc.record({
  octets: fc.oneof(fc.uint8Array({ maxLength: 150 }), fc.constant(new Uint8Array(30_000).fill(7))),
  direction: fc.constantFrom(DIRECTION_IN, DIRECTION_OUT),
  face: fc.nat({ max: FACES.length - 1 }),
  afterUs: fc.nat({ max: 2 ** 31 }),
  reasons: fc.array(fc.nat({ max: REASONS.length - 1 }), { maxLength: 3 }),
  flush: fc.boolean(),
});

property.prop([fc.array(seen, { maxLength: 12 }), fc.integer()])(
  'what was seen is what is read',
  (all, startUs) => {
    const bench = new Bench();
    const expected: object[] = [];
    const names: string[] = [];
    let elapsedUs = 0;
    for (const { octets, direction, face, afterUs, reasons, flush } of all) {
      elapsedUs += afterUs;
      bench.wallUs = START_US + elapsedUs;
      const nowUs = (startUs + elapsedUs) | 0;
      const inbound = direction === DIRECTION_IN;
      const packet = bench.packet(octets, inbound ? face : -1);
      bench.writer.packet(packet, direction, face, nowUs);
      if (inbound) for (const reason of reasons) bench.writer.drop(packet, reason, nowUs);
      packet.release();
      if (flush) bench.writer.flush();
      const { name, snaplen } = FACES[face];
      if (!names.includes(name)) names.push(name);
      expected.push({
        interfaceId: names.indexOf(name),
        timestampUs: START_US + elapsedUs,
        data: text(snaplen > 0 ? octets.slice(0, snaplen) : octets),
        originalLength: octets.length,
        direction: inbound ? 'in' : 'out',
        comments: inbound ? reasons.map(dropped) : [],
      });
    }
    const { interfaces, packets } = bench.read();
    // The first reading is the anchor, and it is exact; so are all others while both clocks go alike.
    expect(packets.map((p) => ({ ...p, data: text(p.data) }))).toEqual(expected);
    expect(interfaces).toEqual(names.map((name) => FACES.find((face) => face.name === name)));
    for (const chunk of bench.chunks) expect(chunk.length % 4).toBe(0);
  },
);

describe('drops', () => {
  const octets = craftUdp(UDP);

  test('the drop of the packet that came in last is its comment, until another packet passes', () => {
    const bench = new Bench();
    const [first, second] = [bench.packet(octets, 0), bench.packet(octets, 0)];
    bench.writer.packet(first, DIRECTION_IN, 0, 0);
    bench.writer.drop(first, R.UDP_NO_PORT, 0);
    bench.writer.packet(second, DIRECTION_IN, 0, 0);
    bench.writer.drop(first, R.SOCKET_CLOSED, 0);
    const { interfaces, packets } = bench.read();
    expect(packets.map(({ interfaceId, comments }) => [interfaces[interfaceId].name, comments])).toEqual([
      ['tun0', [dropped(R.UDP_NO_PORT)]],
      ['tun0', []],
      ['drops', [dropped(R.SOCKET_CLOSED)]],
    ]);
    expect(packets[2]).toMatchObject({ data: octets, originalLength: octets.length, direction: 'unknown' });
  });

  test('an outgoing packet in the same object is not taken for the one that came in', () => {
    const bench = new Bench();
    const first = bench.packet(octets, 0);
    bench.writer.packet(first, DIRECTION_IN, 0, 0);
    first.release();
    const second = bench.packet(octets.slice(20));
    expect(second).toBe(first);
    second.network = -1;
    bench.writer.drop(second, R.NO_ROUTE, 0);
    const { interfaces, packets } = bench.read();
    expect(packets.map((p) => [interfaces[p.interfaceId].name, p.comments.length])).toEqual([
      ['tun0', 0],
      ['drops', 1],
    ]);
    // Its octets are no datagram: they are not shown as one.
    expect([packets[1].data.length, packets[1].originalLength]).toEqual([0, octets.length - 20]);
  });

  test('after a flush there is no packet to comment', () => {
    const bench = new Bench();
    const packet = bench.packet(octets, 0);
    bench.writer.packet(packet, DIRECTION_IN, 0, 0);
    bench.writer.flush();
    bench.writer.drop(packet, R.UDP_NO_PORT, 0);
    expect(bench.read().packets.map((p) => p.comments.length)).toEqual([0, 1]);
  });

  test('they are left out when nobody wants them', () => {
    const bench = new Bench(false);
    const packet = bench.packet(octets, 0);
    bench.writer.packet(packet, DIRECTION_IN, 0, 0);
    bench.writer.drop(packet, R.UDP_NO_PORT, 0);
    bench.writer.drop(bench.packet(octets), R.NO_ROUTE, 0);
    expect(bench.read()).toMatchObject({ interfaces: [FACES[0]], packets: [{ comments: [] }] });
  });

  test('more comments than a chunk holds move along with their packet', () => {
    const bench = new Bench();
    const packet = bench.packet(octets, 0);
    for (let n = 0; n < 3; n++) bench.writer.packet(packet, DIRECTION_IN, 0, 0);
    for (let n = 0; n < 1500; n++) bench.writer.drop(packet, R.UDP_NO_PORT, 0);
    const { packets } = bench.read();
    expect(packets.map((p) => p.comments.length)).toEqual([0, 0, 1500]);
    expect(packets[2].data).toEqual(octets);
  });
});

describe('the packet', () => {
  property.prop([
    fc.uint8Array({ maxLength: 60 }),
    fc.uint8Array({ minLength: 1, maxLength: 60 }),
    fc.nat({ max: 3 }),
  ])(
    'with a partial checksum and pieces is complete and flat in the file, and untouched itself',
    (linear, piece, offset) => {
      const bench = new Bench();
      const whole = craftUdp({ ...UDP, payload: Uint8Array.of(...linear, ...piece) });
      const packet = bench.packet(whole.slice(0, 28 + linear.length));
      const arena = bench.pool.arenas.register(new Uint8Array((offset + piece.length + 7) & ~3));
      arena.bytes.set(piece, offset);
      packet.append(arena.id, offset, piece.length);
      markPartial(packet, 16 + whole.length - 20);
      const before = text(packet.bytes);
      bench.writer.packet(packet, DIRECTION_OUT, 0, 0);
      expect(text(packet.bytes)).toBe(before);
      expect([packet.checksum, packet.pieces]).toEqual([CHECKSUM_PARTIAL, 1]);
      const { data } = bench.read().packets[0];
      expect(data).toEqual(whole);
      expect(dissectIpv4(data).next).toMatchObject({ checksumOk: true });
    },
  );

  /** The field becomes the folded sum of the pseudo-header, whose addresses are those of UDP above. */
  function markPartial(packet: Packet, protocolAndLength: number): void {
    packet.checksum = CHECKSUM_PARTIAL;
    packet.checksumStart = packet.head + 20;
    packet.checksumAt = packet.head + 26;
    const sum = 2 * 0x0a09 + 0x0001 + 0x0002 + protocolAndLength + 1;
    packet.bytes[packet.checksumAt] = sum >> 8;
    packet.bytes[packet.checksumAt + 1] = sum;
  }

  test('whose checksum completes to 0 shows all ones (RFC 768)', () => {
    const bench = new Bench();
    const packet = bench.packet(Uint8Array.of(0x12, 0x34, 0, 0, 0xed, 0xcb));
    packet.checksum = CHECKSUM_PARTIAL;
    packet.checksumStart = packet.head;
    packet.checksumAt = packet.head + 2;
    bench.writer.packet(packet, DIRECTION_OUT, 0, 0);
    expect([...bench.read().packets[0].data]).toEqual([0x12, 0x34, 0xff, 0xff, 0xed, 0xcb]);
  });

  test('of 64 KiB fits, one after the other', () => {
    const bench = new Bench();
    const big = craftUdp({ ...UDP, payload: new Uint8Array(65_507).fill(9) });
    for (let n = 0; n < 3; n++) bench.writer.packet(bench.packet(big, 0), DIRECTION_IN, 0, n);
    const { packets } = bench.read();
    expect(packets.map((p) => [p.timestampUs, p.data.length])).toEqual(
      [0, 1, 2].map((n) => [START_US + n, 65_535]),
    );
  });
});

describe('chunks', () => {
  test('a file without packets is a section header', () => {
    expect(new Bench().read()).toEqual({ interfaces: [], packets: [] });
  });

  test('small packets leave together, and a chunk is not written to again', () => {
    const bench = new Bench();
    const copies: Uint8Array[] = [];
    const packet = bench.packet(new Uint8Array(1000), 0);
    for (let n = 0; n < 200; n++) {
      bench.writer.packet(packet, DIRECTION_IN, 0, n);
      while (copies.length < bench.chunks.length) copies.push(bench.chunks[copies.length].slice());
    }
    expect(bench.chunks.length).toBe(3);
    expect(bench.read().packets.length).toBe(200);
    expect(bench.chunks.slice(0, 3).map(text)).toEqual(copies.map(text));
    const { length } = bench.chunks;
    bench.writer.flush();
    expect(bench.chunks.length).toBe(length);
  });
});

describe('time', () => {
  test('goes on through silence of any length, and past wraps', () => {
    const bench = new Bench();
    const packet = bench.packet(new Uint8Array(20));
    const times = [0, 1, 2 ** 31 + 5, 2 ** 32 + 6, 2 ** 40, 2 ** 40 + 1];
    for (const us of times) {
      // The wall clock is slewed a little against the pump's; the file follows the pump's.
      bench.wallUs = START_US + us + (us === 0 ? 0 : 300);
      bench.writer.packet(packet, DIRECTION_OUT, 0, (2 ** 31 - 3 + us) | 0);
    }
    expect(bench.read().packets.map((p) => p.timestampUs - START_US)).toEqual(times);
  });
});
