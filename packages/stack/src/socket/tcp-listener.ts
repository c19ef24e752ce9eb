// A TCP listener of a stack: a passive open (RFC 9293 3.9.1.1) and the connections that come of it.

import { EBADF, EINVAL } from '../contract/errno.ts';
import { EVENT_CLOSED, EVENT_READABLE, type EventTarget } from '../contract/events.ts';
import { REJECT_RESET, REJECT_SILENTLY, REJECT_UNREACHABLE, type TcpEngine } from '../tcp/engine.ts';
import { ANY_PORT, type HeldSyn, type Listener } from '../tcp/listener.ts';
import { formatIp4 } from '../wire/address.ts';
import { checkPort } from './arguments.ts';
import type { SocketHost } from './datagram-socket.ts';
import { invalidArgument, SocketError } from './errors.ts';
import { type TcpHandler, TcpSocket } from './tcp-socket.ts';

/** What a listener calls. */
export interface TcpListenerHandler {
  /** A connection is established: `accept` until it answers undefined. At most once per pump. */
  acceptable?(listener: TcpListener): void;
  /** With `defer`: somebody wants to connect; `accept` or `reject` the request, now or within `tcpHeldSynMs`. */
  request?(listener: TcpListener, request: TcpRequest): void;
  /** The stack was closed, and the listener with it. */
  closed?(listener: TcpListener): void;
}

/** How to listen. */
export interface TcpListenOptions {
  /** Connections that may wait to be accepted: listen(2)'s backlog. 1 .. 65535. */
  readonly backlog?: number;
  /** Nothing is answered before the application says so: for gateways, which must first know the far side. */
  readonly defer?: boolean;
}

const REJECTIONS: Readonly<Record<'reset' | 'unreachable' | 'silence', number>> = {
  reset: REJECT_RESET,
  unreachable: REJECT_UNREACHABLE,
  silence: REJECT_SILENTLY,
};

/** Somebody who knocks: addresses as text. */
export class TcpRequest {
  readonly localAddress: string;
  readonly localPort: number;
  readonly remoteAddress: string;
  readonly remotePort: number;
  private readonly engine: TcpEngine;
  private readonly held: HeldSyn;
  private readonly host: SocketHost;

  constructor(host: SocketHost, engine: TcpEngine, held: HeldSyn, local: number, remote: number) {
    this.host = host;
    this.engine = engine;
    this.held = held;
    this.localAddress = formatIp4(local);
    this.localPort = held.localPort;
    this.remoteAddress = formatIp4(remote);
    this.remotePort = held.remotePort;
  }

  /** The handshake goes on; the connection comes by `acceptable`. False: too late. */
  accept(): boolean {
    this.host.context.enterVerb();
    const known = this.engine.acceptHeld(this.held);
    this.host.wake();
    return known;
  }

  /**
   * With a RST (ECONNREFUSED at the peer), with an ICMP error (EHOSTUNREACH there, sooner or later), or in silence.
   * False: too late.
   */
  reject(how: 'reset' | 'unreachable' | 'silence' = 'reset'): boolean {
    this.host.context.enterVerb();
    const known = this.engine.rejectHeld(this.held, REJECTIONS[how]);
    this.host.wake();
    return known;
  }
}

/**
 * A listener. Made by `stack.tcpListener(handler)`.
 *
 * @example
 * const listener = stack.tcpListener({
 *   acceptable(l) {
 *     for (let s = l.accept(handler); s !== undefined; s = l.accept(handler)) open.add(s);
 *   },
 * });
 * listener.listen('0.0.0.0', 7);
 */
export class TcpListener implements EventTarget {
  pendingEvents = 0;
  private readonly host: SocketHost;
  private readonly engine: TcpEngine;
  private readonly handler: TcpListenerHandler;
  private listener: Listener | undefined = undefined;
  private shut = false;
  /** 0: the stack's. */
  private nextTtl = 0;
  private nextTos = 0;
  private nextReceiveBytes = 0;
  private nextMaxSegment = 0;

  constructor(host: SocketHost, engine: TcpEngine, handler: TcpListenerHandler) {
    this.host = host;
    this.engine = engine;
    this.handler = handler;
  }

