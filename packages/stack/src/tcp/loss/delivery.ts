// What one acknowledgment delivered: octets, round trip, delivery rate. One record per engine, reused.
// The rate is draft-cheng-iccrg-delivery-rate-estimation's: between the sending of the newest range delivered and now.

import { before, diff } from '../../base/int.ts';
import type { SentRange } from '../buffers/sent-range.ts';
import type { Arrivals } from '../buffers/sent-ranges.ts';

/** `a` left later than `b`; of the same microsecond, the one with the higher end (RFC 8985 6.2, RACK_sent_after). */
export function sentAfter(aUs: number, aEnd: number, bUs: number, bEnd: number): boolean {
  const later = diff(aUs, bUs);
  return later > 0 || (later === 0 && before(bEnd, aEnd));
}

/** See the head of this file. Octets, microseconds. */
export class Delivery implements Arrivals {
  nowUs = 0;
  /** SND.UNA moved by this much. */
  ackedOctets = 0;
  /** Octets that are newly known to have arrived, by ACK or by SACK. */
  deliveredOctets = 0;
  lostOctets = 0;
  /** At least one range arrived: what follows is of the one that was sent last. */
  any = false;
  sentUs = 0;
  sentEnd = 0;
  resent = false;
  priorDelivered = 0;
  priorDeliveredUs = 0;
  firstSentUs = 0;
  appLimited = false;
  /** Round trip of the range that was sent last among those acknowledged in order, or 0; and the same of those SACKed. Only what was sent once. */
  rttUs = 0;
  sackRttUs = 0;
  /** Karn: a range that was sent more than once was acknowledged: when the first of them left last. */
  ambiguous = false;
  resentUs = 0;
  /** A SACK block told of octets that had been told of before (RFC 2883). */
  dsack = false;
  /** Something that was sent once arrived after what was sent behind it. */
  reordered = false;
  /** Of what was outstanding when the timer ran out, something arrived that was not sent again since (RFC 5682). */
  original = false;
  /** New SACK blocks, or a duplicate of a peer that sends none. */
  duplicate = false;
  /** The peer echoes a congestion mark (RFC 3168). */
  marked = false;
  /** How old the timestamp is that it echoes, or 0: none. */
  echoUs = 0;
  /** Where SACK blocks reached before this acknowledgment, and where the recovery that goes on began to count: set before. */
  fack = 0;
  recover = 0;

  clear(nowUs: number, fack: number, recover: number): void {
    this.nowUs = nowUs;
    this.ackedOctets = 0;
    this.deliveredOctets = 0;
    this.lostOctets = 0;
    this.any = false;
    this.rttUs = 0;
    this.sackRttUs = 0;
    this.ambiguous = false;
    this.dsack = false;
    this.reordered = false;
    this.original = false;
    this.duplicate = false;
    this.fack = fack;
    this.recover = recover;
  }

  /** A range arrived that was not known to have; `inOrder`: the cumulative acknowledgment says so. */
  take(range: SentRange, inOrder: boolean): void {
    this.deliveredOctets += range.length;
    if (range.retransmits === 0) {
      if (before(range.seq, this.fack)) this.reordered = true;
      if (!before(this.recover, range.end)) this.original = true;
      const rttUs = Math.max(1, diff(this.nowUs, range.sentUs));
      if (!inOrder) this.sackRttUs = this.sackRttUs === 0 ? rttUs : Math.min(this.sackRttUs, rttUs);
      else this.rttUs = this.rttUs === 0 ? rttUs : Math.min(this.rttUs, rttUs);
    } else if (inOrder && !this.ambiguous) {
      this.ambiguous = true;
      this.resentUs = range.sentUs;
    }
    if (this.any && !sentAfter(range.sentUs, range.end, this.sentUs, this.sentEnd)) return;
    this.any = true;
    this.sentUs = range.sentUs;
    this.sentEnd = range.end;
    this.resent = range.retransmits > 0;
    this.priorDelivered = range.delivered;
    this.priorDeliveredUs = range.deliveredUs;
    this.firstSentUs = range.firstSentUs;
    this.appLimited = range.appLimited;
  }
}
