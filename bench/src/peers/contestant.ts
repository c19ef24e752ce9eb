// What is compared: a TCP server that a client of the kernel's reaches at 10.9.0.2, by TUN or by veth.

import type { Child } from '../rig/child.ts';

/** What a server does on which port. */
export const PORTS = { sink: 5001, source: 5002, echo: 5003, 'ping-pong': 5004, requests: 5005 } as const;
export type Service = keyof typeof PORTS;

/** Where a server runs; its client is placed by the load. */
export interface Place {
  /** Of the device, octets. */
  readonly mtu: number;
  /** undefined: on any. */
  readonly cpu: number | undefined;
}

/** A server that waits. */
export interface Server {
  /** What stands before the client's command: its namespace. */
  readonly enter: readonly string[];
  port(service: Service): number;
  /** CPU of its process so far, nanoseconds, where all of its work is done by that. */
  readonly cpuNs?: () => number;
  /** Its process, where there is one. */
  readonly child?: Child;
  end(): Promise<void>;
}

/** One who can be started, again and again. */
export interface Contestant {
  readonly name: string;
  /** It runs on V8: what it does is compiled while it does it, a second of CPU and more after the first octet. */
  readonly compiles?: true;
  /** Throws CannotBuild when what it is made of is not there. */
  start(place: Place): Promise<Server>;
}

/** Runs `start`; ends the children, and then what they ran on, when it fails. */
export async function startOn(
  end: () => Promise<void>,
  start: () => Promise<Omit<Server, 'end'>>,
): Promise<Server> {
  try {
    return { ...(await start()), end };
  } catch (error) {
    await end();
    throw error;
  }
}

/** Ends the last first. */
export async function endAll(children: Child[]): Promise<void> {
  for (const child of children.reverse()) await child.end();
}
