// What every row of docs/hostile-input.csv demands, in one place: no exception, no hang, no change of other connections,
// bounded memory, a reason that is counted, at most one reply, and the next good packet is served.

import { assert } from '../base/assert.ts';
import { NONE } from '../base/index-pool.ts';
import { add } from '../base/int.ts';
import { MEDIUM_ETHERNET } from '../contract/link.ts';
import type { PacketPool } from '../contract/packet-pool.ts';
import { REASONS, type ReasonName } from '../contract/reasons.ts';
import type { Path, PathTable } from '../ip/path.ts';
import type { TcpListener } from '../socket/tcp-listener.ts';
import type { TcpSocket } from '../socket/tcp-socket.ts';
import type { Stack } from '../stack.ts';
import type { Connections } from '../tcp/connections.ts';
import type { Tcb } from '../tcp/tcb.ts';
import { ETHER_HEADER, ETHERTYPE_IP4, etherType } from '../wire/ether.ts';
import { ICMP_HEADER, isIcmpError } from '../wire/icmpv4.ts';
import { ipv4FragmentOffset, ipv4HeaderLength, ipv4IsFragment, PROTO_ICMP, PROTO_TCP } from '../wire/ipv4.ts';
import { TCP_ACK, TCP_SYN } from '../wire/tcp.ts';
import { arpFrame, etherFrame, readEther } from './ethernet-frames.ts';
import { icmpFrame, ip, octets, PEER, US } from './frames.ts';
import type { ManualClock } from './manual-clock.ts';
import { readFrame } from './read-frame.ts';
import { readTcpFrame, tcpFrame } from './tcp-frames.ts';
import type { TestLink } from './test-link.ts';

/** What all benches have: `stackWith()`, `stackOnEthernet()`, `tcpIn(..).bench`. The stack is 10.0.0.2/24. */
export interface OrdealGround {
  readonly stack: Stack;
  readonly link: TestLink;
  readonly clock: ManualClock;
  readonly pool: PacketPool;
  /** Times that the stack asked for a pump: where it talks to itself, it asks. */
  readonly wakes?: () => number;
}

/** What may come of the frames of a row, besides the demands that all rows share. */
export interface Outcome {
  /** The reasons for which they may be dropped. Those of our own answers held back (ICMP_RATE_..) may always be. */
  readonly reasons: readonly ReasonName[];
  /** Some are good enough to be taken, or wait for more: not each has a reason. */
  readonly mayPass?: boolean;
  /** Not even one reply. */
  readonly silent?: boolean;
}

/** The connection beside: from here, to there. */
const BYSTANDER = '10.0.0.9';
const BYSTANDER_PORT = 4009;
const SERVICE_PORT = 9007;
/** Pumps that one frame may cause. */
const PUMPS_MAX = 64;
/** Longer than any fragment waits, and any half-open connection is answered. */
const FORGOTTEN_MS = 130_000;
/** Reasons about answers of ours, whatever was dropped. */
const OF_ANSWERS: readonly ReasonName[] = [
  'ICMP_RATE_GLOBAL',
  'ICMP_RATE_TARGET',
  'ANSWERS_FULL',
  'NO_ROUTE',
];

interface Inside {
  readonly paths: PathTable;
  readonly tcp: { readonly connections: Connections };
}

/**
 * Holds a stack to the demands while frames are thrown at it.
 *
 * @example
 * const ordeal = new Ordeal(stackWith());
 * ordeal.endure([frame], { reasons: ['IP_MARTIAN_SOURCE'], silent: true });
 * ordeal.end();
 */
export class Ordeal {
  private readonly ground: OrdealGround;
  private readonly onEthernet: boolean;
  private readonly listener: TcpListener;
  private service: TcpSocket | undefined = undefined;
  private served = 0;
  private read = 0;
  private seq = 0x7fff_fff0;
  private ack = 0;

