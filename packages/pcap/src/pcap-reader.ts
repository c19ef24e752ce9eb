// Reads classic pcap (draft-ietf-opsawg-pcap): both byte orders, timestamps of microseconds or nanoseconds.
//
//   | magic | major, minor | reserved | reserved | snaplen | link type |
//   | seconds | micro- or nanoseconds | captured length | original length | data |  ...

import type { Capture, CapturedPacket } from './capture.ts';

const MAGIC_US = 0xa1b2c3d4;
const MAGIC_NS = 0xa1b23c4d;
const FILE_HEADER = 24;
const PACKET_HEADER = 16;
/** The link type's field has other bits above these: FCS length. */
const LINKTYPE_MASK = 0xffff;

/**
 * The packets of a classic pcap file, all of one nameless interface. Packet data are views of `bytes`. Throws an Error
 * that names the place, as `pcap: no magic number at byte 0`, for a file that is broken.
 *
 * @example
 * readPcap(readFileSync('dump.pcap')).packets.length;
 */
export function readPcap(bytes: Uint8Array): Capture {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (bytes.length < FILE_HEADER) broken(`${bytes.length} octets are no file header`, 0);
  const littleEndian = isMagic(view.getUint32(0, true));
  const magic = view.getUint32(0, littleEndian);
  if (!isMagic(magic)) broken('no magic number', 0);
  const perUs = magic === MAGIC_NS ? 1000 : 1;
  const packets: CapturedPacket[] = [];
  // Each packet has 16 octets at least, so this ends.
  for (let at = FILE_HEADER; at < bytes.length; ) {
    if (bytes.length - at < PACKET_HEADER) broken(`${bytes.length - at} octets are no packet header`, at);
    const captured = view.getUint32(at + 8, littleEndian);
    const start = at + PACKET_HEADER;
    if (captured > bytes.length - start) broken(`packet of ${captured} octets`, at + 8);
    const fraction = Math.floor(view.getUint32(at + 4, littleEndian) / perUs);
    packets.push({
      interfaceId: 0,
      timestampUs: view.getUint32(at, littleEndian) * 1_000_000 + fraction,
      data: bytes.subarray(start, start + captured),
      originalLength: view.getUint32(at + 12, littleEndian),
      direction: 'unknown',
      comments: [],
    });
    at = start + captured;
  }
  const snaplen = view.getUint32(16, littleEndian);
  const linkType = view.getUint32(20, littleEndian) & LINKTYPE_MASK;
  return { interfaces: [{ name: '', linkType, snaplen }], packets };
}

function isMagic(magic: number): boolean {
  return magic === MAGIC_US || magic === MAGIC_NS;
}

function broken(what: string, at: number): never {
  throw new Error(`pcap: ${what} at byte ${at}`);
}
