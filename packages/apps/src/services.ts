// The small services: echo (RFC 862), discard (RFC 863), chargen (RFC 864). By UDP here, on the core's own socket; by TCP
// in tcp-services.ts.

import type { Stack, UdpSocket } from '@tunstack/stack';
import { CHARGEN_LINE, CHARGEN_LINES, chargenPattern } from './chargen.ts';
import { type TcpServiceCounters, TcpServices } from './tcp-services.ts';

export const ECHO_PORT = 7;
export const DISCARD_PORT = 9;
export const CHARGEN_PORT = 19;

/** What the services did. Every datagram that came to one of their ports is in one of these. */
export interface UdpServiceCounters {
  echoed: number;
  discarded: number;
  generated: number;
  /** From a port of a service like these (answering could go on for ever), or to a broadcast (fraggle: all would answer one). */
  refused: number;
  /** Nobody to answer (port 0), no way to them, or no room to send. */
  unanswered: number;
}

export type ServiceCounters = UdpServiceCounters & TcpServiceCounters;

/** Source ports that answer by themselves: echo, discard, daytime, quotd, chargen, time. */
const ANSWERING_PORTS: ReadonlySet<number> = new Set([7, 9, 13, 17, 19, 37]);

/** RFC 864: 0 to 512 octets go back per datagram. */
const PATTERN_MAX = 512;

/** Binds the three ports on this address, by UDP and by TCP; `close` unbinds them. */
export class Services {
  private readonly udp: UdpServiceCounters = {
    echoed: 0,
    discarded: 0,
    generated: 0,
    refused: 0,
    unanswered: 0,
  };
  private readonly tcp: TcpServices;
  private readonly sockets: UdpSocket[];
  /** All lines and the first few once more, so that any of them can start a datagram of 512 octets. */
  private readonly pattern: Uint8Array = chargenPattern(
    CHARGEN_LINES + Math.ceil(PATTERN_MAX / CHARGEN_LINE),
  );
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
    this.tcp = new TcpServices(stack, address, {
      echo: ECHO_PORT,
      discard: DISCARD_PORT,
      chargen: CHARGEN_PORT,
    });
  }

  get counters(): ServiceCounters {
    return { ...this.udp, ...this.tcp.counters };
  }

  /** TCP connections that are open now. */
  get connections(): number {
    return this.tcp.connections;
  }

  close(): void {
    for (const socket of this.sockets) socket.close();
    this.tcp.close();
  }

  private echo(socket: UdpSocket): void {
    for (let d = socket.receive(); d !== undefined; d = socket.receive()) {
      if (d.toMany || ANSWERING_PORTS.has(d.port)) this.udp.refused++;
      else if (socket.reply(d, d.bytes, d.offset, d.length)) this.udp.echoed++;
      else this.udp.unanswered++;
    }
  }

  private discard(socket: UdpSocket): void {
    for (let d = socket.receive(); d !== undefined; d = socket.receive()) this.udp.discarded++;
  }

  private generate(socket: UdpSocket): void {
    for (let d = socket.receive(); d !== undefined; d = socket.receive()) {
      if (d.toMany || ANSWERING_PORTS.has(d.port)) {
        this.udp.refused++;
        continue;
      }
      const start = this.line * CHARGEN_LINE;
      const length = Math.min(PATTERN_MAX, this.pattern.length - start);
      this.line = (this.line + 1) % CHARGEN_LINES;
      if (socket.reply(d, this.pattern, start, length)) this.udp.generated++;
      else this.udp.unanswered++;
    }
  }
}
