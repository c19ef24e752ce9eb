// The 10-octet virtio-net header between a TUN/TAP and the marks of a packet. Source: virtio 1.2, 5.1.6; kernel
// include/linux/virtio_net.h.
import {
  CHECKSUM_PARTIAL,
  CHECKSUM_VALID,
  GSO_NONE,
  GSO_TCPV4,
  GSO_UDP_L4,
  type Packet,
} from '@tunstack/stack/contract';
import {
  TCP_CWR,
  VNET_F_DATA_VALID,
  VNET_F_NEEDS_CSUM,
  VNET_GSO_ECN,
  VNET_GSO_NONE,
  VNET_GSO_TCPV4,
  VNET_GSO_UDP_L4,
  VNET_HEADER,
  vnetChecksumOffset,
  vnetChecksumStart,
  vnetFlags,
  vnetGsoSize,
  vnetGsoType,
  writeVnet,
} from '@tunstack/stack/wire';

/**
 * Takes the marks of a packet that arrived from the header that lies at `header` of its bytes, right in front of it.
 *
 * @returns false when the header points outside the packet: drop it.
 */
export function readMarks(packet: Packet, header: number): boolean {
  const { bytes } = packet;
  const flags = vnetFlags(bytes, header);
  if ((flags & VNET_F_NEEDS_CSUM) !== 0) {
    const start = packet.head + vnetChecksumStart(bytes, header);
    const at = start + vnetChecksumOffset(bytes, header);
    if (at + 2 > packet.tail) return false;
    packet.checksum = CHECKSUM_PARTIAL;
    packet.checksumStart = start;
    packet.checksumAt = at;
  } else if ((flags & VNET_F_DATA_VALID) !== 0) {
    packet.checksum = CHECKSUM_VALID;
  }
  const gsoType = vnetGsoType(bytes, header) & ~VNET_GSO_ECN;
  if (gsoType === VNET_GSO_TCPV4) packet.gsoType = GSO_TCPV4;
  else if (gsoType === VNET_GSO_UDP_L4) packet.gsoType = GSO_UDP_L4;
  else return true;
  packet.gsoSize = vnetGsoSize(bytes, header);
  return packet.gsoSize > 0;
}

/**
 * Pushes the header that tells the kernel of a packet's marks. Needs VNET_HEADER octets of headroom.
 *
 * @returns false, with nothing changed, for a super-segment whose checksum is not partial: the kernel would refuse it.
 */
export function pushMarks(packet: Packet): boolean {
  const frame = packet.head;
  if (packet.checksum !== CHECKSUM_PARTIAL) {
    if (packet.gsoType !== GSO_NONE) return false;
    packet.bytes.fill(0, packet.push(VNET_HEADER), frame);
    return true;
  }
  const start = packet.checksumStart;
  let gsoType = VNET_GSO_NONE;
  let headers = 0;
  if (packet.gsoType === GSO_TCPV4) {
    gsoType = VNET_GSO_TCPV4;
    // With CWR, which only the first segment may say: a device that does not know is given segments instead (RFC 3168 6.1.2).
    if ((packet.bytes[start + 13] & TCP_CWR) !== 0) gsoType |= VNET_GSO_ECN;
    headers = start - frame + (packet.bytes[start + 12] >>> 4) * 4; // data offset, RFC 9293 3.1
  } else if (packet.gsoType === GSO_UDP_L4) {
    gsoType = VNET_GSO_UDP_L4;
    headers = start - frame + 8;
  }
  const gsoSize = gsoType === VNET_GSO_NONE ? 0 : packet.gsoSize;
  const at = packet.push(VNET_HEADER);
  writeVnet(
    packet.bytes,
    at,
    VNET_F_NEEDS_CSUM,
    gsoType,
    headers,
    gsoSize,
    start - frame,
    packet.checksumAt - start,
  );
  return true;
}
