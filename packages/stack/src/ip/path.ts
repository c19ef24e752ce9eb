// Paths: a pair of addresses and all that follows from it. Transport holds a path and two ports, and never an address.
//
//   held       somebody called `acquire`: a connected socket, a datagram in a send queue
//   idle       nobody holds it; kept as a cache, least recently used goes first

import { assert } from '../base/assert.ts';
import { Deadlines } from '../base/deadlines.ts';
import { FlowTable } from '../base/flow-table.ts';
import { IndexPool, NONE } from '../base/index-pool.ts';
import type { Context } from '../context.ts';
import { IP4_BROADCAST, isLoopback4, isMulticast4, isThisNetwork4, isValidSource4 } from '../wire/address.ts';
import type { Interface } from './interface.ts';
import { ROUTE_BROADCAST, ROUTE_LOCAL, ROUTE_UNICAST, type Route, type RouteTable } from './route-table.ts';
import { selectSource } from './source-address.ts';

/** One pair of addresses. A pooled record: its id may serve another pair once it is released. */
export class Path {
  readonly id: number;
  family = 4;
  /** Our address and theirs, int32 words (IPv6 will stand beside with four each). */
  local = 0;
  remote = 0;
  /** The sum of both addresses: the constant part of the pseudo-header. */
  addressSum = 0;
  /** Octets of the IP header this path writes. */
  headerLength = 20;
  /** The route, or undefined when none leads there now. */
  route: Route | undefined = undefined;
  /** Whether `local` was one of our addresses, and a route led to `remote`, at the last look-up. */
  localIsOurs = false;
  /** Whether input would admit a datagram from `remote` to `local` that came the way this path goes. */
  admissible = false;
  /** Next hop on the link. */
  nextHop = 0;
  /** The largest datagram the path takes: the link's MTU, or less if learned (RFC 1191). R1122.32. */
  pmtu = 0;
  /** What ICMP taught, or 0. */
  learnedMtu = 0;
  /** ICMP spoke of an MTU below what we believe: routers may have to cut what we send, so it goes without DF (Linux's lock). */
  mtuLocked = false;
  /** Route table's generation at the last look-up. */
  generation = 0;
  /** The batch in which progress was last told of. */
  confirmedMs = 0;
  holders = 0;
  newer: number = NONE;
  older: number = NONE;

  constructor(id: number) {
    this.id = id;
  }

  /**
   * True when a datagram of this pair, arriving by such an interface, needs no second look: both ends were checked under
   * these routes, and what goes by loopback came by loopback.
   */
  admitted(generation: number, loopback: boolean): boolean {
    return this.generation === generation && this.admissible && this.face.loopback === loopback;
  }

  /**
   * The peer acknowledged something new: the next hop hears us (RFC 4861 7.3.1). For every such ACK; `nowMs` is the batch's,
   * and all but its first cost one compare.
   */
  confirm(nowMs: number): void {
    if (nowMs === this.confirmedMs) return;
    this.confirmedMs = nowMs;
    this.route?.face.confirm(this.nextHop);
  }

  /** The interface to send by; only of a path that has a route. */
  get face(): Interface {
    assert(this.route !== undefined, 'a path that is sent on has a route');
    return this.route.face;
  }
}

/** The paths of one stack. */
export class PathTable {
  private readonly context: Context;
  private readonly routes: RouteTable;
  private readonly faces: readonly Interface[];
  private readonly ids: IndexPool;
  private readonly paths: Path[] = [];
  private readonly byAddresses: FlowTable;
  /** Idle paths as a list by last use. */
  private newest = NONE;
  private oldest = NONE;
  private idle = 0;
  /** When a learned MTU stops being believed. */
  private readonly expiries: Deadlines = new Deadlines();

  constructor(context: Context, routes: RouteTable, faces: readonly Interface[] = []) {
    this.context = context;
    this.faces = faces;
    this.routes = routes;
    this.ids = new IndexPool(context.options.pathsMax);
    this.byAddresses = new FlowTable(context.entropy.int32());
  }

  /** Paths in all, and how many of them nobody holds. */
  get size(): number {
    return this.ids.inUse;
  }

  get idleSize(): number {
    return this.idle;
  }

  at(id: number): Path {
    return this.paths[id];
  }

  /** The id of the path of this pair, or NONE: a stranger's. Makes nothing. */
  find(local: number, remote: number): number {
    return this.byAddresses.get(local, remote);
  }

  /** Holds the path of this pair, made if need be; undefined when the table is full. `release` it once. */
  acquire(local: number, remote: number): Path | undefined {
    let id = this.find(local, remote);
    if (id === NONE) {
      id = this.make(local, remote);
      if (id === NONE) return undefined;
    }
    const path = this.paths[id];
    if (path.holders++ === 0) this.leaveIdle(path);
    this.refresh(path);
    return path;
  }

  /** Which address of ours would speak to `remote`: 0 when no route leads there or its interface has no address. */
  sourceFor(remote: number): number {
    const route = this.routes.lookup(remote);
    if (route === undefined) return 0;
    return route.type === ROUTE_LOCAL ? remote : selectSource(route, remote);
  }

  hold(path: Path): void {
    assert(path.holders > 0, 'only a held path is held once more');
    path.holders++;
  }

