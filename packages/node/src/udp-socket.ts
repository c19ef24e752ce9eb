// A UDP socket shaped like Node's dgram.Socket (https://nodejs.org/api/dgram.html), on a stack of ours.

import { EventEmitter } from 'node:events';
import { nextTick } from 'node:process';
import type { Stack } from '@tunstack/stack';
import { type UdpSocket as CoreSocket, SocketError } from '@tunstack/stack';
import type { Host } from './host.ts';

/** Where a datagram came from: dgram's rinfo. */
export interface RemoteInfo {
  readonly address: string;
  readonly family: 'IPv4';
  readonly port: number;
  /** Octets of the payload. */
  readonly size: number;
}

/** Own or remote address, as dgram's address() answers it. */
export interface AddressInfo {
  readonly address: string;
  readonly family: 'IPv4';
  readonly port: number;
}

export interface UdpSocketEvents {
  message: [data: Buffer, rinfo: RemoteInfo];
  listening: [];
  connect: [];
  error: [error: Error];
  close: [];
}

type SendCallback = (error: Error | null, bytes: number) => void;

/** One datagram that the core's queue had no room for. */
interface Waiting {
  readonly data: Buffer;
  readonly port: number;
  readonly address: string;
  readonly done: SendCallback | undefined;
}

const IDLE = 0;
const BINDING = 1;
const BOUND = 2;
const CLOSED = 3;

/**
 * Events `message`, `listening`, `connect`, `error`, `close` and the methods of dgram.Socket. Not supported: source-specific
 * multicast, IPv6, host names (addresses only).
 *
 * @example
 * const socket = new UdpSocket(host, stack);
 * socket.on('message', (data, from) => socket.send(data, from.port, from.address));
 * socket.bind(7);
 */
export class UdpSocket extends EventEmitter<UdpSocketEvents> {
  private readonly core: CoreSocket;
  private readonly host: Host;
  private state: number = IDLE;
  private referenced = true;
  private readonly waiting: Waiting[] = [];
  private waitingBytes = 0;

  constructor(host: Host, stack: Stack) {
    super();
    this.host = host;
    this.core = stack.udpSocket({
      readable: () => this.readable(),
      writable: () => this.writable(),
      error: (_, error) => this.emit('error', error),
      closed: () => this.ended(),
    });
  }

  /** Binds to a port (0 or none: any free one) and address (none: all). `listening` follows; errors come as `error`. */
  bind(
    port?: number | { port?: number; address?: string } | (() => void),
    address?: string | (() => void),
    callback?: () => void,
  ): this {
    const listener = [port, address, callback].find((value) => typeof value === 'function');
    const options =
      typeof port === 'object'
        ? port
        : {
            port: typeof port === 'function' ? 0 : port,
            address: typeof address === 'string' ? address : undefined,
          };
    if (this.state === CLOSED) throw notRunning();
    if (this.state !== IDLE) throw withCode(new Error('Socket is already bound'), 'ERR_SOCKET_ALREADY_BOUND');
    if (listener !== undefined) this.once('listening', listener);
    // As in dgram: what the arguments cannot be is thrown, what the stack refuses is an event.
    try {
      this.core.bind(options.address ?? '0.0.0.0', options.port ?? 0);
    } catch (error) {
      if (listener !== undefined) this.off('listening', listener);
      if (!(error instanceof SocketError)) throw error;
      nextTick(() => this.emit('error', error));
      return this;
    }
    this.bound();
    return this;
  }

  /** Sets the only peer. `connect` follows, or `callback` gets the error. */
  connect(
    port: number,
    address?: string | ((error?: Error) => void),
    callback?: (error?: Error) => void,
  ): void {
    const to = typeof address === 'string' ? address : '127.0.0.1';
    const done = typeof address === 'function' ? address : callback;
    if (this.state === CLOSED) throw notRunning();
    if (this.core.connected) throw alreadyConnected();
    try {
      this.bindFirst();
      this.core.connect(to, port);
    } catch (error) {
      if (!(error instanceof SocketError)) throw error;
      nextTick(() => (done === undefined ? this.emit('error', error) : done(error)));
      return;
    }
    nextTick(() => {
      this.emit('connect');
      done?.();
    });
  }

