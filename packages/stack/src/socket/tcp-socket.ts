// A TCP socket of a stack: verbs that mark, one handler that hears. packages/node makes a Duplex of it.

import { EAGAIN, EINVAL, EISCONN, OK } from '../contract/errno.ts';
import * as events from '../contract/events.ts';
import { abort } from '../tcp/calls/abort.ts';
import { closeBoth, closeSending } from '../tcp/calls/close.ts';
import { consume, give, show, Text } from '../tcp/calls/receive.ts';
import { send, sendOwned, sendUrgent } from '../tcp/calls/send.ts';
import type { TcpEngine } from '../tcp/engine.ts';
import type { Listener } from '../tcp/listener.ts';
import { CLOSED, TIME_WAIT } from '../tcp/state.ts';
import type { Tcb } from '../tcp/tcb.ts';
import { formatIp4, isMulticast4, parseIp4 } from '../wire/address.ts';
import { checkPort, checkRange } from './arguments.ts';
import type { SocketHost } from './datagram-socket.ts';
import { invalidArgument, SocketError } from './errors.ts';
import { TcpConnection } from './tcp-connection.ts';

/** What a TCP socket calls; each at most once per pump, in this order. */
export interface TcpHandler {
  /** The connection is established. */
  connected?(socket: TcpSocket): void;
  /** Text waits: `receive` and `consume` until there is none. */
  readable?(socket: TcpSocket): void;
  /** Urgent octets were announced: `urgentRemaining` says how many are left (RFC 9293 3.8.5). */
  urgent?(socket: TcpSocket): void;
  /** The peer closed its side: what is unread is the last. Called once. */
  ended?(socket: TcpSocket): void;
  /** After a `send` that did not take all: there is room again. */
  writable?(socket: TcpSocket): void;
  /** The network complains or the peer is silent; the connection goes on (RFC 9293 MUST-47; SHLD-20: a socket may just not listen). */
  trouble?(socket: TcpSocket, error: SocketError | undefined): void;
  /** It ended by an error: ECONNRESET, ECONNREFUSED, ETIMEDOUT, EHOSTUNREACH ... `closed` follows. */
  error?(socket: TcpSocket, error: SocketError): void;
  /** It is over: both sides closed, or an error came. Not called after the socket's own `close` or `abort`. */
  closed?(socket: TcpSocket): void;
}

/** How to connect. */
export interface TcpConnectOptions {
  /** One of the stack's addresses (MUST-43), and a port (0: a random one, RFC 6056). */
  readonly localAddress?: string;
  readonly localPort?: number;
}

/**
 * A TCP socket. Made by `stack.tcpSocket(handler)`, or by a listener's `accept`.
 *
 * @example
 * const socket = stack.tcpSocket({
 *   connected: (s) => s.send(request),
 *   readable(s) {
 *     for (let text = s.receive(); text !== undefined; text = s.receive()) {
 *       log(text.bytes.subarray(text.offset, text.offset + text.length));
 *       s.consume(text.length);
 *     }
 *   },
 *   ended: (s) => s.close(),
 * });
 * socket.connect('10.9.0.1', 7);
 */
export class TcpSocket extends TcpConnection implements events.EventTarget {
  pendingEvents = 0;
  private readonly handler: TcpHandler;
  /** Made when something is received first. */
  private text: Text | undefined = undefined;
  private established = false;
  /** Events of this turn that were not told yet. */
  private left = 0;
  private endTold = false;

  constructor(host: SocketHost, engine: TcpEngine, handler: TcpHandler) {
    super(host, engine);
    this.handler = handler;
  }

  /** For a listener: the socket of its next connection. What the connection knows already is told in the next pump. */
  static accepted(
    host: SocketHost,
    engine: TcpEngine,
    handler: TcpHandler,
    listener: Listener,
  ): TcpSocket | undefined {
    const socket = new TcpSocket(host, engine, handler);
    const tcb = engine.accept(listener, socket);
    if (tcb === undefined) return undefined;
    socket.tcb = tcb;
    socket.established = true;
    socket.remember(tcb);
    let bits = 0;
    if (tcb.unread > 0) bits |= events.EVENT_READABLE;
    if (tcb.rcvUrgent) bits |= events.EVENT_URGENT;
    if (tcb.finReceived) bits |= events.EVENT_ENDED;
    if (tcb.state === CLOSED) bits |= events.EVENT_FINISHED | (tcb.error === 0 ? 0 : events.EVENT_ERROR);
    if (bits !== 0) {
      host.context.events.mark(socket, bits);
      // Whoever accepts outside of a pump is to hear of it all the same.
      host.wake();
    }
    return socket;
  }

