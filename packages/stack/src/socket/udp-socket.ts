// A UDP socket of a stack: verbs that mark, one handler that hears. packages/node makes Node's dgram.Socket of it.

import { EADDRNOTAVAIL, EAGAIN, EBADF, EDESTADDRREQ, EISCONN, ENOTCONN, OK } from '../contract/errno.ts';
import { EVENT_ERROR, EVENT_READABLE, EVENT_WRITABLE } from '../contract/events.ts';
import type { DatagramEndpoint } from '../ip/datagrams.ts';
import type { Path } from '../ip/path.ts';
import type { UdpEngine } from '../udp/engine.ts';
import { formatIp4, parseIp4 } from '../wire/address.ts';
import { checkPort, checkRange } from './arguments.ts';
import type { Datagram } from './datagram.ts';
import { DatagramSocket, type SocketHost } from './datagram-socket.ts';
import { invalidArgument, SocketError } from './errors.ts';
import { Memberships, type MulticastHost } from './memberships.ts';

/** What a UDP socket calls; each at most once per pump. */
export interface UdpHandler {
  /** Datagrams wait: call `receive` until it answers undefined. */
  readable?(socket: UdpSocket): void;
  /** After a send that answered false: there is room again. */
  writable?(socket: UdpSocket): void;
  /** An error came back for a datagram that a connected socket sent. */
  error?(socket: UdpSocket, error: SocketError): void;
  /** The stack was closed, and this socket with it. Not called after the socket's own `close`. */
  closed?(socket: UdpSocket): void;
}

/**
 * A UDP socket. Made by `stack.udpSocket(handler)`.
 *
 * @example
 * const socket = stack.udpSocket({
 *   readable(s) {
 *     for (let d = s.receive(); d !== undefined; d = s.receive()) {
 *       s.reply(d, d.bytes, d.offset, d.length);
 *     }
 *   },
 * });
 * socket.bind('0.0.0.0', 7);
 */
export class UdpSocket extends DatagramSocket<DatagramEndpoint> {
  protected readonly endpoint: DatagramEndpoint;
  private readonly engine: UdpEngine;
  private readonly handler: UdpHandler;
  private readonly memberships: Memberships;
  /** The path of the last unconnected send: replies to one peer need no look-up each. */
  private last: Path | undefined = undefined;
  private lastAddress: string | number = 0;
  private lastAsked = 0;
  private lastGeneration = 0;

  constructor(host: SocketHost, multicast: MulticastHost, engine: UdpEngine, handler: UdpHandler) {
    super(host);
    this.memberships = new Memberships(multicast, host.context.options.groupsPerSocketMax);
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
      this.host.resolver.remote(address, this.endpoint.bound, this.endpoint),
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
    const path = this.findPath(address);
    if (typeof path === 'number') {
      const text = typeof address === 'number' ? formatIp4(address) : address;
      throw new SocketError(path, 'sendto', text, port);
    }
    return this.queue(path, port, bytes, offset, length);
  }

