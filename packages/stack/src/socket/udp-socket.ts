// A UDP socket of a stack: verbs that mark, one handler that hears. packages/node makes Node's dgram.Socket of it.

import type { Context } from '../context.ts';
import { EAGAIN, EBADF, EDESTADDRREQ, EISCONN, ENOTCONN, OK } from '../contract/errno.ts';
import { EVENT_ERROR, EVENT_READABLE, EVENT_WRITABLE, type EventTarget } from '../contract/events.ts';
import { PACKET_LENT } from '../contract/packet.ts';
import { R } from '../contract/reasons.ts';
import type { DatagramEndpoint } from '../ip/datagrams.ts';
import type { Path } from '../ip/path.ts';
import type { UdpEngine } from '../udp/engine.ts';
import { formatIp4 } from '../wire/address.ts';
import { Datagram } from './datagram.ts';
import { invalidArgument, SocketError } from './errors.ts';
import type { Resolver } from './resolve.ts';

/** What a UDP socket calls; each at most once per pump. */
export interface UdpHandler {
  /** Datagrams wait: call `receive` until it answers undefined. */
  readable?(socket: UdpSocket): void;
  /** After a send that answered false: there is room again. */
  writable?(socket: UdpSocket): void;
  /** An error came back for a datagram that a connected socket sent. */
  error?(socket: UdpSocket, error: SocketError): void;
}

/** What a socket needs of its stack. */
export interface SocketHost {
  readonly context: Context;
  readonly resolver: Resolver;
  /** Asks the host for a pump. */
  wake(): void;
}

/**
 * A UDP socket. Made by `stack.udpSocket(handler)`.
 *
 * @example
 * const socket = stack.udpSocket({
 *   readable(s) {
 *     for (let d = s.receive(); d !== undefined; d = s.receive()) {
 *       s.sendTo(d.bytes, d.offset, d.length, d.address, d.port);
 *     }
 *   },
 * });
 * socket.bind('0.0.0.0', 7);
 */
export class UdpSocket implements EventTarget {
  pendingEvents = 0;
  private readonly host: SocketHost;
  private readonly engine: UdpEngine;
  private readonly endpoint: DatagramEndpoint;
  private readonly handler: UdpHandler;
  private readonly datagram: Datagram = new Datagram();
  /** Its own handler runs, after which it shows nothing any more. */
  private dispatching = false;
  /** The path of the last unconnected send: replies to one peer need no look-up each. */
  private last: Path | undefined = undefined;
  private lastAddress: string | number = 0;
  private lastGeneration = 0;

  constructor(host: SocketHost, engine: UdpEngine, handler: UdpHandler) {
    this.host = host;
    this.engine = engine;
    this.handler = handler;
    this.endpoint = engine.open(this);
  }

  /** Binds to one of the stack's addresses or '0.0.0.0', and a port (0: any free one). Throws EADDRINUSE, EADDRNOTAVAIL, EINVAL. */
  bind(address = '0.0.0.0', port = 0): void {
    this.enter('bind');
    checkPort(port, 0);
    const path = this.resolved(this.host.resolver.local(address), 'bind', address, port);
    const result = this.engine.bind(this.endpoint, path, port);
    if (result === OK) return;
    this.host.resolver.paths.release(path);
    throw new SocketError(result, 'bind', address, port);
  }

  /** Sets the only peer; binds first if need be. Throws ENETUNREACH, EADDRINUSE, EINVAL. */
  connect(address: string, port: number): void {
    this.enter('connect');
    checkPort(port, 1);
    if (this.endpoint.bound === undefined) this.bind();
    const path = this.resolved(
      this.host.resolver.remote(address, this.endpoint.bound),
      'connect',
      address,
      port,
    );
    const result = this.engine.connect(this.endpoint, path, port);
    if (result === OK) return;
    this.host.resolver.paths.release(path);
    throw new SocketError(result, 'connect', address, port);
  }

  /** Forgets the peer. Throws ENOTCONN. */
  disconnect(): void {
    this.enter('disconnect');
    if (this.endpoint.connected === undefined) throw new SocketError(ENOTCONN, 'disconnect');
    this.engine.disconnect(this.endpoint);
  }

  /** Sends to the connected peer. False: the queue is full, `writable` will be called. Throws EMSGSIZE, ENOTCONN and a pending error. */
  send(bytes: Uint8Array, offset = 0, length: number = bytes.length - offset): boolean {
    this.enter('send');
    checkRange(bytes, offset, length);
    const { connected, remotePort } = this.endpoint;
    if (connected === undefined) throw new SocketError(EDESTADDRREQ, 'send');
    const error = this.takeError();
    if (error !== undefined) throw error;
    return this.queue(connected, remotePort, bytes, offset, length);
  }

  /** Sends to an address (text, or an int32 word as a Datagram has it) and port; binds first if need be. */
  sendTo(bytes: Uint8Array, offset: number, length: number, address: string | number, port: number): boolean {
    this.enter('sendto');
    checkRange(bytes, offset, length);
    checkPort(port, 1);
    if (this.endpoint.connected !== undefined) throw new SocketError(EISCONN, 'sendto');
    if (this.endpoint.bound === undefined) this.bind();
    const path = this.pathTo(address, port);
    return this.queue(path, port, bytes, offset, length);
  }

