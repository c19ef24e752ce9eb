// The connection under a TCP socket: what it knows of it and what may be set, RFC 9293 3.9.1.6 to 3.9.1.9.

import { EBADF, ENOTCONN, EPIPE } from '../contract/errno.ts';
import { type TcpInfo, tcpInfo } from '../tcp/calls/info.ts';
import { urgentRemaining } from '../tcp/calls/receive.ts';
import { status, type TcpStatus } from '../tcp/calls/status.ts';
import { CONTROLLERS } from '../tcp/congestion/registry.ts';
import type { TcpEngine } from '../tcp/engine.ts';
import { CLOSED, SYN_RECEIVED, SYN_SENT } from '../tcp/state.ts';
import { updateMss } from '../tcp/synchronize.ts';
import type { Tcb } from '../tcp/tcb.ts';
import { startKeepAlive } from '../tcp/timeouts/keep-alive.ts';
import { formatIp4 } from '../wire/address.ts';
import type { SocketHost } from './datagram-socket.ts';
import { invalidArgument, SocketError } from './errors.ts';

/** What TcpSocket builds on. */
export abstract class TcpConnection {
  protected readonly host: SocketHost;
  protected readonly engine: TcpEngine;
  protected tcb: Tcb | undefined = undefined;
  /** The application closed it. */
  protected shut = false;
  /** For the SYN, when set before `connect`. */
  protected nextTtl: number | undefined = undefined;
  protected nextTos = 0;
  // Kept: a connection's path may serve another once it is over.
  protected remoteWord = 0;
  private localWord = 0;

  constructor(host: SocketHost, engine: TcpEngine) {
    this.host = host;
    this.engine = engine;
  }

  /** Octets that wait to be read. */
  get unread(): number {
    return this.tcb?.unread ?? 0;
  }

  /** Octets given and not acknowledged yet. */
  get queuedBytes(): number {
    return this.tcb?.queued ?? 0;
  }

  /** Octets that `send` would take now. */
  get sendRoom(): number {
    return this.tcb === undefined ? 0 : Math.max(0, this.tcb.sendLimit - this.tcb.queued);
  }

  /** MUST-33: octets to the end of what is urgent. */
  get urgentRemaining(): number {
    return this.tcb === undefined ? 0 : urgentRemaining(this.tcb);
  }

  /** The peer closed its side, and all of it was read. */
  get ended(): boolean {
    return this.tcb?.finReceived === true && this.tcb.unread === 0;
  }

  get connecting(): boolean {
    const state = this.tcb?.state;
    return state === SYN_SENT || state === SYN_RECEIVED;
  }

  /** No connection, or none any more. */
  get closed(): boolean {
    return this.shut || this.tcb === undefined || this.tcb.state === CLOSED;
  }

  /** Nagle's rule off (MUST-17). */
  set noDelay(on: boolean) {
    const tcb = this.connection('setsockopt');
    tcb.noDelay = on;
    this.engine.connections.markDirty(tcb);
    this.host.wake();
  }

  get noDelay(): boolean {
    return this.tcb?.noDelay ?? false;
  }

  /** Holds back what is no whole segment until it is switched off, or for as long as a persist timer waits (Linux TCP_CORK). */
  set cork(on: boolean) {
    const tcb = this.connection('setsockopt');
    tcb.corked = on;
    // tcp_push: what was held goes at once, whatever is under way.
    if (!on && tcb.sndNxt !== tcb.sndEnd) tcb.pushSmall = true;
    this.engine.connections.markDirty(tcb);
    this.host.wake();
  }

  /** Acknowledges at once for a while, and what waits for its acknowledgment now; or delays from now on (Linux TCP_QUICKACK). */
  set quickAck(on: boolean) {
    const tcb = this.connection('setsockopt');
    tcb.quickAcks = on ? this.host.context.options.tcpQuickAcks : 0;
    if (on && tcb.segmentsUnacked > 0) tcb.ackNow = true;
    this.engine.connections.markDirty(tcb);
    this.host.wake();
  }

  /** Octets of the largest segment, both ways, options included (Linux TCP_MAXSEG); right after `connect`, it goes for the SYN, too. */
  set maxSegment(bytes: number) {
    if (!(bytes >= 88 && bytes <= 32_767)) invalidArgument('bytes', bytes, '88 to 32767');
    const tcb = this.connection('setsockopt');
    tcb.maxSegment = bytes;
    updateMss(tcb);
  }

