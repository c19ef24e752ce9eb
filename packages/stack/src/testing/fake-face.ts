// An interface for tests of tables: only what routes and paths look at.

import type { Interface } from '../ip/interface.ts';
import type { Prefix } from '../wire/address.ts';

export interface FakeFace {
  readonly face: Interface;
  readonly link: { mtu: number; room: number; up: boolean };
}

export function fakeFace(addresses: readonly Prefix[] = [], mtu = 1500, loopback = false): FakeFace {
  const link = { mtu, room: 1000, up: true };
  return { face: { link, addresses, loopback } as unknown as Interface, link };
}
