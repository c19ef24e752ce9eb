// What a datagram socket hands to the application: a view of a received packet, for a moment.

import { CAST_HOST, type Packet } from '../contract/packet.ts';
import { formatIp4 } from '../wire/address.ts';
import { icmpSequence } from '../wire/icmpv4.ts';
import { IPV4_MIN_HEADER, ipv4Destination, ipv4HeaderLength, ipv4Source, ipv4Ttl } from '../wire/ipv4.ts';
import { udpSourcePort } from '../wire/udp.ts';

/**
 * One received datagram: the payload is `bytes[offset .. offset + length)`. A socket has one such record and reuses it;
 * it is valid until the socket's next `receive`, and no longer than the handler that is running. Copy what you keep.
 */
export class Datagram {
  bytes: Uint8Array = new Uint8Array(0);
  offset = 0;
  length = 0;
  private packet: Packet | undefined = undefined;

  /** The sender's address, an int32 word; `addressText` spells it. */
  get address(): number {
    const packet = this.packet as Packet;
    return ipv4Source(packet.bytes, packet.network);
  }

  get addressText(): string {
    return formatIp4(this.address);
  }

  /** The sender's UDP port. */
  get port(): number {
    const packet = this.packet as Packet;
    return udpSourcePort(packet.bytes, packet.transport);
  }

  /** The address it was sent to, an int32 word: ours, or a group's, or all (RFC 1122 4.1.3.5). */
  get localAddress(): number {
    const packet = this.packet as Packet;
    return ipv4Destination(packet.bytes, packet.network);
  }

  /** The IP options it came with, as they stood in its header, 0 to 40 octets: a view (RFC 1122 4.1.3.2). R1122.12, R1122.40. */
  get ipOptions(): Uint8Array {
    const { bytes, network } = this.packet as Packet;
    return bytes.subarray(network + IPV4_MIN_HEADER, network + ipv4HeaderLength(bytes, network));
  }

  get ttl(): number {
    const packet = this.packet as Packet;
    return ipv4Ttl(packet.bytes, packet.network);
  }

  /** It went to a broadcast or a group: who answers it answers in the name of many. */
  get toMany(): boolean {
    return (this.packet as Packet).cast !== CAST_HOST;
  }

  /** The sequence number of an echo reply. */
  get sequence(): number {
    const packet = this.packet as Packet;
    return icmpSequence(packet.bytes, packet.transport);
  }

  /** For the socket: shows this packet, whose head is at the payload. */
  show(packet: Packet): void {
    this.hide();
    this.packet = packet;
    this.bytes = packet.bytes;
    this.offset = packet.head;
    this.length = packet.length;
  }

  /** For the socket: the packet goes back. */
  hide(): void {
    if (this.packet === undefined) return;
    this.packet.release();
    this.packet = undefined;
    this.length = 0;
  }
}
