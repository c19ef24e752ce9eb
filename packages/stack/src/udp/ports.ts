// Who has which UDP port: one row per bound socket. Binding rules without SO_REUSEADDR; ephemeral ports by RFC 6056.

import { IndexPool, NONE } from '../base/index-pool.ts';
import type { Context } from '../context.ts';
import { EADDRINUSE, EMFILE } from '../contract/errno.ts';

/** Random probes for a free port before a search in order (RFC 6056 3.3.1, then 3.3.2's fallback). */
const RANDOM_PROBES = 32;

/** Bound ports. */
export class UdpPorts {
  private readonly context: Context;
  private readonly rows: IndexPool;
  private readonly ports: number[] = [];
  private readonly holders: number[] = [];
  /** port -> path ids that are bound to it; the any-address path excludes all others. */
  private readonly byPort: Map<number, Map<number, boolean>> = new Map();

  constructor(context: Context) {
    this.context = context;
    this.rows = new IndexPool(context.options.udpSocketsMax);
  }

  get size(): number {
    return this.rows.inUse;
  }

  portOf(row: number): number {
    return this.ports[row];
  }

  /** Takes a port (0: an ephemeral one) for this local path. A row, or EADDRINUSE, EMFILE. */
  take(port: number, path: number, any: boolean): number {
    const chosen = port === 0 ? this.ephemeral() : port;
    if (chosen === NONE) return EADDRINUSE;
    const others = this.byPort.get(chosen);
    if (others !== undefined && (any || others.has(path) || [...others.values()].includes(true)))
      return EADDRINUSE;
    const row = this.rows.allocate();
    if (row === NONE) return EMFILE;
    this.ports[row] = chosen;
    this.holders[row] = path;
    if (others === undefined) this.byPort.set(chosen, new Map([[path, any]]));
    else others.set(path, any);
    return row;
  }

  give(row: number): void {
    const port = this.ports[row];
    const holders = this.byPort.get(port) as Map<number, boolean>;
    holders.delete(this.holders[row]);
    if (holders.size === 0) this.byPort.delete(port);
    this.rows.release(row);
  }

  private ephemeral(): number {
    const { ephemeralPortFirst: first, ephemeralPortLast: last } = this.context.options;
    const span = last - first + 1;
    let port = 0;
    for (let probe = 0; probe < RANDOM_PROBES; probe++) {
      port = first + ((this.context.entropy.int32() >>> 0) % span);
      if (!this.byPort.has(port)) return port;
    }
    for (let step = 1; step < span; step++) {
      const next = first + ((port - first + step) % span);
      if (!this.byPort.has(next)) return next;
    }
    return NONE;
  }
}
