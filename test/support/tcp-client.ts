// Our stack as the client, on core sockets: sends what it is given, reads to the end, and tells how it went.

import { createHash, type Hash } from 'node:crypto';
import type { Stack, TcpSocket } from '@tunstack/stack';

/** One connection. What it reads is counted, digested, and shown to `onText`. */
export class TcpClient {
  bytes = 0;
  connected = false;
  readonly hash: Hash = createHash('sha256');
  readonly socket: TcpSocket;
  /** 'closed' when both sides have ended, or the code of the error. */
  readonly outcome: Promise<string>;
  onText: (text: Uint8Array) => void = () => {};
  private queue: Uint8Array = new Uint8Array(0);
  private ending = false;

  constructor(stack: Stack, address: string, port: number) {
    let settle: (outcome: string) => void = () => {};
    this.outcome = new Promise((resolve) => {
      settle = resolve;
    });
    this.socket = stack.tcpSocket({
      connected: () => {
        this.connected = true;
        this.push();
      },
      writable: () => this.push(),
      readable: () => this.read(),
      error: (_, error) => settle(error.code),
      closed: () => settle('closed'),
    });
    this.socket.connect(address, port);
  }

  /** Sends this, as there is room, and FIN behind it. */
  send(bytes: Uint8Array, end = true): void {
    this.queue = bytes;
    this.ending = end;
    if (this.connected) this.push();
  }

  private push(): void {
    const { queue, socket } = this;
    const taken = queue.length === 0 ? 0 : socket.send(queue);
    this.queue = queue.subarray(taken);
    if (this.queue.length > 0 || !this.ending) return;
    this.ending = false;
    socket.end();
  }

  private read(): void {
    const { socket } = this;
    for (let text = socket.receive(); text !== undefined; text = socket.receive()) {
      const run = text.bytes.subarray(text.offset, text.offset + text.length);
      this.bytes += text.length;
      this.hash.update(run);
      this.onText(run);
      socket.consume(text.length);
    }
  }
}
