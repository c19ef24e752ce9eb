// A peer in memory that speaks TCP as a script and allocates nothing: its segments lie written in a slab, and what differs from one to
// the next (sequence number, acknowledgment, timestamps, checksum) is patched in place. Nothing is lost, nothing is reordered.

import {
  type Arena,
  CHECKSUM_VALID,
  FEATURE_CHECKSUM,
  FEATURE_TSO4,
  GSO_TCPV4,
  type Link,
  type LinkCounters,
  type LinkUser,
  MEDIUM_IP,
  newLinkCounters,
  type Packet,
  type PacketPool,
  TAKEN,
} from '@tunstack/stack/contract';
import * as wire from '@tunstack/stack/wire';

/** What the peer does: sends, receives, sends and has it all sent back, or the same one octet at a time. */
export type TcpLoad = 'in' | 'out' | 'echo' | 'talk';

export interface AllocPeerOptions {
  readonly load: TcpLoad;
  /** Super-segments of 64 KiB with checksums that the device vouches for, or segments of 1500 octets. */
  readonly offload: boolean;
  /** Segments that one poll brings, at most. */
  readonly batch: number;
}

export const PEER_ADDRESS = 0x0a09_0001;
export const OWN_ADDRESS = 0x0a09_0002;
export const SERVER_PORT = 7;
const PEER_PORT = 40_000;
const TTL = 64;
const HEADROOM = 64;
const OPTIONS = 12;
const TCP = wire.IPV4_MIN_HEADER;
const TEXT: number = TCP + wire.TCP_HEADER + OPTIONS;
const MSS = 1448;
/** Segments of 1448 octets in one super-segment: as many as 64 KiB hold. */
const SUPER = 44;
const SCALE = 10;
/** Octets that the peer offers: never what limits. */
const WINDOW: number = 8 << 20;
const SYN_OPTIONS = 20;
const LEFT_LOG = 16_384;
const ARENA_BYTES: number = 16 << 20;

/** See the head of this file. `start` sends the SYN; the rest follows from what the stack answers. */
export class AllocPeer implements Link {
  readonly name: string = 'mem0';
  readonly medium: number = MEDIUM_IP;
  readonly mtu: number = 1500;
  readonly features: number;
  readonly headroom: number = 0;
  readonly up: boolean = true;
  readonly room: number = 1024;
  readonly backlog: boolean = false;
  readonly counters: LinkCounters = newLinkCounters();
  /** Segments with text that the stack has sent, or that were sent to it: what a packet of this load is. */
  packets = 0;
  /** Text of either side that arrived. */
  octets = 0;
  private readonly pool: PacketPool;
  private readonly options: AllocPeerOptions;
  private readonly slab: Arena;
  /** Where the slab begins in its arena. */
  private readonly slabAt: number;
  private readonly stride: number;
  private readonly text: number;
  private readonly sent: Packet[] = [];
  private user: LinkUser | undefined = undefined;
  private nowMs = 1;

  private connected = false;
  private synDue = true;
  private ackDue = false;
  private sndNxt = 0x7fff_ff00;
  private sndUna = 0x7fff_ff00;
  private sndWnd = 0;
  private sndScale = 0;
  private rcvNxt = 0;
  private tsEcr = 0;
  /** Ends of what arrived and is not acknowledged yet: one segment of ours acknowledges two of theirs, or a super-segment. */
  private readonly ends: Int32Array = new Int32Array(LEFT_LOG);
  private endsFirst = 0;
  private endsCount = 0;

  constructor(pool: PacketPool, options: AllocPeerOptions) {
    const { load, offload, batch } = options;
    this.pool = pool;
    this.options = options;
    this.features = offload ? FEATURE_CHECKSUM | FEATURE_TSO4 : 0;
    this.text = load === 'out' ? 0 : load === 'talk' ? 1 : offload ? SUPER * MSS : MSS;
    this.stride = (HEADROOM + TEXT + SYN_OPTIONS + this.text + 3) & ~3;
    // As TunLink: slab and what is sent in one arena.
    const { arena, offset: at } = pool.arenas.allocate(this.stride * batch, ARENA_BYTES);
    this.slab = arena;
    this.slabAt = at;
  }

  attach(user: LinkUser | undefined): void {
    this.user = user;
  }

  /** The clock of the peer's timestamps, milliseconds: before each pump. */
  tick(nowMs: number): void {
    this.nowMs = nowMs;
  }

  poll(budget: number): number {
    const count = Math.min(budget, this.options.batch);
    if (this.synDue) {
      this.synDue = false;
      this.hand(0, wire.TCP_SYN, 0);
      this.sndNxt = (this.sndNxt + 1) | 0;
      return 1;
    }
    if (!this.connected) return 0;
    let handed = 0;
    while (handed < count && this.handNext(handed)) handed++;
    return handed;
  }

  transmit(packet: Packet): number {
    this.counters.txPackets++;
    this.read(packet.bytes, packet.head, packet.length);
    this.sent.push(packet);
    return TAKEN;
  }

  flush(): void {
    for (let packet = this.sent.pop(); packet !== undefined; packet = this.sent.pop()) packet.release();
  }

