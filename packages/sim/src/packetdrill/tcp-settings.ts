// Socket options of TCP as scripts set them: kept from the first call on, given to the connection when there is one, and
// handed on by listeners. What our stack has no such thing as is Unsupported, never taken and ignored.

import type { Stack, TcpListener, TcpSocket } from '@tunstack/stack';
import { ERRNOS, optionKey, SOL_IP, SOL_SOCKET, SOL_TCP, TCP_CM_INQ } from './constants.ts';
import { attempt, done, failed } from './errors.ts';
import { isFields, showValue } from './evaluate.ts';
import { type Outcome, Unsupported, type Value } from './target.ts';

/** SOCK_MIN_RCVBUF and SOCK_MIN_SNDBUF, halved: Linux doubles what it is given, for overhead that we do not count. */
const LEAST_RECEIVE = 1152;
const LEAST_SEND = 2304;

const socket = (option: number): number => optionKey(SOL_SOCKET, option);
const tcp = (option: number): number => optionKey(SOL_TCP, option);
const ip = (option: number): number => optionKey(SOL_IP, option);

const SO_REUSEADDR = socket(2);
const SO_TYPE = socket(3);
const SO_ERROR = socket(4);
const SO_SNDBUF = socket(7);
const SO_RCVBUF = socket(8);
const SO_KEEPALIVE = socket(9);
const SO_LINGER = socket(13);
const SO_RCVTIMEO = socket(20);
const SO_SNDTIMEO = socket(21);
const SO_ACCEPTCONN = socket(30);
const SO_SNDBUFFORCE = socket(32);
const SO_RCVBUFFORCE = socket(33);
const SO_PROTOCOL = socket(38);
const SO_DOMAIN = socket(39);
const TCP_NODELAY = tcp(1);
const TCP_MAXSEG = tcp(2);
const TCP_CORK = tcp(3);
const TCP_KEEPIDLE = tcp(4);
const TCP_KEEPINTVL = tcp(5);
const TCP_KEEPCNT = tcp(6);
const TCP_SYNCNT = tcp(7);
const TCP_LINGER2 = tcp(8);
const TCP_QUICKACK = tcp(12);
const TCP_CONGESTION = tcp(13);
const TCP_USER_TIMEOUT = tcp(18);
const TCP_NOTSENT_LOWAT = tcp(25);
const TCP_INQ = tcp(TCP_CM_INQ);
const IP_TOS = ip(1);
const IP_TTL = ip(2);
const IP_MTU_DISCOVER = ip(10);

/** Controllers that our stack has. */
const CONTROLLERS: ReadonlySet<Value> = new Set(['cubic', 'reno', 'bbr']);
/** Options whose value is a struct. */
const OF_MEMBERS: ReadonlySet<number> = new Set([SO_LINGER, SO_RCVTIMEO, SO_SNDTIMEO]);
/** Options whose value is kept, and changes nothing that goes over a wire: SO_REUSEPORT, SO_PRIORITY, SO_MARK, SO_BUSY_POLL, SO_REUSEADDR. */
const KEPT: ReadonlySet<number> = new Set([SO_REUSEADDR, socket(12), socket(15), socket(36), socket(46)]);

/** What reads back as it was set. */
const READABLE: ReadonlySet<number> = new Set([
  IP_TOS,
  TCP_USER_TIMEOUT,
  TCP_NOTSENT_LOWAT,
  TCP_SYNCNT,
  TCP_LINGER2,
  TCP_INQ,
]);

/** See the head of this file. */
export class TcpSettings {
  private readonly stack: Stack;
  private readonly values: Map<number, Value>;

  constructor(stack: Stack, values: Map<number, Value> = new Map()) {
    this.stack = stack;
    this.values = values;
  }

  /** What an accepted connection begins with. */
  copy(): TcpSettings {
    return new TcpSettings(this.stack, new Map(this.values));
  }

  /** SO_REUSEADDR. */
  get sharesAddress(): boolean {
    return (this.values.get(SO_REUSEADDR) ?? 0) !== 0;
  }

  /** SO_LINGER's seconds; undefined: off. */
  lingerS(): number | undefined {
    const value = this.values.get(SO_LINGER);
    if (!isFields(value) || value.onoff === 0 || value.l_onoff === 0) return undefined;
    const seconds = value.linger ?? value.l_linger;
    return typeof seconds === 'number' ? seconds : 0;
  }

  /** Milliseconds that a call may block: SO_RCVTIMEO, SO_SNDTIMEO; negative: for ever. */
  patienceMs(sending: boolean): number {
    const value = this.values.get(sending ? SO_SNDTIMEO : SO_RCVTIMEO);
    if (!isFields(value)) return -1;
    const { tv_sec: seconds = 0, tv_usec: us = 0 } = value;
    const ms = Number(seconds) * 1000 + Number(us) / 1000;
    return ms === 0 ? -1 : ms;
  }

