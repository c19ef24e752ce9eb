// An application at one end of a TCP connection, as irregular as they come: writes a known stream in pieces of any size,
// reads another in portions of any size, pauses, closes its side first or last, and notes whatever is wrong.

import type { TcpHandler, TcpSocket } from '@tunstack/stack';
import type { Prng } from '@tunstack/stack/base';
import type { TcpStream } from './tcp-stream.ts';

/** Memory given by reference is written over with this once it is ours again: who still reads it, reads it. */
const SCRIBBLE = 0xee;

/** What one end does. Shares are probabilities per piece. */
export interface TcpPlan {
  readonly sends: TcpStream;
  readonly sendOctets: number;
  readonly expects: TcpStream;
  readonly expectOctets: number;
  /** The largest piece of one write, and of one read. */
  readonly writeMax: number;
  readonly readMax: number;
  /** Written by reference; read by `take`. */
  readonly ownedShare: number;
  readonly takeShare: number;
  readonly urgentShare: number;
  /** Pauses after a write, after a read, up to `pauseMs`. */
  readonly writePauseShare: number;
  readonly readPauseShare: number;
  readonly pauseMs: number;
  /** Closes its side only after it has read the other to its end. */
  readonly endsLast: boolean;
  /** `close` instead of `end` where it is the last word. */
  readonly closes: boolean;
  readonly noDelay: boolean;
  /** Milliseconds, or 0: off. */
  readonly keepAliveMs: number;
  /** Socket buffers set by hand, or 0: the stack's options. */
  readonly sendBuffer: number;
  readonly receiveBuffer: number;
}

/** Calls back after that many virtual milliseconds. */
export type After = (ms: number, happen: () => void) => void;

/** What is wrong with a connection: thrown from its handlers, out of the pump. */
export class TcpBreach extends Error {}

/** See the head of this file. */
export class TcpApplication {
  readonly handler: TcpHandler;
  socket: TcpSocket | undefined = undefined;
  written = 0;
  read = 0;
  connects = 0;
  ends = 0;
  closes = 0;
  urgentsSent = 0;
  urgentsHeard = 0;
  ownedTaken = 0;
  ownedReleased = 0;
  readonly errors: string[] = [];
  aborted = false;
  private readonly name: string;
  private readonly plan: TcpPlan;
  private readonly prng: Prng;
  private readonly after: After;
  private readonly scratch: Uint8Array;
  private writePaused = false;
  private readPaused = false;
  private endCalled = false;
  private closeCalled = false;

  constructor(name: string, plan: TcpPlan, prng: Prng, after: After) {
    this.name = name;
    this.plan = plan;
    this.prng = prng;
    this.after = after;
    this.scratch = new Uint8Array(plan.writeMax);
    this.handler = {
      connected: () => this.begin(),
      readable: () => this.readOn(),
      writable: () => this.writeOn(),
      urgent: () => {
        this.urgentsHeard++;
      },
      ended: () => this.hearEnd(),
      error: (_socket, error) => this.hearError(error.code),
      closed: () => this.hearClosed(),
    };
  }

  /** Nothing is left to happen here: the connection is over and all of it was read. */
  get done(): boolean {
    if (this.aborted || this.closeCalled) return true;
    return this.closes > 0 && (this.socket === undefined || this.socket.unread === 0);
  }

  /** All was written and acknowledged by the peer's end of stream, all was read. */
  get complete(): boolean {
    const { plan } = this;
    return this.written === plan.sendOctets && this.read === plan.expectOctets && this.ends === 1;
  }

  /** The socket is connected (or was accepted): sets its options and begins. */
  begin(): void {
    this.connects++;
    if (this.connects > 1) this.breach('connected twice');
    const { plan } = this;
    const socket = this.socket as TcpSocket;
    if (plan.noDelay) socket.noDelay = true;
    if (plan.keepAliveMs > 0) socket.setKeepAlive(true, plan.keepAliveMs, 1000, 40);
    if (plan.sendBuffer > 0) socket.sendBuffer = plan.sendBuffer;
    if (plan.receiveBuffer > 0) socket.receiveBuffer = plan.receiveBuffer;
    this.writeOn();
  }

  /** Writes before it is connected. */
  writeEarly(): void {
    this.writeOn();
  }

  /** Ends it with a RST. */
  abort(): void {
    if (this.done || this.socket === undefined) return;
    this.aborted = true;
    this.socket.abort();
    this.expectReleased();
  }

  /** After the end: everything given by reference came back. */
  expectReleased(): void {
    if (this.ownedReleased !== this.ownedTaken)
      this.breach(`${this.ownedTaken} buffers were given by reference, ${this.ownedReleased} came back`);
  }