  /** Opens a connection; `connected` follows, or `error`. Throws EISCONN, ENETUNREACH, EADDRINUSE, EADDRNOTAVAIL, EMFILE, EINVAL. */
  connect(address: string, port: number, options: TcpConnectOptions = {}): void {
    this.enter('connect');
    checkPort(port, 1);
    const { localAddress, localPort = 0 } = options;
    checkPort(localPort, 0);
    if (this.tcb !== undefined) throw new SocketError(EISCONN, 'connect', address, port);
    const word = parseIp4(address);
    // MUST-46
    if (word !== undefined && (isMulticast4(word) || word === -1))
      throw new SocketError(EINVAL, 'connect', address, port);
    const { resolver } = this.host;
    const bound = localAddress === undefined ? undefined : resolver.local(localAddress);
    if (typeof bound === 'number') throw new SocketError(bound, 'connect', localAddress, localPort);
    const path = resolver.remote(address, bound);
    if (bound !== undefined) resolver.paths.release(bound);
    if (typeof path === 'number') throw new SocketError(path, 'connect', address, port);
    const tcb = this.engine.open(this, path, localPort, port);
    if (typeof tcb === 'number') {
      resolver.paths.release(path);
      throw new SocketError(tcb, 'connect', address, port);
    }
    this.tcb = tcb;
    if (this.nextTtl !== undefined) tcb.ttl = this.nextTtl;
    tcb.tos = this.nextTos;
    this.remember(tcb);
    this.host.wake();
  }

  /**
   * Queues a copy of these octets; answers how many it took. Fewer than given: `writable` follows. Throws EPIPE after the
   * socket's own `end`, ENOTCONN before `connect`.
   */
  send(bytes: Uint8Array, offset = 0, length: number = bytes.length - offset): number {
    const tcb = this.connection('send');
    checkRange(bytes, offset, length);
    const taken = send(this.engine.connections, tcb, bytes, offset, length);
    if (taken < 0 && taken !== EAGAIN) throw new SocketError(taken, 'send');
    this.host.wake();
    return Math.max(0, taken);
  }

  /**
   * Queues a buffer without copying it. It must stay as it is until `released` is called: once, when its last octet is
   * acknowledged or the connection is over. False: no room, `released` is not called, `writable` follows.
   */
  sendOwned(bytes: Uint8Array, released: () => void): boolean {
    const tcb = this.connection('send');
    const taken = sendOwned(this.engine.connections, tcb, bytes, released);
    if (taken < 0 && taken !== EAGAIN) throw new SocketError(taken, 'send');
    this.host.wake();
    return taken >= 0;
  }

  /** As `send`; the last octet taken is marked urgent. For protocols that have it already; RFC 9293 3.8.5 advises new ones against it. */
  sendUrgent(bytes: Uint8Array, offset = 0, length: number = bytes.length - offset): number {
    const taken = this.send(bytes, offset, length);
    if (taken > 0 && this.tcb !== undefined) sendUrgent(this.engine.connections, this.tcb);
    return taken;
  }

  /** Shows the first run of unread text, or undefined. The record is reused; the octets stay where they are until `consume`, but no longer than the handler that is running. */
  receive(): Text | undefined {
    this.host.context.enterVerb();
    if (this.tcb === undefined) return undefined;
    this.text ??= new Text();
    return show(this.tcb, this.text) === 0 ? undefined : this.text;
  }

  /** The first `length` octets of what is unread were used: the peer may send as many more. */
  consume(length: number): void {
    this.host.context.enterVerb();
    if (this.tcb === undefined || length > this.tcb.unread || length < 0)
      invalidArgument('length', length, 'what was shown');
    consume(this.engine.connections, this.tcb, length);
    this.host.wake();
  }

