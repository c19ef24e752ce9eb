// Ephemeral ports: RFC 6056 3.3.1 (random), then in order. A port may serve several connections to different peers.

import { NONE } from '../base/index-pool.ts';
import type { Path } from '../ip/path.ts';
import type { Connections } from './connections.ts';

/** Random probes for a port that nobody uses, before one that is used towards others only will do. */
const RANDOM_PROBES = 32;

/** A local port for a connection over this path, or NONE. */
export function chooseLocalPort(c: Connections, path: Path, remotePort: number): number {
  const { ephemeralPortFirst: first, ephemeralPortLast: last } = c.context.options;
  const span = last - first + 1;
  let port = first;
  for (let probe = 0; probe < RANDOM_PROBES; probe++) {
    port = first + ((c.context.entropy.int32() >>> 0) % span);
    if (!c.usesPort(port)) return port;
  }
  for (let step = 0; step < span; step++) {
    const next = first + ((port - first + step) % span);
    if (!c.has(path.id, next, remotePort)) return next;
  }
  // All are in use towards this peer: one of ours in TIME-WAIT may do.
  for (let step = 0; step < span; step++) {
    const next = first + ((port - first + step) % span);
    if (c.mayOpen(path, next, remotePort)) return next;
  }
  return NONE;
}

/** A port for a listener that wants any: one that nobody uses, or NONE. */
export function choosePassivePort(c: Connections, localPath: number): number {
  const { ephemeralPortFirst: first, ephemeralPortLast: last } = c.context.options;
  const span = last - first + 1;
  const start = (c.context.entropy.int32() >>> 0) % span;
  for (let step = 0; step < span; step++) {
    const port = first + ((start + step) % span);
    if (!c.usesPort(port) && !c.listeners.has(localPath, port)) return port;
  }
  return NONE;
}
