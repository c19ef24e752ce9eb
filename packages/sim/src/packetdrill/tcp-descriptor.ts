// A TCP socket as a script sees it: Berkeley calls with Linux's errors (tcp(7), connect(2)) over the stack's TcpSocket and
// TcpListener, which know handlers only.

import type { SocketError, Stack, TcpHandler, TcpListener, TcpSocket } from '@tunstack/stack';
import * as k from './constants.ts';
import { type Address, at, type Descriptor, inqMessage, type Patience } from './descriptor.ts';
import { attempt, done, failed } from './errors.ts';
import type { Outcome, Running } from './target.ts';
import { TcpSettings } from './tcp-settings.ts';

/** See the head of this file. */
export class TcpDescriptor implements Descriptor {
  readonly kind = 'tcp';
  nonblocking = false;
  activity = 0;
  socket: TcpSocket | undefined = undefined;
  listener: TcpListener | undefined = undefined;
  readonly settings: TcpSettings;
  /** Where it is bound; undefined: nowhere yet. */
  bound: Address | undefined = undefined;
  /** sk_err: the next call answers it, once. */
  error = '';
  established = false;
  private readonly stack: Stack;
  private connectTold = false;
  private moreComes = false;
  /** A writer that waits for the connection. It goes on as soon as there is one: the ACK of the SYN,ACK rides on its text. */
  private firstWriter: (() => void) | undefined = undefined;
  private peerEnded = false;
  private over = false;
  private readShut = false;
  private writeShut = false;

  constructor(stack: Stack, settings: TcpSettings = new TcpSettings(stack)) {
    this.stack = stack;
    this.settings = settings;
  }

  bind(address: Address): Outcome {
    if (this.bound !== undefined || this.socket !== undefined) return failed('EINVAL');
    const isOurs = address.address === '0.0.0.0' || this.stack.resolver.local(address.address);
    if (typeof isOurs === 'number') return failed('EADDRNOTAVAIL');
    if (typeof isOurs === 'object') this.stack.resolver.paths.release(isOurs);
    this.bound = address;
    return done();
  }

  listen(backlog: number): Outcome {
    if (this.socket !== undefined) return failed('EINVAL');
    if (this.listener !== undefined) return done();
    const { address = '0.0.0.0', port = 0 } = this.bound ?? {};
    return attempt(() => {
      const listener = this.stack.tcpListener({ acceptable: () => this.activity++ });
      // Linux takes one connection more than the number says (sk_acceptq_is_full).
      listener.listen(address, port, { backlog: Math.max(0, Math.min(backlog, 4096)) + 1 });
      this.listener = listener;
      this.bound = listener.address();
      this.settings.applyToListener(listener);
      return done();
    });
  }

  /** The next connection, or why there is none; undefined: it blocks. */
  accept(nonblocking: boolean): TcpDescriptor | Outcome | undefined {
    if (this.listener === undefined) return failed('EINVAL');
    const child = new TcpDescriptor(this.stack, this.settings.copy());
    const socket = this.listener.accept(child.handler());
    if (socket === undefined) return nonblocking ? failed('EAGAIN') : undefined;
    child.socket = socket;
    child.established = true;
    child.connectTold = true;
    child.bound = socket.address();
    child.settings.applyTo(socket);
    return child;
  }

  connect(address: Address): Running {
    if (this.listener !== undefined) return at(failed('EISCONN'));
    if (this.socket !== undefined) return this.connectAgain();
    const started = attempt(() => {
      const socket = this.stack.tcpSocket(this.handler());
      const { bound } = this;
      const named = bound !== undefined && bound.address !== '0.0.0.0';
      this.settings.beforeConnect(socket);
      socket.connect(address.address, address.port, {
        ...(named && { localAddress: bound.address }),
        ...(bound !== undefined && { localPort: bound.port }),
      });
      this.socket = socket;
      this.settings.applyTo(socket);
      this.bound = socket.address();
      return done();
    });
    if (started.errno !== undefined) return at(started);
    if (this.nonblocking) return at(failed('EINPROGRESS'));
    return { poll: () => this.connected() };
  }

