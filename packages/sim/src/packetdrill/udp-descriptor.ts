// A UDP socket as a script sees it: Berkeley calls with Linux's errors (udp(7)) over the stack's UdpSocket.

import type { Stack, UdpSocket } from '@tunstack/stack';
import {
  ERRNOS,
  MSG_DONTWAIT,
  MSG_PEEK,
  MSG_TRUNC,
  optionKey,
  POLLERR,
  POLLIN,
  POLLOUT,
} from './constants.ts';
import { type Address, at, type Descriptor, sockaddr, textOf } from './descriptor.ts';
import { attempt, done, failed } from './errors.ts';
import { type Outcome, type Running, Unsupported, type Value } from './target.ts';

const SO_TYPE = optionKey(1, 3);
const SO_ERROR = optionKey(1, 4);
const SO_BROADCAST = optionKey(1, 6);
const SO_SNDBUF = optionKey(1, 7);
const SO_RCVBUF = optionKey(1, 8);
const IP_TTL = optionKey(0, 2);
const IP_MTU_DISCOVER = optionKey(0, 10);
/** SO_REUSEADDR, SO_REUSEPORT, SO_PRIORITY, SO_MARK. */
const KEPT: ReadonlySet<number> = new Set([2, 15, 12, 36].map((option) => optionKey(1, option)));

/** A datagram that was read from the stack and not by the script yet. */
interface Received {
  readonly octets: Uint8Array;
  readonly from: Address;
}

/** See the head of this file. */
export class UdpDescriptor implements Descriptor {
  readonly kind = 'udp';
  nonblocking = false;
  activity = 0;
  private readonly socket: UdpSocket;
  private readonly values: Map<number, Value> = new Map();
  private peeked: Received | undefined = undefined;
  private unread = 0;
  private failedWith = '';

  constructor(stack: Stack) {
    this.socket = stack.udpSocket({
      readable: () => {
        this.activity++;
        this.unread++;
      },
      writable: () => this.activity++,
      error: (_socket, error) => {
        this.activity++;
        this.failedWith = error.code;
      },
    });
  }

  bind({ address, port }: Address): Outcome {
    return attempt(() => {
      this.socket.bind(address, port);
      return done();
    });
  }

  connect(address: Address | undefined): Outcome {
    return attempt(() => {
      if (address !== undefined) this.socket.connect(address.address, address.port);
      else if (this.socket.connected) this.socket.disconnect();
      return done();
    });
  }

  send(octets: Uint8Array, flags: number, to: Address | undefined): Running {
    const wait = !this.nonblocking && (flags & MSG_DONTWAIT) === 0;
    const step = (): boolean => {
      const { socket } = this;
      if (to === undefined || socket.connected) return socket.send(octets);
      return socket.sendTo(octets, 0, octets.length, to.address, to.port);
    };
    return {
      poll: () => {
        const error = this.takeError();
        if (error !== '') return failed(error);
        let taken = false;
        const thrown = attempt(() => {
          taken = step();
          return done(octets.length);
        });
        if (thrown.errno !== undefined || taken) return thrown;
        return wait ? undefined : failed('EAGAIN');
      },
    };
  }

  /** One datagram; what does not fit is cut off (MSG_TRUNC answers its whole length). */
  receive(length: number, flags: number): Running {
    const wait = !this.nonblocking && (flags & MSG_DONTWAIT) === 0;
    return {
      poll: () => {
        const error = this.takeError();
        if (error !== '') return failed(error);
        const received = this.next();
        if (received === undefined) return wait ? undefined : failed('EAGAIN');
        if ((flags & MSG_PEEK) === 0) this.peeked = undefined;
        const { octets, from } = received;
        const whole = (flags & MSG_TRUNC) !== 0 ? octets.length : Math.min(octets.length, length);
        const message = { flags: octets.length > length ? MSG_TRUNC : 0 };
        return { result: whole, message, outs: { 1: textOf(octets.subarray(0, length)), 4: sockaddr(from) } };
      },
    };
  }

  private next(): Received | undefined {
    if (this.peeked !== undefined) return this.peeked;
    const datagram = this.socket.receive();
    if (datagram === undefined) {
      this.unread = 0;
      return undefined;
    }
    const octets = datagram.bytes.slice(datagram.offset, datagram.offset + datagram.length);
    this.peeked = { octets, from: { address: datagram.addressText, port: datagram.port } };
    return this.peeked;
  }

  name(peer: boolean): Outcome {
    return attempt(() => {
      const { address, port } = peer ? this.socket.remoteAddress() : this.nameOrNothing();
      return { result: 0, outs: { 1: sockaddr({ address, port }), 2: [16] } };
    });
  }

  private nameOrNothing(): Address {
    try {
      return this.socket.address();
    } catch {
      // getsockname of a socket that is not bound: 0.0.0.0:0.
      return { address: '0.0.0.0', port: 0 };
    }
  }

  set(key: number, value: Value): Outcome {
    if (typeof value !== 'number') throw new Unsupported('a socket option that is no number');
    return attempt(() => {
      if (key === SO_SNDBUF) this.socket.sendBuffer = Math.max(2304, value);
      else if (key === SO_RCVBUF) this.socket.receiveBuffer = Math.max(1152, value);
      else if (key === SO_BROADCAST) this.socket.setBroadcast(value !== 0);
      else if (key === IP_TTL) this.socket.ttl = value;
      else if (key === IP_MTU_DISCOVER && value < 3) this.socket.dontFragment = value === 2;
      else if (!KEPT.has(key))
        throw new Unsupported(`UDP socket option ${key & 0xffff} of level ${key >>> 16}`);
      this.values.set(key, value);
      return done();
    });
  }

  get(key: number): Value {
    if (key === SO_ERROR) return ERRNOS[this.takeError()] ?? 0;
    if (key === SO_TYPE) return 2;
    if (key === SO_SNDBUF) return 2 * this.socket.sendBuffer;
    if (key === SO_RCVBUF) return 2 * this.socket.receiveBuffer;
    if (key === IP_TTL) return this.socket.ttl;
    const value = this.values.get(key);
    if (value === undefined && !KEPT.has(key))
      throw new Unsupported(`UDP socket option ${key & 0xffff} of level ${key >>> 16}`);
    return value ?? 0;
  }

  /** SIOCINQ: octets of the next datagram; SIOCOUTQ: octets that wait. */
  queued(incoming: boolean): number {
    return incoming ? (this.next()?.octets.length ?? 0) : this.socket.queuedBytes;
  }

  mask(): number {
    let mask = POLLOUT | 0x100;
    if (this.unread > 0 && this.next() !== undefined) mask |= POLLIN | 0x40;
    if (this.failedWith !== '') mask |= POLLERR;
    return mask;
  }

  close(): Running {
    this.socket.close();
    return at(done());
  }

  private takeError(): string {
    const error = this.failedWith;
    this.failedWith = '';
    return error;
  }
}
