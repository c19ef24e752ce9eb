// A stack: the composition of all layers, its configuration, and the sockets it gives.

import { Addressing } from './addressing.ts';
import { NONE } from './base/index-pool.ts';
import { Context } from './context.ts';
import type { Clock } from './contract/clock.ts';
import type { Entropy } from './contract/entropy.ts';
import type { Link } from './contract/link.ts';
import { PacketPool } from './contract/packet-pool.ts';
import type { Tap } from './contract/tap.ts';
import { Deliver } from './deliver.ts';
import { EthernetFace } from './ethernet-face.ts';
import { EchoSockets } from './icmp/echo-sockets.ts';
import { IcmpEngine } from './icmp/engine.ts';
import { Quote } from './icmp/quote.ts';
import { Groups } from './ip/groups.ts';
import { Hooks } from './ip/hooks.ts';
import { Interface, type InterfaceOwner } from './ip/interface.ts';
import { PathTable } from './ip/path.ts';
import type { Reassembly } from './ip/reassembly.ts';
import { type Route, RouteTable } from './ip/route-table.ts';
import { Defragmenter } from './ip4/defragment.ts';
import { Ip4Forward } from './ip4/forward.ts';
import { Gro } from './ip4/gro.ts';
import { Icmp4Errors } from './ip4/icmp-error.ts';
import { Identification } from './ip4/identification.ts';
import { Igmp } from './ip4/igmp.ts';
import { Ip4Input } from './ip4/input.ts';
import { Ip4Output } from './ip4/output.ts';
import { Speakers } from './ip4/speaker.ts';
import { Loopback } from './link/loopback.ts';
import { DEFAULT_OPTIONS, type Options } from './options.ts';
import { Pump } from './pump.ts';
import type { SocketHost } from './socket/datagram-socket.ts';
import { type EchoHandler, EchoSocket } from './socket/echo-socket.ts';
import { invalidArgument } from './socket/errors.ts';
import { Resolver } from './socket/resolve.ts';
import { TcpListener, type TcpListenerHandler } from './socket/tcp-listener.ts';
import { type TcpHandler, TcpSocket } from './socket/tcp-socket.ts';
import { type UdpHandler, UdpSocket } from './socket/udp-socket.ts';
import type { Stats } from './stats.ts';
import { CONTROLLERS } from './tcp/congestion/registry.ts';
import { TcpEngine } from './tcp/engine.ts';
import { UdpEngine } from './udp/engine.ts';

/** What a stack needs of the world. */
export interface StackConfig {
  readonly clock: Clock;
  readonly entropy: Entropy;
  /** What differs from DEFAULT_OPTIONS. */
  readonly options?: Partial<Options>;
  /** Packet memory shared with other stacks or with links; without it the stack makes its own. */
  readonly pool?: PacketPool;
}

/** Whoever drives the pump: a host on an event loop, or a simulated world. */
export interface Waker {
  /** The stack has something to do: call `pump` soon, and not from within this call. */
  wake(): void;
  /** The same, called from the event loop: `pump` may run within this call. */
  wakeNow(): void;
}

/**
 * A TCP/IP stack (IPv4, ICMP, UDP, TCP) with no thread, clock or device of its own.
 *
 * @example
 * const stack = new Stack({ clock, entropy });
 * const face = stack.addLink(link, '10.9.0.2/24');
 * stack.addRoute('0.0.0.0/0', face, '10.9.0.1');
 */
export class Stack implements InterfaceOwner, SocketHost {
  readonly context: Context;
  readonly hooks: Hooks = new Hooks();
  readonly resolver: Resolver;
  readonly loopback: Interface;
  /** Multicast groups, by interface. */
  readonly groups: Groups;
  /** Neighbours, announcements and conflicts on Ethernet links. */
  readonly ethernet: EthernetFace;
  private readonly addressing: Addressing;
  private readonly faces: Interface[] = [];
  /** For sockets: the routes. `addRoute`, `removeRoute` and `routes` are for everybody else. */
  readonly routeTable: RouteTable;
  private readonly paths: PathTable;
  private readonly input: Ip4Input;
  private readonly gro: Gro;
  private readonly output: Ip4Output;
  private readonly forward: Ip4Forward;
  private readonly reassembly: Reassembly;
  private readonly tcp: TcpEngine;
  private readonly udp: UdpEngine;
  private readonly echo: EchoSockets;
  private readonly pumpOf: Pump;
  private waker: Waker | undefined = undefined;
  private closed = false;

