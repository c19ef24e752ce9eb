// SYN cookies: RFC 4987 3.6 (R4987.1) and appendix A. While no half-open connection can be remembered, our initial sequence number
// remembers it: whoever acknowledges it has got our SYN,ACK, and says again what his SYN said.
//
//   ISN     =  SipHash-2-4(addresses, ports, the peer's ISN, minute)  xor  index of its MSS (3 bits)
//   TSval   =  our clock, its low six bits replaced:   | ECN | SACK | window scale, 15: none |
//                                                         5     4     3 .. 0
//
// A forger meets one of 2^29 numbers, twice as often while two minutes are good. Appendix A shows the minute in five bits
// and leaves 24 for the secret; here it need not be shown, as both minutes that may be are tried.
//
// Nothing remembers that a cookie came back: an old duplicate of the acknowledgment, once its connection is over and forgotten,
// opens another one, which its peer resets. Linux lives with that, too; it is why cookies are for floods.

import { diff } from '../base/int.ts';
import { SipHash } from '../base/siphash.ts';
import type { Entropy } from '../contract/entropy.ts';

/** `tcpSynCookies`. */
export const COOKIES_NEVER = 0;
export const COOKIES_WHEN_FULL = 1;
export const COOKIES_ALWAYS = 2;

/** Uptime in seconds to minutes of 64 (RFC 4987 appendix A): they never come again, unlike milliseconds in 32 bits. */
const MINUTE_SHIFT = 6;
/** A cookie is good for its own minute and the next: 64 to 128 seconds. */
const GOOD_S = 2 << MINUTE_SHIFT;

/**
 * What a peer's MSS is rounded down to: never more than it said (MUST-16). The smallest is Linux's tcp_min_snd_mss, then
 * both protocols' defaults less headers, tunnels', PPPoE's, Ethernet's, jumbo frames'.
 */
const MSS_STEPS: Int32Array = Int32Array.of(48, 536, 1220, 1360, 1400, 1440, 1460, 8960);
const STEP_MASK = 7;

/** Low bits of TSval. */
const NOTE_MASK = 63;
const NOTE_NO_SCALE = 15;
const NOTE_SACK = 16;
const NOTE_ECN = 32;
/** The octets of the message that is hashed: five words. */
const LENGTH_OF_FIVE = 20 << 24;

/**
 * What TSval's low bits remember of a SYN: its window scale (-1: none), SACK-permitted, ECN (RFC 3168 6.1.1).
 *
 * @example
 * noteOf(7, true, false);      // 23
 */
export function noteOf(windowScale: number, sackPermitted: boolean, ecn: boolean): number {
  const scale = windowScale < 0 ? NOTE_NO_SCALE : Math.min(windowScale, 14);
  return scale | (sackPermitted ? NOTE_SACK : 0) | (ecn ? NOTE_ECN : 0);
}

/** The window scale of a note, -1: none. */
export function scaleOfNote(note: number): number {
  const scale = note & NOTE_NO_SCALE;
  return scale === NOTE_NO_SCALE ? -1 : scale;
}

export function sackOfNote(note: number): boolean {
  return (note & NOTE_SACK) !== 0;
}

export function ecnOfNote(note: number): boolean {
  return (note & NOTE_ECN) !== 0;
}

/** The latest TSval that carries this note and is not later than `tsVal`, at most 63 ms before it: PAWS lets all that follows pass. */
export function timestampWithNote(tsVal: number, note: number): number {
  const noted = (tsVal & ~NOTE_MASK) | note;
  return diff(noted, tsVal) > 0 ? (noted - NOTE_MASK - 1) | 0 : noted;
}

/** The note that an echoed timestamp carries, or -1: it echoes no SYN,ACK that could still be acknowledged. */
export function noteOfEcho(tsEcr: number, tsVal: number): number {
  const ageMs = diff(tsVal, tsEcr);
  return ageMs < 0 || ageMs > (GOOD_S + 1) * 1000 ? -1 : tsEcr & NOTE_MASK;
}

/**
 * The cookies of one stack. It remembers when the last one left, and nothing else.
 *
 * @example
 * const isn = cookies.isn(local, remote, ports, irs, 1460, uptimeS);
 * cookies.mssOf(local, remote, ports, irs, isn, uptimeS + 64);      // 1460
 * cookies.mssOf(local, remote, ports, irs, isn, uptimeS + 128);     // 0
 */
export class SynCookies {
  private readonly entropy: Entropy;
  private keyed: SipHash | undefined = undefined;
  private sentS = 0;

  constructor(entropy: Entropy) {
    this.entropy = entropy;
  }

  /**
   * The sequence number of a SYN,ACK that nobody remembers, int32. It is as random as others are, but does not move with the
   * clock (MUST-8): where an older incarnation is remembered (TIME-WAIT) there is a row, and no cookie.
   *
   * `local`, `remote`: address words; `ports`: both in one word, always packed alike; `irs`: the SYN's; `mss`: octets the
   * peer takes; `uptimeS`: seconds since the stack was made.
   */
  isn(local: number, remote: number, ports: number, irs: number, mss: number, uptimeS: number): number {
    this.sentS = uptimeS;
    let step = MSS_STEPS.length - 1;
    while (step > 0 && MSS_STEPS[step] > mss) step--;
    return this.hash(local, remote, ports, irs, uptimeS >> MINUTE_SHIFT) ^ step;
  }

  /** Some cookie may still come back: without one an acknowledgment is not even looked at. */
  expects(uptimeS: number): boolean {
    return this.keyed !== undefined && uptimeS - this.sentS < GOOD_S;
  }

  /** The MSS (rounded down) of the SYN whose cookie this is, or 0: none of ours, or too old. */
  mssOf(local: number, remote: number, ports: number, irs: number, isn: number, uptimeS: number): number {
    const minute = uptimeS >> MINUTE_SHIFT;
    for (let ago = 0; ago < 2; ago++) {
      const step = this.hash(local, remote, ports, irs, minute - ago) ^ isn;
      if ((step & ~STEP_MASK) === 0) return MSS_STEPS[step];
    }
    return 0;
  }

  private hash(local: number, remote: number, ports: number, irs: number, minute: number): number {
    const { entropy } = this;
    // Drawn for the first flood: most stacks never see one.
    this.keyed ??= new SipHash(entropy.int32(), entropy.int32(), entropy.int32(), entropy.int32());
    this.keyed.begin();
    this.keyed.compress(local, remote);
    this.keyed.compress(ports, irs);
    return this.keyed.finish(minute, LENGTH_OF_FIVE);
  }
}
