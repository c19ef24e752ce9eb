// An echo socket of a stack: sends ICMP echo requests, hears the replies and the errors about them. The asking side of ping.

import { EAGAIN, EBADF, OK } from '../contract/errno.ts';
import { EVENT_ERROR, EVENT_READABLE, type EventTarget } from '../contract/events.ts';
import { PACKET_LENT } from '../contract/packet.ts';
import { R } from '../contract/reasons.ts';
import type { EchoEndpoint, EchoError, EchoSockets } from '../icmp/echo-sockets.ts';
import { formatIp4 } from '../wire/address.ts';
import { Datagram } from './datagram.ts';
import { SocketError } from './errors.ts';
import type { SocketHost } from './udp-socket.ts';

/** What an echo socket calls; each at most once per pump. */
export interface EchoHandler {
  /** Replies wait: call `receive` until it answers undefined. */
  readable?(socket: EchoSocket): void;
  /** An error came back about a request. */
  error?(socket: EchoSocket, error: EchoError): void;
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
export class EchoSocket implements EventTarget {
  pendingEvents = 0;
  private readonly host: SocketHost;
  private readonly sockets: EchoSockets;
  private readonly endpoint: EchoEndpoint;
  private readonly handler: EchoHandler;
  private readonly datagram: Datagram = new Datagram();
  /** Its own handler runs, after which it shows nothing any more. */
  private dispatching = false;

  /** `id`: the identifier, 1 .. 65535, or 0 for a random one. Throws EADDRINUSE, EMFILE. */
  constructor(host: SocketHost, sockets: EchoSockets, handler: EchoHandler, id: number) {
    this.host = host;
    this.sockets = sockets;
    this.handler = handler;
    const endpoint = sockets.open(this, id & 0xffff);
    if (typeof endpoint === 'number') throw new SocketError(endpoint, 'socket');
    this.endpoint = endpoint;
  }

  get id(): number {
    return this.endpoint.localPort;
  }

  set ttl(ttl: number) {
    this.endpoint.ttl = ttl & 0xff;
  }

  /** Sends one request. False: the queue is full. Throws ENETUNREACH, EMSGSIZE, EINVAL. */
  send(address: string, sequence: number, data: Uint8Array): boolean {
    this.host.context.enterVerb();
    if (this.endpoint.closed) throw new SocketError(EBADF, 'sendto');
    const { resolver } = this.host;
    const path = resolver.remote(address, undefined);
    if (typeof path === 'number') throw new SocketError(path, 'sendto', address);
    const result = this.sockets.send(this.endpoint, path, sequence & 0xffff, data, 0, data.length);
    resolver.paths.release(path);
    this.host.wake();
    if (result !== OK && result !== EAGAIN) throw new SocketError(result, 'sendto', formatIp4(path.remote));
    return result === OK;
  }

  /** The next reply, or undefined: `address`, `sequence`, `ttl` and the data. The record is reused: see Datagram. */
  receive(): Datagram | undefined {
    this.host.context.enterVerb();
    this.datagram.hide();
    if (this.endpoint.closed) return undefined;
    const packet = this.sockets.receive(this.endpoint);
    if (packet === undefined) return undefined;
    // Shown beyond this pump, it would keep the slab.
    if (!this.dispatching && packet.state === PACKET_LENT && !packet.own()) {
      this.host.context.drop(packet, R.NO_BUFFER);
      return undefined;
    }
    this.datagram.show(packet);
    return this.datagram;
  }

  close(): void {
    this.host.context.enterVerb();
    this.datagram.hide();
    this.sockets.close(this.endpoint);
  }

  dispatch(events: number): void {
    if (this.endpoint.closed) return;
    this.dispatching = true;
    try {
      if ((events & EVENT_ERROR) !== 0) {
        for (const error of this.endpoint.errors.splice(0)) this.handler.error?.(this, error);
      }
      if ((events & EVENT_READABLE) !== 0 && !this.endpoint.closed) this.handler.readable?.(this);
    } finally {
      this.dispatching = false;
      this.datagram.hide();
    }
  }
}
