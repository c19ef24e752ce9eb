// A stack with one connection in exactly the state that a test asks for, and a scripted peer: RFC 9293 3.3.2.
//
//   const bench = tcpIn('FIN-WAIT-1');
//   bench.say({ flags: TCP_FIN | TCP_ACK });        // ['<SEQ=2><ACK=2><CTL=ACK>']
//   bench.state();                                  // 'TIME-WAIT'
//
// Numbers are relative, as tshark shows them: to the peer's ISS where the peer speaks or is acknowledged, to ours where
// we do. So the SYNs have 0, the first octet of text has 1. Both ISS lie shortly before the wrap.

import { assert } from '../base/assert.ts';
import { NONE } from '../base/index-pool.ts';
import { add, diff } from '../base/int.ts';
import type { Path, PathTable } from '../ip/path.ts';
import type { Options } from '../options.ts';
import type { TcpListener } from '../socket/tcp-listener.ts';
import type { TcpHandler, TcpSocket } from '../socket/tcp-socket.ts';
import type { Connections } from '../tcp/connections.ts';
import type { IsnGenerator } from '../tcp/isn.ts';
import { STATE_NAMES } from '../tcp/state.ts';
import type { Tcb } from '../tcp/tcb.ts';
import * as tcp from '../wire/tcp.ts';
import { ip, PEER, US } from './frames.ts';
import { type Bench, stackWith } from './stack-with.ts';
import { type ReadTcp, readTcpFrame, tcpFrame } from './tcp-frames.ts';

/** The states of RFC 9293 3.3.2. */
export type StateName =
  | 'CLOSED'
  | 'LISTEN'
  | 'SYN-SENT'
  | 'SYN-RECEIVED'
  | 'ESTABLISHED'
  | 'FIN-WAIT-1'
  | 'FIN-WAIT-2'
  | 'CLOSE-WAIT'
  | 'CLOSING'
  | 'LAST-ACK'
  | 'TIME-WAIT';

export interface TcpBenchOptions {
  /** Of the stack. */
  readonly options?: Partial<Options>;
  readonly mtu?: number;
  /** Who begins: 'passive' is a listener's connection; SYN-RECEIVED is then half-open, else a simultaneous open. 'passive' */
  readonly open?: 'active' | 'passive';
  /** How our side closes, where the state has it closed: `end` goes on reading, `close` leaves an orphan. 'end' */
  readonly close?: 'end' | 'close';
  /** What the peer's SYN says. Its options: none but MSS 1460; false: not that either. */
  readonly mss?: number | false;
  readonly timestamps?: boolean;
  readonly sack?: boolean;
  /** Its shift; -1: none. */
  readonly windowScale?: number;
  /** The window field of all that the peer sends, unless it says otherwise: 65535. */
  readonly window?: number;
  /** Octets of our receive buffer, which does not grow then. Without it: what `options` say. */
  readonly receiveBuffer?: number;
  /** Text that is sent before our side closes, and is not acknowledged where the state leaves the choice. */
  readonly outstanding?: number;
  /** Our application reads at once what arrives: true. */
  readonly reads?: boolean;
  /** Hears besides the bench. */
  readonly handler?: TcpHandler;
  /** First sequence numbers: int32. */
  readonly iss?: number;
  readonly peerIss?: number;
}

/** What a segment of the peer says; what is left out is what a peer would say who got everything we sent. */
export interface PeerSegment {
  /** Relative to the peer's ISS. */
  readonly seq?: number;
  /** Relative to our ISS. */
  readonly ack?: number;
  readonly flags?: number;
  readonly window?: number;
  readonly urgent?: number;
  /** The whole option list, instead of what was agreed. */
  readonly options?: readonly number[];
  /** TSval and TSecr, relative to the peer's first and absolute. */
  readonly tsVal?: number;
  readonly tsEcr?: number;
}

