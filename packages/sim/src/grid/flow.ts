// One bulk flow: a sender that always has more to say, a receiver that always reads. For measuring in virtual time.

import type { TcpSocket } from '@tunstack/stack';
import type { Host } from '../network/host.ts';
import type { World } from '../world.ts';

/** Octets handed over at once. */
const PIECE = new Uint8Array(64 << 10);

export interface FlowOptions {
  readonly port: number;
  /** When it connects, virtual milliseconds from now. */
  readonly startMs?: number;
  /** Octets, then it closes; default: no end. */
  readonly octets?: number;
}

/** Made and started by `flow`. */
export class Flow {
  /** Octets that the receiver's application has read. */
  delivered = 0;
  /** When the connection was established, and when the last octet was read: microseconds since the world began. */
  connectedUs: number = Number.NaN;
  lastUs: number = Number.NaN;
  /** The receiver read the end of the stream. */
  ended = false;
  /** Errors of either end, by their codes. */
  readonly errors: string[] = [];
  readonly socket: TcpSocket;
  private readonly world: World;
  private left: number;

  constructor(world: World, from: Host, to: Host, options: FlowOptions) {
    this.world = world;
    this.left = options.octets ?? Number.POSITIVE_INFINITY;
    const listener = to.stack.tcpListener({
      acceptable: (l) => {
        const reader = {
          readable: (s: TcpSocket) => this.read(s),
          ended: (s: TcpSocket) => this.end(s),
          error: (_s: TcpSocket, error: { code: string }) => this.errors.push(error.code),
        };
        for (let s = l.accept(reader); s !== undefined; s = l.accept(reader)) l.close();
      },
    });
    listener.listen('0.0.0.0', options.port);
    this.socket = from.stack.tcpSocket({
      connected: (s) => {
        this.connectedUs = world.clock.elapsedUs;
        this.write(s);
      },
      writable: (s) => this.write(s),
      error: (_s, error) => this.errors.push(error.code),
      ended: (s) => s.close(),
    });
    const connect = (): void => {
      this.socket.connect(to.address, options.port);
    };
    if (options.startMs === undefined) connect();
    else world.after(options.startMs, connect);
  }

  private write(socket: TcpSocket): void {
    while (this.left > 0) {
      const piece = Math.min(PIECE.length, this.left);
      const taken = socket.send(PIECE, 0, piece);
      this.left -= taken;
      if (taken < piece) return;
    }
    socket.end();
  }

  private read(socket: TcpSocket): void {
    for (let text = socket.receive(); text !== undefined; text = socket.receive()) {
      this.delivered += text.length;
      socket.consume(text.length);
    }
    this.lastUs = this.world.clock.elapsedUs;
  }

  private end(socket: TcpSocket): void {
    this.read(socket);
    this.ended = true;
    socket.close();
  }
}
