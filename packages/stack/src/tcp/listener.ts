// Passive opens, RFC 9293 3.10.1: who listens on which path and port, and the connections that wait to be accepted.

import { Fifo } from '../base/fifo.ts';
import { FlowTable } from '../base/flow-table.ts';
import { IndexPool, NONE } from '../base/index-pool.ts';
import type { Entropy } from '../contract/entropy.ts';
import { EADDRINUSE, EMFILE } from '../contract/errno.ts';
import type { EventTarget } from '../contract/events.ts';
import type { Path } from '../ip/path.ts';
import type { Tcb } from './tcb.ts';

/** The port of a listener that hears every port. */
export const ANY_PORT = 0;

/** Their ids have 16 bits in a row that sleeps, and the last stands for none. */
const LISTENERS_MAX = 65_535;

/** A SYN that waits for its application: what finds it again, if it still waits. */
export interface HeldSyn {
  readonly path: number;
  readonly localPort: number;
  readonly remotePort: number;
  /** Its sequence number: another SYN of the same tuple is another request. */
  readonly irs: number;
}

/** One passive open: the LISTEN state, for as many connections as come. */
export class Listener {
  readonly id: number;
  readonly owner: EventTarget;
  /** (local address or any, any). */
  readonly path: Path;
  readonly port: number;
  /** SYNs wait for `accept` or `reject` before anything is answered. */
  readonly defer: boolean;
  /** Established, and not yet taken by the application. */
  readonly ready: Fifo<Tcb>;
  /** Held SYNs that were not shown to the application yet. */
  readonly requests: Fifo<HeldSyn>;
  closed = false;
  /** 0: the stack's. */
  ttl = 0;
  /** Receive buffer and largest segment of its connections; 0: the stack's. */
  receiveBytes = 0;
  maxSegment = 0;
  tos = 0;

  constructor(id: number, owner: EventTarget, path: Path, port: number, backlog: number, defer: boolean) {
    this.id = id;
    this.owner = owner;
    this.path = path;
    this.port = port;
    this.defer = defer;
    this.ready = new Fifo(backlog);
    this.requests = new Fifo(backlog);
  }
}

/** The listeners of one stack. */
export class Listeners {
  private readonly ids: IndexPool;
  private readonly listeners: (Listener | undefined)[] = [];
  private readonly byPath: FlowTable;

  constructor(limit: number, entropy: Entropy) {
    this.ids = new IndexPool(Math.min(limit, LISTENERS_MAX));
    this.byPath = new FlowTable(entropy.int32());
  }

  get size(): number {
    return this.ids.inUse;
  }

  at(id: number): Listener | undefined {
    return this.listeners[id];
  }

  all(): Listener[] {
    return this.listeners.filter((listener) => listener !== undefined);
  }

  /** True when this very path and port is listened on. */
  has(path: number, port: number): boolean {
    return this.byPath.get(path, port) !== NONE;
  }

  /** MUST-41, MUST-42: a record of its own, which disturbs no connection that has the port; or EADDRINUSE, EMFILE. */
  add(owner: EventTarget, path: Path, port: number, backlog: number, defer: boolean): Listener | number {
    if (this.has(path.id, port)) return EADDRINUSE;
    const id = this.ids.allocate();
    if (id === NONE) return EMFILE;
    const listener = new Listener(id, owner, path, port, backlog, defer);
    this.listeners[id] = listener;
    this.byPath.set(path.id, port, id);
    return listener;
  }

  remove(listener: Listener): void {
    listener.closed = true;
    this.byPath.delete(listener.path.id, listener.port);
    this.listeners[listener.id] = undefined;
    this.ids.release(listener.id);
  }

  /** Who hears a SYN to this port: one address before any address, one port before any port. */
  find(localPath: number, anyPath: number, port: number): Listener | undefined {
    let id = localPath === NONE ? NONE : this.byPath.get(localPath, port);
    if (id === NONE) id = this.byPath.get(anyPath, port);
    if (id === NONE && localPath !== NONE) id = this.byPath.get(localPath, ANY_PORT);
    if (id === NONE) id = this.byPath.get(anyPath, ANY_PORT);
    return id === NONE ? undefined : this.listeners[id];
  }
}