  private writeOn(): void {
    const { plan, prng } = this;
    if (this.writePaused || this.over) return;
    while (this.written < plan.sendOctets) {
      const piece = Math.min(1 + prng.below(plan.writeMax), plan.sendOctets - this.written);
      const taken = prng.chance(plan.ownedShare) ? this.writeOwned(piece) : this.writeCopied(piece);
      this.written += taken;
      if (taken < piece) return;
      if (prng.chance(plan.writePauseShare)) {
        this.writePaused = true;
        this.after(1 + prng.below(plan.pauseMs), () => {
          this.writePaused = false;
          this.writeOn();
        });
        return;
      }
    }
    this.closeInTime();
  }

  private writeCopied(piece: number): number {
    const { plan, prng, scratch } = this;
    const socket = this.socket as TcpSocket;
    plan.sends.fill(scratch, 0, piece, this.written);
    if (!prng.chance(plan.urgentShare)) return socket.send(scratch, 0, piece);
    const taken = socket.sendUrgent(scratch, 0, piece);
    if (taken > 0) this.urgentsSent++;
    return taken;
  }

  private writeOwned(piece: number): number {
    const { plan, prng } = this;
    const margin = prng.below(8);
    const bytes = new Uint8Array(margin + piece).subarray(margin);
    plan.sends.fill(bytes, 0, piece, this.written);
    let released = false;
    const taken = (this.socket as TcpSocket).sendOwned(bytes, () => {
      if (released) this.breach('a buffer came back twice');
      released = true;
      this.ownedReleased++;
      bytes.fill(SCRIBBLE);
    });
    if (!taken) return 0;
    this.ownedTaken++;
    return piece;
  }

  private readOn(): void {
    const { plan, prng } = this;
    if (this.readPaused || this.aborted) return;
    while (this.readSome()) {
      if (!prng.chance(plan.readPauseShare)) continue;
      this.readPaused = true;
      this.after(1 + prng.below(plan.pauseMs), () => {
        this.readPaused = false;
        this.readOn();
      });
      return;
    }
    this.closeInTime();
  }

  private readSome(): boolean {
    const { plan, prng } = this;
    const socket = this.socket as TcpSocket;
    if (prng.chance(plan.takeShare)) {
      const memory = socket.take();
      if (memory === undefined) return false;
      this.check(memory, 0, memory.length);
      memory.fill(SCRIBBLE);
      return true;
    }
    const text = socket.receive();
    if (text === undefined) return false;
    const portion = Math.min(text.length, 1 + prng.below(plan.readMax));
    this.check(text.bytes, text.offset, portion);
    socket.consume(portion);
    return true;
  }

  private check(bytes: Uint8Array, offset: number, length: number): void {
    const { plan } = this;
    if (this.read + length > plan.expectOctets)
      this.breach(`${this.read + length} octets came, more than were sent`);
    const right = plan.expects.matching(bytes, offset, length, this.read);
    if (right < length) this.breach(`octet ${this.read + right} is wrong`);
    this.read += length;
  }

  private hearEnd(): void {
    this.ends++;
    if (this.ends > 1) this.breach('the end of the stream was told twice');
    if (this.closes > 0) this.breach('the end of the stream was told after the end of the connection');
    this.closeInTime();
  }

  private hearError(code: string): void {
    this.errors.push(code);
    if (this.errors.length > 1) this.breach(`more than one error: ${this.errors.join(', ')}`);
  }

  private hearClosed(): void {
    this.closes++;
    if (this.closes > 1) this.breach('the end of the connection was told twice');
    this.readOn();
  }

  /** Says its last word when it is time to: half a close, or both. */
  private closeInTime(): void {
    const { plan } = this;
    const socket = this.socket as TcpSocket;
    const readAll = this.ends > 0 && socket.unread === 0;
    if (this.ends > 0 && readAll !== socket.ended && !this.over)
      this.breach('`ended` does not say what is true');
    // A close before the handshake would be none: it deletes the connection (3.10.4).
    if (this.written < plan.sendOctets || this.writePaused || this.over || this.connects === 0) return;
    if (plan.closes && readAll && !this.closeCalled) {
      this.closeCalled = true;
      socket.close();
      return;
    }
    if (this.endCalled || (plan.endsLast && !readAll)) return;
    this.endCalled = true;
    socket.end();
  }

  private get over(): boolean {
    return this.aborted || this.closeCalled || this.closes > 0 || this.errors.length > 0;
  }

  private breach(what: string): never {
    throw new TcpBreach(`${this.name}: ${what} (written ${this.written}, read ${this.read})`);
  }
}