  /** inet_stream_connect: 0 the first time after it worked, then EISCONN; EALREADY meanwhile. */
  private connectAgain(): Running {
    const outcome = this.connected();
    if (outcome === undefined)
      return this.nonblocking ? at(failed('EALREADY')) : { poll: () => this.connected() };
    return at(outcome);
  }

  private connected(): Outcome | undefined {
    if (this.established && !this.over) {
      if (this.connectTold) return failed('EISCONN');
      this.connectTold = true;
      return done();
    }
    const error = this.takeError();
    if (error !== '') return failed(error);
    if (this.over) return failed('ECONNABORTED');
    return undefined;
  }

  /** Reads up to `length` octets. `recvmsg` and `read` alike: data, then the error, then the end (tcp_recvmsg). */
  read(length: number, flags: number): Running {
    if (this.socket === undefined || this.listener !== undefined) return at(failed('ENOTCONN'));
    const octets: number[] = [];
    const wait = !this.nonblocking && (flags & k.MSG_DONTWAIT) === 0;
    const all = (flags & k.MSG_WAITALL) !== 0 && (flags & k.MSG_PEEK) === 0;
    const answer = (): Outcome => ({
      result: octets.length,
      outs: { 1: octets.map((octet) => String.fromCharCode(octet)).join('') },
      ...(this.settings.tellsRest && {
        message: { control: [inqMessage(this.socket?.unread ?? 0, this.peerEnded)] },
      }),
    });
    return {
      poll: () => {
        this.take(octets, length, (flags & k.MSG_PEEK) !== 0);
        const enough = octets.length >= (all ? length : Math.min(1, length));
        if (enough || length === 0) return answer();
        const ended = this.endOfRead(octets.length > 0);
        if (ended !== undefined) return octets.length > 0 ? answer() : ended;
        if (wait) return undefined;
        return octets.length > 0 ? answer() : failed('EAGAIN');
      },
    };
  }

  private endOfRead(some: boolean): Outcome | undefined {
    if (this.peerEnded) return done();
    if (this.error !== '') return some ? done() : failed(this.takeError());
    if (this.readShut || (this.over && this.established)) return done();
    return this.over ? failed('ENOTCONN') : undefined;
  }

  private take(octets: number[], length: number, peek: boolean): void {
    const { socket } = this;
    if (socket === undefined || (socket.closed && socket.unread === 0)) return;
    while (octets.length < length && socket.unread > 0) {
      const text = socket.receive();
      if (text === undefined) return;
      const part = Math.min(text.length, length - octets.length);
      for (let i = 0; i < part; i++) octets.push(text.bytes[text.offset + i]);
      if (peek) return;
      socket.consume(part);
    }
  }

  /** tcp_sendmsg: waits for the connection, then for room; EPIPE where nothing can be sent any more. */
  write(octets: Uint8Array, flags: number): Running {
    const wait = !this.nonblocking && (flags & k.MSG_DONTWAIT) === 0;
    let sent = 0;
    const step = (): Outcome | undefined => {
      const refused = this.mayNotWrite();
      if (refused !== undefined) return sent > 0 ? done(sent) : refused;
      const { socket } = this;
      if (socket === undefined || !this.established) return wait ? undefined : failed('EAGAIN');
      const rest = octets.length - sent;
      if (rest > 0 && this.mayQueue(socket, 1)) {
        const urgent = (flags & k.MSG_OOB) !== 0;
        // MSG_MORE is TCP_CORK until the next call.
        if ((flags & k.MSG_MORE) !== 0) socket.cork = true;
        else if (this.moreComes && !this.settings.corked) socket.cork = false;
        this.moreComes = (flags & k.MSG_MORE) !== 0;
        sent += urgent ? socket.sendUrgent(octets, sent, rest) : socket.send(octets, sent, rest);
      }
      if (sent === octets.length) return done(sent);
      if (wait) return undefined;
      return sent > 0 ? done(sent) : failed('EAGAIN');
    };
    let answer: Outcome | undefined;
    const poll = (): Outcome | undefined => {
      if (answer !== undefined) return answer;
      const thrown = attempt(() => {
        answer = step();
        return done();
      });
      if (thrown.errno !== undefined) answer = thrown;
      return answer;
    };
    if (!this.established && wait) this.firstWriter = poll;
    return { poll };
  }