  /** The next datagram, or undefined. The record is reused: see Datagram. */
  receive(): Datagram | undefined {
    this.host.context.enterVerb();
    this.datagram.hide();
    if (this.endpoint.closed) return undefined;
    const packet = this.engine.receive(this.endpoint);
    if (packet === undefined) return undefined;
    // Shown beyond this pump, it would keep the slab.
    if (!this.dispatching && packet.state === PACKET_LENT && !packet.own()) {
      this.host.context.drop(packet, R.NO_BUFFER);
      return undefined;
    }
    this.datagram.show(packet);
    return this.datagram;
  }

  /** What came back for a datagram sent before, or undefined; clears it. */
  takeError(): SocketError | undefined {
    const { error, connected, remotePort } = this.endpoint;
    if (error === 0) return undefined;
    this.endpoint.error = 0;
    const address = connected === undefined ? undefined : formatIp4(connected.remote);
    return new SocketError(error, 'recvfrom', address, remotePort);
  }

  /** Own address and port. Throws EBADF before `bind`. */
  address(): { address: string; port: number } {
    const { bound, connected, localPort } = this.endpoint;
    if (bound === undefined || this.endpoint.closed) throw new SocketError(EBADF, 'getsockname');
    return { address: formatIp4((connected ?? bound).local), port: localPort };
  }

  /** The peer's address and port. Throws ENOTCONN. */
  remoteAddress(): { address: string; port: number } {
    const { connected, remotePort } = this.endpoint;
    if (connected === undefined) throw new SocketError(ENOTCONN, 'getpeername');
    return { address: formatIp4(connected.remote), port: remotePort };
  }

  /** Octets that the queues may hold (SO_RCVBUF, SO_SNDBUF), and the TTL of what is sent (1 .. 255). */
  get receiveBuffer(): number {
    return this.endpoint.rxLimit;
  }

  set receiveBuffer(bytes: number) {
    if (!(bytes > 0)) invalidArgument('bytes', bytes, 'positive');
    this.endpoint.rxLimit = bytes;
  }

  get sendBuffer(): number {
    return this.endpoint.txLimit;
  }

  set sendBuffer(bytes: number) {
    if (!(bytes > 0)) invalidArgument('bytes', bytes, 'positive');
    this.endpoint.txLimit = bytes;
  }

  get ttl(): number {
    return this.endpoint.ttl;
  }

  set ttl(ttl: number) {
    if (!(Number.isInteger(ttl) && ttl >= 1 && ttl <= 255)) invalidArgument('ttl', ttl, '1 to 255');
    this.endpoint.ttl = ttl;
  }

  /** Octets that wait to be sent. */
  get queuedBytes(): number {
    return this.endpoint.txBytes;
  }

  get connected(): boolean {
    return this.endpoint.connected !== undefined;
  }

  get closed(): boolean {
    return this.endpoint.closed;
  }

  /** Closes the socket: what was sent before still goes out. A second call does nothing. */
  close(): void {
    this.host.context.enterVerb();
    this.datagram.hide();
    this.forgetLast();
    this.engine.close(this.endpoint);
  }

  dispatch(events: number): void {
    if (this.endpoint.closed) return;
    this.dispatching = true;
    try {
      if ((events & EVENT_ERROR) !== 0 && this.handler.error !== undefined) {
        const error = this.takeError();
        if (error !== undefined) this.handler.error(this, error);
      }
      if ((events & EVENT_READABLE) !== 0 && !this.endpoint.closed) this.handler.readable?.(this);
      if ((events & EVENT_WRITABLE) !== 0 && !this.endpoint.closed) this.handler.writable?.(this);
    } finally {
      this.dispatching = false;
      this.datagram.hide();
    }
  }

  private enter(call: string): void {
    this.host.context.enterVerb();
    if (this.endpoint.closed) throw new SocketError(EBADF, call);
  }

  private pathTo(address: string | number, port: number): Path {
    const { resolver } = this.host;
    if (
      this.last !== undefined &&
      this.lastAddress === address &&
      this.lastGeneration === resolver.generation
    )
      return this.last;
    const { bound } = this.endpoint;
    const found =
      typeof address === 'number' ? resolver.remoteWord(address, bound) : resolver.remote(address, bound);
    const text = typeof address === 'number' ? formatIp4(address) : address;
    const path = this.resolved(found, 'sendto', text, port);
    this.forgetLast();
    this.last = path;
    this.lastAddress = address;
    this.lastGeneration = resolver.generation;
    return path;
  }

  private forgetLast(): void {
    if (this.last !== undefined) this.host.resolver.paths.release(this.last);
    this.last = undefined;
  }

  private queue(path: Path, port: number, bytes: Uint8Array, offset: number, length: number): boolean {
    const result = this.engine.send(this.endpoint, path, port, bytes, offset, length);
    this.host.wake();
    if (result === OK) return true;
    if (result === EAGAIN) return false;
    throw new SocketError(result, 'send', formatIp4(path.remote), port);
  }

  private resolved(found: Path | number, call: string, address: string, port: number): Path {
    if (typeof found === 'number') throw new SocketError(found, call, address, port);
    return found;
  }
}

function checkPort(port: number, least: number): void {
  if (!(Number.isInteger(port) && port >= least && port <= 65_535)) {
    throw Object.assign(new RangeError(`Port should be >= ${least} and < 65536. Received ${String(port)}`), {
      code: 'ERR_SOCKET_BAD_PORT',
    });
  }
}

function checkRange(bytes: Uint8Array, offset: number, length: number): void {
  const inside = Number.isInteger(offset) && Number.isInteger(length) && offset >= 0 && length >= 0;
  if (!inside || offset + length > bytes.length)
    invalidArgument('length', length, `within the ${bytes.length} octets given`);
}
