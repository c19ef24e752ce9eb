// Modular comparison on int32: sequence numbers (RFC 9293 3.4) and clock readings wrap alike.
// Two values compare as long as they are less than 2^31 apart; callers keep times within 2^30.

/** a - b modulo 2^32, in -2^31 .. 2^31-1. */
export function diff(a: number, b: number): number {
  return (a - b) | 0;
}

/** a + n modulo 2^32. */
export function add(a: number, n: number): number {
  return (a + n) | 0;
}

/** True when a comes before b on the circle. */
export function before(a: number, b: number): boolean {
  return ((a - b) | 0) < 0;
}

/** True when a comes after b on the circle. */
export function after(a: number, b: number): boolean {
  return ((a - b) | 0) > 0;
}

/** The earlier of two points on the circle. */
export function earlier(a: number, b: number): number {
  return ((a - b) | 0) <= 0 ? a : b;
}

/** The later of two, which lie within half the circle of each other. */
export function later(a: number, b: number): number {
  return ((a - b) | 0) > 0 ? a : b;
}
