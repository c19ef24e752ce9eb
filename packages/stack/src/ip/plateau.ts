// What the next smaller path MTU may be when a router does not say: RFC 1191 section 7, table 7-1.

/** MTUs that links have, largest first. */
const PLATEAUS: readonly number[] = [65_535, 32_000, 17_914, 8166, 4352, 2002, 1492, 1006, 508, 296, 68];

/** The largest common MTU below `length`, or 68, below which there is none. */
export function plateauBelow(length: number): number {
  return PLATEAUS.find((plateau) => plateau < length) ?? 68;
}
