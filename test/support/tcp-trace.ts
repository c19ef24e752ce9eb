// What RFC 9293 demands of every segment, asked of a capture: nothing beyond the window that the peer has offered (3.8.6),
// nothing larger than its MSS (3.7.1), no acknowledgment of what was never sent, no window taken back (SHLD-14).
//
// The capture must have seen each segment before the other end did, or when it came: a TUN's does, of both sides.

import { type Capture, LINKTYPE_ETHERNET } from '@tunstack/pcap';
import {
  ipv4Destination,
  ipv4HeaderLength,
  ipv4Protocol,
  ipv4Source,
  ipv4TotalLength,
  PROTO_TCP,
  parseIp4,
  parseTcpOptions,
  TCP_ACK,
  TCP_FIN,
  TCP_HEADER,
  TCP_RST,
  TCP_SYN,
  TcpOptions,
  tcpAck,
  tcpDestinationPort,
  tcpFlags,
  tcpHeaderLength,
  tcpSeq,
  tcpSourcePort,
  tcpWindow,
} from '@tunstack/stack/wire';

/** One segment of a capture. */
export interface Seen {
  readonly number: number;
  readonly timestampUs: number;
  /** 'address:port' of who sent it, and of who gets it. */
  readonly from: string;
  readonly to: string;
  readonly fromStack: boolean;
  readonly seq: number;
  readonly ack: number;
  readonly flags: number;
  readonly window: number;
  readonly text: number;
  /** Octets of options. */
  readonly optionOctets: number;
  readonly mss: number;
  readonly windowScale: number;
}

/** The TCP segments of a capture, in its order. `stackAddress`: whose are ours. */
export function segmentsOf({ packets, interfaces }: Capture, stackAddress: string): Seen[] {
  const ours = parseIp4(stackAddress);
  const options = new TcpOptions();
  const seen: Seen[] = [];
  for (const [index, { data: b, interfaceId, timestampUs }] of packets.entries()) {
    const o = interfaces[interfaceId].linkType === LINKTYPE_ETHERNET ? 14 : 0;
    if (b[o] >> 4 !== 4 || ipv4Protocol(b, o) !== PROTO_TCP) continue;
    const t = o + ipv4HeaderLength(b, o);
    const header = tcpHeaderLength(b, t);
    parseTcpOptions(b, t + TCP_HEADER, t + header, options);
    const syn = (tcpFlags(b, t) & TCP_SYN) !== 0;
    seen.push({
      number: index + 1,
      timestampUs,
      from: `${ipv4Source(b, o)}:${tcpSourcePort(b, t)}`,
      to: `${ipv4Destination(b, o)}:${tcpDestinationPort(b, t)}`,
      fromStack: ipv4Source(b, o) === ours,
      seq: tcpSeq(b, t),
      ack: tcpAck(b, t),
      flags: tcpFlags(b, t),
      window: tcpWindow(b, t),
      text: o + ipv4TotalLength(b, o) - t - header,
      optionOctets: header - TCP_HEADER,
      mss: syn ? options.mss : 0,
      windowScale: syn ? options.windowScale : -1,
    });
  }
  return seen;
}

/** What one end of a connection has sent and offered so far. */
interface End {
  mss: number;
  scale: number;
  /** Right edge of the window it offered, furthest ever. */
  edge: number | undefined;
  /** Behind the last sequence number it sent. */
  nxt: number | undefined;
}

/** Faults, a line each: empty when all is well. Connections whose SYN was not captured are left out. */
export function faultsOf(segments: readonly Seen[]): string[] {
  const ends = new Map<string, End>();
  const faults: string[] = [];
  for (const s of segments) {
    const key = `${s.from}>${s.to}`;
    if ((s.flags & TCP_RST) !== 0) continue;
    if ((s.flags & TCP_SYN) !== 0) {
      ends.set(key, { mss: s.mss || 536, scale: s.windowScale, edge: undefined, nxt: undefined });
    }
    const mine = ends.get(key);
    const peer = ends.get(`${s.to}>${s.from}`);
    if (mine === undefined) continue;
    const tell = (what: string): void => {
      faults.push(`${s.number}: ${s.from} > ${s.to} seq ${s.seq} ack ${s.ack} text ${s.text}: ${what}`);
    };
    checkSending(s, mine, peer, tell);
    checkOffering(s, mine, peer, tell);
  }
  return faults;
}

function checkSending(s: Seen, mine: End, peer: End | undefined, tell: (what: string) => void): void {
  const { SYN, FIN } = { SYN: s.flags & TCP_SYN, FIN: s.flags & TCP_FIN };
  const textEnd = (s.seq + s.text + (SYN ? 1 : 0)) | 0;
  const end = (textEnd + (FIN ? 1 : 0)) | 0;
  if (mine.nxt === undefined || ((end - mine.nxt) | 0) > 0) mine.nxt = end;
  if (peer === undefined || SYN) return;
  // MUST-16: options are taken off what the peer's MSS allows.
  if (s.text + s.optionOctets > peer.mss) tell(`more than the MSS of ${peer.mss}`);
  if (peer.edge !== undefined && s.text > 0 && ((textEnd - peer.edge) | 0) > 0) {
    tell(`${(textEnd - peer.edge) | 0} octets beyond the window`);
  }
}

function checkOffering(s: Seen, mine: End, peer: End | undefined, tell: (what: string) => void): void {
  if ((s.flags & TCP_ACK) === 0) return;
  if (peer?.nxt !== undefined && ((s.ack - peer.nxt) | 0) > 0) tell('acknowledges what was never sent');
  const scaled = (s.flags & TCP_SYN) === 0 && mine.scale >= 0 && (peer?.scale ?? -1) >= 0;
  const edge = (s.ack + (scaled ? s.window << mine.scale : s.window)) | 0;
  const moved = mine.edge === undefined ? 1 : (edge - mine.edge) | 0;
  // Linux rounds its windows to what scaling can say, and may seem to take some octets back; we do not.
  if (s.fromStack && moved < 0) tell(`takes back ${-moved} octets of its window`);
  if (moved > 0) mine.edge = edge;
}

/** Segments with RST. */
export function resetsOf(segments: readonly Seen[]): Seen[] {
  return segments.filter(({ flags }) => (flags & TCP_RST) !== 0);
}