  constructor(ground: OrdealGround) {
    this.ground = ground;
    this.onEthernet = ground.link.medium === MEDIUM_ETHERNET;
    this.listener = ground.stack.tcpListener({
      acceptable: (l) => {
        this.service = l.accept({ readable: (s) => this.readAll(s) });
      },
    });
    this.listener.listen(US, SERVICE_PORT);
    this.greet();
    const [answer] = this.exchange(this.bystanderSays(TCP_SYN));
    this.seq = add(this.seq, 1);
    this.ack = add(readTcpFrame(this.datagram(answer)).seq, 1);
    this.exchange(this.bystanderSays(TCP_ACK));
    assert(this.service !== undefined, 'the connection beside is established');
  }

  /** One after the other, each in a pump of its own; answers all replies, as datagrams or ARP packets in their frames. */
  withstand(frames: readonly Uint8Array[], outcome: Outcome): Uint8Array[] {
    return frames.flatMap((frame) => this.receive([frame], outcome));
  }

  /** The same, then all at once, and then the next good packets are served. */
  endure(frames: readonly Uint8Array[], outcome: Outcome): Uint8Array[] {
    const replies = this.withstand(frames, outcome);
    this.receive(frames, outcome);
    this.serve();
    return replies;
  }

  /** A ping is answered, and the connection beside takes text and acknowledges it. */
  serve(): void {
    this.greet();
    const payload = octets(16, ++this.served & 127);
    const pings = this.exchange(this.framed(icmpFrame({ type: 8, word4: 77, word6: this.served }, payload)));
    const echoes = pings
      .map((frame) => this.datagram(frame))
      .filter((b) => b[9] === PROTO_ICMP && b[20] === 0);
    assert(echoes.length === 1, 'the next good ping is answered, once');
    const echoed = readFrame(echoes[0]).payload;
    assert(
      echoed.length === payload.length && payload.every((octet, i) => octet === echoed[i]),
      'an echo echoes its octets',
    );
    const before = this.read;
    const replies = this.exchange(this.bystanderSays(TCP_ACK, payload));
    this.seq = add(this.seq, payload.length);
    // It may be delayed.
    replies.push(...this.pass(50));
    assert(this.read === before + payload.length, 'the connection beside takes the next text');
    const acks = replies.map((frame) => this.datagram(frame)).filter((b) => b[9] === PROTO_TCP);
    const own = acks.map(readTcpFrame).filter(({ dport }) => dport === BYSTANDER_PORT);
    assert(own.at(-1)?.ack === this.seq, 'the connection beside acknowledges the next text');
  }

  /** Lets time pass, timer by timer; answers what was sent. */
  pass(ms: number): Uint8Array[] {
    const { stack, clock } = this.ground;
    const sent = this.settle();
    for (let left = ms; left > 0; ) {
      const due = stack.msUntilNext(clock.ms);
      const step = due < 0 ? left : Math.min(left, Math.max(due, 1));
      clock.advanceMs(step);
      left -= step;
      sent.push(...this.settle());
    }
    return sent;
  }

  /** What waits is forgotten in time, good packets are still served, and a closed stack owns nothing. */
  end(): void {
    const { stack, pool } = this.ground;
    this.pass(FORGOTTEN_MS);
    this.serve();
    assert(pool.inUse === 0, 'what waited for more gave its memory back in time');
    stack.close();
    assert(pool.inUse === 0, 'all packets come home');
    assert(pool.chunks.inUseBytes === 0, 'all send chunks come home');
    assert(stack.tcpConnectionCount === 0, 'a closed stack has no connection');
  }

  /** Frames of one batch under all demands. */
  private receive(
    frames: readonly Uint8Array[],
    { reasons, mayPass = false, silent = false }: Outcome,
  ): Uint8Array[] {
    const { stack, pool } = this.ground;
    const counted = stack.stats.reasons.slice();
    const beside = this.stateBeside();
    const replies = this.exchange(...frames);
    assert(pool.lent === 0, 'what a link lends comes home within the pump');
    const most = silent ? 0 : frames.length;
    const whole = replies.filter((frame) => this.beginsReply(frame)).length;
    assert(whole <= most, `${frames.length} frames have at most ${most} replies, not ${whole}`);
    for (const reply of replies) this.check(reply);
    let dropped = 0;
    for (const [code, { name }] of REASONS.entries()) {
      const times = stack.stats.reasons[code] - counted[code];
      if (times === 0 || OF_ANSWERS.includes(name as ReasonName)) continue;
      assert(reasons.includes(name as ReasonName), `${name} is a reason that this row may have`);
      dropped += times;
    }
    assert(mayPass || dropped >= frames.length, 'each frame is dropped for a reason that is counted');
    assert(this.stateBeside() === beside, 'the connection beside is as it was');
    return replies;
  }

