// The far end of a TCP connection, played by a test: segments made from fields, the stack's answers read for where it
// stands. It says what it is told to say, true or not. RFC 9293 3.1, 3.4.

import { add, diff } from '@tunstack/stack/base';
import { repairChecksums } from '@tunstack/stack/craft';
import {
  PROTO_TCP,
  rd16,
  rd32,
  setIpv4Checksum,
  TCP_ACK,
  TCP_FIN,
  TCP_HEADER,
  TCP_SYN,
  tcpAck,
  tcpDestinationPort,
  tcpFlags,
  tcpHeaderLength,
  tcpSeq,
  tcpWindow,
  wr16,
  wr32,
  writeIpv4,
  writeTcp,
} from '@tunstack/stack/wire';

/** Frames of the stack carry no IP options. */
const IP_HEADER = 20;
const OPTION_TIMESTAMPS = 8;
const OPTION_WINDOW_SCALE = 3;

/** Both ends: addresses as int32 words. `local` is the stack's. */
export interface TcpPeerEnds {
  readonly address: number;
  readonly port: number;
  readonly localAddress: number;
  readonly localPort: number;
}

/** Fields of a segment; what is not given is what an honest peer would say now. */
export interface PeerFields {
  readonly flags?: number;
  readonly seq?: number;
  readonly ack?: number;
  readonly window?: number;
  readonly urgent?: number;
  /** Raw option octets, a multiple of 4. Without it: timestamps where both agreed on them. */
  readonly options?: Uint8Array;
  readonly payload?: Uint8Array;
}

/** See the head of this file. */
export class TcpPeer {
  readonly ends: TcpPeerEnds;
  /** First sequence numbers: its own, and the stack's once known. */
  iss: number;
  irs = 0;
  /** SND.NXT of the peer, and the next it expects of the stack: RCV.NXT. */
  sndNxt: number;
  rcvNxt = 0;
  /** What the stack acknowledged last, and the right edge of its window: its RCV.NXT and RCV.ADV. */
  acked: number;
  edge: number;
  /** Offered; and, once both SYNs were seen, agreed. */
  timestamps: boolean;
  windowScale: number;
  tsVal: number;
  tsEcr = 0;
  /** Offered in its SYN: set before. */
  sackPermitted = false;
  /** The shift of the stack's windows. */
  stackScale = 0;
  /** Segments of the stack that were heard. */
  heard = 0;

  constructor(ends: TcpPeerEnds, iss: number, timestamps: boolean, windowScale: number, tsVal: number) {
    this.ends = ends;
    this.iss = iss;
    this.sndNxt = iss;
    this.acked = iss;
    this.edge = iss;
    this.timestamps = timestamps;
    this.windowScale = windowScale;
    this.tsVal = tsVal;
  }

  /** A SYN, or with TCP_ACK the answer to the stack's. Moves SND.NXT. */
  syn(flags: number = TCP_SYN): Uint8Array {
    this.sndNxt = add(this.iss, 1);
    return this.frame({ flags, seq: this.iss, options: this.synOptions() });
  }

  /** A segment as an honest peer would send it now; SND.NXT moves over its text and FIN. */
  say(fields: PeerFields): Uint8Array {
    const frame = this.frame(fields);
    const fin = ((fields.flags ?? TCP_ACK) & TCP_FIN) !== 0 ? 1 : 0;
    this.sndNxt = add(this.sndNxt, (fields.payload?.length ?? 0) + fin);
    return frame;
  }

  /** A segment made of these fields, checksums right. Nothing moves. */
  frame(fields: PeerFields): Uint8Array {
    const { flags = TCP_ACK, seq = this.sndNxt, ack = this.rcvNxt, window = 65_535, urgent = 0 } = fields;
    const options = fields.options ?? this.timestampsOption();
    const { ends } = this;
    const header = TCP_HEADER + options.length;
    const text = fields.payload?.length ?? 0;
    const frame = new Uint8Array(IP_HEADER + header + text);
    writeIpv4(frame, 0, 0, frame.length, 0, 0x4000, 64, PROTO_TCP, ends.address, ends.localAddress);
    setIpv4Checksum(frame, 0);
    const number = (flags & TCP_ACK) !== 0 ? ack : 0;
    writeTcp(frame, IP_HEADER, ends.port, ends.localPort, seq, number, header, flags, window, 0, urgent);
    frame.set(options, IP_HEADER + TCP_HEADER);
    if (fields.payload !== undefined) frame.set(fields.payload, IP_HEADER + header);
    repairChecksums(frame);
    return frame;
  }

  /** Reads a frame that the stack sent; false: it is not for this peer. */
  hear(frame: Uint8Array): boolean {
    const { ends } = this;
    const o = IP_HEADER;
    if (tcpDestinationPort(frame, o) !== ends.port || rd16(frame, o) !== ends.localPort) return false;
    if (rd32(frame, 16) !== ends.address) return false;
    this.heard++;
    const flags = tcpFlags(frame, o);
    const header = tcpHeaderLength(frame, o);
    const syn = (flags & TCP_SYN) !== 0;
    this.readOptions(frame, o + TCP_HEADER, o + header, syn);
    const numbers = frame.length - o - header + (syn ? 1 : 0) + ((flags & TCP_FIN) !== 0 ? 1 : 0);
    const end = add(tcpSeq(frame, o), numbers);
    if (syn) {
      this.irs = tcpSeq(frame, o);
      this.rcvNxt = end;
    } else if (diff(end, this.rcvNxt) > 0) this.rcvNxt = end;
    if ((flags & TCP_ACK) !== 0) {
      this.acked = tcpAck(frame, o);
      this.edge = add(this.acked, tcpWindow(frame, o) << (syn ? 0 : this.stackScale));
    }
    return true;
  }

  private readOptions(frame: Uint8Array, from: number, end: number, syn: boolean): void {
    let [timestamps, scale] = [false, -1];
    for (let at = from; at < end && frame[at] !== 0; at += frame[at] === 1 ? 1 : frame[at + 1]) {
      if (frame[at] === OPTION_TIMESTAMPS) {
        timestamps = true;
        this.tsEcr = rd32(frame, at + 2);
      }
      if (frame[at] === OPTION_WINDOW_SCALE) scale = frame[at + 2];
    }
    if (!syn) return;
    this.timestamps &&= timestamps;
    this.stackScale = scale >= 0 && this.windowScale >= 0 ? scale : 0;
  }

  /** NOP, NOP, timestamps; or nothing. */
  private timestampsOption(): Uint8Array {
    if (!this.timestamps) return new Uint8Array(0);
    const options = Uint8Array.of(1, 1, OPTION_TIMESTAMPS, 10, 0, 0, 0, 0, 0, 0, 0, 0);
    wr32(options, 4, this.tsVal);
    wr32(options, 8, this.tsEcr);
    return options;
  }

  private synOptions(): Uint8Array {
    const mss = [2, 4, 0, 0];
    const scale = this.windowScale >= 0 ? [1, OPTION_WINDOW_SCALE, 3, this.windowScale] : [];
    const sack = this.sackPermitted ? [1, 1, 4, 2] : [];
    const options = Uint8Array.of(...mss, ...scale, ...sack, ...this.timestampsOption());
    wr16(options, 2, 1460);
    return options;
  }
}
