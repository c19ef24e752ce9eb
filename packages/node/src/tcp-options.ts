// What TCP sockets and servers may be made with, as node:net names it.

/** What a socket may be made with. */
export interface TcpSocketOptions {
  /** Keep sending after the peer's end. Default false: `end` comes by itself. */
  readonly allowHalfOpen?: boolean;
  /** Octets that the streams themselves buffer, each way. Default 64 KiB. */
  readonly highWaterMark?: number;
}

/** Where to connect, and how. */
export interface TcpSocketConnectOptions {
  readonly port: number;
  /** An IPv4 address, or 'localhost'. Default 127.0.0.1. */
  readonly host?: string | undefined;
  readonly localAddress?: string;
  readonly localPort?: number;
  readonly noDelay?: boolean;
  readonly keepAlive?: boolean;
  readonly keepAliveInitialDelay?: number;
  readonly timeout?: number;
}

/** What the sockets of a server are made with. */
export interface TcpServerOptions extends TcpSocketOptions {
  /** Nothing is read before `resume`. */
  readonly pauseOnConnect?: boolean;
  readonly noDelay?: boolean;
  readonly keepAlive?: boolean;
  readonly keepAliveInitialDelay?: number;
}

/** Where to listen. */
export interface TcpListenOptions {
  readonly port?: number;
  /** An address of the stack; default: all. */
  readonly host?: string;
  /** Connections that may wait to be accepted. Default 511. */
  readonly backlog?: number;
}
