// An echo socket of a stack: sends ICMP echo requests, hears the replies and the errors about them. The asking side of ping.

import { EAGAIN, OK } from '../contract/errno.ts';
import { EVENT_ERROR, EVENT_READABLE } from '../contract/events.ts';
import type { EchoEndpoint, EchoError, EchoSockets } from '../icmp/echo-sockets.ts';
import { formatIp4 } from '../wire/address.ts';
import { DatagramSocket, type SocketHost } from './datagram-socket.ts';
import { SocketError } from './errors.ts';

/** What an echo socket calls; each at most once per pump. */
export interface EchoHandler {
  /** Replies wait: call `receive` until it answers undefined. */
  readable?(socket: EchoSocket): void;
  /** An error came back about a request. */
  error?(socket: EchoSocket, error: EchoError): void;
  /** The stack was closed, and this socket with it. Not called after the socket's own `close`. */
  closed?(socket: EchoSocket): void;
}

/**
 * Made by `stack.echoSocket(handler)`.
 *
 * @example
 * const ping = stack.echoSocket({
 *   readable(s) {
 *     for (let d = s.receive(); d !== undefined; d = s.receive()) log(d.addressText, d.sequence, d.ttl, d.length);
 *   },
 * });
 * ping.send('10.9.0.1', 1, new Uint8Array(56));
 */
export class EchoSocket extends DatagramSocket<EchoEndpoint> {
  protected readonly endpoint: EchoEndpoint;
  private readonly sockets: EchoSockets;
  private readonly handler: EchoHandler;

  /** `id`: the identifier, 1 .. 65535, or 0 for a random one. Throws EADDRINUSE, EMFILE. */
  constructor(host: SocketHost, sockets: EchoSockets, handler: EchoHandler, id: number) {
    super(host);
    this.sockets = sockets;
    this.handler = handler;
    const endpoint = sockets.open(this, id & 0xffff);
    if (typeof endpoint === 'number') throw new SocketError(endpoint, 'socket');
    this.endpoint = endpoint;
  }

  get id(): number {
    return this.endpoint.localPort;
  }

  /** Sends one request. False: the queue is full. Throws ENETUNREACH, EMSGSIZE, EINVAL. */
  send(address: string, sequence: number, data: Uint8Array): boolean {
    this.enter('sendto');
    const { resolver } = this.host;
    const path = resolver.remote(address, undefined);
    if (typeof path === 'number') throw new SocketError(path, 'sendto', address);
    const result = this.sockets.send(this.endpoint, path, sequence & 0xffff, data, 0, data.length);
    resolver.paths.release(path);
    this.host.wake();
    if (result !== OK && result !== EAGAIN) throw new SocketError(result, 'sendto', formatIp4(path.remote));
    return result === OK;
  }

  protected hear(events: number): void {
    if ((events & EVENT_ERROR) !== 0) {
      for (const error of this.endpoint.errors.splice(0)) this.handler.error?.(this, error);
    }
    if ((events & EVENT_READABLE) !== 0 && !this.closed) this.handler.readable?.(this);
  }

  protected hearClosed(): void {
    this.handler.closed?.(this);
  }

  protected shut(): void {
    this.sockets.close(this.endpoint);
  }
}