  /** Port 0: any that is free; 'any': every port that nobody else listens on. Throws EADDRINUSE, EADDRNOTAVAIL, EINVAL, EMFILE. */
  listen(address = '0.0.0.0', port: number | 'any' = 0, options: TcpListenOptions = {}): void {
    this.host.context.enterVerb();
    const { backlog = 511, defer = false } = options;
    if (port !== 'any') checkPort(port, 0);
    if (!(Number.isInteger(backlog) && backlog >= 1 && backlog <= 65_535)) {
      invalidArgument('backlog', backlog, '1 to 65535');
    }
    const at = port === 'any' ? ANY_PORT : port;
    if (this.shut) throw new SocketError(EBADF, 'listen', address, at);
    if (this.listener !== undefined) throw new SocketError(EINVAL, 'listen', address, at);
    const { resolver } = this.host;
    const path = resolver.local(address);
    if (typeof path === 'number') throw new SocketError(path, 'listen', address, at);
    const made = this.engine.listen(
      this,
      path,
      port === 'any' ? ANY_PORT : port === 0 ? -1 : port,
      backlog,
      defer,
    );
    if (typeof made === 'number') {
      resolver.paths.release(path);
      throw new SocketError(made, 'listen', address, at);
    }
    this.listener = made;
    this.inherit();
  }

  /** The next connection, which will tell `handler`; undefined: none waits. What happened to it already is told in the next pump. */
  accept(handler: TcpHandler): TcpSocket | undefined {
    this.host.context.enterVerb();
    if (this.listener === undefined || this.shut) return undefined;
    return TcpSocket.accepted(this.host, this.engine, handler, this.listener);
  }

  /** Address and port it listens on. Throws EBADF before `listen`. */
  address(): { address: string; port: number } {
    if (this.listener === undefined || this.shut) throw new SocketError(EBADF, 'getsockname');
    return { address: formatIp4(this.listener.path.local), port: this.listener.port };
  }

  /** TTL of the connections to come, SYN,ACK included. */
  set ttl(ttl: number) {
    if (!(Number.isInteger(ttl) && ttl >= 1 && ttl <= 255)) invalidArgument('ttl', ttl, '1 to 255');
    this.nextTtl = ttl;
    this.inherit();
  }

  /** DiffServ field of the connections to come, SYN,ACK included; the two bits of ECN are the stack's. */
  set tos(tos: number) {
    if (!(Number.isInteger(tos) && tos >= 0 && tos <= 255)) invalidArgument('tos', tos, '0 to 255');
    this.nextTos = tos & 0xfc;
    this.inherit();
  }

  /** Octets of the receive buffers of the connections to come (SO_RCVBUF), which do not grow then: their SYN,ACK says it. */
  set receiveBuffer(bytes: number) {
    if (!(bytes > 0)) invalidArgument('bytes', bytes, 'positive');
    this.nextReceiveBytes = bytes;
    this.inherit();
  }

  /** Octets of the largest segment of the connections to come, both ways (Linux TCP_MAXSEG). */
  set maxSegment(bytes: number) {
    if (!(bytes >= 88 && bytes <= 32_767)) invalidArgument('bytes', bytes, '88 to 32767');
    this.nextMaxSegment = bytes;
    this.inherit();
  }

  /** Connections that wait to be accepted. */
  get waiting(): number {
    return this.listener?.ready.size ?? 0;
  }

  private inherit(): void {
    const { listener } = this;
    if (listener === undefined) return;
    listener.ttl = this.nextTtl;
    listener.tos = this.nextTos;
    listener.receiveBytes = this.nextReceiveBytes;
    listener.maxSegment = this.nextMaxSegment;
  }

  get closed(): boolean {
    return this.shut;
  }

  /** Listens no more. Connections that were accepted live on; those that were not are reset. */
  close(): void {
    this.host.context.enterVerb();
    if (this.shut) return;
    this.shut = true;
    if (this.listener !== undefined) this.engine.closeListener(this.listener);
    this.host.wake();
  }

  dispatch(bits: number): void {
    const { listener } = this;
    if (this.shut || listener === undefined) return;
    if ((bits & EVENT_CLOSED) !== 0) {
      this.shut = true;
      this.handler.closed?.(this);
      return;
    }
    const waiting = listener.ready.size + listener.requests.size;
    try {
      this.hear(listener);
    } catch (error) {
      // A handler threw. Those who still wait are told of in the next pump, if it took one: see TcpSocket.
      const left = listener.ready.size + listener.requests.size;
      if (left > 0 && left < waiting) this.host.context.events.mark(this, EVENT_READABLE);
      throw error;
    }
  }

  private hear(listener: Listener): void {
    for (
      let held = listener.requests.shift();
      held !== undefined && !this.shut;
      held = listener.requests.shift()
    ) {
      const path = this.host.resolver.paths.at(held.path);
      this.handler.request?.(this, new TcpRequest(this.host, this.engine, held, path.local, path.remote));
    }
    if (listener.ready.size > 0 && !this.shut) this.handler.acceptable?.(this);
  }
}
