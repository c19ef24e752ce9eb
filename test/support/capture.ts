// Frames as a capture file, for tcpreplay.

import { PcapngWriter } from '@tunstack/pcap';
import { DIRECTION_IN, PacketPool } from '@tunstack/stack/contract';

/** A pcapng file of these frames, 100 us apart; `linkType`: LINKTYPE_*. */
export function captureOf(frames: readonly Uint8Array[], name: string, linkType: number): Buffer {
  const pool = new PacketPool();
  const chunks: Uint8Array[] = [];
  const writer = new PcapngWriter({
    write: (chunk) => chunks.push(chunk),
    interfaces: () => ({ name, linkType, snaplen: 0 }),
    epochUs: () => 1e15,
  });
  for (const [i, frame] of frames.entries()) {
    const packet = pool.allocate(frame.length);
    if (packet === undefined) throw new Error('no slot');
    packet.bytes.set(frame, packet.put(frame.length));
    writer.packet(packet, DIRECTION_IN, 0, 100 * i);
    packet.release();
  }
  writer.flush();
  return Buffer.concat(chunks);
}
