// From an address as text to a held path: the only place where sockets meet addresses.

import { EACCES, EADDRNOTAVAIL, EINVAL, ENETUNREACH, ENOBUFS } from '../contract/errno.ts';
import type { Path, PathTable } from '../ip/path.ts';
import { ROUTE_BROADCAST, ROUTE_LOCAL, type RouteTable } from '../ip/route-table.ts';
import { isLoopback4, isMulticast4, parseIp4 } from '../wire/address.ts';

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
    if (word !== 0 && this.routes.lookup(word)?.type !== ROUTE_LOCAL) return EADDRNOTAVAIL;
    return this.paths.acquire(word, 0) ?? ENOBUFS;
  }

  /** Holds the path to `address` from the address that `bound` names, or from the one a route chooses. Or an errno. */
  remote(address: string, bound: Path | undefined): Path | number {
    const word = parseIp4(address);
    return word === undefined ? EINVAL : this.remoteWord(word, bound);
  }

  /** Goes up when routes or addresses change: what was found under an older one is looked up again. */
  get generation(): number {
    return this.routes.generation;
  }

  remoteWord(word: number, bound: Path | undefined): Path | number {
    const route = this.routes.lookup(word);
    if (word === 0 || route === undefined || isMulticast4(word)) return ENETUNREACH;
    if (word === -1 || route.type === ROUTE_BROADCAST) return EACCES;
    const source = bound !== undefined && bound.local !== 0 ? bound.local : this.paths.sourceFor(word);
    if (source === 0) return EADDRNOTAVAIL;
    // RFC 1122 3.2.1.3 g, with Linux's errno.
    if (isLoopback4(source) && !route.face.loopback) return EINVAL;
    return this.paths.acquire(source, word) ?? ENOBUFS;
  }
}
