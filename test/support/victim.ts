// A stack that serves echo while somebody attacks it: frames in, frames out, virtual time, and what it holds by then.

import { Probe, TcpPeer, type TcpPeerEnds, World } from '@tunstack/sim';
import type { Options, Stack, TcpHandler, TcpListener, TcpSocket } from '@tunstack/stack';
import { add, Prng } from '@tunstack/stack/base';
import type { PoolLimits } from '@tunstack/stack/contract';
import * as wire from '@tunstack/stack/wire';

/** The stack, its service, and where those live who mean well. */
export const ADDRESS: number = wire.parseIp4('10.0.0.2') as number;
export const PORT = 7;
const HONEST: number = wire.parseIp4('10.0.0.16') as number;
const SYN_ACK = wire.TCP_SYN | wire.TCP_ACK;

/** What of a stack an attacker might fill. */
export interface Held {
  readonly connections: number;
  readonly halfOpen: number;
  readonly timeWaiting: number;
  readonly awake: number;
  readonly paths: number;
  readonly packets: number;
  /** Octets of text that waits to be sent, or to be read. */
  readonly sendBytes: number;
  readonly receiveBytes: number;
  readonly deadlines: number;
}

/** What is looked at where no public name leads. */
interface Inside {
  readonly paths: { readonly size: number };
  readonly tcp: {
    readonly deadlines: { readonly size: number };
    readonly asleep: { readonly deadlines: { readonly size: number } };
    readonly connections: {
      readonly size: number;
      readonly halfOpen: number;
      readonly rows: { readonly timeWaiting: number };
      readonly receiveStore: { readonly allocated: number };
      awake(): unknown[];
    };
  };
}

export interface VictimOptions {
  readonly options?: Partial<Options>;
  readonly pool?: PoolLimits;
  readonly seed?: number;
  readonly backlog?: number;
  /** Instead of an echo. */
  readonly handler?: TcpHandler;
}

/** See the head of this file. */
export class Victim {
  readonly world: World;
  readonly stack: Stack;
  readonly probe: Probe;
  readonly prng: Prng;
  readonly listener: TcpListener;
  readonly sockets: Set<TcpSocket> = new Set();
  /** What the last pump sent to anybody. */
  sent = 0;
  accepts = true;
  private readonly handler: TcpHandler;
  private honest = 0;

  constructor(config: VictimOptions = {}) {
    const { seed = 1, pool, options, backlog = 511 } = config;
    this.world = new World({ seed, ...(pool !== undefined && { pool }) });
    this.prng = new Prng(seed);
    this.stack = this.world.stack(options);
    this.probe = new Probe(this.world.pool);
    const face = this.stack.addLink(this.probe, '10.0.0.2/24');
    this.stack.addRoute('0.0.0.0/0', face, '10.0.0.1');
    this.handler = config.handler ?? this.echo();
    this.listener = this.stack.tcpListener({ acceptable: () => this.accept() });
    this.listener.listen('0.0.0.0', PORT, { backlog });
  }

  /** Takes all that wait, if it is in the mood. */
  accept(): void {
    if (!this.accepts) return;
    for (
      let s = this.listener.accept(this.handler);
      s !== undefined;
      s = this.listener.accept(this.handler)
    ) {
      this.sockets.add(s);
    }
  }

  /** Frames arrive in one go; what the stack sends then. */
  gets(...frames: readonly Uint8Array[]): Uint8Array[] {
    for (const frame of frames) this.probe.arrive(frame);
    this.world.settle();
    const sent = this.probe.take();
    this.sent += sent.length;
    return sent;
  }

  /** Virtual time passes; what the stack sends meanwhile. */
  wait(ms: number): Uint8Array[] {
    this.world.runFor(ms);
    const sent = this.probe.take();
    this.sent += sent.length;
    return sent;
  }

  /** A peer that has said nothing yet; without `address` one more of those who mean well. */
  peer(ends: Partial<TcpPeerEnds> = {}, timestamps = true): TcpPeer {
    const number = this.honest++;
    const all = {
      address: (HONEST + (number % 200)) | 0,
      port: 1024 + (Math.floor(number / 200) % 60_000),
      localAddress: ADDRESS,
      localPort: PORT,
      ...ends,
    };
    const peer = new TcpPeer(all, this.prng.int32(), timestamps, 7, this.prng.int32());
    peer.sackPermitted = true;
    return peer;
  }

