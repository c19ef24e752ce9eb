// The server's UDP socket: one for all streams, told apart by who sends.

import type { Stack, UdpSocket } from '@tunstack/stack';
import { isHello, UDP_HELLO_LENGTH, UDP_REPLY } from './protocol.ts';
import type { Timing } from './timing.ts';
import type { UdpStream } from './udp-stream.ts';

/** Somebody says hello: their stream, or undefined: it is not wanted. */
export type OnHello = (socket: UdpSocket, address: number, port: number) => UdpStream | undefined;

export class UdpPort {
  readonly socket: UdpSocket;
  private readonly timing: Timing;
  private readonly onHello: OnHello;
  private readonly streams: Map<number, UdpStream> = new Map();
  private last: UdpStream | undefined = undefined;
  private lastKey = -1;

  /** Throws what `bind` throws. */
  constructor(stack: Stack, address: string, port: number, timing: Timing, onHello: OnHello) {
    this.timing = timing;
    this.onHello = onHello;
    this.socket = stack.udpSocket({
      readable: () => this.readable(),
      writable: () => this.last?.writableForAll(),
    });
    this.socket.bind(address, port);
  }

  close(): void {
    this.socket.close();
  }

  private readable(): void {
    const { socket } = this;
    const nowMs = this.timing.nowMs();
    for (let d = socket.receive(); d !== undefined; d = socket.receive()) {
      const { address, port } = d;
      const key = (address >>> 0) * 65_536 + port;
      if (key !== this.lastKey) {
        this.last = this.streams.get(key);
        this.lastKey = key;
      }
      if (d.length === UDP_HELLO_LENGTH && isHello(d.bytes, d.offset)) {
        // Said twice, it is answered twice.
        this.last ??= this.onHello(socket, address, port);
        if (this.last === undefined) continue;
        this.streams.set(key, this.last);
        socket.reply(d, UDP_REPLY, 0, UDP_REPLY.length);
      } else this.last?.arrived(d, nowMs);
    }
    this.last ??= this.streams.values().next().value;
    this.lastKey = -1;
    this.last?.batchEnds();
  }
}
