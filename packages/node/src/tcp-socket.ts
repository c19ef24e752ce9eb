// A TCP socket shaped like Node's net.Socket (https://nodejs.org/api/net.html), on a stack of ours: a Duplex with true
// back-pressure. What its reader does not take stays in the core and shuts the peer's window (RFC 9293 3.8.6).

import type { Buffer } from 'node:buffer';
import { nextTick } from 'node:process';
import { Duplex } from 'node:stream';
import {
  type TcpSocket as CoreSocket,
  SocketError,
  type Stack,
  type TcpHandler,
  type TcpListener,
} from '@tunstack/stack';
import { EISCONN, ENOTCONN } from '@tunstack/stack/contract';
import type { Host } from './host.ts';
import { withCode, writeAfterEnd } from './tcp-errors.ts';
import { IdleTimer } from './tcp-idle.ts';
import type { TcpSocketConnectOptions, TcpSocketOptions } from './tcp-options.ts';
import { nextChunk } from './tcp-read.ts';
import { PendingWrite, type WriteDone } from './tcp-write.ts';
import type { AddressInfo } from './udp-socket.ts';

export type TcpReadyState = 'opening' | 'open' | 'readOnly' | 'writeOnly' | 'closed';

const HIGH_WATER_MARK = 64 << 10;

/** Where a handler finds its stream: the core asks for the handler first. */
interface Held {
  socket: TcpSocket | undefined;
}

/**
 * Events `connect`, `ready`, `data`, `end`, `drain`, `timeout`, `error`, `close`, and the methods of net.Socket. Not
 * supported: IPv6, host names (addresses only), `onread`, connecting a second time.
 *
 * Destroyed with text unread, or while a large write (512 KiB or more) is not acknowledged yet, the connection ends with a
 * RST; else what was written still arrives.
 *
 * @example
 * const socket = new TcpSocket(host, stack);
 * socket.connect(7, '10.9.0.1', () => socket.end('hello'));
 * socket.pipe(process.stdout);
 */
export class TcpSocket extends Duplex {
  /** Octets received, and read by the stream. */
  bytesRead = 0;
  connecting = false;
  /** As given to `setTimeout`, milliseconds. */
  timeout: number | undefined = undefined;
  localAddress: string | undefined = undefined;
  localPort: number | undefined = undefined;
  remoteAddress: string | undefined = undefined;
  remotePort: number | undefined = undefined;
  private readonly host: Host;
  private readonly stack: Stack;
  private core: CoreSocket | undefined = undefined;
  private referenced = true;
  private holding = false;
  /** The stream asked for text and got less than it wants. */
  private wanted = false;
  private peerEnded = false;
  private endPushed = false;
  private resetting = false;
  /** How the connection failed, while text that came before is still to be read. */
  private failed: SocketError | undefined = undefined;
  /** What waits for the connection to be made, or for room. */
  private writing: PendingWrite | undefined = undefined;
  private finishing: (() => void) | undefined = undefined;
  private writtenBytes = 0;
  private readonly idle: IdleTimer;
  private noDelay = false;
  private keepAlive: readonly [on: boolean, delayMs: number] = [false, 0];

  constructor(host: Host, stack: Stack, options: TcpSocketOptions = {}) {
    const { allowHalfOpen = false, highWaterMark = HIGH_WATER_MARK } = options;
    super({
      allowHalfOpen,
      readableHighWaterMark: highWaterMark,
      writableHighWaterMark: highWaterMark,
      // As net.Socket: its `close` says whether an error did it.
      emitClose: false,
    });
    this.host = host;
    this.stack = stack;
    this.idle = new IdleTimer(
      () => this.core?.queuedBytes ?? 0,
      () => this.emit('timeout'),
    );
    this.on('end', () => {
      if (!allowHalfOpen) this.write = writeAfterEnd;
    });
  }

  /** For TcpServer: the next connection of a listener, or undefined. */
  static accept(
    host: Host,
    stack: Stack,
    listener: TcpListener,
    options: TcpSocketOptions,
  ): TcpSocket | undefined {
    const held: Held = { socket: undefined };
    const core = listener.accept(TcpSocket.handler(held));
    if (core === undefined) return undefined;
    const socket = new TcpSocket(host, stack, options);
    held.socket = socket;
    socket.core = core;
    socket.nameEnds(core);
    socket.hold();
    return socket;
  }

  private static handler(held: Held): TcpHandler {
    return {
      connected: () => held.socket?.connected(),
      readable: () => held.socket?.pull(),
      ended: () => held.socket?.ended(),
      writable: () => held.socket?.goOn(),
      error: (_, error) => held.socket?.failedBy(error),
      closed: () => held.socket?.closedByCore(),
    };
  }

