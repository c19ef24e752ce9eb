// Routes by longest prefix (RFC 1812 5.2.4.3), in a binary trie: one bit of the destination a level.
//
//                 root (0 bits)  default route
//                /    \
//              0        1        a node may carry a route; the deepest one met on the way down wins

import { NONE } from '../base/index-pool.ts';
import { prefixMask } from '../wire/address.ts';
import type { Interface } from './interface.ts';

/** To hosts elsewhere, or on the link. */
export const ROUTE_UNICAST = 0;
/** To one of our own addresses: delivered here, and what we send there goes by loopback. */
export const ROUTE_LOCAL = 1;
/** A directed broadcast of one of our networks, or its all-zeros form (RFC 1122 3.3.6). */
export const ROUTE_BROADCAST = 2;

/** Destinations remembered with their route: a power of two. Each costs eight octets. */
const CACHE_ROWS = 256;
const CACHE_SHIFT = 24;
const NOT_CACHED = -2;

export interface Route {
  readonly type: number;
  /** Network address, int32, and prefix length. */
  readonly prefix: number;
  readonly length: number;
  readonly face: Interface;
  /** Next hop, or 0: the destination itself is on the link. */
  readonly gateway: number;
  /** Our address that speaks on this route, or 0: chosen by source-address. */
  readonly source: number;
}

/** Prefix -> route. */
export class RouteTable {
  /** Goes up with every change; a path resolved under an older one is looked up again. */
  generation = 1;
  private readonly limit: number;
  /** children[2n], children[2n+1]: the nodes for bit 0 and 1 of node n. */
  private children: Int32Array = new Int32Array(128).fill(NONE);
  private routeAt: Int32Array = new Int32Array(64).fill(NONE);
  private nodes = 1;
  private rows: Route[] = [];
  /**
   * A direct-mapped cache of look-ups, for a packet costs three of them: destination -> row of its route. Whoever comes
   * takes the place of the one it hits, so a flood from many sources costs what it did without, and takes no memory.
   */
  private readonly cachedDestination: Int32Array = new Int32Array(CACHE_ROWS);
  private readonly cachedRow: Int32Array = new Int32Array(CACHE_ROWS).fill(NOT_CACHED);

  constructor(limit: number) {
    this.limit = limit;
  }

  /** Adds a route; false when the prefix has one, or the table is full. */
  add(route: Route): boolean {
    if (this.rows.length >= this.limit) return false;
    let node = 0;
    for (let depth = 0; depth < route.length; depth++) {
      const bit = (route.prefix >>> (31 - depth)) & 1;
      let child = this.children[node * 2 + bit];
      if (child === NONE) {
        child = this.newNode();
        this.children[node * 2 + bit] = child;
      }
      node = child;
    }
    if (this.routeAt[node] !== NONE) return false;
    this.routeAt[node] = this.rows.length;
    this.rows.push(route);
    this.changed();
    return true;
  }

  /** Removes the route of exactly this prefix; answers it, or undefined. */
  remove(prefix: number, length: number): Route | undefined {
    const routes = this.all();
    const at = routes.findIndex((route) => route.length === length && route.prefix === prefix);
    if (at < 0) return undefined;
    const [gone] = routes.splice(at, 1);
    this.rebuild(routes);
    return gone;
  }

  /** Removes all routes for which `gone` holds. */
  removeWhere(gone: (route: Route) => boolean): void {
    this.rebuild(this.all().filter((route) => !gone(route)));
  }

  /** The route of the longest prefix that covers the destination, or undefined. R1122.28. */
  lookup(destination: number): Route | undefined {
    const place = Math.imul(destination, 0x9e3779b1) >>> CACHE_SHIFT;
    let row = this.cachedRow[place];
    if (row === NOT_CACHED || this.cachedDestination[place] !== destination) {
      row = this.walk(destination);
      this.cachedDestination[place] = destination;
      this.cachedRow[place] = row;
    }
    return row === NONE ? undefined : this.rows[row];
  }

  /** The row of that route, from the trie. */
  private walk(destination: number): number {
    let best = this.routeAt[0];
    let node = 0;
    for (let shift = 31; shift >= 0; shift--) {
      node = this.children[node * 2 + ((destination >>> shift) & 1)];
      if (node === NONE) break;
      if (this.routeAt[node] !== NONE) best = this.routeAt[node];
    }
    return best;
  }

  /** All routes, in the order they came. */
  all(): Route[] {
    return [...this.rows];
  }

  /** Removal is rare (an address or link goes): the trie is built anew rather than pruned. */
  private rebuild(routes: readonly Route[]): void {
    this.children.fill(NONE);
    this.routeAt.fill(NONE);
    this.nodes = 1;
    this.rows = [];
    this.changed();
    for (const route of routes) this.add(route);
  }

  private changed(): void {
    this.generation++;
    this.cachedRow.fill(NOT_CACHED);
  }

  private newNode(): number {
    if (this.nodes === this.routeAt.length) {
      const children = new Int32Array(this.nodes * 4).fill(NONE);
      children.set(this.children);
      this.children = children;
      const routeAt = new Int32Array(this.nodes * 2).fill(NONE);
      routeAt.set(this.routeAt);
      this.routeAt = routeAt;
    }
    return this.nodes++;
  }
}

/** The network part of an address. */
export function networkOf(address: number, length: number): number {
  return address & prefixMask(length);
}
