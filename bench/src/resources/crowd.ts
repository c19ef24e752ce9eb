// A crowd in memory: as many TCP peers as are wanted, without a memory of any of them. Each segment of the stack says all that its
// answer needs: a SYN,ACK is acknowledged, text too, a FIN is answered by a FIN. Nothing is lost.

import {
  type Arena,
  CHECKSUM_VALID,
  FEATURE_CHECKSUM,
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

/** Where the crowd is: 10.64.0.0/12, one address or many, ports from 1024 on. */
const NETWORK = 0x0a40_0001;
const PORT_FIRST = 1024;
const PORTS = 64_000;
const OWN = 0x0a40_0000 + 0xf_fffe;
/** The stack's address in the crowd's network. */
export const CROWD_ADDRESS = '10.79.255.254/12';
export const CROWD_PORT = 7;

const TTL = 64;
const HEADROOM = 64;
const OPTIONS = 12;
const SYN_OPTIONS = 20;
const TCP = wire.IPV4_MIN_HEADER;
const TEXT_MAX = 1400;
const STRIDE: number = (HEADROOM + TCP + wire.TCP_HEADER + SYN_OPTIONS + TEXT_MAX + 3) & ~3;
const BATCH = 256;
const MSS = 1460;
const SCALE = 7;
/** One answer: address, port, seq, ack, flags, octets of text, echoed timestamp. */
const FIELDS = 7;
const QUEUE = 8192;
const ISS = 1000;

export interface CrowdOptions {
  /** Every peer has an address of its own; else they share one, as long as its ports last. */
  readonly manyAddresses: boolean;
  /** Octets that a peer sends once its connection is established: its request. */
  readonly requestBytes: number;
}

/** See the head of this file. */
export class Crowd implements Link {
  readonly name: string = 'crowd0';
  readonly medium: number = MEDIUM_IP;
  readonly mtu: number = 1500;
  readonly features: number = FEATURE_CHECKSUM;
  readonly headroom: number = 0;
  readonly up: boolean = true;
  readonly counters: LinkCounters = newLinkCounters();
  /** Connections that the peers have seen established, and octets of text that they got. */
  established = 0;
  received = 0;
  private readonly pool: PacketPool;
  private readonly options: CrowdOptions;
  private readonly slab: Arena;
  private readonly slabAt: number;
  private user: LinkUser | undefined = undefined;
  private readonly sent: Packet[] = [];
  private readonly answers = new Int32Array(QUEUE * FIELDS);
  private first = 0;
  private count = 0;
  private opened = 0;
  private wanted = 0;
  private answersAcks = true;

  constructor(pool: PacketPool, options: CrowdOptions) {
    this.pool = pool;
    this.options = options;
    const { arena, offset } = pool.arenas.allocate(STRIDE * BATCH);
    this.slab = arena;
    this.slabAt = offset;
  }

  /** What the stack sends waits here until it is answered. */
  get room(): number {
    return QUEUE - this.count;
  }

  get backlog(): boolean {
    return this.count > 0 || this.opened < this.wanted;
  }

  attach(user: LinkUser | undefined): void {
    this.user = user;
  }

  /** So many more peers connect, some in each pump. */
  open(count: number): void {
    this.wanted += count;
    this.user?.ready();
  }

  /** From now on the peers say nothing: a handshake stays half-open. */
  mute(): void {
    this.answersAcks = false;
  }

  poll(budget: number): number {
    const limit = Math.min(budget, BATCH);
    let place = 0;
    while (place < limit && this.count > 0) this.hand(place++);
    // Not faster than handshakes end: a backlog is for those who are late.
    while (place < limit && this.opened < this.wanted) this.handSyn(place++);
    return place;
  }

  transmit(packet: Packet): number {
    this.counters.txPackets++;
    this.read(packet.bytes, packet.head, packet.length);
    this.sent.push(packet);
    return TAKEN;
  }

  flush(): void {
    for (let packet = this.sent.pop(); packet !== undefined; packet = this.sent.pop()) packet.release();
    if (this.count > 0) this.user?.ready();
  }

  close(): void {}

  /** What the stack sent, head at the IP header. */
  private read(b: Uint8Array, head: number, length: number): void {
    if (!this.answersAcks) return;
    const tcp = head + TCP;
    const flags = wire.tcpFlags(b, tcp);
    const text = length - TCP - wire.tcpHeaderLength(b, tcp);
    const syn = (flags & wire.TCP_SYN) !== 0;
    const fin = (flags & wire.TCP_FIN) !== 0;
    this.received += text;
    if (text === 0 && !syn && !fin) return;
    if (syn) this.established++;
    const at = ((this.first + this.count++) % QUEUE) * FIELDS;
    const { answers } = this;
    answers[at] = wire.ipv4Destination(b, head);
    answers[at + 1] = wire.tcpDestinationPort(b, tcp);
    answers[at + 2] = wire.tcpAck(b, tcp);
    answers[at + 3] = wire.tcpSeq(b, tcp) + text + (syn || fin ? 1 : 0);
    answers[at + 4] = fin ? wire.TCP_ACK | wire.TCP_FIN : wire.TCP_ACK;
    answers[at + 5] = syn ? this.options.requestBytes : 0;
    // Behind the SYN's MSS and SACK-permitted stand its timestamps; else they stand first.
    answers[at + 6] = wire.rd32(b, tcp + wire.TCP_HEADER + (syn ? 8 : 4));
  }

  private hand(place: number): void {
    const { answers } = this;
    const at = this.first * FIELDS;
    this.first = (this.first + 1) % QUEUE;
    this.count--;
    const flags = answers[at + 4];
    const text = answers[at + 5];
    this.write(
      place,
      answers[at],
      answers[at + 1],
      answers[at + 2],
      answers[at + 3],
      flags,
      text,
      answers[at + 6],
    );
  }

  private handSyn(place: number): void {
    const i = this.opened++;
    const { manyAddresses } = this.options;
    const address = NETWORK + (manyAddresses ? i : Math.floor(i / PORTS));
    const port = manyAddresses ? PORT_FIRST : PORT_FIRST + (i % PORTS);
    this.write(place, address, port, ISS, 0, wire.TCP_SYN, 0, 0);
  }

  private write(
    place: number,
    address: number,
    port: number,
    seq: number,
    ack: number,
    flags: number,
    text: number,
    echo: number,
  ): void {
    const { slab, pool } = this;
    const b = slab.bytes;
    const base = this.slabAt + place * STRIDE;
    const head = base + HEADROOM;
    const tcp = head + TCP;
    const syn = flags === wire.TCP_SYN;
    const header = wire.TCP_HEADER + (syn ? SYN_OPTIONS : OPTIONS);
    const length = TCP + header + text;
    wire.writeIpv4(b, head, 0, length, 0, wire.IPV4_DF, TTL, wire.PROTO_TCP, address, OWN);
    wire.writeTcp(b, tcp, port, CROWD_PORT, seq, ack, header, flags, 0xffff, 0, 0);
    if (syn) wire.writeSynOptions(b, tcp + wire.TCP_HEADER, MSS, true, true, 1, 0, SCALE);
    else wire.writeTimestampsOption(b, tcp + wire.TCP_HEADER, 1, echo);
    const packet = pool.lend(slab, base, head, length, base + STRIDE);
    packet.checksum = CHECKSUM_VALID;
    this.counters.rxPackets++;
    this.user?.receive(packet);
  }
}
