// The two requests that the benches without a kernel send: made once, by the wire's own setters.

import * as wire from '@tunstack/stack/wire';

const SOURCE = 0x0a09_0001;
const DESTINATION = 0x0a09_0002;
const ECHO_PORT = 7;
const CLIENT_PORT = 40_000;
const TTL = 64;

function datagram(protocol: number, header: number, payload: number): Uint8Array {
  const b = new Uint8Array(wire.IPV4_MIN_HEADER + header + payload);
  wire.writeIpv4(b, 0, 0, b.length, 0, wire.IPV4_DF, TTL, protocol, SOURCE, DESTINATION);
  for (let i = 0; i < payload; i++) b[wire.IPV4_MIN_HEADER + header + i] = i;
  return b;
}

/** An ICMP echo request from 10.9.0.1 to 10.9.0.2. */
export function echoRequest(payload: number): Uint8Array {
  const b = datagram(wire.PROTO_ICMP, wire.ICMP_HEADER, payload);
  const o = wire.IPV4_MIN_HEADER;
  wire.writeIcmp(b, o, wire.ICMP_ECHO, 0, 0, 1, 1);
  wire.wr16(b, o + 2, wire.complement(wire.sumBytes(b, o, b.length - o)));
  return b;
}

/** A UDP datagram from 10.9.0.1 port 40,000 to 10.9.0.2 port 7. */
export function udpRequest(payload: number): Uint8Array {
  const b = datagram(wire.PROTO_UDP, wire.UDP_HEADER, payload);
  const o = wire.IPV4_MIN_HEADER;
  const length = wire.UDP_HEADER + payload;
  wire.writeUdp(b, o, CLIENT_PORT, ECHO_PORT, length, 0);
  const pseudo = wire.pseudoHeaderSum(SOURCE, DESTINATION, wire.PROTO_UDP, length);
  wire.wr16(b, o + 6, wire.complement(pseudo + wire.sumBytes(b, o, length)));
  return b;
}