  close(): void {}

  /** The next segment of this load, if there may be one. */
  private handNext(place: number): boolean {
    const { text } = this;
    if (text === 0) {
      if (this.endsCount === 0 && !this.ackDue) return false;
      this.ackDue = false;
      this.hand(place, wire.TCP_ACK, 0);
      return true;
    }
    if (((this.sndNxt + text - this.sndUna) | 0) > this.sndWnd) {
      // The window is used: nothing but an acknowledgment of what came may go.
      if (this.endsCount === 0) return false;
      this.hand(place, wire.TCP_ACK, 0);
      return true;
    }
    // One octet alone is pushed, as a kernel's client does.
    this.hand(place, this.options.load === 'talk' ? wire.TCP_ACK | wire.TCP_PSH : wire.TCP_ACK, text);
    this.sndNxt = (this.sndNxt + text) | 0;
    if (this.options.load === 'in') this.packets++;
    return true;
  }

  private hand(place: number, flags: number, text: number): void {
    const { slab, stride, pool, options } = this;
    const base = this.slabAt + place * stride;
    const head = base + HEADROOM;
    const b = slab.bytes;
    const tcp = head + TCP;
    const syn = flags === wire.TCP_SYN;
    const header = wire.TCP_HEADER + (syn ? SYN_OPTIONS : OPTIONS);
    const length = TCP + header + text;
    wire.writeIpv4(b, head, 0, length, 0, wire.IPV4_DF, TTL, wire.PROTO_TCP, PEER_ADDRESS, OWN_ADDRESS);
    const ack = this.nextAck();
    const window = syn ? 0xffff : WINDOW >> SCALE;
    wire.writeTcp(b, tcp, PEER_PORT, SERVER_PORT, this.sndNxt, ack, header, flags, window, 0, 0);
    if (syn) wire.writeSynOptions(b, tcp + wire.TCP_HEADER, MSS + OPTIONS, true, true, this.nowMs, 0, SCALE);
    else wire.writeTimestampsOption(b, tcp + wire.TCP_HEADER, this.nowMs, this.tsEcr);
    const packet = pool.lend(slab, base, head, length, base + stride);
    if (options.offload) {
      packet.checksum = CHECKSUM_VALID;
      if (text > MSS) {
        packet.gsoType = GSO_TCPV4;
        packet.gsoSize = MSS;
      }
    } else {
      // The text is zeros, which add nothing.
      const pseudo = wire.pseudoHeaderSum(PEER_ADDRESS, OWN_ADDRESS, wire.PROTO_TCP, header + text);
      const sum = wire.sumWords(slab.words, b, tcp, header);
      wire.wr16(b, tcp + wire.TCP_CHECKSUM_AT, wire.complement(pseudo + sum));
    }
    this.counters.rxPackets++;
    this.user?.receive(packet);
  }

  /** Acknowledges two of the segments that came, as RFC 9293 SHLD-18 has it, or one super-segment. */
  private nextAck(): number {
    const most = this.options.offload ? 1 : 2;
    for (let n = 0; n < most && this.endsCount > 0; n++) {
      this.rcvNxt = this.ends[this.endsFirst];
      this.endsFirst = (this.endsFirst + 1) & (LEFT_LOG - 1);
      this.endsCount--;
    }
    return this.rcvNxt;
  }

  /** What the stack sent, head at the IP header. */
  private read(b: Uint8Array, head: number, length: number): void {
    const tcp = head + TCP;
    const header = wire.tcpHeaderLength(b, tcp);
    const flags = wire.tcpFlags(b, tcp);
    if ((flags & wire.TCP_RST) !== 0) throw new Error('the stack sent a RST');
    const seq = wire.tcpSeq(b, tcp);
    if ((flags & wire.TCP_SYN) !== 0) {
      this.readSyn(b, tcp, seq);
      return;
    }
    this.tsEcr = wire.rd32(b, tcp + wire.TCP_HEADER + 4);
    this.sndUna = wire.tcpAck(b, tcp);
    this.sndWnd = wire.tcpWindow(b, tcp) << this.sndScale;
    const text = length - TCP - header;
    if (text === 0) return;
    this.octets += text;
    if (this.options.load !== 'in') this.packets++;
    if (this.endsCount === LEFT_LOG) throw new Error('more segments are under way than the peer can note');
    this.ends[(this.endsFirst + this.endsCount++) & (LEFT_LOG - 1)] = (seq + text) | 0;
  }

  private readSyn(b: Uint8Array, tcp: number, seq: number): void {
    const options = new wire.TcpOptions();
    wire.parseTcpOptions(b, tcp + wire.TCP_HEADER, tcp + wire.tcpHeaderLength(b, tcp), options);
    this.sndScale = options.windowScale;
    this.tsEcr = options.tsVal;
    this.rcvNxt = (seq + 1) | 0;
    this.sndUna = this.sndNxt;
    this.sndWnd = wire.tcpWindow(b, tcp);
    this.ackDue = true;
    this.connected = true;
    // Where the options of our SYN were there will be text.
    this.slab.bytes.fill(0, this.slabAt, this.slabAt + this.stride);
  }
}
