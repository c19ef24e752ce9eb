// The small UDP services: echo (RFC 862), discard (RFC 863), chargen (RFC 864), on the core's own socket.

import type { Stack, UdpSocket } from '@tunstack/stack';

export const ECHO_PORT = 7;
export const DISCARD_PORT = 9;
export const CHARGEN_PORT = 19;

/** What the services did. Every datagram that came to one of their ports is in one of these. */
export interface ServiceCounters {
  echoed: number;
  discarded: number;
  generated: number;
  /** From a port of a service like these: answering could go on for ever. */
  refused: number;
  /** Nobody to answer (port 0), no way to them, or no room to send. */
  unanswered: number;
}

/** Source ports that answer by themselves: echo, discard, daytime, quotd, chargen, time. */
const ANSWERING_PORTS: ReadonlySet<number> = new Set([7, 9, 13, 17, 19, 37]);

/** RFC 864: 94 printing characters, each line starting one further. 0 to 512 octets go back per datagram. */
const PATTERN_LINE = 72;
const PATTERN_MAX = 512;

/** Binds the three ports on this address; `close` unbinds them. */
export class Services {
  readonly counters: ServiceCounters = { echoed: 0, discarded: 0, generated: 0, refused: 0, unanswered: 0 };
  private readonly sockets: UdpSocket[];
  private readonly pattern: Uint8Array = chargenPattern();
  private line = 0;

  constructor(stack: Stack, address = '0.0.0.0') {
    const serve = (port: number, answer: (socket: UdpSocket) => void): UdpSocket => {
      const socket = stack.udpSocket({ readable: answer });
      socket.bind(address, port);
      return socket;
    };
    this.sockets = [
      serve(ECHO_PORT, (socket) => this.echo(socket)),
      serve(DISCARD_PORT, (socket) => this.discard(socket)),
      serve(CHARGEN_PORT, (socket) => this.generate(socket)),
    ];
  }

  close(): void {
    for (const socket of this.sockets) socket.close();
  }

  private echo(socket: UdpSocket): void {
    for (let d = socket.receive(); d !== undefined; d = socket.receive()) {
      if (ANSWERING_PORTS.has(d.port)) this.counters.refused++;
      else if (socket.reply(d, d.bytes, d.offset, d.length)) this.counters.echoed++;
      else this.counters.unanswered++;
    }
  }

  private discard(socket: UdpSocket): void {
    for (let d = socket.receive(); d !== undefined; d = socket.receive()) this.counters.discarded++;
  }

  private generate(socket: UdpSocket): void {
    for (let d = socket.receive(); d !== undefined; d = socket.receive()) {
      if (ANSWERING_PORTS.has(d.port)) {
        this.counters.refused++;
        continue;
      }
      const start = this.line * (PATTERN_LINE + 2);
      const length = Math.min(PATTERN_MAX, this.pattern.length - start);
      this.line = (this.line + 1) % 94;
      if (socket.reply(d, this.pattern, start, length)) this.counters.generated++;
      else this.counters.unanswered++;
    }
  }
}

/** The 94 lines and the first few once more, so that any line can start a datagram of 512 octets. */
function chargenPattern(): Uint8Array {
  const lines = 94 + Math.ceil(PATTERN_MAX / (PATTERN_LINE + 2));
  const pattern = new Uint8Array(lines * (PATTERN_LINE + 2));
  for (let line = 0, o = 0; line < lines; line++) {
    for (let i = 0; i < PATTERN_LINE; i++) pattern[o++] = 33 + ((line + i) % 94);
    pattern[o++] = 13;
    pattern[o++] = 10;
  }
  return pattern;
}
