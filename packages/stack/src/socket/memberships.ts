// The multicast groups of one socket: IP_ADD_MEMBERSHIP and its opposite (RFC 1112 7.1 JoinHostGroup, LeaveHostGroup).

import { EADDRINUSE, EADDRNOTAVAIL, EINVAL, ENOBUFS, ENODEV, OK } from '../contract/errno.ts';
import type { Groups } from '../ip/groups.ts';
import type { Interface } from '../ip/interface.ts';
import { ROUTE_LOCAL, type RouteTable } from '../ip/route-table.ts';
import { isMulticast4, parseIp4 } from '../wire/address.ts';

interface Held {
  readonly face: Interface;
  readonly group: number;
}

/** What sockets need to know of groups. */
export interface MulticastHost {
  readonly groups: Groups;
  readonly interfaces: readonly Interface[];
  readonly routeTable: RouteTable;
}

/** What one socket joined. */
export class Memberships {
  private readonly host: MulticastHost;
  private readonly limit: number;
  private held: Held[] = [];

  constructor(host: MulticastHost, limit: number) {
    this.host = host;
    this.limit = limit;
  }

  /** OK, EINVAL: no group; ENODEV: no such interface, or no route to choose one by; EADDRINUSE: joined already; ENOBUFS. */
  add(group: string, address: string | undefined): number {
    const word = parseIp4(group);
    if (word === undefined || !isMulticast4(word)) return EINVAL;
    const face = this.faceFor(word, address);
    if (face === undefined) return ENODEV;
    if (this.held.some((one) => one.face === face && one.group === word)) return EADDRINUSE;
    if (this.held.length >= this.limit || !this.host.groups.join(face, word)) return ENOBUFS;
    this.held.push({ face, group: word });
    return OK;
  }

  /** OK, EINVAL, EADDRNOTAVAIL: not joined. Without an address: the first interface that it was joined on. */
  drop(group: string, address: string | undefined): number {
    const word = parseIp4(group);
    if (word === undefined || !isMulticast4(word)) return EINVAL;
    const face = address === undefined ? undefined : this.faceFor(word, address);
    if (address !== undefined && face === undefined) return ENODEV;
    const at = this.held.findIndex((one) => one.group === word && (face === undefined || one.face === face));
    if (at < 0) return EADDRNOTAVAIL;
    const [gone] = this.held.splice(at, 1);
    this.host.groups.leave(gone.face, gone.group);
    return OK;
  }

  /** The socket closes. */
  clear(): void {
    for (const { face, group } of this.held.splice(0)) this.host.groups.leave(face, group);
  }

  /** The interface that has this address. */
  faceOf(word: number): Interface | undefined {
    const { interfaces } = this.host;
    return interfaces.find(({ addresses }) => addresses.some((prefix) => prefix.address === word));
  }

  /** The interface that has this address; without one, the interface a route to the group leads by. */
  private faceFor(group: number, address: string | undefined): Interface | undefined {
    const { routeTable } = this.host;
    if (address !== undefined && address !== '0.0.0.0') {
      const word = parseIp4(address);
      return word === undefined ? undefined : this.faceOf(word);
    }
    const route = routeTable.lookup(group);
    return route === undefined || route.type === ROUTE_LOCAL ? undefined : route.face;
  }
}