  /** The connection in the core, with what node:net has no name for: `tcpInfo()`, `congestion`, `tos`. Before `connect`: undefined. */
  get connection(): CoreSocket | undefined {
    return this.core;
  }

  /**
   * Opens a connection: `connect(port, host?, callback?)` or `connect(options, callback?)`. `connect` and `ready` follow,
   * or `error`. Throws EISCONN, and ERR_INVALID_ARG_VALUE for what is no port.
   */
  connect(to: number | TcpSocketConnectOptions, host?: string | (() => void), callback?: () => void): this {
    const options =
      typeof to === 'number' ? { port: to, host: typeof host === 'string' ? host : undefined } : to;
    const listener = typeof host === 'function' ? host : callback;
    const address = options.host === undefined || options.host === 'localhost' ? '127.0.0.1' : options.host;
    if (this.core !== undefined) throw new SocketError(EISCONN, 'connect', address, options.port);
    const core = this.stack.tcpSocket(TcpSocket.handler({ socket: this }));
    // As in net: what the arguments cannot be is thrown, what the stack refuses is an event.
    let refused: SocketError | undefined;
    try {
      core.connect(address, options.port, options);
    } catch (error) {
      if (!(error instanceof SocketError)) throw error;
      refused = error;
    }
    if (listener !== undefined) this.once('connect', listener);
    this.core = core;
    if (refused !== undefined) return this.destroy(refused);
    this.connecting = true;
    this.nameEnds(core);
    this.hold();
    this.setNoDelay(options.noDelay ?? this.noDelay);
    const [on, delayMs] = this.keepAlive;
    this.setKeepAlive(options.keepAlive ?? on, options.keepAliveInitialDelay ?? delayMs);
    if (options.timeout !== undefined) this.setTimeout(options.timeout);
    this.idle.touch();
    return this;
  }

  /** Own address; nothing before `connect`. */
  address(): AddressInfo | Record<string, never> {
    const { localAddress, localPort } = this;
    if (localAddress === undefined || localPort === undefined) return {};
    return { address: localAddress, family: 'IPv4', port: localPort };
  }

  get localFamily(): 'IPv4' | undefined {
    return this.localAddress === undefined ? undefined : 'IPv4';
  }

  get remoteFamily(): 'IPv4' | undefined {
    return this.remoteAddress === undefined ? undefined : 'IPv4';
  }

  /** Octets written, those that wait in the stream included. */
  get bytesWritten(): number {
    return this.writtenBytes + this.writableLength;
  }

  /** Not connected, or not yet. */
  get pending(): boolean {
    return this.core === undefined || this.connecting;
  }

  get readyState(): TcpReadyState {
    if (this.connecting) return 'opening';
    if (this.readable) return this.writable ? 'open' : 'readOnly';
    return this.writable ? 'writeOnly' : 'closed';
  }

  /** `timeout` follows after so many milliseconds without anything received or sent; 0 ends that. The socket stays open. */
  setTimeout(ms: number, callback?: () => void): this {
    this.idle.set(this.destroyed ? 0 : ms);
    this.timeout = ms;
    if (callback === undefined) return this;
    return ms > 0 ? this.once('timeout', callback) : this.off('timeout', callback);
  }

  /** Nagle's rule off (RFC 9293 MUST-17). */
  setNoDelay(on = true): this {
    this.noDelay = on;
    if (this.core !== undefined && !this.core.closed) this.core.noDelay = on;
    return this;
  }

  /** Keep-alive (RFC 9293 MUST-24), first after `initialDelay` ms without anything received; 0: the stack's default. */
  setKeepAlive(on = false, initialDelay = 0): this {
    this.keepAlive = [on, initialDelay];
    if (this.core !== undefined && !this.core.closed) {
      if (initialDelay > 0) this.core.setKeepAlive(on, initialDelay);
      else this.core.setKeepAlive(on);
    }
    return this;
  }

  /**
   * Not in net.Socket (it is TCP_USER_TIMEOUT): ETIMEDOUT when what was sent stays unacknowledged for so many milliseconds
   * (RFC 9293 MUST-21). Throws ENOTCONN before `connect`.
   */
  setUserTimeout(ms: number): this {
    if (this.core === undefined) throw new SocketError(ENOTCONN, 'setsockopt');
    this.core.userTimeoutMs = ms;
    return this;
  }

  ref(): this {
    if (!this.referenced && this.holding) this.host.ref();
    this.referenced = true;
    return this;
  }

  /** Lets the process end although the connection is open. */
  unref(): this {
    if (this.referenced && this.holding) this.host.unref();
    this.referenced = false;
    return this;
  }

  /** Destroys the socket once what was written is in the core's hands. */
  destroySoon(): void {
    if (this.writable) this.end();
    if (this.writableFinished) this.destroy();
    else this.once('finish', () => this.destroy());
  }

