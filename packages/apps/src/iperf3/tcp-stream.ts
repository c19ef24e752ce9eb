// A stream by TCP. It sends one buffer again and again, by reference; and reads what comes where it lies.

import { CONTROLLERS, type SocketError, type TcpSocket } from '@tunstack/stack';
import type { Connection, ConnectionOwner } from './connection.ts';
import type { Parameters } from './parameters.ts';
import type { Load, Stream } from './stream.ts';
import type { StreamRecord, TcpSample } from './stream-record.ts';

const nothing = (): void => {};

export class TcpStream implements Stream, ConnectionOwner {
  readonly record: StreamRecord;
  private readonly connection: Connection;
  private readonly block: Uint8Array;
  private readonly onGone: (error: SocketError | undefined) => void;
  private load: Load | undefined = undefined;
  private running = false;
  /** What comes after the end is read, so that the peer is not held, and not counted. */
  private counting = false;
  private last: TcpSample | undefined = undefined;
  private closed = false;

  /** `onGone`: the peer left this stream. */
  constructor(
    connection: Connection,
    record: StreamRecord,
    block: Uint8Array,
    onGone: (error: SocketError | undefined) => void,
  ) {
    this.connection = connection;
    this.record = record;
    this.block = block;
    this.onGone = onGone;
    connection.owner = this;
    const { address, port } = connection.socket.address();
    const remote = connection.socket.remoteAddress();
    record.addresses = {
      ...{ localHost: address, localPort: port },
      ...{ remoteHost: remote.address, remotePort: remote.port },
    };
  }

  start(load: Load): void {
    this.load = load;
    this.running = true;
    this.counting = !this.record.sends;
    this.readable();
  }

  sendBlock(): boolean {
    const { socket } = this.connection;
    if (!this.running || socket.closed) return false;
    if (!socket.sendOwned(this.block, nothing)) return false;
    this.record.sent(this.block.length);
    return true;
  }

  get pendingBytes(): number {
    const { socket } = this.connection;
    return socket.closed ? 0 : socket.queuedBytes;
  }

  stop(): void {
    this.sample();
    this.counting = false;
    if (this.record.sends) this.running = false;
  }

  sample(): TcpSample | undefined {
    const { record } = this;
    const { socket } = this.connection;
    if (!record.sends || socket.closed) return this.last;
    const { totalRetrans, sndCwnd, sndMss, sndWnd, rtt, rttvar, pmtu } = socket.tcpInfo();
    record.resent(totalRetrans);
    this.last = {
      ...{ retransmits: record.retransmits, cwnd: sndCwnd * sndMss, wnd: sndWnd },
      ...{ rttUs: rtt, rttvarUs: rttvar, pmtu },
    };
    return this.last;
  }

  /** What nobody reads any more is not waited for. */
  close(): void {
    this.closed = true;
    this.connection.abort();
  }

  readable(): void {
    // What comes before the start waits: it is part of the test.
    if (this.load === undefined) return;
    const { socket } = this.connection;
    for (let text = socket.receive(); text !== undefined; text = socket.receive()) {
      if (this.counting) this.record.bytes += text.length;
      socket.consume(text.length);
    }
    if (this.counting) this.load?.arrived();
  }

  writable(): void {
    if (this.running && this.record.sends) this.load?.room(this);
  }

  gone(error: SocketError | undefined): void {
    if (!this.closed) this.onGone(error);
  }
}

/** What the parameters ask of a socket. An unknown controller is left out: false. */
export function tuneTcp(socket: TcpSocket, p: Parameters): boolean {
  if (p.noDelay) socket.noDelay = true;
  if (p.tos > 0) socket.tos = p.tos;
  if (p.windowBytes > 0) {
    socket.receiveBuffer = p.windowBytes;
    socket.sendBuffer = p.windowBytes;
  }
  if (p.congestion === undefined) return true;
  if (!CONTROLLERS.includes(p.congestion)) return false;
  socket.congestion = p.congestion;
  return true;
}