  constructor(config: StackConfig) {
    const options: Options = { ...DEFAULT_OPTIONS, ...config.options };
    if (!CONTROLLERS.includes(options.tcpCongestion)) {
      invalidArgument('options.tcpCongestion', options.tcpCongestion, CONTROLLERS.join(', '));
    }
    const context = new Context(options, config.pool ?? new PacketPool(options.pool), config.entropy);
    context.nowMs = config.clock.nowMs();
    context.nowUs = config.clock.nowUs();
    this.context = context;
    this.routeTable = new RouteTable(options.routesMax);
    this.addressing = new Addressing(this.faces, this.routeTable);
    this.paths = new PathTable(context, this.routeTable, this.faces);
    this.groups = new Groups(options.groupsMax);
    this.resolver = new Resolver(this.paths, this.routeTable);
    const deliver = new Deliver(context, this.paths);
    const { routeTable, paths, hooks } = this;
    const identification = new Identification(context.entropy);
    const output = new Ip4Output(context, routeTable, paths, hooks, identification);
    const icmpErrors = new Icmp4Errors(context, identification, new Speakers(this.faces, routeTable));
    const defragmenter = new Defragmenter(context, icmpErrors);
    const igmp = new Igmp(context, this.faces, this.groups, output);
    const forward = new Ip4Forward(context, routeTable, hooks, icmpErrors, output);
    this.input = new Ip4Input(
      context,
      this.faces,
      routeTable,
      paths,
      hooks,
      deliver,
      forward,
      icmpErrors,
      defragmenter,
      this.groups,
    );
    this.gro = new Gro(context, this.input);
    this.output = output;
    this.forward = forward;
    this.reassembly = defragmenter.reassembly;
    this.ethernet = new EthernetFace(context, this.routeTable, icmpErrors, this);
    this.tcp = new TcpEngine(context, this.paths, output, this.input, icmpErrors);
    this.udp = new UdpEngine(context, this.paths, output, this.input);
    this.echo = new EchoSockets(context, this.paths, output);
    const icmp = new IcmpEngine(context, this.echo, new Quote(this.paths));
    deliver.connect({ tcp: this.tcp, udp: this.udp, icmp, echo: this.echo, icmpErrors, igmp });
    this.pumpOf = new Pump(context, config.clock, {
      faces: this.faces,
      timed: [this.paths, this.tcp, this.tcp.asleep, this.reassembly, igmp, ...this.ethernet.timed],
      forward,
      igmp,
      tcp: this.tcp,
      udp: this.udp,
      echo: this.echo,
      arp: this.ethernet.arp,
      drainWaiting: () => this.ethernet.neighbors.drainWaiting(),
      drainAnswers: () => output.drainAnswers(),
    });
    this.loopback = this.attach(new Loopback(), true, undefined);
    this.addressing.addAddress(this.loopback, '127.0.0.1/8');
    output.loopback = this.loopback;
  }

  /** Counters by nstat's names, and reasons of drops. */
  get stats(): Stats {
    return this.context.stats;
  }

  /** The packets of this stack: links and other stacks may share it. */
  get pool(): PacketPool {
    return this.context.pool;
  }

  /** Sees every packet and every drop from now on; undefined ends it. */
  set tap(tap: Tap | undefined) {
    this.context.tap = tap;
  }

  get tap(): Tap | undefined {
    return this.context.tap;
  }

  /** All interfaces, `lo` first. */
  get interfaces(): readonly Interface[] {
    return this.faces;
  }

  /** Paths known now (for tests and listings). */
  get pathCount(): number {
    return this.paths.size;
  }

  /**
   * Stands the stack on a link, with an address if one is given as 'address/prefix length'. On Ethernet it has a station
   * address, '02:00:00:00:00:02' or one of its own choice.
   */
  addLink(link: Link, address?: string, etherAddress?: string): Interface {
    const face = this.attach(link, false, etherAddress);
    if (address !== undefined) this.addAddress(face, address);
    return face;
  }

