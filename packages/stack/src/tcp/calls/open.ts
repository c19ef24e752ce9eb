// OPEN, RFC 9293 3.10.1, 3.9.1.1: active, and passive.

import { C } from '../../contract/counters.ts';
import { EADDRINUSE, EADDRNOTAVAIL, EMFILE, OK } from '../../contract/errno.ts';
import type { EventTarget } from '../../contract/events.ts';
import type { Path } from '../../ip/path.ts';
import type { Connections } from '../connections.ts';
import type { IsnGenerator } from '../isn.ts';
import type { Listener } from '../listener.ts';
import { chooseLocalPort } from '../ports.ts';
import { SYN_SENT, setState } from '../state.ts';
import { chooseIss } from '../synchronize.ts';
import type { Tcb } from '../tcb.ts';
import { issBeyond } from '../timeouts/time-wait.ts';

/**
 * Active: over a held path (MUST-44, MUST-45: its local address is chosen, and stays), which the connection takes over.
 * `localPort` 0 chooses one. A Tcb in SYN-SENT, or EADDRINUSE, EADDRNOTAVAIL (no port is free), EMFILE: the path is
 * still the caller's.
 */
export function openActive(
  c: Connections,
  isn: IsnGenerator,
  owner: EventTarget,
  path: Path,
  localPort: number,
  remotePort: number,
): Tcb | number {
  const { context } = c;
  const port = localPort === 0 ? chooseLocalPort(c, path, remotePort) : localPort;
  if (port < 0) return EADDRNOTAVAIL;
  if (!c.mayOpen(path, port, remotePort)) return EADDRINUSE;
  // Our own in TIME-WAIT: it ends here, and what follows goes on beyond its numbers (tcpTimeWaitReuse).
  const old = c.find(path.id, port, remotePort);
  // It sleeps, and there is no room to wake it.
  if (old === undefined && c.has(path.id, port, remotePort)) return EMFILE;
  const beyond = old === undefined ? undefined : issBeyond(old);
  if (old !== undefined) c.finish(old, OK);
  const tcb = c.open(path, port, remotePort);
  if (tcb === undefined) return EMFILE;
  tcb.owner = owner;
  tcb.known = true;
  const ports = (port << 16) | remotePort;
  chooseIss(tcb, beyond ?? isn.isn(path.local, path.remote, ports, context.nowMs));
  tcb.tsOffset = isn.timestampOffset(path.local, path.remote);
  setState(tcb, SYN_SENT);
  context.stats.counters[C.TcpActiveOpens]++;
  c.markDirty(tcb);
  return tcb;
}

/** Passive: a listener on (local address or any, port or ANY_PORT), or EADDRINUSE, EADDRNOTAVAIL, EMFILE. */
export function openPassive(
  c: Connections,
  owner: EventTarget,
  path: Path,
  port: number,
  backlog: number,
  defer: boolean,
): Listener | number {
  return c.listeners.add(owner, path, port, backlog, defer);
}