  release(path: Path): void {
    assert(path.holders > 0, 'a path is released as often as it was acquired');
    if (--path.holders > 0) return;
    this.enterIdle(path);
    if (this.idle > this.context.options.idlePathsMax) this.remove(this.paths[this.oldest]);
  }

  /** A transport gets no answer over this path: its route is looked up anew at the next use (RFC 9293 3.8.3, R1). */
  reconsider(path: Path): void {
    path.generation = this.routes.generation - 1;
  }

  /** Looks the route up again if routes or links changed since. */
  refresh(path: Path): void {
    if (path.generation === this.routes.generation) return;
    path.generation = this.routes.generation;
    const route = this.routeOf(path);
    path.route = route !== undefined && mayCarry(route, path.local) ? route : undefined;
    path.localIsOurs = route !== undefined && this.routes.lookup(path.local)?.type === ROUTE_LOCAL;
    path.admissible = path.localIsOurs && path.route !== undefined && mayComeFrom(path.remote, path.route);
    if (path.route === undefined) return;
    path.nextHop = path.route.gateway !== 0 ? path.route.gateway : path.remote;
    if (path.route.type === ROUTE_BROADCAST) path.nextHop = IP4_BROADCAST;
    this.setPmtu(path);
  }

  /** To many a host speaks by the interface whose address it uses (RFC 1122 3.3.4.2), and by no gateway. */
  private routeOf({ local, remote }: Path): Route | undefined {
    if (!isMulticast4(remote) && remote !== IP4_BROADCAST) return this.routes.lookup(remote);
    const face = this.faces.find(({ addresses }) => addresses.some(({ address }) => address === local));
    if (face === undefined) return undefined;
    const type = remote === IP4_BROADCAST ? ROUTE_BROADCAST : ROUTE_UNICAST;
    return { type, prefix: remote, length: 32, face, gateway: 0, source: local };
  }

  /**
   * RFC 1191 (R1191.1, R1191.2): a router told us that datagrams of this path may have `mtu` octets. Clamped from below, never raised
   * by a message; forgotten after `pmtuExpiresMs`.
   */
  learnMtu(path: Path, mtu: number): boolean {
    const { minPmtuBytes, pmtuExpiresMs } = this.context.options;
    const locked = mtu < minPmtuBytes;
    const believed = locked ? Math.min(minPmtuBytes, path.pmtu) : mtu;
    const news = believed < path.pmtu || (locked && !path.mtuLocked);
    if (path.route === undefined || !news) return false;
    path.learnedMtu = believed;
    path.mtuLocked = locked;
    this.setPmtu(path);
    this.expiries.set(path.id, (this.context.nowMs + pmtuExpiresMs) | 0);
    return true;
  }

  timersFire(nowMs: number): void {
    for (let id = this.expiries.takeDue(nowMs); id !== NONE; id = this.expiries.takeDue(nowMs)) {
      this.paths[id].learnedMtu = 0;
      this.paths[id].mtuLocked = false;
      this.setPmtu(this.paths[id]);
    }
  }

  /** The deadlines that `timersFire` serves; the earliest decides when it is called. */
  get deadlines(): Deadlines {
    return this.expiries;
  }

  private setPmtu(path: Path): void {
    if (path.route === undefined) return;
    const mtu = path.route.face.link.mtu;
    path.pmtu = path.learnedMtu !== 0 && path.learnedMtu < mtu ? path.learnedMtu : mtu;
  }

  private make(local: number, remote: number): number {
    let id = this.ids.allocate();
    if (id === NONE && this.oldest !== NONE) {
      this.remove(this.paths[this.oldest]);
      id = this.ids.allocate();
    }
    if (id === NONE) return NONE;
    const path = this.paths[id] ?? new Path(id);
    this.paths[id] = path;
    path.local = local;
    path.remote = remote;
    path.addressSum = (local >>> 16) + (local & 0xffff) + (remote >>> 16) + (remote & 0xffff);
    path.learnedMtu = 0;
    path.mtuLocked = false;
    path.generation = 0;
    path.route = undefined;
    this.byAddresses.set(local, remote, id);
    this.enterIdle(path);
    return id;
  }

  private remove(path: Path): void {
    this.leaveIdle(path);
    this.expiries.cancel(path.id);
    this.byAddresses.delete(path.local, path.remote);
    this.ids.release(path.id);
  }

  private enterIdle(path: Path): void {
    path.older = this.newest;
    path.newer = NONE;
    if (this.newest !== NONE) this.paths[this.newest].newer = path.id;
    else this.oldest = path.id;
    this.newest = path.id;
    this.idle++;
  }

  private leaveIdle(path: Path): void {
    if (path.newer !== NONE) this.paths[path.newer].older = path.older;
    else this.newest = path.older;
    if (path.older !== NONE) this.paths[path.older].newer = path.newer;
    else this.oldest = path.newer;
    this.idle--;
  }
}

/** What says it comes from 127/8 never leaves this host (RFC 1122 3.2.1.3 g). Who may speak to all, the socket knows. R1122.5. */
function mayCarry(route: Route, local: number): boolean {
  return route.face.loopback || !isLoopback4(local);
}

/** The same as IP input asks of the source of a stranger's datagram. */
function mayComeFrom(remote: number, route: Route): boolean {
  if (isThisNetwork4(remote)) return false;
  return route.face.loopback || (isValidSource4(remote) && route.type === ROUTE_UNICAST);
}
