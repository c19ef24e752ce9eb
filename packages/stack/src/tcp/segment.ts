// The segment that is being looked at: SEG.SEQ, SEG.ACK, SEG.LEN, SEG.WND, SEG.UP of RFC 9293 3.3.1, and its options.

import { add } from '../base/int.ts';
import { CHECKSUM_NONE, GSO_NONE, type Packet } from '../contract/packet.ts';
import { R } from '../contract/reasons.ts';
import { fold } from '../wire/checksum.ts';
import { PROTO_TCP } from '../wire/ipv4.ts';
import {
  TCP_FIN,
  TCP_HEADER,
  TCP_SYN,
  tcpAck,
  tcpDestinationPort,
  tcpFlags,
  tcpHeaderLength,
  tcpSeq,
  tcpSourcePort,
  tcpUrgent,
  tcpWindow,
} from '../wire/tcp.ts';
import { parseTcpOptions, TcpOptions } from '../wire/tcp-options.ts';

/** Go on with the next step. */
export const CONTINUE = 0;
/** The segment counts for nothing: `reason` says why. */
export const DROP = 1;
/** The same, and the peer is told where we stand: <SEQ=SND.NXT><ACK=RCV.NXT><CTL=ACK>. */
export const DROP_ACK = 2;
/** The same, and the peer is told that there is no such connection. */
export const RESET = 3;

/** One per engine, reused: valid until the verb returns. */
export class Segment {
  packet: Packet | undefined = undefined;
  localPort = 0;
  remotePort = 0;
  seq = 0;
  ack = 0;
  flags = 0;
  /** As it stands in the header: the window is unscaled until somebody knows better. */
  wnd = 0;
  /** It came with a SYN (which may be cut off since): its window is not scaled (RFC 7323 2.2). */
  unscaled = false;
  up = 0;
  /** Where the text starts in the packet's bytes, and its octets. */
  textAt = 0;
  textLength = 0;
  /** How many segments of the wire this one stands for: a device may hand up several as one. */
  wireSegments = 1;
  private gsoSize = 0;
  readonly options: TcpOptions = new TcpOptions();
  /** Why it was dropped, when a step says so. */
  reason: number = R.TCP_OUT_OF_WINDOW;
  /** The packet went into a receive queue: it is no longer the engine's to release. */
  taken = false;
  /** Its front was cut off: it repeats what we have. */
  repeats = false;

  /** Sequence numbers it occupies: text, SYN and FIN. */
  get len(): number {
    return this.textLength + ((this.flags & TCP_SYN) !== 0 ? 1 : 0) + ((this.flags & TCP_FIN) !== 0 ? 1 : 0);
  }

  /** The sequence number behind it. */
  get end(): number {
    return add(this.seq, this.len);
  }

  /** The sequence number of its first octet of text. */
  get textSeq(): number {
    return add(this.seq, (this.flags & TCP_SYN) !== 0 ? 1 : 0);
  }

  has(flag: number): boolean {
    return (this.flags & flag) !== 0;
  }

  /** Reads a packet, head at its TCP header. -1, or the reason to drop it. */
  read(packet: Packet): number {
    const b = packet.bytes;
    const o = packet.transport;
    const { length } = packet;
    if (length < TCP_HEADER) return R.TCP_TRUNCATED;
    const header = tcpHeaderLength(b, o);
    if (header < TCP_HEADER || header > length) return R.TCP_BAD_OFFSET;
    // MUST-3: nothing of a segment counts before its checksum does.
    if (packet.checksum === CHECKSUM_NONE) {
      if (fold(packet.addressSum + PROTO_TCP + length + packet.sumFrom(o)) !== 0xffff) {
        return R.TCP_BAD_CHECKSUM;
      }
    }
    this.packet = packet;
    this.taken = false;
    this.repeats = false;
    this.remotePort = tcpSourcePort(b, o);
    this.localPort = tcpDestinationPort(b, o);
    this.seq = tcpSeq(b, o);
    this.ack = tcpAck(b, o);
    this.flags = tcpFlags(b, o);
    // MUST-1: sixteen bits, read unsigned.
    this.wnd = tcpWindow(b, o);
    this.unscaled = this.has(TCP_SYN);
    this.up = tcpUrgent(b, o);
    this.textAt = o + header;
    this.textLength = length - header;
    this.gsoSize = packet.gsoType === GSO_NONE ? 0 : packet.gsoSize;
    this.count();
    // MUST-5: options are read in every segment. What follows a broken length is not read, the segment itself counts.
    parseTcpOptions(b, o + TCP_HEADER, o + header, this.options);
    return this.localPort === 0 || this.remotePort === 0 ? R.TCP_PORT_ZERO : -1;
  }

  /** Forgets its first `n` sequence numbers, which we have already: a SYN first, then text. */
  cutFront(n: number): void {
    let text = n;
    if (n > 0 && this.has(TCP_SYN)) {
      this.flags &= ~TCP_SYN;
      text--;
    }
    // What was urgent before the cut is urgent still: the pointer counts from SEG.SEQ.
    this.up = Math.max(0, this.up - n);
    this.seq = add(this.seq, n);
    this.textAt += text;
    this.textLength -= text;
    this.count();
  }

  /** Forgets its last `n` sequence numbers, which do not fit: a FIN first, then text. */
  cutBack(n: number): void {
    let text = n;
    if (n > 0 && this.has(TCP_FIN)) {
      this.flags &= ~TCP_FIN;
      text--;
    }
    this.textLength -= text;
    this.count();
  }

  private count(): void {
    const { gsoSize, textLength } = this;
    this.wireSegments = gsoSize === 0 || textLength <= gsoSize ? 1 : Math.ceil(textLength / gsoSize);
  }

  /** For a step that ends here. */
  drop(reason: number): number {
    this.reason = reason;
    return DROP;
  }

  dropAck(reason: number): number {
    this.reason = reason;
    return DROP_ACK;
  }

  reset(reason: number): number {
    this.reason = reason;
    return RESET;
  }
}