  /** TCP_NOTSENT_LOWAT: no more than so many octets may wait that were not sent once. */
  get notSentMost(): number {
    const value = this.values.get(TCP_NOTSENT_LOWAT);
    return typeof value === 'number' && value > 0 ? value : Number.POSITIVE_INFINITY;
  }

  /** TCP_INQ: recvmsg tells what is left. */
  get tellsRest(): boolean {
    return (this.values.get(TCP_INQ) ?? 0) !== 0;
  }

  /** TCP_CORK is on. */
  get corked(): boolean {
    return (this.values.get(TCP_CORK) ?? 0) !== 0;
  }

  set(key: number, value: Value, connection: TcpSocket | undefined, listener?: TcpListener): Outcome {
    if (key === SO_SNDBUFFORCE || key === SO_RCVBUFFORCE) {
      return this.set(key === SO_SNDBUFFORCE ? SO_SNDBUF : SO_RCVBUF, value, connection, listener);
    }
    const refused = this.refusal(key, value);
    if (refused !== undefined) return refused;
    this.values.set(key, value);
    this.setForStack(key, Number(value));
    return attempt(() => {
      if (connection !== undefined && !connection.closed) this.applyOne(key, value, connection);
      if (listener !== undefined) this.applyToListener(listener);
      return done();
    });
  }

  /** Linux's bounds: EINVAL beyond them. */
  private refusal(key: number, value: Value): Outcome | undefined {
    if (key === TCP_CONGESTION && !CONTROLLERS.has(value))
      throw new Unsupported(`congestion control '${showValue(value)}'`);
    if (OF_MEMBERS.has(key) || key === TCP_CONGESTION) return undefined;
    if (typeof value !== 'number') throw new Unsupported('a socket option that is no number');
    switch (key) {
      case TCP_KEEPIDLE:
      case TCP_KEEPINTVL:
        return value < 1 || value > 32_767 ? failed('EINVAL') : undefined;
      case TCP_KEEPCNT:
        return value < 1 || value > 127 ? failed('EINVAL') : undefined;
      case TCP_SYNCNT:
        return value < 1 || value > 127 ? failed('EINVAL') : undefined;
      case TCP_LINGER2:
        return undefined;
      case TCP_USER_TIMEOUT:
        return value < 0 ? failed('EINVAL') : undefined;
      case TCP_MAXSEG:
        return value !== 0 && (value < 88 || value > 32_767) ? failed('EINVAL') : undefined;
      case IP_TTL:
        return value !== -1 && (value < 1 || value > 255) ? failed('EINVAL') : undefined;
      case SO_SNDBUF:
      case SO_RCVBUF:
      case SO_KEEPALIVE:
      case TCP_NODELAY:
      case TCP_CORK:
      case TCP_QUICKACK:
      case TCP_NOTSENT_LOWAT:
      case TCP_INQ:
      case IP_TOS:
        return undefined;
      case SO_ERROR:
      case SO_TYPE:
      case SO_PROTOCOL:
      case SO_DOMAIN:
        return failed('ENOPROTOOPT');
      default:
        if (KEPT.has(key)) return undefined;
        throw new Unsupported(`socket option ${key & 0xffff} of level ${key >>> 16}`);
    }
  }

  /** What the SYN must know already. */
  beforeConnect(connection: TcpSocket): void {
    const [ttl, tos] = [this.values.get(IP_TTL), this.values.get(IP_TOS)];
    if (typeof ttl === 'number' && ttl > 0) connection.ttl = ttl;
    if (typeof tos === 'number') connection.tos = tos & 255;
  }

  /** All of it, to a new connection. */
  applyTo(connection: TcpSocket): void {
    for (const [key, value] of this.values) this.applyOne(key, value, connection);
  }

  /** What its connections have before they are accepted. */
  applyToListener(listener: TcpListener): void {
    const receive = this.values.get(SO_RCVBUF);
    if (typeof receive === 'number') listener.receiveBuffer = Math.max(LEAST_RECEIVE, receive);
    const mss = this.values.get(TCP_MAXSEG);
    if (typeof mss === 'number' && mss > 0) listener.maxSegment = mss;
    const ttl = this.values.get(IP_TTL);
    if (typeof ttl === 'number' && ttl > 0) listener.ttl = ttl;
    const tos = this.values.get(IP_TOS);
    if (typeof tos === 'number') listener.tos = tos & 255;
  }

