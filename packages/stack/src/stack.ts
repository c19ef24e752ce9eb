// A stack: the composition of all layers, its configuration, and the sockets it gives.

import { NONE } from './base/index-pool.ts';
import { Context } from './context.ts';
import type { Clock } from './contract/clock.ts';
import type { Entropy } from './contract/entropy.ts';
import type { Link } from './contract/link.ts';
import { PacketPool } from './contract/packet-pool.ts';
import type { Tap } from './contract/tap.ts';
import { Deliver } from './deliver.ts';
import { EchoSockets } from './icmp/echo-sockets.ts';
import { IcmpEngine } from './icmp/engine.ts';
import { Quote } from './icmp/quote.ts';
import { Hooks } from './ip/hooks.ts';
import { Interface, type InterfaceOwner } from './ip/interface.ts';
import { PathTable } from './ip/path.ts';
import {
  networkOf,
  ROUTE_BROADCAST,
  ROUTE_LOCAL,
  ROUTE_UNICAST,
  type Route,
  RouteTable,
} from './ip/route-table.ts';
import { Icmp4Errors } from './ip4/icmp-error.ts';
import { Identification } from './ip4/identification.ts';
import { Ip4Input } from './ip4/input.ts';
import { Ip4Output } from './ip4/output.ts';
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
import { NewReno } from './tcp/congestion/new-reno.ts';
import { TcpEngine } from './tcp/engine.ts';
import { UdpEngine } from './udp/engine.ts';
import {
  formatPrefix,
  IP4_BROADCAST,
  isMulticast4,
  isReserved4,
  isThisNetwork4,
  type Prefix,
  parseIp4,
  parsePrefix,
  prefixMask,
} from './wire/address.ts';

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
  private readonly faces: Interface[] = [];
  private readonly routeTable: RouteTable;
  private readonly paths: PathTable;
  private readonly input: Ip4Input;
  private readonly tcp: TcpEngine;
  private readonly udp: UdpEngine;
  private readonly echo: EchoSockets;
  private readonly pumpOf: Pump;
  private waker: Waker | undefined = undefined;
  private closed = false;

  constructor(config: StackConfig) {
    const options: Options = { ...DEFAULT_OPTIONS, ...config.options };
    const context = new Context(options, config.pool ?? new PacketPool(options.pool), config.entropy);
    context.nowMs = config.clock.nowMs();
    context.nowUs = config.clock.nowUs();
    this.context = context;
    this.routeTable = new RouteTable(options.routesMax);
    this.paths = new PathTable(context, this.routeTable);
    this.resolver = new Resolver(this.paths, this.routeTable);
    const deliver = new Deliver(context, this.paths);
    this.input = new Ip4Input(context, this.faces, this.routeTable, this.paths, this.hooks, deliver);
    const output = new Ip4Output(context, this.routeTable, this.paths, this.hooks);
    const icmpErrors = new Icmp4Errors(context, new Identification(context.entropy));
    const reno = (mss: number): NewReno => new NewReno(mss);
    this.tcp = new TcpEngine(context, this.paths, output, this.input, icmpErrors, reno);
    this.udp = new UdpEngine(context, this.paths, output, this.input);
    this.echo = new EchoSockets(context, this.paths, output);
    const icmp = new IcmpEngine(context, this.echo, new Quote(this.paths));
    deliver.connect({ tcp: this.tcp, udp: this.udp, icmp, echo: this.echo, icmpErrors });
    this.pumpOf = new Pump(context, config.clock, {
      faces: this.faces,
      timed: [this.paths, this.tcp],
      drained: [this.tcp, this.udp, this.echo],
      drainAnswers: () => output.drainAnswers(),
    });
    this.loopback = this.attach(new Loopback(), true);
    this.addAddress(this.loopback, '127.0.0.1/8');
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

  /** Stands the stack on a link, with an address if one is given as 'address/prefix length'. */
  addLink(link: Link, address?: string): Interface {
    const face = this.attach(link, false);
    if (address !== undefined) this.addAddress(face, address);
    return face;
  }

  /** Leaves a link: its routes and addresses go, the link is closed. */
  removeLink(face: Interface): void {
    this.routeTable.removeWhere((route) => route.face === face || this.ownedBy(route, face));
    const gone = face.addresses.splice(0);
    for (const prefix of gone) this.inheritRoutes(face, prefix);
    face.link.attach(undefined);
    face.link.close();
    face.unblockAll();
    this.wake();
  }

  /** Adds an address with its network: `addAddress(face, '10.9.0.2/24')`. A route to the network comes with it. */
  addAddress(face: Interface, text: string): void {
    const prefix = parsePrefix(text);
    if (prefix === undefined || !mayBeOurs(prefix)) {
      invalidArgument('address', text, "the address of a host with prefix length, as '10.9.0.2/24'");
    }
    if (!this.routeTable.add(this.localRoute(prefix)))
      invalidArgument('address', text, 'an address not yet in use here');
    face.addresses.push(prefix);
    for (const route of networkRoutes(face, prefix)) this.routeTable.add(route);
  }

  /** Removes an address and the routes that came with it. */
  removeAddress(face: Interface, text: string): void {
    const at = face.addresses.findIndex((prefix) => formatPrefix(prefix) === text);
    if (at < 0) invalidArgument('address', text, `an address of ${face.name}`);
    const [prefix] = face.addresses.splice(at, 1);
    this.routeTable.remove(prefix.address, 32);
    const came = networkRoutes(face, prefix);
    this.routeTable.removeWhere(
      (route) => route.face === face && came.some((one) => isSameNetwork(one, route)),
    );
    this.inheritRoutes(face, prefix);
  }

  /** Adds a route: `addRoute('0.0.0.0/0', face, '10.9.0.1')`; without a gateway the network is on the link. */
  addRoute(destination: string, face: Interface, gateway = '0.0.0.0'): void {
    const prefix = parsePrefix(destination);
    if (prefix === undefined) invalidArgument('destination', destination, "a network, as '0.0.0.0/0'");
    const hop = parseIp4(gateway);
    if (hop === undefined) invalidArgument('gateway', gateway, "an IPv4 address, as '10.9.0.1'");
    const route: Route = {
      type: ROUTE_UNICAST,
      prefix: networkOf(prefix.address, prefix.length),
      length: prefix.length,
      face,
      gateway: hop,
      source: 0,
    };
    if (!this.routeTable.add(route))
      invalidArgument('destination', destination, 'a network that has no route yet');
  }

  /**
   * Takes every address of a network for this stack's own, as `ip route add local 192.0.2.0/24 dev lo` does: for gateways,
   * whose listeners answer in the name of hosts that are elsewhere. `removeRoute` ends it.
   */
  addLocal(network: string): void {
    const prefix = parsePrefix(network);
    if (prefix === undefined) invalidArgument('network', network, "a network, as '192.0.2.0/24'");
    const { loopback: face } = this;
    const route: Route = {
      type: ROUTE_LOCAL,
      prefix: networkOf(prefix.address, prefix.length),
      length: prefix.length,
      face,
      gateway: 0,
      source: 0,
    };
    if (!this.routeTable.add(route)) invalidArgument('network', network, 'a network that has no route yet');
  }

  /** Removes the route of exactly this network; false when there is none. */
  removeRoute(destination: string): boolean {
    const prefix = parsePrefix(destination);
    if (prefix === undefined) invalidArgument('destination', destination, "a network, as '0.0.0.0/0'");
    return this.routeTable.remove(networkOf(prefix.address, prefix.length), prefix.length) !== undefined;
  }

  /** All routes, local ones included. */
  routes(): Route[] {
    return this.routeTable.all();
  }

  /** A UDP socket, not yet bound. */
  udpSocket(handler: UdpHandler): UdpSocket {
    return new UdpSocket(this, this.udp, handler);
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
    this.waker?.wake();
  }

  wakeNow(): void {
    this.waker?.wakeNow();
  }

  interfaceChanged(_face: Interface): void {
    this.routeTable.generation++;
  }

  /** Closes all sockets and links. What waits to be sent is dropped. */
  close(): void {
    if (this.closed) return;
    this.closed = true;
    for (const face of this.faces) face.unblockAll();
    this.tcp.closeAll();
    this.udp.closeAll();
    this.echo.closeAll();
    for (const face of this.faces) {
      face.link.attach(undefined);
      face.link.close();
    }
  }

  private attach(link: Link, loopback: boolean): Interface {
    const face = new Interface(this.faces.length, link, loopback, this.context, this, this.input);
    this.faces.push(face);
    link.attach(face);
    return face;
  }

  private localRoute(prefix: Prefix): Route {
    // What we send to ourselves goes by loopback: lo itself is not made when its own address is added.
    const face = this.loopback ?? this.faces[0];
    return {
      type: ROUTE_LOCAL,
      prefix: prefix.address,
      length: 32,
      face,
      gateway: 0,
      source: prefix.address,
    };
  }

  /** The routes that went with an address go to whoever else has one in that network. */
  private inheritRoutes(from: Interface, gone: Prefix): void {
    const came = networkRoutes(from, gone);
    for (const face of this.faces) {
      for (const route of face.addresses.flatMap((prefix) => networkRoutes(face, prefix))) {
        if (came.some((one) => isSameNetwork(one, route))) this.routeTable.add(route);
      }
    }
  }

  private ownedBy(route: Route, face: Interface): boolean {
    return route.type === ROUTE_LOCAL && face.addresses.some(({ address }) => address === route.source);
  }
}

/** Neither nobody's, nor a group's, nor everybody's. */
function mayBeOurs({ address, length }: Prefix): boolean {
  if (isThisNetwork4(address) || isMulticast4(address) || isReserved4(address) || address === IP4_BROADCAST)
    return false;
  return length >= 31 || ((address & ~prefixMask(length)) !== 0 && (address | prefixMask(length)) !== -1);
}

function isSameNetwork(a: Route, b: Route): boolean {
  return a.prefix === b.prefix && a.length === b.length;
}

/** What follows from an address: its network is on the link, and the network's two broadcasts (RFC 3021: not of a /31). */
function networkRoutes(face: Interface, { address, length }: Prefix): Route[] {
  if (length === 32) return [];
  const network = networkOf(address, length);
  const type = face.loopback ? ROUTE_LOCAL : ROUTE_UNICAST;
  const routes: Route[] = [
    { type, prefix: network, length, face, gateway: 0, source: face.loopback ? 0 : address },
  ];
  if (length >= 31 || face.loopback) return routes;
  for (const broadcast of [network, network | ~prefixMask(length)]) {
    routes.push({ type: ROUTE_BROADCAST, prefix: broadcast, length: 32, face, gateway: 0, source: 0 });
  }
  return routes;
}
