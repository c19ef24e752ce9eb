// Two endpoints on a wire, driven by commands: what they do for real. Applications keep what they were told to send until
// the socket takes it, so every command makes sense at every moment. RFC 9293 3.9.1.

import type { Options, TcpSocket } from '@tunstack/stack';
import { Checks } from '../checks/checks.ts';
import * as check from '../checks/index.ts';
import type { Host } from '../network/host.ts';
import * as when from '../rules/matchers.ts';
import * as rules from '../rules/rules.ts';
import { TcpBreach } from '../tcp-application.ts';
import { TcpStream } from '../tcp-stream.ts';
import { World } from '../world.ts';

const PORT = 7;
const DELAY_US = 5000;

/** The application of one end. */
class Endpoint {
  socket: TcpSocket | undefined = undefined;
  /** Octets that were ordered, that the socket took, that were read. */
  ordered = 0;
  sent = 0;
  read = 0;
  /** The end of the peer's stream was told. */
  ended = false;
  error: string | undefined = undefined;
  closeOrdered = false;
  private finSaid = false;
  private readonly sends: TcpStream;
  private readonly expects: TcpStream;
  private readonly name: string;

  constructor(name: string, sends: TcpStream, expects: TcpStream) {
    this.name = name;
    this.sends = sends;
    this.expects = expects;
  }

  readonly handler = {
    connected: (): void => this.write(),
    writable: (): void => this.write(),
    ended: (): void => {
      this.ended = true;
    },
    error: (_socket: TcpSocket, error: { code: string }): void => {
      this.error = error.code;
    },
  };

  get state(): string {
    return this.socket === undefined || this.socket.closed ? 'CLOSED' : this.socket.status().state;
  }

  /** Gives the socket what was ordered, as far as it takes it. */
  write(): void {
    const { socket } = this;
    if (socket === undefined || socket.closed || socket.connecting || this.error !== undefined) return;
    while (this.sent < this.ordered) {
      const piece = new Uint8Array(Math.min(4096, this.ordered - this.sent));
      this.sends.fill(piece, 0, piece.length, this.sent);
      const taken = socket.send(piece, 0, piece.length);
      this.sent += taken;
      if (taken < piece.length) return;
    }
    if (!this.closeOrdered || this.finSaid) return;
    this.finSaid = true;
    socket.end();
  }

  /** Reads up to `octets` of what is there, and holds it to what was sent. */
  receive(octets: number): number {
    let left = octets;
    for (let text = this.socket?.receive(); text !== undefined && left > 0; text = this.socket?.receive()) {
      const portion = Math.min(text.length, left);
      const right = this.expects.matching(text.bytes, text.offset, portion, this.read);
      if (right < portion) throw new TcpBreach(`${this.name}: octet ${this.read + right} is wrong`);
      this.read += portion;
      left -= portion;
      this.socket?.consume(portion);
    }
    return octets - left;
  }
}

/** The real thing: a world with a client, a server and a wire that loses what it is told to. */
export class Endpoints {
  readonly world: World;
  /** Client, server. */
  readonly ends: readonly [Endpoint, Endpoint];
  /** Packets of each direction that are still to be lost. */
  readonly toLose: [number, number] = [0, 0];
  private readonly hosts: readonly [Host, Host];
  private readonly checks: readonly Checks[];
  private aborted = false;

  constructor(seed = 1, options: Partial<Options> = {}) {
    this.world = new World({ seed });
    const { world, toLose } = this;
    // A history may lose a good many SYNs.
    const patient = { tcpSynRetries: 14, tcpSynAckRetries: 14, ...options };
    this.hosts = [world.host('client', patient), world.host('server', patient)];
    const told = when.where('told', ({ direction }) => toLose[direction] > 0 && toLose[direction]-- > 0);
    world.connect(...this.hosts, { impairment: { delayUs: DELAY_US }, rules: [rules.drop(told)] });
    this.checks = this.hosts.map(({ name, stack }) => {
      const laws = [...check.everything(() => this.aborted), check.cwnd(stack)];
      const checks = new Checks(world.clock, name, laws);
      stack.tap = checks;
      return checks;
    });
    const streams = [new TcpStream(seed, 0), new TcpStream(seed, 1)];
    this.ends = [
      new Endpoint('client', streams[0], streams[1]),
      new Endpoint('server', streams[1], streams[0]),
    ];
    const listener = this.hosts[1].stack.tcpListener({
      acceptable: (l) => {
        const [, server] = this.ends;
        server.socket = l.accept(server.handler);
        server.write();
        l.close();
      },
    });
    listener.listen('0.0.0.0', PORT);
  }

  open(): void {
    const [client] = this.ends;
    client.socket = this.hosts[0].stack.tcpSocket(client.handler);
    client.socket.connect(this.hosts[1].address, PORT);
    this.world.settle();
  }

  send(end: number, octets: number): void {
    this.ends[end].ordered += octets;
    this.ends[end].write();
    this.world.settle();
  }

  receive(end: number, octets: number): number {
    const read = this.ends[end].receive(octets);
    this.world.settle();
    return read;
  }

  close(end: number): void {
    this.ends[end].closeOrdered = true;
    this.ends[end].write();
    this.world.settle();
  }

  abort(end: number): void {
    this.aborted = true;
    this.ends[end].socket?.abort();
    this.world.settle();
  }

  advance(ms: number): void {
    this.world.runFor(ms);
  }

  /** Throws CheckBreach when a law of the wire was broken. */
  verify(): void {
    for (const checks of this.checks) checks.verify();
  }

  dispose(): void {
    this.world.close();
  }
}