  /** Forgets the peer. Throws ERR_SOCKET_DGRAM_NOT_CONNECTED. */
  disconnect(): void {
    if (!this.core.connected) throw notConnected();
    this.core.disconnect();
  }

  /**
   * Sends one datagram: `send(data, port, address, callback)`, `send(data, offset, length, port, address, callback)`, and
   * on a connected socket the same without port and address. `data`: string, Uint8Array, or a list of those. `callback`
   * is called when the stack has taken it, or with the error; without one, what cannot be sent is lost, as in dgram: no
   * sender of a datagram may end a server by an address that nobody can answer. That goes for port 0, too (RFC 768: the
   * sender wants no answer), where dgram throws. The data may be changed after the call.
   */
  send(
    data: string | Uint8Array | readonly (string | Uint8Array)[],
    ...rest: (number | string | SendCallback | undefined)[]
  ): void {
    if (this.state === CLOSED) throw notRunning();
    const done = rest.find((value) => typeof value === 'function') as SendCallback | undefined;
    const numbers = rest.filter((value) => typeof value === 'number');
    const address = rest.find((value) => typeof value === 'string') as string | undefined;
    const { connected } = this.core;
    // (offset, length[, port]) or ([port]): with a port, an odd count of numbers; connected, an even one.
    const ranged = numbers.length >= 2;
    const port = numbers[ranged ? 2 : 0];
    if (!connected && !isPort(port)) throw badPort(port);
    if (connected && port !== undefined) throw alreadyConnected();
    const all = toBuffer(data);
    const bytes = ranged ? all.subarray(numbers[0], numbers[0] + numbers[1]) : all;
    if (ranged && bytes.length !== numbers[1]) {
      throw withCode(new RangeError(`"length" is outside of buffer bounds`), 'ERR_BUFFER_OUT_OF_BOUNDS');
    }
    this.post({ data: bytes, port: port ?? 0, address: address ?? '127.0.0.1', done });
  }

  address(): AddressInfo {
    return { ...this.core.address(), family: 'IPv4' };
  }

  remoteAddress(): AddressInfo {
    if (!this.core.connected) throw notConnected();
    return { ...this.core.remoteAddress(), family: 'IPv4' };
  }

  /** Closes the socket: what was sent before still goes out. `close` follows. Throws when it is closed already. */
  close(callback?: () => void): this {
    if (this.state === CLOSED) throw notRunning();
    if (callback !== undefined) this.once('close', callback);
    this.core.close();
    this.ended();
    return this;
  }

  ref(): this {
    if (!this.referenced && this.state === BOUND) this.host.ref();
    this.referenced = true;
    return this;
  }

  /** Lets the process end although the socket is open. */
  unref(): this {
    if (this.referenced && this.state === BOUND) this.host.unref();
    this.referenced = false;
    return this;
  }

  setTTL(ttl: number): number {
    this.core.ttl = ttl;
    return ttl;
  }

  /** Lets the socket send to broadcast addresses. */
  setBroadcast(on: boolean): void {
    this.core.setBroadcast(on);
  }

  /** Joins a group on the interface of this address, or on that which a route leads by; binds first if need be. */
  addMembership(group: string, interfaceAddress?: string): void {
    this.alive();
    this.bindFirst();
    this.core.addMembership(group, interfaceAddress);
  }

  dropMembership(group: string, interfaceAddress?: string): void {
    this.alive();
    this.core.dropMembership(group, interfaceAddress);
  }

  /** The TTL of what goes to groups, 0 .. 255; 1 at first. */
  setMulticastTTL(ttl: number): number {
    this.core.setMulticastTTL(ttl);
    return ttl;
  }

  /** Whether this stack hears what the socket sends to groups that it is in. */
  setMulticastLoopback(on: boolean): boolean {
    this.core.setMulticastLoopback(on);
    return on;
  }

  /** Chooses by which interface groups are spoken to, by an address of it. */
  setMulticastInterface(address: string): void {
    this.alive();
    this.core.setMulticastInterface(address);
  }

  getRecvBufferSize(): number {
    return this.core.receiveBuffer;
  }

  setRecvBufferSize(bytes: number): void {
    this.core.receiveBuffer = bytes;
  }

