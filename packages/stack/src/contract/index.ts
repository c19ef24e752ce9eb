// The contracts: what varies, and what passes between those who vary.
export { type Arena, Arenas } from './arena.ts';
export type { Clock } from './clock.ts';
export { C, COUNTER_NAMES, type CounterName } from './counters.ts';
export type { Entropy } from './entropy.ts';
export * from './errno.ts';
export * from './events.ts';
export * from './hook.ts';
export { Inbox } from './inbox.ts';
export * from './link.ts';
export * from './packet.ts';
export { DEFAULT_POOL_LIMITS, PacketPool, POOL_HEADROOM, type PoolLimits } from './packet-pool.ts';
export { R, REASONS, type Reason, type ReasonName } from './reasons.ts';
export * from './tap.ts';
