// From an address as text to a held path: the only place where sockets meet addresses.

import { EACCES, EADDRNOTAVAIL, EINVAL, ENETUNREACH, ENOBUFS } from '../contract/errno.ts';
import type { Path, PathTable } from '../ip/path.ts';
import { ROUTE_BROADCAST, ROUTE_LOCAL, type RouteTable } from '../ip/route-table.ts';
import { IP4_BROADCAST, isLoopback4, isMulticast4, parseIp4 } from '../wire/address.ts';

/** What a socket may and wants where it speaks to many: its endpoint. */
export interface ManySender {
  readonly broadcast: boolean;
  /** An address of ours, or 0. */
  readonly multicastSource: number;
  /** It can send to groups at all. */
  readonly groups: boolean;
}

const NOBODY: ManySender = { broadcast: false, multicastSource: 0, groups: false };

/** The paths and routes of one stack, for its sockets. */
export class Resolver {
  readonly paths: PathTable;
  private readonly routes: RouteTable;

  constructor(paths: PathTable, routes: RouteTable) {
    this.paths = paths;
    this.routes = routes;
  }

  /** Holds the path (address, any) to bind to; '0.0.0.0' is any address. Or an errno. */
  local(address: string): Path | number {
    const word = parseIp4(address);
    if (word === undefined) return EINVAL;
    if (word !== 0 && !this.isHost(word) && !this.isForMany(word)) return EADDRNOTAVAIL;
    return this.paths.acquire(word, 0) ?? ENOBUFS;
  }

  /** Holds the path to `address` from the address that `bound` names, or from the one a route chooses. Or an errno. */
  remote(address: string, bound: Path | undefined, many: ManySender = NOBODY): Path | number {
    const word = parseIp4(address);
    return word === undefined ? EINVAL : this.remoteWord(word, bound, many);
  }

  private isHost(word: number): boolean {
    return this.routes.lookup(word)?.type === ROUTE_LOCAL;
  }

  private isForMany(word: number): boolean {
    if (isMulticast4(word) || word === IP4_BROADCAST) return true;
    return this.routes.lookup(word)?.type === ROUTE_BROADCAST;
  }

  /** Goes up when routes or addresses change: what was found under an older one is looked up again. */
  get generation(): number {
    return this.routes.generation;
  }

  /**
   * The same; `asked`: an address of ours that a datagram was sent to which this one answers, or 0 (RFC 1122 4.1.3.5: R1122.33,
   * R1122.44).
   */
  remoteWord(word: number, bound: Path | undefined, many: ManySender = NOBODY, asked = 0): Path | number {
    // Whoever is bound to a group or to a broadcast address hears that, and speaks as any other. R1122.6.
    const named = bound !== undefined && bound.local !== 0 && this.isHost(bound.local) ? bound.local : 0;
    if (isMulticast4(word) || word === IP4_BROADCAST) return this.toMany(word, named, many);
    const route = this.routes.lookup(word);
    if (word === 0 || route === undefined) return ENETUNREACH;
    if (route.type === ROUTE_BROADCAST && !many.broadcast) return EACCES;
    const spoken = named === 0 && asked !== 0 && this.isHost(asked) ? asked : named;
    const source = spoken !== 0 ? spoken : this.paths.sourceFor(word);
    if (source === 0) return EADDRNOTAVAIL;
    // RFC 1122 3.2.1.3 g, with Linux's errno.
    if (isLoopback4(source) && !route.face.loopback) return EINVAL;
    return this.paths.acquire(source, word) ?? ENOBUFS;
  }

  /** By the interface the socket chose, by that of the address it is bound to, or as a route says (Linux's order). */
  private toMany(word: number, named: number, many: ManySender): Path | number {
    const group = isMulticast4(word);
    if (group && !many.groups) return ENETUNREACH;
    if (!group && !many.broadcast) return EACCES;
    const chosen = group && many.multicastSource !== 0 ? many.multicastSource : named;
    const source = chosen !== 0 ? chosen : this.paths.sourceFor(word);
    if (source === 0) return ENETUNREACH;
    const path = this.paths.acquire(source, word);
    if (path === undefined) return ENOBUFS;
    if (path.route !== undefined) return path;
    this.paths.release(path);
    return ENETUNREACH;
  }
}
