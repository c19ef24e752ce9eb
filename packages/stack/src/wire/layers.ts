// The layers of a packet as readable objects: what `dissect` gives and `craft` takes. RFC 791, RFC 792, RFC 768,
// RFC 9293.

/** A datagram, its header fields in RFC 791's order. Lengths and offsets in octets, addresses as text. */
export interface Ipv4Layer {
  layer: 'ipv4';
  version: number;
  /** IHL in octets, 0 .. 60 as it stands there. */
  headerLength: number;
  tos: number;
  totalLength: number;
  id: number;
  /** The flag that must be zero. */
  reserved: boolean;
  df: boolean;
  mf: boolean;
  /** Octets, a multiple of 8. */
  fragmentOffset: number;
  ttl: number;
  protocol: number;
  checksum: number;
  checksumOk: boolean;
  source: string;
  destination: string;
  /** What stands between the 20th octet and the end of the header, raw. */
  options: Uint8Array;
  next: Layer;
  /** Octets behind the total length, when there are any: link padding. */
  trailer?: Uint8Array;
  /** Why the rest could not be believed. */
  malformed?: string;
}

/** An ICMP message. `id` and `sequence` are the two halves of the header's second word, whatever the type makes of it. */
export interface IcmpLayer {
  layer: 'icmp';
  type: number;
  code: number;
  checksum: number;
  /** Absent where it cannot be known: in a fragment, in a quote that was cut short. */
  checksumOk?: boolean;
  id: number;
  sequence: number;
  /** Next-hop MTU of a fragmentation-needed that tells one (RFC 1191). */
  mtu?: number;
  /** The quoted datagram of an error, else data. */
  next: Layer;
  malformed?: string;
}

/** A UDP datagram; `next` is its payload. */
export interface UdpLayer {
  layer: 'udp';
  sourcePort: number;
  destinationPort: number;
  /** Octets with this header, as it stands there. */
  length: number;
  checksum: number;
  /** True as well when the sender computed none (0). Absent where it cannot be known. */
  checksumOk?: boolean;
  next: Layer;
  /** Octets of the datagram behind the UDP length, when there are any. */
  trailer?: Uint8Array;
  malformed?: string;
}

export type TcpFlag = 'FIN' | 'SYN' | 'RST' | 'PSH' | 'ACK' | 'URG' | 'ECE' | 'CWR';

/** In the order of their bits, FIN = 1 first. */
export const TCP_FLAG_NAMES: readonly TcpFlag[] = ['FIN', 'SYN', 'RST', 'PSH', 'ACK', 'URG', 'ECE', 'CWR'];

/** A TCP segment, its header fields in RFC 9293's order; `next` is its payload. */
export interface TcpLayer {
  layer: 'tcp';
  sourcePort: number;
  destinationPort: number;
  /** 0 .. 2^32-1, as `ack` and the edges and stamps of options. */
  seq: number;
  ack: number;
  /** The data offset in octets, 0 .. 60 as it stands there. */
  headerLength: number;
  /** The four bits between data offset and flags, to be zero; the lowest is AE of accurate ECN. */
  reserved: number;
  flags: TcpFlag[];
  /** Not scaled. */
  window: number;
  checksum: number;
  /** Absent where it cannot be known: in a fragment, in a quote that was cut short. */
  checksumOk?: boolean;
  urgent: number;
  /** In the order of the header, NOPs and padding too. */
  options: TcpOption[];
  next: Layer;
  malformed?: string;
}

/** One TCP option: RFC 9293 3.2, RFC 7323, RFC 2018. */
export type TcpOption =
  /** The end of the list, and what stands behind it: zeros by MUST-69. */
  | { option: 'eol'; padding?: Uint8Array }
  | { option: 'nop' }
  /** Octets. */
  | { option: 'mss'; mss: number }
  /** Bits. */
  | { option: 'window-scale'; shift: number }
  | { option: 'sack-permitted' }
  | { option: 'sack'; blocks: [left: number, right: number][] }
  | { option: 'timestamps'; value: number; echo: number }
  /** Of another kind, or of a length that is not its kind's: what stands behind kind and length. */
  | { option: 'unknown'; kind: number; bytes: Uint8Array }
  /** A length that cannot be: the rest of the header, from the option's kind on. */
  | { option: 'malformed'; bytes: Uint8Array };

/** Octets that are not looked into. */
export interface DataLayer {
  layer: 'data';
  /** The IP protocol they belong to. */
  protocol: number;
  bytes: Uint8Array;
  malformed?: string;
}

export type Layer = Ipv4Layer | IcmpLayer | TcpLayer | UdpLayer | DataLayer;