  getSendBufferSize(): number {
    return this.core.sendBuffer;
  }

  setSendBufferSize(bytes: number): void {
    this.core.sendBuffer = bytes;
  }

  /** Octets and datagrams that wait to be sent. */
  getSendQueueSize(): number {
    return this.core.queuedBytes + this.waitingBytes;
  }

  getSendQueueCount(): number {
    return this.waiting.length;
  }

  private alive(): void {
    if (this.state === CLOSED) throw notRunning();
  }

  private bound(): void {
    this.state = BINDING;
    nextTick(() => {
      if (this.state !== BINDING) return;
      this.state = BOUND;
      if (this.referenced) this.host.ref();
      this.emit('listening');
    });
  }

  /** By `close`, or because the stack was closed or left its host: nothing is sent or received any more. */
  private ended(): void {
    if (this.referenced && this.state === BOUND) this.host.unref();
    this.state = CLOSED;
    for (const item of this.waiting.splice(0)) tell(item, withCode(new Error('Canceled'), 'ECANCELED'));
    nextTick(() => this.emit('close'));
  }

  private post(item: Waiting): void {
    if (this.waiting.length > 0) {
      this.hold(item);
      return;
    }
    let sent = false;
    try {
      sent = this.give(item);
    } catch (error) {
      tell(item, error as Error);
      return;
    }
    if (sent) tell(item, null);
    else this.hold(item);
  }

  /** What dgram binds by itself: a socket that sends or connects before `bind`. */
  private bindFirst(): void {
    if (this.state !== IDLE) return;
    this.core.bind();
    this.bound();
  }

  /** The data may be changed after `send`, so what waits is copied. */
  private hold(item: Waiting): void {
    this.waiting.push({ ...item, data: Buffer.from(item.data) });
    this.waitingBytes += item.data.length;
  }

  private give({ data, port, address }: Waiting): boolean {
    if (this.core.connected) return this.core.send(data);
    this.bindFirst();
    return this.core.sendTo(data, 0, data.length, address, port);
  }

  private writable(): void {
    while (this.waiting.length > 0) {
      const item = this.waiting[0];
      let error: Error | null = null;
      try {
        if (!this.give(item)) return;
      } catch (thrown) {
        error = thrown as Error;
      }
      this.waiting.shift();
      this.waitingBytes -= item.data.length;
      tell(item, error);
    }
  }

  private readable(): void {
    for (let d = this.core.receive(); d !== undefined; d = this.core.receive()) {
      const rinfo: RemoteInfo = { address: d.addressText, family: 'IPv4', port: d.port, size: d.length };
      this.emit('message', Buffer.from(d.bytes.subarray(d.offset, d.offset + d.length)), rinfo);
    }
  }
}

/** Calls the callback of a send, later: what it throws holds up nothing that waits behind. */
function tell({ done, data }: Waiting, error: Error | null): void {
  if (done !== undefined) nextTick(done, error, error === null ? data.length : 0);
}

function toBuffer(data: string | Uint8Array | readonly (string | Uint8Array)[]): Buffer {
  if (typeof data === 'string') return Buffer.from(data);
  if (data instanceof Uint8Array) return Buffer.from(data.buffer, data.byteOffset, data.length);
  return Buffer.concat(data.map((part) => (typeof part === 'string' ? Buffer.from(part) : part)));
}

function withCode<E extends Error>(error: E, code: string): E {
  return Object.assign(error, { code });
}

function notRunning(): Error {
  return withCode(new Error('Not running'), 'ERR_SOCKET_DGRAM_NOT_RUNNING');
}

function notConnected(): Error {
  return withCode(new Error('Not connected'), 'ERR_SOCKET_DGRAM_NOT_CONNECTED');
}

function alreadyConnected(): Error {
  return withCode(new Error('Already connected'), 'ERR_SOCKET_DGRAM_IS_CONNECTED');
}

function isPort(port: number | undefined): boolean {
  return Number.isInteger(port) && (port as number) >= 0 && (port as number) < 65_536;
}

function badPort(port: unknown): Error {
  return withCode(
    new RangeError(`Port should be > 0 and < 65536. Received ${String(port)}`),
    'ERR_SOCKET_BAD_PORT',
  );
}
