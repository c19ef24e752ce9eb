// A stream by UDP: datagrams that carry when they left and how many there were. The jitter is that of RFC 1889 A.8.

import { type Datagram, SocketError, type UdpSocket } from '@tunstack/stack';
import {
  DATAGRAM_HEADER,
  DATAGRAM_HEADER_64,
  datagramCount,
  datagramSentMs,
  writeDatagram,
} from './protocol.ts';
import type { Load, Stream } from './stream.ts';
import type { StreamRecord, TcpSample } from './stream-record.ts';
import type { Timing } from './timing.ts';

export interface UdpStreamOptions {
  readonly wideCounters: boolean;
  /** Where to send, for a socket that is not connected: it serves many streams. */
  readonly to?: { readonly address: number; readonly port: number };
  /** Closes what is this stream's alone. */
  readonly close: () => void;
  /** It cannot send any more: the peer's port is closed, or there is no way to it. */
  readonly onError: (error: SocketError) => void;
}

/** Where memory is short nobody tells when there is some again: time does. */
const RETRY_MS = 1;

export class UdpStream implements Stream {
  readonly record: StreamRecord;
  private readonly socket: UdpSocket;
  private readonly block: Uint8Array;
  private readonly timing: Timing;
  private readonly options: UdpStreamOptions;
  private readonly headerOctets: number;
  private load: Load | undefined = undefined;
  private running = false;
  private count = 0;
  /** A timer runs that tries again. */
  private retries = false;

  constructor(
    socket: UdpSocket,
    record: StreamRecord,
    block: Uint8Array,
    timing: Timing,
    options: UdpStreamOptions,
  ) {
    this.socket = socket;
    this.record = record;
    // The header is written into it: each stream has its own.
    this.block = Uint8Array.from(block);
    this.timing = timing;
    this.options = options;
    this.headerOctets = options.wideCounters ? DATAGRAM_HEADER_64 : DATAGRAM_HEADER;
  }

  start(load: Load): void {
    this.load = load;
    this.running = true;
  }

  sendBlock(): boolean {
    const { socket, block, options } = this;
    if (!this.running || socket.closed) return false;
    writeDatagram(block, this.timing.nowMs(), this.count + 1, options.wideCounters);
    const { to } = options;
    try {
      const sent =
        to === undefined ? socket.send(block) : socket.sendTo(block, 0, block.length, to.address, to.port);
      if (!sent) return false;
    } catch (error) {
      this.refused(error);
      return false;
    }
    this.count++;
    this.record.sent(block.length);
    return true;
  }

  private refused(error: unknown): void {
    if (!(error instanceof SocketError)) throw error;
    if (error.code === 'ENOBUFS') {
      if (this.retries) return;
      this.retries = true;
      this.timing.after(RETRY_MS, () => {
        this.retries = false;
        this.writable();
      });
      return;
    }
    this.running = false;
    this.options.onError(error);
  }

  /** There is room in the socket. */
  writable(): void {
    if (this.running && this.record.sends) this.load?.room(this);
  }

  /** There is room in a socket that it shares. */
  writableForAll(): void {
    if (this.running) this.load?.roomForAll();
  }

  /** All datagrams of a batch were read. */
  batchEnds(): void {
    if (this.running && !this.record.sends) this.load?.arrived();
  }

  /** One datagram of this stream; `nowMs`: when its batch was read. */
  arrived(d: Datagram, nowMs: number): void {
    const { record, options } = this;
    // Nothing is expected before the start, nor of a receiver, nor shorter than its own header.
    if (!this.running || record.sends || d.length < this.headerOctets) return;
    const transitMs = nowMs - datagramSentMs(d.bytes, d.offset);
    record.arrived(d.length, datagramCount(d.bytes, d.offset, options.wideCounters), transitMs);
  }

  get pendingBytes(): number {
    return this.record.sends ? this.socket.queuedBytes : 0;
  }

  stop(): void {
    this.running = false;
  }

  sample(): TcpSample | undefined {
    return undefined;
  }

  close(): void {
    this.running = false;
    this.options.close();
  }
}
