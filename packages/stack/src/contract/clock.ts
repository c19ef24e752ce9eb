// Time, as the core sees it: two int32 readings that wrap, compared with base/int. The pump reads it once a batch.

/** A monotonic clock. Laws, held to by test/conformance/clock.ts: int32, never back, both readings at one pace. */
export interface Clock {
  /** Milliseconds, int32, modular. */
  nowMs(): number;
  /** Microseconds, int32, modular. */
  nowUs(): number;
}
