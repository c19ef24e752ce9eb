// TCP services on core sockets, for tests against the kernel: echo, sink and source, and what is left of their sockets.

import { createHash, type Hash } from 'node:crypto';
import type { Stack, TcpHandler, TcpListener, TcpSocket } from '@tunstack/stack';

export const ECHO = 7;
export const SINK = 9;
export const SOURCE = 19;

/** Octets that the source pours again and again; its length is a prime, so that what moved is seen to differ. */
export const PATTERN: Uint8Array = Uint8Array.from({ length: 65_521 }, (_, i) => (i * 7 + (i >> 8)) & 255);

/** sha256 of the first `octets` that the source pours. */
export function patternDigest(octets: number): string {
  const hash = createHash('sha256');
  for (let at = 0; at < octets; at += PATTERN.length) hash.update(PATTERN.subarray(0, octets - at));
  return hash.digest('hex');
}

/** Counts connections and octets of one stack's services. */
export class TcpServices {
  accepted = 0;
  /** Connections that the applications still have. */
  readonly open: Set<TcpSocket> = new Set();
  /** Octets that the sink took, and their digest. */
  sunk = 0;
  readonly sunkHash: Hash = createHash('sha256');
  readonly errors: string[] = [];
  private readonly listeners: TcpListener[] = [];
  private held = false;
  private readonly paused: (() => void)[] = [];

  constructor(stack: Stack, sourceOctets = 0) {
    this.serve(stack, ECHO, {
      readable: (s) => this.echo(s),
      writable: (s) => this.echo(s),
      ended: (s) => this.echo(s),
    });
    this.serve(stack, SINK, { readable: (s) => this.sink(s), ended: (s) => this.sink(s) });
    const left = new Map<TcpSocket, number>();
    const pour = (s: TcpSocket): void => this.pour(s, left, sourceOctets);
    this.serve(stack, SOURCE, { writable: pour, ended: (s) => this.close(s) }, pour);
  }

  /** Stops listening; connections live on. */
  close(socket?: TcpSocket): void {
    if (socket === undefined) for (const listener of this.listeners) listener.close();
    else {
      this.open.delete(socket);
      socket.close();
    }
  }

  /** The sink and the echo read nothing until `resume`: the peer runs into our window. */
  pause(): void {
    this.held = true;
  }

  resume(): void {
    this.held = false;
    for (const again of this.paused.splice(0)) again();
  }

  private serve(
    stack: Stack,
    port: number,
    handler: TcpHandler,
    begin: (socket: TcpSocket) => void = () => {},
  ): void {
    const heard: TcpHandler = {
      ...handler,
      error: (_, error) => this.errors.push(error.code),
      closed: (socket) => this.open.delete(socket),
    };
    const listener = stack.tcpListener({
      acceptable: (from) => {
        for (let socket = from.accept(heard); socket !== undefined; socket = from.accept(heard)) {
          this.accepted++;
          this.open.add(socket);
          begin(socket);
        }
      },
    });
    listener.listen('0.0.0.0', port, { backlog: 4096 });
    this.listeners.push(listener);
  }

  /** Reads no more than it can send; closes when the peer has, and all of it was sent. */
  private echo(socket: TcpSocket): void {
    if (this.held) {
      this.paused.push(() => this.echo(socket));
      return;
    }
    for (let text = socket.receive(); text !== undefined; text = socket.receive()) {
      const sent = socket.send(text.bytes, text.offset, text.length);
      if (sent === 0) return;
      socket.consume(sent);
    }
    if (socket.ended) this.close(socket);
  }

  private sink(socket: TcpSocket): void {
    if (this.held) {
      this.paused.push(() => this.sink(socket));
      return;
    }
    for (let text = socket.receive(); text !== undefined; text = socket.receive()) {
      this.sunkHash.update(text.bytes.subarray(text.offset, text.offset + text.length));
      this.sunk += text.length;
      socket.consume(text.length);
    }
    if (socket.ended) this.close(socket);
  }

  /** `octets` of the pattern, and a FIN behind them; 0: without end. */
  private pour(socket: TcpSocket, sent: Map<TcpSocket, number>, octets: number): void {
    let at = sent.get(socket) ?? 0;
    while (octets === 0 || at < octets) {
      const offset = at % PATTERN.length;
      const most = Math.min(PATTERN.length - offset, octets === 0 ? PATTERN.length : octets - at);
      const taken = socket.send(PATTERN, offset, most);
      if (taken === 0) break;
      at += taken;
    }
    sent.set(socket, at);
    if (at === octets && octets > 0) {
      sent.delete(socket);
      socket.end();
    }
  }
}
