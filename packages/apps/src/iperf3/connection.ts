// A TCP connection whose owner changes: it speaks the cookie first, and is control or data after.

import type { SocketError, TcpHandler, TcpSocket } from '@tunstack/stack';

/** Who hears of a connection. */
export interface ConnectionOwner {
  /** Text waits. */
  readable(): void;
  /** There is room to send. */
  writable?(): void;
  /** Nothing more comes: the peer has ended, or (with the error) the connection is broken. */
  gone(error: SocketError | undefined): void;
}

export class Connection implements TcpHandler {
  owner: ConnectionOwner | undefined = undefined;
  /** Called when a connection of ours is established. */
  onConnected: () => void = () => {};
  private tcp: TcpSocket | undefined = undefined;

  /** The socket that this is the handler of. */
  get socket(): TcpSocket {
    return this.tcp as TcpSocket;
  }

  bind(socket: TcpSocket): this {
    this.tcp = socket;
    return this;
  }

  /** `ADDRESS:PORT` of the peer. */
  get peer(): string {
    const { address, port } = this.socket.remoteAddress();
    return `${address}:${port}`;
  }

  connected(): void {
    this.onConnected();
  }

  readable(): void {
    this.owner?.readable();
  }

  writable(): void {
    this.owner?.writable?.();
  }

  ended(): void {
    this.owner?.readable();
    this.owner?.gone(undefined);
  }

  error(_socket: TcpSocket, error: SocketError): void {
    this.owner?.gone(error);
  }

  closed(socket: TcpSocket): void {
    // What nobody will read is given back.
    socket.close();
  }

  /** Ends it in order: what was sent still arrives. What comes is thrown away. */
  leave(): void {
    this.owner = { readable: () => this.discard(), gone: () => this.socket.close() };
    if (this.socket.closed) {
      this.socket.close();
      return;
    }
    this.discard();
    this.socket.end();
    if (this.socket.ended) this.socket.close();
  }

  /** Ends it at once, with a RST. */
  abort(): void {
    this.owner = undefined;
    this.socket.abort();
  }

  private discard(): void {
    this.socket.consume(this.socket.unread);
  }
}
