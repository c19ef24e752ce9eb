// Which of our addresses speaks, when the application did not say: RFC 1122 3.3.4.3.

import { prefixMask } from '../wire/address.ts';
import type { Route } from './route-table.ts';

/**
 * The source for a destination over this route: the route's own, else the interface's address whose network holds the
 * next hop, else the interface's first. 0: the interface has none.
 */
export function selectSource(route: Route, destination: number): number {
  if (route.source !== 0) return route.source;
  const hop = route.gateway !== 0 ? route.gateway : destination;
  for (const { address, length } of route.face.addresses) {
    if (((address ^ hop) & prefixMask(length)) === 0) return address;
  }
  return route.face.addresses.length > 0 ? route.face.addresses[0].address : 0;
}
