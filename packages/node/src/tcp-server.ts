// A TCP server shaped like Node's net.Server (https://nodejs.org/api/net.html#class-netserver), on a stack of ours.

import { EventEmitter } from 'node:events';
import { nextTick } from 'node:process';
import { type TcpListener as CoreListener, SocketError, type Stack } from '@tunstack/stack';
import type { Host } from './host.ts';
import { withCode } from './tcp-errors.ts';
import type { TcpListenOptions, TcpServerOptions } from './tcp-options.ts';
import { TcpSocket } from './tcp-socket.ts';
import type { AddressInfo } from './udp-socket.ts';

/** Who was turned away by `maxConnections`. */
export interface TcpDrop {
  readonly localAddress: string | undefined;
  readonly localPort: number | undefined;
  readonly remoteAddress: string | undefined;
  readonly remotePort: number | undefined;
}

export interface TcpServerEvents {
  listening: [];
  connection: [socket: TcpSocket];
  close: [];
  error: [error: Error];
  drop: [data: TcpDrop];
}

/**
 * Events `listening`, `connection`, `close`, `error`, `drop`, and the methods of net.Server.
 *
 * @example
 * const server = new TcpServer(host, stack, (socket) => socket.pipe(socket));
 * server.listen(7, () => console.log(server.address()));
 */
export class TcpServer extends EventEmitter<TcpServerEvents> {
  /** Connections beyond are reset, and `drop` tells. */
  maxConnections: number | undefined = undefined;
  private readonly host: Host;
  private readonly stack: Stack;
  private readonly options: TcpServerOptions;
  private core: CoreListener | undefined = undefined;
  private connections = 0;
  private referenced = true;
  private holding = false;

  constructor(
    host: Host,
    stack: Stack,
    options: TcpServerOptions | ((socket: TcpSocket) => void) = {},
    listener?: (socket: TcpSocket) => void,
  ) {
    super();
    this.host = host;
    this.stack = stack;
    this.options = typeof options === 'function' ? {} : options;
    const heard = typeof options === 'function' ? options : listener;
    if (heard !== undefined) this.on('connection', heard);
  }

  /**
   * `listen(port?, host?, backlog?, callback?)` or `listen(options, callback?)`; port 0 or none: any free one. `listening`
   * follows, or `error`. Throws ERR_SERVER_ALREADY_LISTEN.
   */
  listen(
    to?: number | TcpListenOptions | (() => void),
    ...rest: (string | number | (() => void) | undefined)[]
  ): this {
    const options = typeof to === 'object' ? to : listenOptions(to, rest);
    const callback = [to, ...rest].find((value) => typeof value === 'function');
    if (this.core !== undefined) {
      throw withCode(
        'Listen method has been called more than once without closing.',
        'ERR_SERVER_ALREADY_LISTEN',
      );
    }
    const core = this.stack.tcpListener({
      acceptable: () => this.acceptable(core),
      closed: () => this.stopped(),
    });
    // As in net: what the arguments cannot be is thrown, what the stack refuses is an event.
    try {
      const { host = '0.0.0.0', port = 0, backlog } = options;
      core.listen(host, port, backlog === undefined ? {} : { backlog });
    } catch (error) {
      if (!(error instanceof SocketError)) throw error;
      nextTick(() => this.emit('error', error));
      return this;
    }
    this.core = core;
    this.hold();
    if (callback !== undefined) this.once('listening', callback);
    nextTick(() => {
      if (this.core === core) this.emit('listening');
    });
    return this;
  }

  get listening(): boolean {
    return this.core !== undefined;
  }

  /** Where it listens; null before `listen` and after `close`. */
  address(): AddressInfo | null {
    return this.core === undefined ? null : { ...this.core.address(), family: 'IPv4' };
  }

  /**
   * Takes no more connections; those that are open live on, and `close` follows when the last is over. `callback` gets
   * ERR_SERVER_NOT_RUNNING if it did not listen.
   */
  close(callback?: (error?: Error) => void): this {
    const running = this.core !== undefined;
    if (callback !== undefined) {
      this.once('close', () =>
        running ? callback() : callback(withCode('Server is not running.', 'ERR_SERVER_NOT_RUNNING')),
      );
    }
    this.core?.close();
    this.stopped();
    return this;
  }

  getConnections(callback: (error: Error | null, count: number) => void): this {
    nextTick(callback, null, this.connections);
    return this;
  }

  ref(): this {
    if (!this.referenced && this.holding) this.host.ref();
    this.referenced = true;
    return this;
  }

  /** Lets the process end although the server listens. */
  unref(): this {
    if (this.referenced && this.holding) this.host.unref();
    this.referenced = false;
    return this;
  }

  /** A listener that throws leaves the others waiting for the next pump: the core calls again. */
  private acceptable(core: CoreListener): void {
    const { host, stack, options } = this;
    for (
      let socket = TcpSocket.accept(host, stack, core, options);
      socket !== undefined;
      socket = TcpSocket.accept(host, stack, core, options)
    ) {
      this.serve(socket);
    }
  }

  private serve(socket: TcpSocket): void {
    const { pauseOnConnect, noDelay, keepAlive, keepAliveInitialDelay } = this.options;
    if (this.connections >= (this.maxConnections ?? Number.POSITIVE_INFINITY)) {
      const { localAddress, localPort, remoteAddress, remotePort } = socket;
      socket.resetAndDestroy();
      this.emit('drop', { localAddress, localPort, remoteAddress, remotePort });
      return;
    }
    this.connections++;
    socket.once('close', () => {
      this.connections--;
      this.closeIfOver();
    });
    if (noDelay === true) socket.setNoDelay(true);
    if (keepAlive === true) socket.setKeepAlive(true, keepAliveInitialDelay);
    if (pauseOnConnect === true) socket.pause();
    else socket.read(0);
    this.emit('connection', socket);
  }

  private stopped(): void {
    this.core = undefined;
    if (this.holding && this.referenced) this.host.unref();
    this.holding = false;
    this.closeIfOver();
  }

  private closeIfOver(): void {
    nextTick(() => {
      if (this.core === undefined && this.connections === 0) this.emit('close');
    });
  }

  private hold(): void {
    this.holding = true;
    if (this.referenced) this.host.ref();
  }
}

function listenOptions(
  port: number | (() => void) | undefined,
  rest: readonly (string | number | (() => void) | undefined)[],
): TcpListenOptions {
  const host = rest.find((value) => typeof value === 'string');
  const backlog = rest.find((value) => typeof value === 'number');
  return {
    port: typeof port === 'number' ? port : 0,
    ...(host === undefined ? {} : { host }),
    ...(backlog === undefined ? {} : { backlog }),
  };
}