  /** tcp_stream_memory_free: who is to be woken wants to find half of it (`part` 2). */
  private mayQueue(socket: TcpSocket, part: 1 | 2): boolean {
    const { notSentMost } = this.settings;
    if (notSentMost === Number.POSITIVE_INFINITY || socket.closed) return true;
    const { sndNxt, sndUna, sendQueue } = socket.status();
    return part * (sendQueue - ((sndNxt - sndUna) | 0)) < notSentMost;
  }

  private mayNotWrite(): Outcome | undefined {
    if (this.error !== '') return failed(this.takeError());
    if (this.socket === undefined || this.over || this.writeShut) return failed('EPIPE');
    return undefined;
  }

  shutdown(how: number): Outcome {
    if (how < 0 || how > 2) return failed('EINVAL');
    if (this.listener !== undefined && how !== 1) {
      this.listener.close();
      this.listener = undefined;
      return done();
    }
    const { socket } = this;
    if (socket === undefined || this.over) return failed('ENOTCONN');
    return attempt(() => {
      if (how !== 1) this.readShut = true;
      if (how !== 0 && !this.writeShut) {
        this.writeShut = true;
        socket.end();
      }
      this.activity++;
      return done();
    });
  }

  /** close(2): SO_LINGER with 0 aborts; with a time, a blocking socket waits for its last acknowledgment (tcp_close). */
  close(patience: Patience): Running {
    this.listener?.close();
    const { socket } = this;
    const linger = this.settings.lingerS();
    if (socket === undefined) return at(done());
    if (linger === 0) {
      socket.abort();
      return at(done());
    }
    if (linger === undefined || this.nonblocking || socket.closed || socket.unread > 0) {
      socket.close();
      return at(done());
    }
    socket.end();
    const isOver = patience(linger * 1000);
    return {
      poll: () => {
        const left = !socket.closed && /^(FIN-WAIT-1|CLOSING|LAST-ACK)$/.test(socket.status().state);
        if (left && !isOver()) return undefined;
        socket.close();
        return done();
      },
    };
  }

  /** tcp_poll. */
  mask(): number {
    if (this.listener !== undefined) return this.listenerMask();
    const { socket } = this;
    if (socket === undefined) return k.POLLOUT | k.POLLHUP;
    let mask = 0;
    const received = this.readShut || this.peerEnded || this.over;
    if ((received && (this.writeShut || this.over)) || (this.over && !this.established)) mask |= k.POLLHUP;
    if (received) mask |= k.POLLIN | k.POLLRDHUP | 0x40;
    if (this.error !== '') mask |= k.POLLERR;
    if (!this.established && !this.over) return mask;
    if (socket.unread > 0) mask |= k.POLLIN | 0x40;
    if (socket.urgentRemaining > 0) mask |= k.POLLPRI;
    if (this.writeShut || this.over || this.isWritable(socket)) mask |= k.POLLOUT | 0x100;
    return mask;
  }

  /** sk_stream_is_writeable: a third of the buffer is free. */
  private isWritable(socket: TcpSocket): boolean {
    return socket.sendRoom > 0 && 2 * socket.sendRoom >= socket.queuedBytes && this.mayQueue(socket, 2);
  }

  private listenerMask(): number {
    return this.listener !== undefined && this.listener.waiting > 0 ? k.POLLIN | 0x40 : 0;
  }

  /** SO_ERROR's and every call's: told once. */
  takeError(): string {
    const { error } = this;
    this.error = '';
    return error;
  }

  private handler(): TcpHandler {
    const heard = (what?: () => void) => (): void => {
      this.activity++;
      what?.();
    };
    return {
      connected: heard(() => {
        this.established = true;
        this.firstWriter?.();
      }),
      readable: heard(),
      urgent: heard(),
      writable: heard(),
      ended: heard(() => {
        this.peerEnded = true;
      }),
      error: (_socket: TcpSocket, error: SocketError) => {
        this.activity++;
        // tcp_reset: in CLOSE-WAIT the peer's end was heard already.
        this.error = error.code === 'ECONNRESET' && this.peerEnded ? 'EPIPE' : error.code;
      },
      closed: heard(() => {
        this.over = true;
      }),
    };
  }
}
