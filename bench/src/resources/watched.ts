// Our server under observation, as a contestant; and what it tells.

import type { Contestant, Server } from '../peers/contestant.ts';
import { onTun } from '../peers/on-tun.ts';
import { built } from '../rig/built.ts';
import type { Child } from '../rig/child.ts';

/** How long the event loop stands still. */
export const BLOCKED_MS = 2000;
/** Where connections are held and kept alive, and how often. */
export const KEPT_PORT = 5010;
export const KEEP_ALIVE_MS = 10_000;

/** What the collector took. */
export interface Collected {
  longestMs: number;
  medianMs: number;
  /** Which kind of collection that was (perf_hooks' NODE_PERFORMANCE_GC_*), and when, milliseconds after the process began. */
  longestKind: number;
  longestAtMs: number;
  totalMs: number;
  collections: number;
}

/** What the stack counted since its event loop stood still. */
export interface Blocked {
  /** Retransmission timeouts. */
  readonly timeouts: number;
  readonly retransmitted: number;
  readonly lossProbes: number;
  readonly resets: number;
}

/**
 * What node is told where no pause may be long (packages/node/README.md): the collector neither wakes nor waits for helpers that have no
 * CPU, and V8 does not collect all, three times, to give memory back as soon as a program makes little garbage.
 */
const SHORT_PAUSES = ['--single-threaded-gc', '--no-memory-reducer'] as const;

/** With so many idle connections beside what is measured. */
export function watched(crowd: number): Contestant {
  const words = [process.execPath, ...SHORT_PAUSES, built('resources/watched-server.js'), `${crowd}`];
  const name = crowd === 0 ? 'alone' : `among ${crowd}`;
  return onTun({ name, offload: true, bulkQueue: true, build: () => Promise.resolve(words) });
}

/** The process of such a server. */
export function childOf({ child }: Server): Child {
  if (child === undefined) throw new Error('a watched server has a process');
  return child;
}