  private exchange(...frames: readonly Uint8Array[]): Uint8Array[] {
    for (const frame of frames) this.ground.link.inject(frame);
    return this.settle(PUMPS_MAX + frames.length);
  }

  private settle(limit: number = PUMPS_MAX): Uint8Array[] {
    const { stack, clock, link, wakes = () => 0 } = this.ground;
    let [pumps, woken] = [0, -1];
    for (let more = true; more; assert(++pumps < limit, 'the work for a frame is bounded')) {
      woken = wakes();
      more = stack.pump() || stack.msUntilNext(clock.ms) === 0 || wakes() !== woken;
    }
    return link.take();
  }

  /** ARP, a whole datagram, or the first of its fragments. */
  private beginsReply(frame: Uint8Array): boolean {
    return this.isArp(frame) || ipv4FragmentOffset(this.datagram(frame), 0) === 0;
  }

  /** Every packet that leaves passes our own checks, checksum included, and is no error about an error. */
  private check(frame: Uint8Array): void {
    if (this.isArp(frame)) {
      readEther(frame);
      return;
    }
    const b = this.datagram(frame);
    if (ipv4IsFragment(b, 0)) return;
    if (b[9] === PROTO_TCP) {
      readTcpFrame(b);
      return;
    }
    const { type, header } = readFrame(b);
    if (type < 0 || !isIcmpError(type)) return;
    const quote = header + ICMP_HEADER;
    const about = quote + ipv4HeaderLength(b, quote);
    assert(b[quote + 9] !== PROTO_ICMP || !isIcmpError(b[about]), 'no ICMP error is about an ICMP error');
  }

  /** All numbers and flags of the connection beside. */
  private stateBeside(): string {
    const tcb = this.tcbBeside() as unknown as Readonly<Record<string, unknown>>;
    const plain = Object.entries(tcb).filter(([, value]) => typeof value !== 'object');
    return JSON.stringify([plain.filter(([, value]) => typeof value !== 'function'), this.read]);
  }

  private tcbBeside(): Tcb {
    const { paths, tcp } = this.ground.stack as unknown as Inside;
    const id = paths.find(ip(US), ip(BYSTANDER));
    assert(id !== NONE, 'the path of the connection beside is held');
    const path: Path = paths.at(id);
    const tcb = tcp.connections.find(path.id, SERVICE_PORT, BYSTANDER_PORT);
    assert(tcb !== undefined, 'the connection beside lives');
    return tcb;
  }

  private readAll(socket: TcpSocket): void {
    for (let text = socket.receive(); text !== undefined; text = socket.receive()) {
      this.read += text.length;
      socket.consume(text.length);
    }
  }

  private bystanderSays(flags: number, payload?: Uint8Array): Uint8Array {
    const { seq, ack } = this;
    const fields = { src: BYSTANDER, sport: BYSTANDER_PORT, dport: SERVICE_PORT, seq, ack, flags };
    return this.framed(tcpFrame(fields, payload));
  }

  /** On Ethernet who wants an answer says where he is: the table may have forgotten him. */
  private greet(): void {
    if (!this.onEthernet) return;
    this.exchange(arpFrame({ sender: BYSTANDER }), arpFrame({ sender: PEER }));
    this.ground.link.take();
  }

  private framed(datagram: Uint8Array): Uint8Array {
    return this.onEthernet ? etherFrame({}, datagram) : datagram;
  }

  private datagram(frame: Uint8Array): Uint8Array {
    return this.onEthernet ? frame.slice(ETHER_HEADER) : frame;
  }

  private isArp(frame: Uint8Array): boolean {
    return this.onEthernet && etherType(frame, 0) !== ETHERTYPE_IP4;
  }
}
