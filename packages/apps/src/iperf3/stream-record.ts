// What is counted of one stream: octets, datagrams, loss, jitter. One record a stream, for its whole life.

/** Weight of a new difference in the jitter: RFC 1889 A.8, RFC 3550 6.4.1. */
const JITTER_GAIN = 1 / 16;

/** What TCP tells of a sender, at one moment. */
export interface TcpSample {
  /** Since the connection began. */
  readonly retransmits: number;
  /** Octets. */
  readonly cwnd: number;
  readonly wnd: number;
  readonly rttUs: number;
  readonly rttvarUs: number;
  readonly pmtu: number;
}

/** Addresses of a stream. */
export interface StreamAddresses {
  readonly localHost: string;
  readonly localPort: number;
  readonly remoteHost: string;
  readonly remotePort: number;
}

export class StreamRecord {
  /** The number both sides know it by: 1, 3, 4, 5 ... as iperf3 counts. */
  readonly id: number;
  /** The number it is printed under: iperf3 prints its descriptor. */
  readonly socket: number;
  /** We send on it. */
  readonly sends: boolean;
  addresses: StreamAddresses = { localHost: '', localPort: 0, remoteHost: '', remotePort: 0 };
  /** Octets sent, or received. */
  bytes = 0;
  /** Datagrams sent; or the highest count received. */
  packets = 0;
  /** Datagrams that were missing when a later one came, less those that came after all. */
  lost = 0;
  outOfOrder = 0;
  /** Seconds. */
  jitterS = 0;
  /** -1: we do not send, or not by TCP. */
  retransmits = -1;
  /** How long it was measured. */
  seconds = 0;
  private highest = 0;
  private transitMs: number | undefined = undefined;
  /** What there was when the measurement began, after what is omitted. */
  private omitted = { packets: 0, retransmits: 0 };

  constructor(index: number, sends: boolean) {
    this.id = index === 0 ? 1 : index + 2;
    this.socket = 5 + 2 * index;
    this.sends = sends;
  }

  sent(bytes: number): void {
    this.bytes += bytes;
    this.packets++;
  }

  /** A datagram arrived: its count, and how long it was under way (from any origin), milliseconds. */
  arrived(bytes: number, count: number, transitMs: number): void {
    this.bytes += bytes;
    if (count > this.highest) {
      this.lost += count - 1 - this.highest;
      this.highest = count;
      this.packets = count - this.omitted.packets;
    } else {
      this.outOfOrder++;
      if (this.lost > 0) this.lost--;
    }
    const d = this.transitMs === undefined ? 0 : Math.abs(transitMs - this.transitMs);
    this.transitMs = transitMs;
    this.jitterS += (d / 1000 - this.jitterS) * JITTER_GAIN;
  }

  /** TCP's own count. */
  resent(segments: number): void {
    this.retransmits = Math.max(0, segments - this.omitted.retransmits);
  }

  /** The measurement begins now: what was before does not count. */
  restart(): void {
    this.omitted = {
      packets: this.highest,
      retransmits: this.omitted.retransmits + Math.max(0, this.retransmits),
    };
    this.bytes = 0;
    this.packets = 0;
    this.lost = 0;
    this.outOfOrder = 0;
    this.jitterS = 0;
    if (this.retransmits > 0) this.retransmits = 0;
  }
}