  /**
   * The congestion controller, one of CONTROLLERS (Linux TCP_CONGESTION; RFC 9293 MAY-18). A connection that has sent text already
   * starts again from the initial window. Throws ERR_INVALID_ARG_VALUE, ENOTCONN before `connect`.
   *
   * @example socket.congestion = 'bbr';
   */
  set congestion(name: string) {
    const tcb = this.connection('setsockopt');
    if (!CONTROLLERS.includes(name)) invalidArgument('name', name, CONTROLLERS.join(', '));
    if (name === tcb.congestion) return;
    tcb.congestion = name;
    tcb.controller = undefined;
    this.engine.connections.markDirty(tcb);
    this.host.wake();
  }

  get congestion(): string {
    return this.tcb?.congestion ?? this.host.context.options.tcpCongestion;
  }

  /** MUST-24, MUST-27. `idleMs` 0 switches it off; `undefined` takes the default of two hours. */
  setKeepAlive(on: boolean, idleMs?: number, intervalMs?: number, probes?: number): void {
    const tcb = this.connection('setsockopt');
    const { options } = this.host.context;
    tcb.keepAliveIdleMs = on ? (idleMs ?? options.tcpKeepAliveIdleMs) : 0;
    tcb.keepAliveIntervalMs = intervalMs ?? options.tcpKeepAliveIntervalMs;
    tcb.keepAliveProbesMax = probes ?? options.tcpKeepAliveProbes;
    startKeepAlive(this.engine.connections, tcb);
    this.host.wake();
  }

  /** MUST-21: how long what was sent may stay unacknowledged; 0: the stack's default. */
  set userTimeoutMs(ms: number) {
    if (!(ms >= 0 && ms < 2 ** 30)) invalidArgument('ms', ms, '0 to 2^30');
    this.connection('setsockopt').userTimeoutMs = ms;
  }

  /** MUST-49: TTL of what is sent, 1 .. 255. Before `connect`, it goes for the SYN, too. */
  set ttl(ttl: number) {
    if (!(Number.isInteger(ttl) && ttl >= 1 && ttl <= 255)) invalidArgument('ttl', ttl, '1 to 255');
    this.nextTtl = ttl;
    if (this.tcb !== undefined) this.tcb.ttl = ttl;
  }

  /** MUST-48, SHLD-21, SHLD-22: the DiffServ field, 8 bits; the two of ECN are the stack's. */
  set tos(tos: number) {
    if (!(Number.isInteger(tos) && tos >= 0 && tos <= 255)) invalidArgument('tos', tos, '0 to 255');
    this.nextTos = tos & 0xfc;
    if (this.tcb !== undefined) this.tcb.tos = tos & 0xfc;
  }

  /** Octets that the receive buffer may hold from now on (SO_RCVBUF); switches its growth off. */
  set receiveBuffer(bytes: number) {
    const tcb = this.connection('setsockopt');
    if (!(bytes > 0)) invalidArgument('bytes', bytes, 'positive');
    tcb.rcvLimit = bytes;
    tcb.rcvLimitMax = bytes;
  }

  /** Octets that the send buffer may hold from now on (SO_SNDBUF); switches its growth off. */
  set sendBuffer(bytes: number) {
    if (!(bytes > 0)) invalidArgument('bytes', bytes, 'positive');
    const tcb = this.connection('setsockopt');
    tcb.sendLimit = bytes;
    tcb.sendLimitMax = bytes;
  }

  /** Own address and port. Throws ENOTCONN before `connect`. */
  address(): { address: string; port: number } {
    if (this.tcb === undefined) throw new SocketError(ENOTCONN, 'getsockname');
    return { address: formatIp4(this.localWord), port: this.tcb.localPort };
  }

  /** The peer's. Throws ENOTCONN. */
  remoteAddress(): { address: string; port: number } {
    if (this.tcb === undefined) throw new SocketError(ENOTCONN, 'getpeername');
    return { address: formatIp4(this.remoteWord), port: this.tcb.remotePort };
  }

  /** STATUS, RFC 9293 3.10.6. Throws ENOTCONN before `connect`. */
  status(): TcpStatus {
    return status(this.connection('getsockopt'));
  }

  /**
   * What `getsockopt(TCP_INFO)` and `ss -ti` tell on Linux. Throws ENOTCONN before `connect`.
   *
   * @example const { rtt, sndCwnd, totalRetrans } = socket.tcpInfo(); // microseconds, segments, segments
   */
  tcpInfo(): TcpInfo {
    return tcpInfo(this.connection('getsockopt'), this.host.context);
  }

  protected remember(tcb: Tcb): void {
    this.localWord = tcb.path.local;
    this.remoteWord = tcb.path.remote;
  }

  protected enter(call: string): void {
    this.host.context.enterVerb();
    if (this.shut) throw new SocketError(EBADF, call);
  }

  protected connection(call: string): Tcb {
    this.enter(call);
    if (this.tcb === undefined) throw new SocketError(ENOTCONN, call);
    if (this.tcb.state === CLOSED && call === 'send') throw new SocketError(EPIPE, call);
    return this.tcb;
  }
}
