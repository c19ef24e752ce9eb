// The control connection: what comes is awaited in portions (a cookie, a state, a message), one at a time, each of a bounded length.

import type { SocketError } from '@tunstack/stack';
import { rd32, wr32 } from '@tunstack/stack/wire';
import type { Connection, ConnectionOwner } from './connection.ts';

const LENGTH_OCTETS = 4;

export class ControlChannel implements ConnectionOwner {
  readonly connection: Connection;
  /** Called when nothing more comes. */
  onGone: (error: SocketError | undefined) => void = () => {};
  /** Called when what came can be no message: a line that says why. */
  onGarbage: (line: string) => void = () => {};
  private portion: Uint8Array = new Uint8Array(0);
  private filled = 0;
  private take: ((octets: Uint8Array) => void) | undefined = undefined;
  private inPump = false;

  constructor(connection: Connection) {
    this.connection = connection;
    connection.owner = this;
  }

  /** The next `length` octets go to `then`. What was awaited before is awaited no more. */
  await(length: number, then: (octets: Uint8Array) => void): void {
    this.portion = new Uint8Array(length);
    this.filled = 0;
    this.take = then;
    this.readable();
  }

  /** A state: one octet, two's complement. */
  awaitState(then: (state: number) => void): void {
    this.await(1, (octets) => then((octets[0] << 24) >> 24));
  }

  /** A message: 4 octets of length, JSON. */
  awaitMessage(bytesMax: number, then: (json: unknown) => void): void {
    this.await(LENGTH_OCTETS, (octets) => {
      const length = rd32(octets, 0) >>> 0;
      if (length === 0 || length > bytesMax) {
        this.onGarbage(`a message of ${length} octets, of at most ${bytesMax}`);
        return;
      }
      this.await(length, (text) => {
        const json = parse(new TextDecoder().decode(text));
        if (json === undefined) this.onGarbage('a message that is no JSON');
        else then(json);
      });
    });
  }

  sendOctets(octets: Uint8Array): void {
    const { socket } = this.connection;
    // Control talk is far less than a send buffer holds; what does not fit has nobody who reads.
    if (!socket.closed) socket.send(octets);
  }

  sendState(state: number): void {
    this.sendOctets(Uint8Array.of(state & 0xff));
  }

  sendMessage(json: unknown): void {
    const text = new TextEncoder().encode(JSON.stringify(json));
    const octets = new Uint8Array(LENGTH_OCTETS + text.length);
    wr32(octets, 0, text.length);
    octets.set(text, LENGTH_OCTETS);
    this.sendOctets(octets);
  }

  readable(): void {
    if (this.inPump) return;
    this.inPump = true;
    const { connection } = this;
    while (this.take !== undefined && connection.owner === this && this.fill()) {
      const { take, portion } = this;
      this.take = undefined;
      take(portion);
    }
    this.inPump = false;
  }

  gone(error: SocketError | undefined): void {
    this.onGone(error);
  }

  /** Fills the portion; true: it is whole. */
  private fill(): boolean {
    const { socket } = this.connection;
    while (this.filled < this.portion.length) {
      const text = socket.receive();
      if (text === undefined) return false;
      const length = Math.min(text.length, this.portion.length - this.filled);
      this.portion.set(text.bytes.subarray(text.offset, text.offset + length), this.filled);
      this.filled += length;
      socket.consume(length);
    }
    return true;
  }
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
