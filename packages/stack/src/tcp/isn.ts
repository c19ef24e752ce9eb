// Initial sequence numbers and timestamp offsets: RFC 9293 3.4.1 (RFC 6528), RFC 7323 5.4. R6528.1.
//
//   ISN = M + F(local address, local port, remote address, remote port, secret key)
//
//   M   the clock: one tick each 4 us, once round in 4.8 hours
//   F   SipHash-2-4, its key drawn when the stack starts and never told

import { SipHash } from '../base/siphash.ts';
import type { Entropy } from '../contract/entropy.ts';

/** Ticks of 4 us in the millisecond that our clock resolves. */
const TICKS_PER_MS = 250;

/**
 * Draws two keys: what one of the two hashes shows on the wire (a timestamp, at leisure) says nothing of the other.
 *
 * @example
 * const iss = generator.isn(local, remote, (localPort << 16) | remotePort, nowMs);
 */
export class IsnGenerator {
  private readonly sequences: SipHash;
  private readonly timestamps: SipHash;

  constructor(entropy: Entropy) {
    this.sequences = keyed(entropy);
    this.timestamps = keyed(entropy);
  }

  /**
   * The initial sequence number of a connection that begins at `nowMs`. MUST-8, MUST-9, SHLD-1.
   *
   * `local`, `remote`: address words; `ports`: both in one word, always packed alike; `nowMs`: the stack's clock, which
   * wraps at 2^32 as the sequence space does, so no jump there. All int32, and so is the answer.
   */
  isn(local: number, remote: number, ports: number, nowMs: number): number {
    return (Math.imul(nowMs, TICKS_PER_MS) + this.sequences.hash(local, remote, ports, 0)) | 0;
  }

  /**
   * What is added to `nowMs` in TSval towards this peer. RFC 7323 5.4 would have it by connection; as Linux does we
   * leave out the ports, so that a later connection of the two hosts goes on where the last was, and TIME-WAIT may
   * tell old from new (RFC 6191). An outsider still learns nothing of our uptime.
   */
  timestampOffset(local: number, remote: number): number {
    return this.timestamps.hash(local, remote, 0, 0);
  }
}

function keyed(entropy: Entropy): SipHash {
  return new SipHash(entropy.int32(), entropy.int32(), entropy.int32(), entropy.int32());
}
