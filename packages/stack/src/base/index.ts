// The ground floor: what any layer may use.
export { assert, CHECKS, POISON, setChecks } from './assert.ts';
export { Deadlines } from './deadlines.ts';
export { Fifo } from './fifo.ts';
export { FlowTable } from './flow-table.ts';
export { IndexPool, NONE } from './index-pool.ts';
export { add, after, before, diff, earlier } from './int.ts';
export { Prng } from './prng.ts';
export { SipHash } from './siphash.ts';
