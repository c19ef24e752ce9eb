// Assertions: what only a bug of ours can cause. Input never asserts, it is dropped with a reason.

/** True where the expensive laws are checked and freed memory is poisoned: tests and the simulator. */
export let CHECKS = false;

/** Switches the expensive checks on or off for the whole process. Tests call it once, before anything runs. */
export function setChecks(on: boolean): void {
  CHECKS = on;
}

/** Throws when a law of this code base is broken. The message names the law, in the positive. */
export function assert(holds: boolean, law: string): asserts holds {
  if (!holds) throw new Error(`tunstack bug: it must hold that ${law}`);
}

/** What poisoned octets look like: an odd value that no checksum or length accepts by luck. */
export const POISON = 0xdb;
