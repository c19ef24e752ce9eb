// Which connection a packet of a script belongs to. As in packetdrill: the last socket made is the one under test; a SYN
// for a listening one makes its child, which is under test from then on. Beyond it, packets that name their ports find theirs.

import type { PacketAction } from './ast.ts';
import { Connection } from './connection.ts';
import { isFields } from './evaluate.ts';
import type { ScriptSettings } from './settings.ts';
import { ANY, type Call, type Outcome, type Value } from './target.ts';

/** The first port that the script's side speaks from. */
const FIRST_REMOTE_PORT = 35_001;

/** See the head of this file. */
export class SocketsUnderTest {
  private readonly settings: ScriptSettings;
  private readonly byFd: Map<number, Connection> = new Map();
  private readonly known: Connection[] = [];
  private current: Connection | undefined = undefined;
  /** Answers the local port of a descriptor, 0: none. */
  private readonly localPort: (fd: number) => number;
  private nextPort = FIRST_REMOTE_PORT;

  constructor(settings: ScriptSettings, localPort: (fd: number) => number) {
    this.settings = settings;
    this.localPort = localPort;
  }

  /** The descriptor of the connection under test; undefined: it has none (yet). */
  get fd(): number | undefined {
    for (const [fd, connection] of this.byFd) if (connection === this.current) return fd;
    return undefined;
  }

  /** Before packets of this call can come. */
  began(call: Call): void {
    const fd = fdOf(call);
    const connection = this.byFd.get(fd);
    if (connection === undefined) return;
    if (call.name === 'connect') this.connecting(connection, call.args[1]);
    if (call.name === 'sendto' && call.args[4] !== undefined && connection.remotePort === 0) {
      this.connecting(connection, call.args[4]);
    }
    if (connection.localPort === 0) connection.localPort = this.localPort(fd);
  }

  ended(call: Call, outcome: Outcome): void {
    if (outcome.result < 0) return;
    if (call.name === 'socket') this.made(call, outcome.result);
    if (call.name === 'accept' || call.name === 'accept4') this.accepted(outcome.result, outcome.outs?.[1]);
    const fd = fdOf(call);
    const connection = this.byFd.get(fd);
    if (connection === undefined) return;
    if (call.name === 'bind') connection.localPort = this.localPort(fd);
    if (call.name === 'listen') {
      connection.state = 'listening';
      connection.localPort = this.localPort(fd);
    }
    if (call.name === 'close') this.byFd.delete(fd);
  }

  /** For a packet that the script sends. */
  forInbound(packet: PacketAction): Connection {
    const { ports } = packet;
    if (ports !== undefined) return this.withPorts(ports.destination, ports.source, packet);
    const current = this.current ?? this.stranger(packet);
    if (current.state === 'listening' && packet.body.protocol === 'tcp')
      return this.child(current, this.nextPort++);
    if (current.remotePort === 0) current.remotePort = this.nextPort++;
    if (current.localPort === 0) current.localPort = this.settings.bindPort;
    return current;
  }

  /** For a packet that the script waits for. */
  forOutbound(packet: PacketAction): Connection {
    const { ports } = packet;
    if (ports !== undefined) return this.withPorts(ports.source, ports.destination, packet);
    return this.current ?? this.stranger(packet);
  }

  private withPorts(localPort: number, remotePort: number, packet: PacketAction): Connection {
    const protocol = packet.body.protocol === 'udp' ? 'udp' : 'tcp';
    const found = this.known.find(
      (connection) =>
        connection.protocol === protocol &&
        connection.remotePort === remotePort &&
        (connection.localPort === localPort || connection.localPort === 0),
    );
    if (found !== undefined) found.localPort = localPort;
    this.current =
      found ?? this.add(new Connection(protocol, { ...this.ends(), localPort, remotePort }), 'open');
    return this.current;
  }

  private ends(): { localIp: string; remoteIp: string; localPort: number; remotePort: number } {
    const { localIp, remoteIp } = this.settings;
    return { localIp, remoteIp, localPort: 0, remotePort: 0 };
  }

  private add(connection: Connection, state: Connection['state']): Connection {
    connection.state = state;
    this.known.push(connection);
    return connection;
  }

  private made(call: Call, fd: number): void {
    const protocol = typeof call.args[1] === 'number' && (call.args[1] & 0xf) === 2 ? 'udp' : 'tcp';
    this.current = this.add(new Connection(protocol, this.ends()), 'new');
    this.byFd.set(fd, this.current);
  }

  private connecting(connection: Connection, address: Value | undefined): void {
    const named = isFields(address) ? address : {};
    const { sin_port: port = ANY, sin_addr: ip = ANY } = named;
    connection.state = 'connecting';
    connection.remotePort = typeof port === 'number' ? port : this.settings.connectPort;
    if (typeof ip === 'string') connection.remoteIp = ip;
  }

  /** Nobody has a socket: a packet to the port where `bind(...)` would be. */
  private stranger(packet: PacketAction): Connection {
    const protocol = packet.body.protocol === 'udp' ? 'udp' : 'tcp';
    const ends = { ...this.ends(), localPort: this.settings.bindPort, remotePort: this.nextPort++ };
    this.current = this.add(new Connection(protocol, ends), 'open');
    return this.current;
  }

  private child(listener: Connection, remotePort: number): Connection {
    const ends = { ...this.ends(), localPort: listener.localPort, remotePort };
    this.current = this.add(new Connection('tcp', ends), 'open');
    return this.current;
  }

  private accepted(fd: number, peer: Value | undefined): void {
    const port = isFields(peer) ? peer.sin_port : undefined;
    const child = this.known.find(
      (connection) => connection.remotePort === port && connection.state === 'open',
    );
    if (child !== undefined) this.byFd.set(fd, child);
  }
}

function fdOf({ args: [fd] }: Call): number {
  return typeof fd === 'number' ? fd : -1;
}