  /**
   * Answers the sender of a datagram, from the address of ours that it was sent to (RFC 1122 4.1.3.5), if that can be: false
   * when there is no room, no route, or no port to answer to. Never throws for what the sender chose, so that no datagram
   * from outside can end a server.
   */
  reply(to: Datagram, bytes: Uint8Array, offset: number, length: number): boolean {
    this.enter('sendto');
    checkRange(bytes, offset, length);
    if (to.port === 0) return false;
    const { connected } = this.endpoint;
    const path = connected ?? this.findPath(to.address, to.localAddress);
    if (typeof path === 'number') return false;
    return this.post(path, to.port, bytes, offset, length) === OK;
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

  get connected(): boolean {
    return this.endpoint.connected !== undefined;
  }

  /**
   * Joins a group on the interface that has this address, or on that which a route to the group leads by. Whoever of the
   * stack's sockets is bound to '0.0.0.0' or to the group itself hears it then (as in Linux, IP_MULTICAST_ALL). Throws
   * EINVAL, ENODEV, EADDRINUSE (joined already), ENOBUFS.
   *
   * @example
   * socket.bind('0.0.0.0', 5353);
   * socket.addMembership('224.0.0.251', '10.9.0.2');
   */
  addMembership(group: string, interfaceAddress?: string): void {
    this.enter('addMembership');
    const result = this.memberships.add(group, interfaceAddress);
    if (result !== OK) throw new SocketError(result, 'addMembership', group);
    this.host.wake();
  }

  /** Leaves a group. Throws EINVAL, ENODEV, EADDRNOTAVAIL (not joined). */
  dropMembership(group: string, interfaceAddress?: string): void {
    this.enter('dropMembership');
    const result = this.memberships.drop(group, interfaceAddress);
    if (result !== OK) throw new SocketError(result, 'dropMembership', group);
    this.host.wake();
  }

  /** Lets the socket send to broadcast addresses (SO_BROADCAST). */
  setBroadcast(on: boolean): void {
    this.enter('setBroadcast');
    this.endpoint.broadcast = on;
    this.forgetLast();
  }

  /** The TTL of what goes to groups, 0 (this host only) .. 255; 1 at first. */
  setMulticastTTL(ttl: number): void {
    this.enter('setMulticastTTL');
    if (!(Number.isInteger(ttl) && ttl >= 0 && ttl <= 255)) invalidArgument('ttl', ttl, '0 to 255');
    this.endpoint.multicastTtl = ttl;
  }

  /** Whether this stack hears what the socket sends to groups that it is in; true at first. */
  setMulticastLoopback(on: boolean): void {
    this.enter('setMulticastLoopback');
    this.endpoint.multicastLoops = on;
  }

  /** Chooses by which interface groups are spoken to, by an address of it; '0.0.0.0': as routes say. Throws EADDRNOTAVAIL. */
  setMulticastInterface(address: string): void {
    this.enter('setMulticastInterface');
    const word = parseIp4(address);
    if (word === undefined || (word !== 0 && this.memberships.faceOf(word) === undefined))
      throw new SocketError(EADDRNOTAVAIL, 'setMulticastInterface', address);
    this.endpoint.multicastSource = word;
    this.forgetLast();
  }

  protected hear(events: number): void {
    if ((events & EVENT_ERROR) !== 0 && this.handler.error !== undefined) {
      const error = this.takeError();
      if (error !== undefined) this.handler.error(this, error);
    }
    if ((events & EVENT_READABLE) !== 0 && !this.closed) this.handler.readable?.(this);
    if ((events & EVENT_WRITABLE) !== 0 && !this.closed) this.handler.writable?.(this);
  }

  protected hearClosed(): void {
    this.forgetLast();
    this.memberships.clear();
    this.handler.closed?.(this);
  }

  protected shut(): void {
    this.forgetLast();
    this.memberships.clear();
    this.engine.close(this.endpoint);
  }

  /** The path to an address from where this socket is bound, or was `asked` at, or an errno; the last one is remembered. */
  private findPath(address: string | number, asked = 0): Path | number {
    const { resolver } = this.host;
    const { last } = this;
    const same = this.lastAddress === address && this.lastAsked === asked;
    if (last !== undefined && same && this.lastGeneration === resolver.generation) return last;
    const { bound } = this.endpoint;
    const found =
      typeof address === 'number'
        ? resolver.remoteWord(address, bound, this.endpoint, asked)
        : resolver.remote(address, bound, this.endpoint);
    if (typeof found === 'number') return found;
    this.forgetLast();
    this.last = found;
    this.lastAddress = address;
    this.lastAsked = asked;
    this.lastGeneration = resolver.generation;
    return found;
  }

  private forgetLast(): void {
    if (this.last !== undefined) this.host.resolver.paths.release(this.last);
    this.last = undefined;
  }

  private queue(path: Path, port: number, bytes: Uint8Array, offset: number, length: number): boolean {
    const result = this.post(path, port, bytes, offset, length);
    if (result !== OK && result !== EAGAIN)
      throw new SocketError(result, 'send', formatIp4(path.remote), port);
    return result === OK;
  }

  private post(path: Path, port: number, bytes: Uint8Array, offset: number, length: number): number {
    const result = this.engine.send(this.endpoint, path, port, bytes, offset, length);
    this.host.wake();
    return result;
  }

  private resolved(found: Path | number, call: string, address: string, port: number): Path {
    if (typeof found === 'number') throw new SocketError(found, call, address, port);
    return found;
  }
}