  private applyOne(key: number, value: Value, connection: TcpSocket): void {
    const number = typeof value === 'number' ? value : 0;
    switch (key) {
      case SO_SNDBUF:
        connection.sendBuffer = Math.max(LEAST_SEND, number);
        return;
      case SO_RCVBUF:
        connection.receiveBuffer = Math.max(LEAST_RECEIVE, number);
        return;
      case TCP_NODELAY:
        connection.noDelay = number !== 0;
        return;
      case TCP_CORK:
        connection.cork = number !== 0;
        return;
      case TCP_QUICKACK:
        connection.quickAck = number !== 0;
        return;
      case TCP_MAXSEG:
        if (number > 0) connection.maxSegment = number;
        return;
      case TCP_USER_TIMEOUT:
        connection.userTimeoutMs = number;
        return;
      case SO_KEEPALIVE:
      case TCP_KEEPIDLE:
      case TCP_KEEPINTVL:
      case TCP_KEEPCNT:
        this.applyKeepAlive(connection);
        return;
      case IP_TOS:
        connection.tos = number & 255;
        return;
      case IP_TTL:
        if (number > 0) connection.ttl = number;
        return;
      case TCP_CONGESTION:
        // Linux: BBR paces by itself, the others where the queueing discipline does it.
        if (value === 'bbr') this.makePaced();
        if (typeof value === 'string') connection.congestion = value;
    }
  }

  private applyKeepAlive(connection: TcpSocket): void {
    const ms = (key: number): number | undefined => {
      const value = this.values.get(key);
      return typeof value === 'number' ? value * 1000 : undefined;
    };
    const probes = this.values.get(TCP_KEEPCNT);
    connection.setKeepAlive(
      (this.values.get(SO_KEEPALIVE) ?? 0) !== 0,
      ms(TCP_KEEPIDLE),
      ms(TCP_KEEPINTVL),
      typeof probes === 'number' ? probes : undefined,
    );
  }

  /** What getsockopt answers; `error`: takes the pending one. */
  get(key: number, connection: TcpSocket | undefined, isListening: boolean, takeError: () => string): Value {
    const { options } = this.stack.context;
    const kept = this.values.get(key);
    const orKept = (fallback: Value): Value => kept ?? fallback;
    switch (key) {
      case SO_ERROR:
        return ERRNOS[takeError()] ?? 0;
      case SO_TYPE:
        return 1;
      case SO_PROTOCOL:
        return 6;
      case SO_DOMAIN:
        return 2;
      case SO_ACCEPTCONN:
        return isListening ? 1 : 0;
      case SO_SNDBUF:
        return typeof kept === 'number' ? 2 * Math.max(LEAST_SEND, kept) : options.tcpSendBytes;
      case SO_RCVBUF:
        return typeof kept === 'number' ? 2 * Math.max(LEAST_RECEIVE, kept) : options.tcpReceiveBytes;
      case SO_LINGER:
        return orKept({ onoff: 0, linger: 0 });
      case SO_RCVTIMEO:
      case SO_SNDTIMEO:
        return orKept({ tv_sec: 0, tv_usec: 0 });
      case TCP_MAXSEG:
        return connection === undefined || connection.closed ? 536 : connection.status().mss;
      case TCP_KEEPIDLE:
        return orKept(options.tcpKeepAliveIdleMs / 1000);
      case TCP_KEEPINTVL:
        return orKept(options.tcpKeepAliveIntervalMs / 1000);
      case TCP_KEEPCNT:
        return orKept(options.tcpKeepAliveProbes);
      case TCP_CONGESTION:
        return connection?.congestion ?? orKept(options.tcpCongestion);
      case IP_TTL:
        return orKept(options.ttl);
      case IP_MTU_DISCOVER:
        return orKept(1);
      default:
        return this.switchOf(key, orKept(0));
    }
  }

  private switchOf(key: number, kept: Value): Value {
    const isFlag = key === SO_KEEPALIVE || key === TCP_NODELAY || key === TCP_CORK;
    if (isFlag || key === SO_REUSEADDR) return kept === 0 ? 0 : 1;
    if (KEPT.has(key) || READABLE.has(key)) return kept;
    throw new Unsupported(`socket option ${key & 0xffff} of level ${key >>> 16}`);
  }

  /** What a kernel has for each socket, and our stack for all: a script has mostly one. */
  private setForStack(key: number, value: number): void {
    const { options } = this.stack.context;
    if (key === TCP_SYNCNT) Object.assign(options, { tcpSynRetries: value });
    if (key === TCP_LINGER2 && value > 0) Object.assign(options, { tcpFinWait2Ms: value * 1000 });
  }

  private makePaced(): void {
    Object.assign(this.stack.context.options, { tcpPacing: true });
  }
}
