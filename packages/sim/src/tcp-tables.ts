// What TCP of a stack holds, counted: for tests that nothing stays behind. Looks inside where no public name leads.

import type { Stack } from '@tunstack/stack';

/** Numbers that are 0 when no connection exists, or as they were before there was one. */
export interface TcpTables {
  /** Connections in any state but CLOSED and LISTEN, rows included. */
  readonly connections: number;
  readonly awake: number;
  readonly listeners: number;
  /** Octets of received text that are charged to the stack, and memory of the receive buffers. */
  readonly receiveOctets: number;
  readonly receiveBytes: number;
  /** Paths that somebody holds. */
  readonly heldPaths: number;
  readonly usedPorts: number;
  readonly deadlines: number;
  readonly dirty: number;
}

/** The parts of a stack that are looked at. */
interface Inside {
  readonly tcp: {
    readonly deadlines: { readonly size: number };
    readonly asleep: { readonly deadlines: { readonly size: number } };
    readonly connections: {
      readonly size: number;
      readonly receiveOctets: number;
      readonly receiveStore: { readonly allocated: number };
      readonly listeners: { readonly size: number };
      readonly dirty: { readonly size: number };
      readonly portUsers: Int32Array;
      awake(): unknown[];
    };
  };
  readonly paths: { readonly size: number; readonly idleSize: number };
}

export function tcpTables(stack: Stack): TcpTables {
  const { tcp, paths } = stack as unknown as Inside;
  const { connections } = tcp;
  return {
    connections: connections.size,
    awake: connections.awake().length,
    listeners: connections.listeners.size,
    receiveOctets: connections.receiveOctets,
    receiveBytes: connections.receiveStore.allocated,
    heldPaths: paths.size - paths.idleSize,
    usedPorts: connections.portUsers.reduce((sum, users) => sum + users, 0),
    deadlines: tcp.deadlines.size + tcp.asleep.deadlines.size,
    dirty: connections.dirty.size,
  };
}

/** What of a connection can be found without waking it. */
interface Finder {
  readonly tcp: {
    readonly connections: {
      readonly byTuple: { get(path: number, ports: number): number };
      readonly tcbs: readonly ({ readonly state: number } | undefined)[];
      readonly rows: { isTimeWait(row: number): boolean };
    };
  };
  readonly paths: { find(local: number, remote: number): number };
}

const SYN_RECEIVED = 3;
const TIME_WAIT = 10;
const CLOSED = 0;

/** The state of a connection by its addresses (int32 words) and ports, as in RFC 9293 3.3.2: 0 CLOSED .. 10 TIME-WAIT. */
export function tcpStateOf(
  stack: Stack,
  local: number,
  localPort: number,
  remote: number,
  remotePort: number,
): number {
  const { tcp, paths } = stack as unknown as Finder;
  const path = paths.find(local, remote);
  const key = path < 0 ? -1 : tcp.connections.byTuple.get(path, (localPort << 16) | remotePort);
  if (key < 0) return CLOSED;
  if ((key & 1) === 1) return tcp.connections.rows.isTimeWait(key >> 1) ? TIME_WAIT : SYN_RECEIVED;
  return tcp.connections.tcbs[key >> 1]?.state ?? CLOSED;
}