/** A segment that we sent, `seq` and `ack` relative. */
export interface Sent extends ReadTcp {
  /** Milliseconds since `run` was called; 0 for an answer. */
  readonly atMs: number;
}

/** Where the peer stands, relative numbers. */
export interface Peer {
  readonly iss: number;
  /** Its next sequence number. */
  sndNxt: number;
  /** What it has got from us without a gap: what it acknowledges. */
  rcvNxt: number;
  /** Up to where it may send, as we told it. */
  edge: number;
  /** The shift of our window fields. */
  scale: number;
  /** TSval of its next segment, and the last of ours. */
  tsVal: number;
  tsRecent: number;
}

/** The names the tests use: see `show`. */
const FLAG_NAMES: readonly (readonly [number, string])[] = [
  [tcp.TCP_SYN, 'SYN'],
  [tcp.TCP_FIN, 'FIN'],
  [tcp.TCP_RST, 'RST'],
  [tcp.TCP_URG, 'URG'],
  [tcp.TCP_ACK, 'ACK'],
];

const PORT_OF_PEER = 4000;
const OWN_PORT = 7;
const SYN_ACK = tcp.TCP_SYN | tcp.TCP_ACK;
const FIN_ACK = tcp.TCP_FIN | tcp.TCP_ACK;

/** What a test may see of the inside of a stack. */
interface Inside {
  readonly paths: PathTable;
  readonly tcp: { readonly connections: Connections; readonly isn: IsnGenerator };
}

/** As RFC 9293 writes segments: `<SEQ=1><ACK=101><CTL=FIN,ACK><DATA=5>`. PSH is left out. */
export function show(segment: Sent): string {
  const names = FLAG_NAMES.filter(([flag]) => (segment.flags & flag) !== 0).map(([, name]) => name);
  const ack = (segment.flags & tcp.TCP_ACK) === 0 ? '' : `<ACK=${segment.ack}>`;
  const data = segment.payload.length === 0 ? '' : `<DATA=${segment.payload.length}>`;
  return `<SEQ=${segment.seq}>${ack}<CTL=${names.join(',')}>${data}`;
}

/** One connection and its peer. Made by `tcpIn`. */
export class TcpBench {
  readonly bench: Bench;
  readonly peer: Peer;
  /** Our first sequence number, as our SYN said; int32. */
  iss: number;
  socket: TcpSocket | undefined = undefined;
  listener: TcpListener | undefined = undefined;
  /** What the application heard: 'connected', 'readable', 'urgent', 'ended', 'writable', 'trouble E', 'error E', 'closed'. */
  readonly heard: string[] = [];
  /** What it read. */
  readonly read: number[] = [];
  private readonly config: TcpBenchOptions;

  constructor(config: TcpBenchOptions) {
    this.config = config;
    const { iss = 0x7fff_fff0, peerIss = 0x7fff_ff00, receiveBuffer, mtu } = config;
    const buffer =
      receiveBuffer === undefined
        ? {}
        : { tcpReceiveBytes: receiveBuffer, tcpReceiveBytesMax: receiveBuffer };
    this.bench = stackWith({
      options: { tcpPacing: false, ...buffer, ...config.options },
      ...(mtu !== undefined && { mtu }),
    });
    // Random by RFC 6528; here it is where a test needs it. That it is what the SYN says is asserted below.
    Object.assign(this.inside.tcp.isn, { isn: () => iss });
    this.iss = iss;
    this.peer = { iss: peerIss, sndNxt: 0, rcvNxt: 0, edge: 0, scale: 0, tsVal: 0x7fff_fff0, tsRecent: 0 };
  }

  get stack(): Bench['stack'] {
    return this.bench.stack;
  }

  get link(): Bench['link'] {
    return this.bench.link;
  }

  get clock(): Bench['clock'] {
    return this.bench.clock;
  }

  get pool(): Bench['pool'] {
    return this.bench.pool;
  }

  /** The application's side: asserts that there is one. */
  get app(): TcpSocket {
    assert(this.socket !== undefined, 'the application has a socket');
    return this.socket;
  }