  /** The handshake; false: the stack did not answer. */
  connects(peer: TcpPeer, fields: { window?: number; payload?: Uint8Array } = {}): boolean {
    if (!this.hears(peer, this.gets(peer.syn()))) return false;
    this.hears(peer, this.gets(peer.say(fields)));
    return true;
  }

  /** One who means well: connects, sends a line, gets it back, closes. True when all of it worked. */
  serves(peer: TcpPeer = this.peer()): boolean {
    if (!this.connects(peer)) return false;
    const line = Uint8Array.of(...[1, 2, 3, 4, 5].map((n) => (n * this.honest) & 255));
    const echoed = this.gets(peer.say({ payload: line }));
    const text = echoed.find((frame) => this.hears(peer, [frame]) && textOf(frame).length > 0);
    if (text === undefined || textOf(text).some((octet, i) => octet !== line[i])) return false;
    this.hears(peer, this.gets(peer.say({ flags: wire.TCP_FIN | wire.TCP_ACK })));
    this.hears(peer, this.gets(peer.say({})));
    return true;
  }

  /** Any of these frames is for the peer, who takes notice. */
  hears(peer: TcpPeer, frames: readonly Uint8Array[]): boolean {
    let heard = false;
    for (const frame of frames) heard = peer.hear(frame) || heard;
    return heard;
  }

  /** A SYN from anybody on the Internet, with options as hosts have them. */
  strangeSyn(): Uint8Array {
    const { prng } = this;
    const peer = this.peer({ address: anybody(prng), port: 1 + prng.below(65_535) }, prng.chance(0.7));
    peer.windowScale = prng.chance(0.8) ? prng.below(15) : -1;
    peer.sackPermitted = prng.chance(0.8);
    return peer.syn();
  }

  held(): Held {
    const { tcp, paths } = this.stack as unknown as Inside;
    const { connections } = tcp;
    const { pool } = this.world;
    return {
      connections: connections.size,
      halfOpen: connections.halfOpen,
      timeWaiting: connections.rows.timeWaiting,
      awake: connections.awake().length,
      paths: paths.size,
      packets: pool.inUse,
      sendBytes: pool.chunks.inUseBytes,
      receiveBytes: connections.receiveStore.allocated,
      deadlines: tcp.deadlines.size + tcp.asleep.deadlines.size,
    };
  }

  private echo(): TcpHandler {
    return {
      readable: (s) => {
        for (let text = s.receive(); text !== undefined; text = s.receive()) {
          s.send(text.bytes, text.offset, text.length);
          s.consume(text.length);
        }
      },
      ended: (s) => s.close(),
      closed: (s) => {
        this.sockets.delete(s);
        s.close();
      },
    };
  }
}

/** A unicast address that is not of the stack's own network. */
export function anybody(prng: Prng): number {
  return ((1 + prng.below(9)) << 24) | prng.below(1 << 24) | 0;
}

/** The text of a segment that the stack sent: no IP options there. */
export function textOf(frame: Uint8Array): Uint8Array {
  return frame.subarray(20 + wire.tcpHeaderLength(frame, 20));
}

/** The flags of a segment that the stack sent. */
export function flagsOf(frame: Uint8Array): number {
  return wire.tcpFlags(frame, 20);
}

/** How many of these frames have exactly these flags. */
export function count(frames: readonly Uint8Array[], flags: number): number {
  return frames.filter((frame) => flagsOf(frame) === flags).length;
}

/** The first sequence numbers of the SYN,ACKs among these frames. */
export function isnsOf(frames: readonly Uint8Array[]): number[] {
  return frames.filter((frame) => flagsOf(frame) === SYN_ACK).map((frame) => wire.tcpSeq(frame, 20));
}

/** What acknowledges a SYN,ACK of which one has seen nothing but guesses: the number of the SYN, and one's own. */
export function forgedAck(victim: Victim, peer: TcpPeer, payload?: Uint8Array): Uint8Array {
  const seq = add(peer.iss, 1);
  return peer.frame({ seq, ack: victim.prng.int32(), ...(payload !== undefined && { payload }) });
}
