// What all datagram sockets share: how they read, hear, and close. UdpSocket and EchoSocket are of this kind.

import type { Context } from '../context.ts';
import { EBADF } from '../contract/errno.ts';
import { EVENT_CLOSED, EVENT_ERROR, EVENT_READABLE, type EventTarget } from '../contract/events.ts';
import { PACKET_LENT } from '../contract/packet.ts';
import { R } from '../contract/reasons.ts';
import type { DatagramEndpoint } from '../ip/datagrams.ts';
import { Datagram } from './datagram.ts';
import { invalidArgument, SocketError } from './errors.ts';
import type { Resolver } from './resolve.ts';

/** What a socket needs of its stack. */
export interface SocketHost {
  readonly context: Context;
  readonly resolver: Resolver;
  /** Asks the host for a pump. */
  wake(): void;
}

/** A socket whose packets wait in an endpoint's queues. */
export abstract class DatagramSocket<E extends DatagramEndpoint> implements EventTarget {
  pendingEvents = 0;
  protected readonly host: SocketHost;
  protected abstract readonly endpoint: E;
  private readonly datagram: Datagram = new Datagram();
  /** Its own handler runs, after which it shows nothing any more. */
  private dispatching = false;

  constructor(host: SocketHost) {
    this.host = host;
  }

  /** The next datagram, or undefined. The record is reused: see Datagram. */
  receive(): Datagram | undefined {
    this.host.context.enterVerb();
    this.datagram.hide();
    if (this.endpoint.closed) return undefined;
    const packet = this.endpoint.queues.receive(this.endpoint);
    if (packet === undefined) return undefined;
    // Shown beyond this pump, it would keep the slab.
    if (!this.dispatching && packet.state === PACKET_LENT && !packet.own()) {
      this.host.context.drop(packet, R.NO_BUFFER);
      return undefined;
    }
    this.datagram.show(packet);
    return this.datagram;
  }

  /** The TTL of what is sent, 1 .. 255. R1122.10, R1122.11. */
  get ttl(): number {
    return this.endpoint.ttl;
  }

  set ttl(ttl: number) {
    if (!(Number.isInteger(ttl) && ttl >= 1 && ttl <= 255)) invalidArgument('ttl', ttl, '1 to 255');
    this.endpoint.ttl = ttl;
  }

  /** The DiffServ field and ECN bits of what is sent, 0 .. 255 (IP_TOS, RFC 1122 3.2.1.6). 0 at first. R1122.9. */
  get tos(): number {
    return this.endpoint.tos;
  }

  set tos(tos: number) {
    if (!(Number.isInteger(tos) && tos >= 0 && tos <= 255)) invalidArgument('tos', tos, '0 to 255');
    this.endpoint.tos = tos;
  }

  /**
   * True: what its path does not take whole is refused, EMSGSIZE (Linux IP_MTU_DISCOVER with IP_PMTUDISC_DO). False, the
   * default: it goes in fragments, and only what fits goes with DF (IP_PMTUDISC_WANT).
   */
  get dontFragment(): boolean {
    return this.endpoint.dontFragment;
  }

  set dontFragment(on: boolean) {
    this.endpoint.dontFragment = on;
  }

  /** Octets that the receive queue may hold (SO_RCVBUF): payload and `datagramOverheadBytes` each. */
  get receiveBuffer(): number {
    return this.endpoint.rxLimit;
  }

  set receiveBuffer(bytes: number) {
    if (!(bytes > 0)) invalidArgument('bytes', bytes, 'positive');
    this.endpoint.rxLimit = bytes;
  }

  /** Octets that the send queue may hold (SO_SNDBUF), counted alike. */
  get sendBuffer(): number {
    return this.endpoint.txLimit;
  }

  set sendBuffer(bytes: number) {
    if (!(bytes > 0)) invalidArgument('bytes', bytes, 'positive');
    this.endpoint.txLimit = bytes;
  }

  /** Octets that wait to be sent. */
  get queuedBytes(): number {
    return this.endpoint.txBytes;
  }

  get closed(): boolean {
    return this.endpoint.closed;
  }

  /** Closes the socket: what was sent before still goes out. A second call does nothing. */
  close(): void {
    this.host.context.enterVerb();
    this.datagram.hide();
    if (!this.endpoint.closed) this.shut();
  }

  /** For the event ring, and for a stack that closes. */
  dispatch(events: number): void {
    const waiting = this.endpoint.rx.size;
    this.dispatching = true;
    try {
      if ((events & EVENT_CLOSED) !== 0) this.hearClosed();
      else if (!this.endpoint.closed) this.hear(events);
    } catch (error) {
      this.hearAgain(events, waiting);
      throw error;
    } finally {
      this.dispatching = false;
      this.datagram.hide();
    }
  }

  /**
   * A handler threw. What it left unread is news still, as in an emitter whose other events go on; but only if it has
   * read something, or never came to reading: one that throws at once would be called for ever.
   */
  private hearAgain(events: number, waiting: number): void {
    const { closed, rx } = this.endpoint;
    const fair = rx.size < waiting || (events & EVENT_ERROR) !== 0;
    if (!closed && rx.size > 0 && fair) this.host.context.events.mark(this, EVENT_READABLE);
  }

  /** Calls the application's handler for these event bits. */
  protected abstract hear(events: number): void;

  /** Tells the application that the stack was closed. */
  protected abstract hearClosed(): void;

  /** Leaves the tables of its protocol. */
  protected abstract shut(): void;

  /** The first line of every verb. */
  protected enter(call: string): void {
    this.host.context.enterVerb();
    if (this.endpoint.closed) throw new SocketError(EBADF, call);
  }
}