  /** The peer says something, and nothing of what it stands for changes: answers what we said to it. */
  segment(fields: PeerSegment = {}, payload: Uint8Array = new Uint8Array(0)): Sent[] {
    return this.exchange(this.frame(fields, payload));
  }

  /** The same, as the RFC writes it. */
  say(fields: PeerSegment = {}, payload?: Uint8Array): string[] {
    return this.segment(fields, payload).map(show);
  }

  /** The peer sends text in its turn, with these flags besides ACK, and stands behind it. */
  sends(payload: Uint8Array, flags = 0): Sent[] {
    const { peer } = this;
    const seq = peer.sndNxt;
    peer.sndNxt += payload.length + ((flags & tcp.TCP_FIN) !== 0 ? 1 : 0);
    return this.segment({ seq, flags: flags | tcp.TCP_ACK }, payload);
  }

  /** The peer acknowledges up to here: everything it got. */
  acks(ack: number = this.peer.rcvNxt, window?: number): Sent[] {
    return this.segment(window === undefined ? { ack } : { ack, window });
  }

  /** Several frames in one batch. */
  batch(...frames: Uint8Array[]): Sent[] {
    return this.exchange(...frames);
  }

  /** What the application did since is seen by the stack: answers what it sends. */
  pump(): Sent[] {
    return this.exchange();
  }

  /** Lets time pass, deadline by deadline. */
  run(ms: number): Sent[] {
    const { clock, stack } = this;
    const sent: Sent[] = [];
    for (let passed = 0; ; ) {
      const next = stack.msUntilNext(clock.ms);
      const step = next < 0 ? ms - passed : Math.min(next, ms - passed);
      clock.advanceMs(step);
      passed += step;
      for (const segment of this.exchange()) sent.push({ ...segment, atMs: passed });
      if (passed >= ms) return sent;
      assert(step > 0 || stack.msUntilNext(clock.ms) !== 0, 'a timer that fired is not due any more');
    }
  }

  /** A frame of the peer's, for `batch`. */
  frame(fields: PeerSegment = {}, payload: Uint8Array = new Uint8Array(0)): Uint8Array {
    const { peer } = this;
    const flags = fields.flags ?? tcp.TCP_ACK;
    return tcpFrame(
      {
        sport: PORT_OF_PEER,
        dport: OWN_PORT,
        seq: add(peer.iss, fields.seq ?? peer.sndNxt),
        ack: add(this.iss, fields.ack ?? peer.rcvNxt),
        flags,
        window: fields.window ?? this.config.window ?? 65_535,
        urgent: fields.urgent ?? 0,
        options: fields.options ?? this.options(flags, fields),
      },
      payload,
    );
  }

  /** As RFC 9293 names it; 'LISTEN' when there is no connection, but a listener. */
  state(): StateName {
    const found = this.tcb();
    if (found !== undefined) return STATE_NAMES[found.state] as StateName;
    return this.listener === undefined || this.listener.closed ? 'CLOSED' : 'LISTEN';
  }

  /** The connection, woken if it sleeps; it sleeps again in the next pump. */
  tcb(): Tcb | undefined {
    const { connections } = this.inside.tcp;
    const path = this.path();
    return path === undefined ? undefined : connections.find(path.id, OWN_PORT, PORT_OF_PEER);
  }

  /** The connection, which is there. */
  get known(): Tcb {
    const tcb = this.tcb();
    assert(tcb !== undefined, 'there is a connection');
    return tcb;
  }

  /** RCV.NXT and SND.UNA, SND.NXT of the connection, relative. */
  get rcvNxt(): number {
    return diff(this.known.rcvNxt, this.peer.iss);
  }

  get sndUna(): number {
    return diff(this.known.sndUna, this.iss);
  }

  get sndNxt(): number {
    return diff(this.known.sndNxt, this.iss);
  }

