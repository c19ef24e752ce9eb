// A stream of octets known from its seed: octet i is a function of (seed, direction, i), so whoever reads it needs no
// copy of what was written to know that it is right.

/** One direction of a connection. */
export class TcpStream {
  private readonly key: number;

  /** `direction`: any small number that tells the streams of one seed apart. */
  constructor(seed: number, direction: number) {
    this.key = (Math.imul(seed, 0x9e37_79b1) ^ Math.imul(direction + 1, 0x85eb_ca6b)) | 0;
  }

  /** Octet `i`. */
  octet(i: number): number {
    return (this.word(i >>> 2) >>> ((i & 3) << 3)) & 0xff;
  }

  /** Writes octets [from, from + length) of the stream to `bytes` at `offset`. */
  fill(bytes: Uint8Array, offset: number, length: number, from: number): void {
    let word = this.word(from >>> 2);
    for (let k = 0; k < length; k++) {
      const i = from + k;
      if ((i & 3) === 0) word = this.word(i >>> 2);
      bytes[offset + k] = word >>> ((i & 3) << 3);
    }
  }

  /** How many of the `length` octets of `bytes` at `offset` are octets `from` .. of the stream, counted up to the first that is not. */
  matching(bytes: Uint8Array, offset: number, length: number, from: number): number {
    let word = this.word(from >>> 2);
    for (let k = 0; k < length; k++) {
      const i = from + k;
      if ((i & 3) === 0) word = this.word(i >>> 2);
      if (bytes[offset + k] !== ((word >>> ((i & 3) << 3)) & 0xff)) return k;
    }
    return length;
  }

  /** Four octets. Neighbours differ: a shift by any number of octets is seen. */
  private word(n: number): number {
    let w = Math.imul(n ^ this.key, 0x9e37_79b1);
    w ^= w >>> 15;
    w = Math.imul(w, 0x85eb_ca6b);
    return w ^ (w >>> 13);
  }
}