  /** Takes the first run as memory of the caller's own, or undefined: nothing waits. */
  take(): Uint8Array | undefined {
    this.host.context.enterVerb();
    if (this.tcb === undefined) return undefined;
    this.text ??= new Text();
    const memory = give(this.engine.connections, this.tcb, this.text);
    if (memory !== undefined) this.host.wake();
    return memory;
  }

  /** Closes the sending side, after what was given: the peer reads to its end. Receiving goes on. */
  end(): void {
    const tcb = this.connection('shutdown');
    closeSending(this.engine.connections, tcb);
    this.host.wake();
  }

  /** Done in both directions. What was sent still arrives; unread text makes it an abort (RFC 9293 3.6.1). A second call does nothing. */
  close(): void {
    this.host.context.enterVerb();
    if (this.shut) return;
    this.shut = true;
    if (this.tcb !== undefined) closeBoth(this.engine.connections, this.tcb);
    this.releaseBuffers();
    this.host.wake();
  }

  /** Ends it at once with a RST; what was not acknowledged is lost. A second call does nothing. */
  abort(): void {
    this.host.context.enterVerb();
    if (this.shut) return;
    this.shut = true;
    if (this.tcb !== undefined) {
      this.tcb.owner = undefined;
      abort(this.engine.connections, this.tcb, OK);
    }
    this.releaseBuffers();
    this.host.wake();
  }

  /** For the event ring, and for a stack that closes. */
  dispatch(bits: number): void {
    this.releaseBuffers();
    if (this.shut || this.tcb === undefined) return;
    if ((bits & events.EVENT_CLOSED) !== 0) {
      this.shut = true;
      this.handler.closed?.(this);
      return;
    }
    this.left = bits;
    const { rcvRead } = this.tcb;
    try {
      this.hear(this.tcb);
    } catch (error) {
      // A handler threw. What was not told yet is told in the next pump; and what it left unread, if it has read something:
      // one that throws at once would be called for ever.
      if (this.tcb.unread > 0 && this.tcb.rcvRead !== rcvRead) this.left |= events.EVENT_READABLE;
      if (this.left !== 0 && !this.shut) this.host.context.events.mark(this, this.left);
      throw error;
    }
  }

  private hear(tcb: Tcb): void {
    const { handler } = this;
    if (this.takes(events.EVENT_CONNECTED)) {
      this.established = true;
      handler.connected?.(this);
    }
    if (this.takes(events.EVENT_URGENT)) handler.urgent?.(this);
    if (this.takes(events.EVENT_READABLE) && tcb.unread > 0) handler.readable?.(this);
    // That was all, for most.
    if (this.left === 0) return;
    if (this.takes(events.EVENT_ENDED) && !this.endTold) {
      this.endTold = true;
      handler.ended?.(this);
    }
    if (this.takes(events.EVENT_WRITABLE) && tcb.state !== CLOSED) handler.writable?.(this);
    if (this.takes(events.EVENT_TROUBLE)) handler.trouble?.(this, this.errorOf(tcb.softError));
    if (this.takes(events.EVENT_ERROR)) {
      const error = this.errorOf(tcb.error);
      if (error !== undefined) handler.error?.(this, error);
    }
    if (this.takes(events.EVENT_FINISHED) && (tcb.state === CLOSED || tcb.state === TIME_WAIT)) {
      this.shut = tcb.unread === 0;
      handler.closed?.(this);
    }
  }

  /** True when this event is to be told now; it is not told again. */
  private takes(bit: number): boolean {
    const set = (this.left & bit) !== 0 && !this.shut;
    this.left &= ~bit;
    return set;
  }

  /** Buffers sent by reference that are free again: their owners hear of it outside the core. */
  private releaseBuffers(): void {
    const { tcb } = this;
    const freed = tcb?.sendBuffer?.freed;
    if (tcb === undefined || freed === undefined || freed.size === 0) return;
    // Those of now: what they give in turn waits for the next time.
    for (let left = freed.size; left > 0; left--) freed.shift()?.();
    this.engine.connections.restText(tcb);
  }

  private errorOf(errno: number): SocketError | undefined {
    if (errno === 0) return undefined;
    const call = this.established ? 'read' : 'connect';
    return new SocketError(errno, call, formatIp4(this.remoteWord), this.tcb?.remotePort);
  }
}