  /** The stack closes, and everything that was lent or held is home. */
  end(): void {
    const { stack } = this;
    stack.close();
    assert(stack.tcpConnectionCount === 0, 'a closed stack has no connection');
    assert(this.pool.inUse === 0, 'all packets come home');
    assert(this.pool.chunks.inUseBytes === 0, 'all send chunks come home');
  }

  /** What the application of this bench hears with. */
  handler(): TcpHandler {
    const { heard, config } = this;
    const extra = config.handler ?? {};
    return {
      connected: (s) => {
        heard.push('connected');
        extra.connected?.(s);
      },
      readable: (s) => {
        heard.push('readable');
        if (config.reads !== false) this.readAll(s);
        extra.readable?.(s);
      },
      urgent: (s) => {
        heard.push('urgent');
        extra.urgent?.(s);
      },
      ended: (s) => {
        heard.push('ended');
        extra.ended?.(s);
      },
      writable: (s) => {
        heard.push('writable');
        extra.writable?.(s);
      },
      trouble: (s, error) => {
        heard.push(`trouble ${error?.code ?? ''}`.trim());
        extra.trouble?.(s, error);
      },
      error: (s, error) => {
        heard.push(`error ${error.code}`);
        extra.error?.(s, error);
      },
      closed: (s) => {
        heard.push('closed');
        extra.closed?.(s);
      },
    };
  }

  /** The application reads all there is. */
  readAll(socket: TcpSocket = this.app): void {
    for (let text = socket.receive(); text !== undefined; text = socket.receive()) {
      this.read.push(...text.bytes.subarray(text.offset, text.offset + text.length));
      socket.consume(text.length);
    }
  }

  listen(): void {
    this.listener = this.stack.tcpListener({
      acceptable: (l) => {
        const accepted = l.accept(this.handler());
        if (accepted === undefined) return;
        this.socket = accepted;
        this.heard.push('accepted');
        if (this.config.reads === false || accepted.unread === 0) return;
        this.heard.push('readable');
        this.readAll(accepted);
      },
    });
    this.listener.listen(US, OWN_PORT);
  }

  connect(): Sent[] {
    this.socket = this.stack.tcpSocket(this.handler());
    this.socket.connect(PEER, PORT_OF_PEER, { localPort: OWN_PORT });
    return this.pump();
  }

  private path(): Path | undefined {
    const { paths } = this.inside;
    const id = paths.find(ip(US), ip(PEER));
    return id === NONE ? undefined : paths.at(id);
  }

  private get inside(): Inside {
    return this.stack as unknown as Inside;
  }

  private exchange(...frames: Uint8Array[]): Sent[] {
    const { bench } = this;
    bench.link.take();
    for (const frame of frames) bench.link.inject(frame);
    // `Bench.exchange` reads frames as UDP and ICMP do: here they are read as TCP.
    let again = true;
    while (again) again = bench.stack.pump() || bench.stack.msUntilNext(bench.clock.ms) === 0;
    return bench.link.take().map((frame) => this.noted(readTcpFrame(frame)));
  }

  /** Makes it relative, and the peer takes notice. */
  private noted(read: ReadTcp): Sent {
    const { peer } = this;
    const syn = (read.flags & tcp.TCP_SYN) !== 0;
    const fin = (read.flags & tcp.TCP_FIN) !== 0;
    if (syn) {
      this.iss = read.seq;
      peer.scale = Math.max(0, read.windowScale);
    }
    const seq = diff(read.seq, this.iss);
    const ack = diff(read.ack, peer.iss);
    const next = seq + read.payload.length + (syn ? 1 : 0) + (fin ? 1 : 0);
    if ((read.flags & tcp.TCP_RST) === 0) {
      if (seq <= peer.rcvNxt && next > peer.rcvNxt) peer.rcvNxt = next;
      if ((read.flags & tcp.TCP_ACK) !== 0)
        peer.edge = Math.max(peer.edge, ack + (read.window << (syn ? 0 : peer.scale)));
      if (read.timestamps) peer.tsRecent = read.tsVal;
    }
    return { ...read, seq, ack, atMs: 0 };
  }