  /** Leaves a link: its routes and addresses go, the link is closed. */
  removeLink(face: Interface): void {
    this.addressing.forget(face);
    this.groups.forget(face);
    this.ethernet.forget(face);
    face.link.attach(undefined);
    face.link.close();
    face.unblockAll();
    this.wake();
  }

  /** Adds an address with its network: `addAddress(face, '10.9.0.2/24')`. A route to the network comes with it. */
  addAddress(face: Interface, text: string): void {
    const { address } = this.addressing.addAddress(face, text);
    this.ethernet.announce(face, address);
    this.wake();
  }

  /** Removes an address and the routes that came with it. */
  removeAddress(face: Interface, text: string): void {
    this.addressing.removeAddress(face, text);
  }

  /** Adds a route: `addRoute('0.0.0.0/0', face, '10.9.0.1')`; without a gateway the network is on the link. */
  addRoute(destination: string, face: Interface, gateway?: string): void {
    this.addressing.addRoute(destination, face, gateway);
  }

  /**
   * Takes every address of a network for this stack's own, as `ip route add local 192.0.2.0/24 dev lo` does: for gateways,
   * whose listeners answer in the name of hosts that are elsewhere. `removeRoute` ends it.
   */
  addLocal(network: string): void {
    this.addressing.addLocal(network);
  }

  /** Removes the route of exactly this network; false when there is none. */
  removeRoute(destination: string): boolean {
    return this.addressing.removeRoute(destination);
  }

  /** All routes, local ones included. */
  routes(): Route[] {
    return this.addressing.routes();
  }

  /** A UDP socket, not yet bound. */
  udpSocket(handler: UdpHandler): UdpSocket {
    return new UdpSocket(this, this, this.udp, handler);
  }

  /** A TCP socket, not yet connected. */
  tcpSocket(handler: TcpHandler): TcpSocket {
    return new TcpSocket(this, this.tcp, handler);
  }

  /** A TCP listener, not yet listening. */
  tcpListener(handler: TcpListenerHandler): TcpListener {
    return new TcpListener(this, this.tcp, handler);
  }

  /** Connections of all states but CLOSED and LISTEN, half-open and waiting ones included (for tests and listings). */
  get tcpConnectionCount(): number {
    return this.tcp.connections.size;
  }

  /** An echo (ping) socket; `id` 0 chooses an identifier. Throws EADDRINUSE. */
  echoSocket(handler: EchoHandler, id = 0): EchoSocket {
    return new EchoSocket(this, this.echo, handler, id);
  }

  /** Names who drives this stack. */
  attachHost(waker: Waker): void {
    this.waker = waker;
  }

  /** One turn; true when there is more to do at once. For hosts: see Pump. */
  pump(): boolean {
    return this.closed ? false : this.pumpOf.run();
  }

  /** Milliseconds until a timer is due, or NEVER. For hosts. */
  msUntilNext(nowMs: number): number {
    return this.closed ? NONE : this.pumpOf.msUntilNext(nowMs);
  }

  wake(): void {
    // What a handler of the application does is served by the pump that called it.
    if (!this.pumpOf.inEvents) this.waker?.wake();
  }

  wakeNow(): void {
    this.waker?.wakeNow();
  }

  interfaceChanged(_face: Interface): void {
    this.routeTable.generation++;
  }

  linkUp(face: Interface): void {
    for (const { address } of face.addresses) this.ethernet.announce(face, address);
  }

  /** Closes all sockets and links. What waits to be sent is dropped. */
  close(): void {
    if (this.closed) return;
    this.closed = true;
    for (const face of this.faces) face.unblockAll();
    this.tcp.closeAll();
    this.udp.closeAll();
    this.echo.closeAll();
    this.forward.close();
    this.output.close();
    this.reassembly.closeAll();
    this.ethernet.clear();
    for (const face of this.faces) {
      face.link.attach(undefined);
      face.link.close();
    }
  }

  private attach(link: Link, loopback: boolean, etherAddress: string | undefined): Interface {
    const station = this.ethernet.stationAddress(etherAddress);
    const parts = {
      context: this.context,
      owner: this,
      input: this.gro,
      ethernet: this.ethernet,
      groups: this.groups,
    };
    const face = new Interface(this.faces.length, link, loopback, parts, station);
    this.faces.push(face);
    link.attach(face);
    return face;
  }
}
