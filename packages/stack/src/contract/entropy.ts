// Chance, as the core sees it: cryptographic on a real host, seeded in the simulator.

/** A source of unpredictable numbers. */
export interface Entropy {
  /** 32 random bits, as int32. */
  int32(): number;
}
