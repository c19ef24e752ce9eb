// SipHash-2-4 (Aumasson and Bernstein 2012): a short keyed hash that an outsider can neither compute nor aim.
//
// Four 64-bit words of state, each as two int32 halves in one Int32Array (no BigInt):
//
//   | v0 low | v0 high | v1 low | v1 high | v2 low | v2 high | v3 low | v3 high |

/** What the key is mixed with at the start: "somepseudorandomlygeneratedbytes". */
const START: Int32Array = Int32Array.of(
  0x70736575,
  0x736f6d65,
  0x6e646f6d,
  0x646f7261,
  0x6e657261,
  0x6c796765,
  0x79746573,
  0x74656462,
);

const ROUNDS_PER_WORD = 2;
const ROUNDS_AT_THE_END = 4;
/** The octets of the message that `hash` takes; the last word carries a message's length in its highest octet. */
const LENGTH_OF_FOUR = 16 << 24;

/**
 * SipHash-2-4 under one key of 128 bits, four little-endian words. Not for two messages at once: it keeps its state.
 *
 * @example
 * const hash = new SipHash(entropy.int32(), entropy.int32(), entropy.int32(), entropy.int32());
 * const bucket = hash.hash(local, remote, ports, 0) & mask;
 */
export class SipHash {
  /** The 64 bits that the last message hashed to, int32 halves. */
  low = 0;
  high = 0;
  private readonly begun: Int32Array = new Int32Array(8);
  private readonly v: Int32Array = new Int32Array(8);

  constructor(k0: number, k1: number, k2: number, k3: number) {
    for (let half = 0; half < 8; half += 4) {
      this.begun[half] = START[half] ^ k0;
      this.begun[half + 1] = START[half + 1] ^ k1;
      this.begun[half + 2] = START[half + 2] ^ k2;
      this.begun[half + 3] = START[half + 3] ^ k3;
    }
  }

  /** The low 32 bits of the hash of the 16 octets that four words are, each little-endian; int32. */
  hash(a: number, b: number, c: number, d: number): number {
    this.begin();
    this.compress(a, b);
    this.compress(c, d);
    return this.finish(0, LENGTH_OF_FOUR);
  }

  /** Starts a message: then `compress` for each 8 octets of it, and `finish`. */
  begin(): void {
    const { begun, v } = this;
    for (let i = 0; i < 8; i++) v[i] = begun[i];
  }

  /** The next 8 octets. */
  compress(low: number, high: number): void {
    const { v } = this;
    v[6] ^= low;
    v[7] ^= high;
    rounds(v, ROUNDS_PER_WORD);
    v[0] ^= low;
    v[1] ^= high;
  }

  /** The 0 to 7 octets that are left, with the message's length modulo 256 on top. Answers `low`. */
  finish(low: number, high: number): number {
    this.compress(low, high);
    const { v } = this;
    v[4] ^= 0xff;
    rounds(v, ROUNDS_AT_THE_END);
    this.low = v[0] ^ v[2] ^ v[4] ^ v[6];
    this.high = v[1] ^ v[3] ^ v[5] ^ v[7];
    return this.low;
  }
}

/** 1 when the low halves carry: then their sum is less than either. */
function carry(sum: number, part: number): number {
  return sum >>> 0 < part >>> 0 ? 1 : 0;
}

/** `count` times SipRound, figure 2.1 of the paper: additions modulo 2^64, rotations, exclusive ors. */
function rounds(v: Int32Array, count: number): void {
  let aLow = v[0];
  let aHigh = v[1];
  let bLow = v[2];
  let bHigh = v[3];
  let cLow = v[4];
  let cHigh = v[5];
  let dLow = v[6];
  let dHigh = v[7];
  let kept = 0;
  for (let i = 0; i < count; i++) {
    // v0 += v1, v1 <<<= 13, v1 ^= v0, v0 <<<= 32
    aLow = (aLow + bLow) | 0;
    aHigh = (aHigh + bHigh + carry(aLow, bLow)) | 0;
    kept = ((bLow << 13) | (bHigh >>> 19)) ^ aLow;
    bHigh = ((bHigh << 13) | (bLow >>> 19)) ^ aHigh;
    bLow = kept;
    kept = aLow;
    aLow = aHigh;
    aHigh = kept;
    // v2 += v3, v3 <<<= 16, v3 ^= v2
    cLow = (cLow + dLow) | 0;
    cHigh = (cHigh + dHigh + carry(cLow, dLow)) | 0;
    kept = ((dLow << 16) | (dHigh >>> 16)) ^ cLow;
    dHigh = ((dHigh << 16) | (dLow >>> 16)) ^ cHigh;
    dLow = kept;
    // v0 += v3, v3 <<<= 21, v3 ^= v0
    aLow = (aLow + dLow) | 0;
    aHigh = (aHigh + dHigh + carry(aLow, dLow)) | 0;
    kept = ((dLow << 21) | (dHigh >>> 11)) ^ aLow;
    dHigh = ((dHigh << 21) | (dLow >>> 11)) ^ aHigh;
    dLow = kept;
    // v2 += v1, v1 <<<= 17, v1 ^= v2, v2 <<<= 32
    cLow = (cLow + bLow) | 0;
    cHigh = (cHigh + bHigh + carry(cLow, bLow)) | 0;
    kept = ((bLow << 17) | (bHigh >>> 15)) ^ cLow;
    bHigh = ((bHigh << 17) | (bLow >>> 15)) ^ cHigh;
    bLow = kept;
    kept = cLow;
    cLow = cHigh;
    cHigh = kept;
  }
  v[0] = aLow;
  v[1] = aHigh;
  v[2] = bLow;
  v[3] = bHigh;
  v[4] = cLow;
  v[5] = cHigh;
  v[6] = dLow;
  v[7] = dHigh;
}
