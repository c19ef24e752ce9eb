// Reads a transmitted frame back, and fails when our own checks do not pass it.

import { assert } from '../base/assert.ts';
import { formatIp4 } from '../wire/address.ts';
import { fold, pseudoHeaderSum, sumBytes } from '../wire/checksum.ts';
import * as icmp from '../wire/icmpv4.ts';
import * as ipv4 from '../wire/ipv4.ts';
import * as udp from '../wire/udp.ts';

export interface ReadFrame {
  readonly src: string;
  readonly dst: string;
  readonly tos: number;
  readonly id: number;
  readonly flags: number;
  readonly ttl: number;
  readonly protocol: number;
  readonly header: number;
  readonly total: number;
  /** Of ICMP; -1 otherwise. */
  readonly type: number;
  readonly code: number;
  readonly word4: number;
  readonly word6: number;
  /** Of UDP; -1 otherwise. */
  readonly sport: number;
  readonly dport: number;
  readonly checksum: number;
  /** Behind the transport's header of eight octets. */
  readonly payload: Uint8Array;
}

export function readFrame(frame: Uint8Array): ReadFrame {
  assert(ipv4.checkIpv4(frame, 0, frame.length) === ipv4.IPV4_OK, 'what is sent passes our own IPv4 check');
  const header = ipv4.ipv4HeaderLength(frame, 0);
  const total = ipv4.ipv4TotalLength(frame, 0);
  assert(total === frame.length, 'a frame holds one datagram');
  const protocol = ipv4.ipv4Protocol(frame, 0);
  const [source, destination] = [ipv4.ipv4Source(frame, 0), ipv4.ipv4Destination(frame, 0)];
  const isIcmp = protocol === ipv4.PROTO_ICMP;
  const isUdp = protocol === ipv4.PROTO_UDP;
  const sum = sumBytes(frame, header, total - header);
  if (isIcmp) assert(fold(sum) === 0xffff, 'the ICMP checksum of what is sent is right');
  if (isUdp) {
    assert(udp.udpLength(frame, header) === total - header, 'the UDP length of what is sent is right');
    const pseudo = pseudoHeaderSum(source, destination, protocol, total - header);
    assert(udp.udpChecksum(frame, header) !== 0, 'UDP is sent with a checksum');
    assert(fold(sum + pseudo) === 0xffff, 'the UDP checksum of what is sent is right');
  }
  return {
    src: formatIp4(source),
    dst: formatIp4(destination),
    tos: ipv4.ipv4Tos(frame, 0),
    id: ipv4.ipv4Id(frame, 0),
    flags: ipv4.ipv4Flags(frame, 0),
    ttl: ipv4.ipv4Ttl(frame, 0),
    protocol,
    header,
    total,
    type: isIcmp ? icmp.icmpType(frame, header) : -1,
    code: isIcmp ? icmp.icmpCode(frame, header) : -1,
    word4: isIcmp ? icmp.icmpId(frame, header) : -1,
    word6: isIcmp ? icmp.icmpSequence(frame, header) : -1,
    sport: isUdp ? udp.udpSourcePort(frame, header) : -1,
    dport: isUdp ? udp.udpDestinationPort(frame, header) : -1,
    checksum: isUdp ? udp.udpChecksum(frame, header) : isIcmp ? icmp.icmpChecksum(frame, header) : -1,
    payload: frame.slice(header + 8),
  };
}