  /** What the peer's options are: all of them in a SYN, timestamps in the others once agreed. */
  private options(flags: number, fields: PeerSegment): number[] {
    const { config, peer } = this;
    const { mss = 1460, timestamps = false, sack = false, windowScale = -1 } = config;
    const octets: number[] = [];
    if ((flags & tcp.TCP_SYN) !== 0) {
      if (mss !== false) octets.push(2, 4, mss >> 8, mss & 255);
      if (sack) octets.push(1, 1, 4, 2);
      if (windowScale >= 0) octets.push(1, 3, 3, windowScale);
    }
    if (timestamps) {
      const tsVal = fields.tsVal === undefined ? peer.tsVal : add(0x7fff_fff0, fields.tsVal);
      octets.push(1, 1, 8, 10, ...word(tsVal), ...word(fields.tsEcr ?? peer.tsRecent));
    }
    return octets;
  }
}

function word(value: number): number[] {
  return [value >>> 24, (value >>> 16) & 255, (value >>> 8) & 255, value & 255];
}

/** A bench whose stack is in this state. Nothing is left to be said, and nothing was heard yet. */
export function tcpIn(state: StateName, config: TcpBenchOptions = {}): TcpBench {
  const bench = new TcpBench(config);
  reach(bench, state, config);
  bench.run(0);
  assert(bench.state() === state, `the bench is in ${state}`);
  bench.pump();
  bench.heard.length = 0;
  return bench;
}

function reach(bench: TcpBench, state: StateName, config: TcpBenchOptions): void {
  if (state === 'CLOSED') return;
  const passive = state === 'LISTEN' || (config.open !== 'active' && state !== 'SYN-SENT');
  if (passive) bench.listen();
  else bench.connect();
  if (state === 'LISTEN' || state === 'SYN-SENT') return;
  synchronize(bench, passive, state === 'SYN-RECEIVED');
  if (state === 'SYN-RECEIVED' || state === 'ESTABLISHED') {
    if (state === 'ESTABLISHED') sendOutstanding(bench, config);
    return;
  }
  finish(bench, state, config);
}

function synchronize(bench: TcpBench, passive: boolean, half: boolean): void {
  const { peer } = bench;
  const simultaneous = !passive && half;
  peer.sndNxt = 1;
  if (passive || simultaneous) {
    bench.segment({ seq: 0, flags: tcp.TCP_SYN });
    if (!half) bench.acks();
  } else bench.segment({ seq: 0, flags: SYN_ACK });
}

/** From ESTABLISHED on: whose FIN comes, and which acknowledgments. */
function finish(bench: TcpBench, state: StateName, config: TcpBenchOptions): void {
  const fin = (): void => {
    bench.sends(new Uint8Array(0), tcp.TCP_FIN);
  };
  const close = (): void => {
    sendOutstanding(bench, config);
    if (config.close === 'close') bench.app.close();
    else bench.app.end();
    bench.pump();
  };
  switch (state) {
    case 'CLOSE-WAIT':
      fin();
      sendOutstanding(bench, config);
      return;
    case 'LAST-ACK':
      fin();
      close();
      return;
    case 'FIN-WAIT-1':
      close();
      return;
    case 'CLOSING':
      close();
      // What is outstanding stays so: their FIN crossed ours.
      bench.peer.sndNxt++;
      bench.segment({ seq: bench.peer.sndNxt - 1, ack: 1, flags: FIN_ACK });
      return;
    default:
      close();
      bench.acks();
      if (state === 'TIME-WAIT') fin();
  }
}

function sendOutstanding(bench: TcpBench, config: TcpBenchOptions): void {
  const { outstanding = 0 } = config;
  if (outstanding === 0) return;
  bench.app.send(Uint8Array.from({ length: outstanding }, (_, i) => i));
  bench.pump();
}
