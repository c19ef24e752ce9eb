// xoshiro128** (Blackman and Vigna): small, fast, seeded. For simulation and hashing seeds, never for secrets.

/** A seeded stream of 32-bit numbers: equal seeds give equal streams. */
export class Prng {
  private a: number;
  private b: number;
  private c: number;
  private d: number;

  /** `seed`: any number; its low 32 bits count. Four words are spread from it by splitmix32. */
  constructor(seed: number) {
    let x = seed | 0;
    const next = (): number => {
      x = (x + 0x9e3779b9) | 0;
      let z = x;
      z = Math.imul(z ^ (z >>> 16), 0x21f0aaad);
      z = Math.imul(z ^ (z >>> 15), 0x735a2d97);
      return (z ^ (z >>> 15)) | 0;
    };
    this.a = next();
    this.b = next();
    this.c = next();
    this.d = next() | 1;
  }

  /** The next number, int32. */
  int32(): number {
    const x = Math.imul(this.b, 5);
    const result = Math.imul((x << 7) | (x >>> 25), 9);
    const t = this.b << 9;
    this.c ^= this.a;
    this.d ^= this.b;
    this.b ^= this.c;
    this.a ^= this.d;
    this.c ^= t;
    this.d = (this.d << 11) | (this.d >>> 21);
    return result | 0;
  }

  /** Uniform in 0 .. n-1, n up to 2^31 (multiply-shift: the bias is below n / 2^32). */
  below(n: number): number {
    return Math.floor((this.int32() >>> 0) * (n / 0x1_0000_0000));
  }

  /** Uniform in [0, 1), 32 bits of resolution. */
  unit(): number {
    return (this.int32() >>> 0) / 0x1_0000_0000;
  }

  /** True with probability p. Draws exactly one number whatever p is, so that schedules stay aligned. */
  chance(p: number): boolean {
    return this.unit() < p;
  }
}
