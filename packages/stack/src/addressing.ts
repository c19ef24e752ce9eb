// Addresses and routes of a stack: what `ip address` and `ip route` configure. Text in, rows of the route table out.

import type { Interface } from './ip/interface.ts';
import {
  networkOf,
  ROUTE_BROADCAST,
  ROUTE_LOCAL,
  ROUTE_UNICAST,
  type Route,
  type RouteTable,
} from './ip/route-table.ts';
import { invalidArgument } from './socket/errors.ts';
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

/** The configuration of one stack. */
export class Addressing {
  private readonly faces: readonly Interface[];
  private readonly routeTable: RouteTable;

  constructor(faces: readonly Interface[], routeTable: RouteTable) {
    this.faces = faces;
    this.routeTable = routeTable;
  }

  /** Adds an address with its network: `addAddress(face, '10.9.0.2/24')`. A route to the network comes with it. */
  addAddress(face: Interface, text: string): Prefix {
    const prefix = parsePrefix(text);
    if (prefix === undefined || !mayBeOurs(prefix)) {
      invalidArgument('address', text, "the address of a host with prefix length, as '10.9.0.2/24'");
    }
    if (!this.routeTable.add(this.localRoute(prefix)))
      invalidArgument('address', text, 'an address not yet in use here');
    face.addresses.push(prefix);
    for (const route of networkRoutes(face, prefix)) this.routeTable.add(route);
    return prefix;
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
    const [face] = this.faces;
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

  /** A link goes, and all routes and addresses with it. */
  forget(face: Interface): void {
    this.routeTable.removeWhere((route) => route.face === face || this.ownedBy(route, face));
    const gone = face.addresses.splice(0);
    for (const prefix of gone) this.inheritRoutes(face, prefix);
  }

  private localRoute(prefix: Prefix): Route {
    // What we send to ourselves goes by loopback, the first of all.
    const [face] = this.faces;
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
