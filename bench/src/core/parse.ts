// How to read a header: index reads of the octets as the stack does, one DataView a slab, or an object a packet.
// Decides what wire/ is made of.

import { ipv4Destination, ipv4Source, rd16 } from '@tunstack/stack/wire';
import { alternate, type Bench, type Effort, nsPerStep, type Row } from '../rows.ts';

/** A batch as the device hands it up: 256 datagrams of 92 octets, each behind 64 octets of headroom. */
const PACKETS = 256;
const STRIDE = 156;
const HEADROOM = 64;

/** Where the parsers leave what they read, so that nothing is optimised away. */
let sink = 0;

/** The fourteen fields of an IPv4 and a UDP header, by index. */
function parseByIndex(b: Uint8Array, o: number): number {
  const header = (b[o] & 15) << 2;
  const u = o + header;
  return (
    ((b[o] >>> 4) +
      header +
      b[o + 1] +
      rd16(b, o + 2) +
      rd16(b, o + 4) +
      rd16(b, o + 6) +
      b[o + 8] +
      b[o + 9] +
      rd16(b, o + 10) +
      (ipv4Source(b, o) ^ ipv4Destination(b, o)) +
      rd16(b, u) +
      rd16(b, u + 2) +
      rd16(b, u + 4) +
      rd16(b, u + 6)) |
    0
  );
}

/** The same by a DataView over the slab. */
function parseByView(v: DataView, o: number): number {
  const first = v.getUint8(o);
  const header = (first & 15) << 2;
  const u = o + header;
  return (
    ((first >>> 4) +
      header +
      v.getUint8(o + 1) +
      v.getUint16(o + 2) +
      v.getUint16(o + 4) +
      v.getUint16(o + 6) +
      v.getUint8(o + 8) +
      v.getUint8(o + 9) +
      v.getUint16(o + 10) +
      (v.getInt32(o + 12) ^ v.getInt32(o + 16)) +
      v.getUint16(u) +
      v.getUint16(u + 2) +
      v.getUint16(u + 4) +
      v.getUint16(u + 6)) |
    0
  );
}

interface Headers {
  readonly ip: {
    readonly source: string;
    readonly destination: string;
    readonly total: number;
    readonly ttl: number;
  };
  readonly udp: {
    readonly sourcePort: number;
    readonly destinationPort: number;
    readonly payload: Uint8Array;
  };
}

/** What a parser for people makes: an object a header, addresses as text, a view of the payload. */
function parseToObjects(b: Uint8Array, o: number): Headers {
  const header = (b[o] & 15) << 2;
  const packet = b.subarray(o, o + rd16(b, o + 2));
  const text = (at: number): string => `${packet[at]}.${packet[at + 1]}.${packet[at + 2]}.${packet[at + 3]}`;
  const ip = { source: text(12), destination: text(16), total: rd16(packet, 2), ttl: packet[8] };
  const payload = packet.subarray(header + 8);
  return {
    ip,
    udp: { sourcePort: rd16(packet, header), destinationPort: rd16(packet, header + 2), payload },
  };
}

function slab(): Uint8Array {
  const bytes = new Uint8Array(PACKETS * STRIDE);
  for (let i = 0; i < PACKETS; i++) {
    const o = i * STRIDE + HEADROOM;
    bytes.set(
      [0x45, 0, 0, 92, i, 7, 0x40, 0, 64, 17, 1, 2, 10, 9, 0, 1, 10, 9, 0, 2, 200, i, 0, 7, 0, 72, 3, 4],
      o,
    );
  }
  return bytes;
}

// One loop each, not one with a callback: a callback of three targets is no longer inlined, and would be what is timed.

function loopIndex(steps: number, bytes: Uint8Array): number {
  return nsPerStep(steps, () => {
    let sum = 0;
    for (let i = 0; i < steps; i++) sum = (sum + parseByIndex(bytes, place(i))) | 0;
    sink ^= sum;
  });
}

function loopView(steps: number, view: DataView): number {
  return nsPerStep(steps, () => {
    let sum = 0;
    for (let i = 0; i < steps; i++) sum = (sum + parseByView(view, place(i))) | 0;
    sink ^= sum;
  });
}

function loopObjects(steps: number, bytes: Uint8Array): number {
  return nsPerStep(steps, () => {
    let sum = 0;
    for (let i = 0; i < steps; i++) {
      const { ip, udp } = parseToObjects(bytes, place(i));
      sum = (sum + ip.source.length + ip.ttl + udp.sourcePort + udp.payload.length) | 0;
    }
    sink ^= sum;
  });
}

function place(i: number): number {
  return (i & (PACKETS - 1)) * STRIDE + HEADROOM;
}

export const parse: Bench = {
  name: 'parse',
  run({ quick, runs }: Effort): Promise<Row[]> {
    const steps = quick ? 200_000 : 5_000_000;
    const bytes = slab();
    const view = new DataView(bytes.buffer);
    const byIndex = (): number => loopIndex(steps, bytes);
    const rows = [
      alternate('parse index / DataView', 'ns/packet', runs, byIndex, () => loopView(steps, view)),
      alternate('parse index / objects', 'ns/packet', runs, byIndex, () => loopObjects(steps / 10, bytes)),
    ];
    if (sink === 0x7fff_ffff) console.error('unlikely');
    return Promise.resolve(rows);
  },
};
