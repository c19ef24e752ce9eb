// The small TCP services: echo (RFC 862), discard (RFC 863), chargen (RFC 864), on the core's own sockets: no streams.

import type { Stack, TcpHandler, TcpListener, TcpSocket } from '@tunstack/stack';
import { CHARGEN_LINES, chargenPattern } from './chargen.ts';

/** What the services did: connections, octets. */
export interface TcpServiceCounters {
  tcpConnections: number;
  tcpEchoedBytes: number;
  tcpDiscardedBytes: number;
  tcpGeneratedBytes: number;
  /** Connections that ended by an error: reset by the peer, or silent for too long. */
  tcpFailed: number;
}

/** Times that the 94 lines are in what chargen sends at once: 278 KiB, lent to all connections, copied for none. */
const ROUNDS = 40;
const nothing = (): void => {};

/** Listens on the three ports of this address; `close` ends that, and resets who is connected. */
export class TcpServices {
  readonly counters: TcpServiceCounters = {
    tcpConnections: 0,
    tcpEchoedBytes: 0,
    tcpDiscardedBytes: 0,
    tcpGeneratedBytes: 0,
    tcpFailed: 0,
  };
  private readonly listeners: TcpListener[];
  private readonly open = new Set<TcpSocket>();
  private readonly generating: WeakSet<TcpSocket> = new WeakSet();
  private readonly pattern: Uint8Array = chargenPattern(CHARGEN_LINES * ROUNDS);

  constructor(stack: Stack, address: string, ports: { echo: number; discard: number; chargen: number }) {
    const serve = (port: number, more: (socket: TcpSocket) => void): TcpListener => {
      const handler = this.handler(more);
      const listener = stack.tcpListener({
        acceptable: (from) => {
          for (let socket = from.accept(handler); socket !== undefined; socket = from.accept(handler)) {
            this.counters.tcpConnections++;
            this.open.add(socket);
            // An answer waits for no acknowledgment of the one before.
            socket.noDelay = true;
            more(socket);
          }
        },
      });
      listener.listen(address, port);
      return listener;
    };
    this.listeners = [
      serve(ports.echo, (socket) => this.echo(socket)),
      serve(ports.discard, (socket) => this.discard(socket)),
      serve(ports.chargen, (socket) => this.generate(socket)),
    ];
  }

  /** Connections that are open now. */
  get connections(): number {
    return this.open.size;
  }

  close(): void {
    for (const listener of this.listeners) listener.close();
    for (const socket of this.open) socket.abort();
    this.open.clear();
  }

  /** `more`: what there is to do whenever something may have changed. It is told once more when the peer has ended. */
  private handler(more: (socket: TcpSocket) => void): TcpHandler {
    return {
      readable: more,
      writable: more,
      ended: more,
      error: () => {
        this.counters.tcpFailed++;
      },
      closed: (socket) => {
        this.open.delete(socket);
        // What nobody will read is given back.
        socket.close();
      },
    };
  }

  /** Reads no more than it can send: a peer that does not read is not read from. */
  private echo(socket: TcpSocket): void {
    if (socket.closed) return;
    for (let text = socket.receive(); text !== undefined; text = socket.receive()) {
      const sent = socket.send(text.bytes, text.offset, text.length);
      if (sent === 0) return;
      this.counters.tcpEchoedBytes += sent;
      socket.consume(sent);
    }
    if (socket.ended) socket.end();
  }

  private discard(socket: TcpSocket): void {
    this.counters.tcpDiscardedBytes += socket.unread;
    socket.consume(socket.unread);
    if (socket.ended && !socket.closed) socket.end();
  }

  /** As fast as the peer takes it. RFC 864: what comes in is thrown away, and the peer's close ends it. */
  private generate(socket: TcpSocket): void {
    socket.consume(socket.unread);
    if (socket.closed) return;
    // Whoever asks and closes in one breath gets an answer all the same.
    const first = !this.generating.has(socket);
    this.generating.add(socket);
    if (first || !socket.ended) this.pour(socket);
    if (socket.ended) socket.end();
  }

  private pour(socket: TcpSocket): void {
    while (socket.sendOwned(this.pattern, nothing)) this.counters.tcpGeneratedBytes += this.pattern.length;
  }
}