  /** Ends the connection at once with a RST; what was not acknowledged is lost. */
  resetAndDestroy(): this {
    this.resetting = true;
    return this.destroy();
  }

  override _read(): void {
    this.wanted = true;
    this.pull();
  }

  override _write(chunk: Buffer, _encoding: string, done: WriteDone): void {
    this.startWriting([chunk], done);
  }

  override _writev(items: readonly { readonly chunk: Buffer }[], done: WriteDone): void {
    const chunks = items.map(({ chunk }) => chunk);
    this.startWriting(chunks, done);
  }

  override _final(done: WriteDone): void {
    const finish = (): void => {
      this.finishing = undefined;
      this.idle.touch();
      if (this.failed === undefined) this.core?.end();
      done(this.failed);
    };
    // A FIN before the connection is made would end it (RFC 9293 3.10.4).
    if (this.connecting) this.finishing = finish;
    else finish();
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    const { core, writing } = this;
    this.idle.set(0);
    this.connecting = false;
    this.writing = undefined;
    this.finishing = undefined;
    // Memory that was lent is the writer's again, so what lies in it cannot be sent any more. And `close` itself answers
    // text that nobody read with a RST, as the kernel does (SHLD-3).
    if (this.resetting || writing?.lends === true) core?.abort();
    else core?.close();
    this.letGo();
    writing?.end(error ?? withCode('Cannot call write after a stream was destroyed', 'ERR_STREAM_DESTROYED'));
    done(error);
    nextTick(() => this.emit('close', error !== null));
  }

  private connected(): void {
    this.connecting = false;
    this.idle.touch();
    try {
      this.emit('connect');
      this.emit('ready');
    } finally {
      // What waits for this waits for no listener that throws.
      this.goOn();
      this.finishing?.();
      if (!this.destroyed && !this.isPaused()) this.read(0);
    }
  }

  /** Takes what the core has, as long as the stream wants it; then tells the end, or the error that came behind it. */
  private pull(): void {
    const { core } = this;
    if (core === undefined) return;
    while (this.wanted && !this.destroyed) {
      const chunk = nextChunk(core);
      if (chunk === undefined) break;
      this.idle.touch();
      this.bytesRead += chunk.length;
      // What `push` runs may ask for more by itself, and it may throw: then the stream wants what it wanted before.
      this.wanted = false;
      let more = true;
      try {
        more = this.push(chunk);
      } finally {
        if (more) this.wanted = true;
      }
    }
    if (this.destroyed || core.unread > 0) return;
    if (this.failed !== undefined) {
      this.destroy(this.failed);
    } else if (this.peerEnded && !this.endPushed) {
      this.endPushed = true;
      this.push(null);
      // The end of a stream that holds nothing is told although nobody reads.
      this.read(0);
    }
  }

  private ended(): void {
    this.peerEnded = true;
    this.pull();
  }

  /** As in the kernel, text that came before the error is read first; unless somebody waits who must hear of it. */
  private failedBy(error: SocketError): void {
    const waits = this.connecting || this.writing !== undefined;
    if (waits || this.core?.unread === 0) this.destroy(error);
    else this.failed = error;
  }

  /** Both ends have said all, and the streams end by themselves; or an error did it, or the stack was closed. */
  private closedByCore(): void {
    const over = this.failed !== undefined || (this.peerEnded && this.writableFinished);
    if (!over) this.destroy();
  }

  private startWriting(chunks: readonly Buffer[], done: WriteDone): void {
    if (this.core === undefined) done(withCode('Socket is closed', 'ERR_SOCKET_CLOSED'));
    else if (this.failed !== undefined) done(this.failed);
    else {
      const { core } = this;
      this.writing = new PendingWrite(chunks, done, () => {
        // What comes back because the connection is over is no progress: the error follows.
        if (!core.closed) this.goOn();
      });
      this.goOn();
    }
  }

  /** There is room to send, or what was lent came back. */
  private goOn(): void {
    const { core, writing } = this;
    if (core === undefined || writing === undefined || this.connecting) return;
    let error: Error | undefined;
    try {
      if (!writing.advance(core)) return;
      this.writtenBytes += writing.octets;
    } catch (thrown) {
      if (!(thrown instanceof SocketError)) throw thrown;
      error = new SocketError(thrown.errno, 'write', this.remoteAddress, this.remotePort);
    }
    this.writing = undefined;
    this.idle.touch();
    writing.end(error);
  }

  private nameEnds(core: CoreSocket): void {
    ({ address: this.localAddress, port: this.localPort } = core.address());
    ({ address: this.remoteAddress, port: this.remotePort } = core.remoteAddress());
  }

  private hold(): void {
    this.holding = true;
    if (this.referenced) this.host.ref();
  }

  private letGo(): void {
    if (this.holding && this.referenced) this.host.unref();
    this.holding = false;
  }
}
