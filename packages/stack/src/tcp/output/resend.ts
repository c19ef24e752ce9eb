// What goes again: what was lost, as the window lets it, and the loss probe. RFC 5681 3.2, RFC 6298 5.4, RFC 6675 NextSeg, RFC 8985 7.3.

import { add, after, before, diff } from '../../base/int.ts';
import { FULL } from '../../contract/link.ts';
import type { SentRange } from '../buffers/sent-range.ts';
import type { Connections } from '../connections.ts';
import { RECOVERY_FAST, type Tcb } from '../tcb.ts';
import { noteResent } from './account.ts';
import { ackSent } from './ack.ts';
import type { Emitter } from './emit.ts';
import { burstOctets, mustWait } from './pacing.ts';
import { blocked, DONE, largestText, MORE, type Turn } from './turn.ts';

/** A part of the sender. */
export class Resender {
  private readonly c: Connections;
  private readonly emitter: Emitter;
  private readonly turn: Turn;

  constructor(c: Connections, emitter: Emitter, turn: Turn) {
    this.c = c;
    this.emitter = emitter;
    this.turn = turn;
  }

  /** What was lost goes again before anything new, as the congestion window lets it (RFC 5681 3.2, RFC 6298 5.4). R6675.3. */
  lost(tcb: Tcb): number {
    const { sent, loss } = tcb;
    // What F-RTO sent decides first.
    if (loss?.frto === true && after(tcb.sndNxt, tcb.recover)) return DONE;
    for (let place = sent.firstLost(); place >= 0; place = sent.firstLost()) {
      if (!this.turn.spend(tcb.mss)) return MORE;
      if (!this.mayResend(tcb, place)) return DONE;
      const outcome = this.sendAgain(tcb, place);
      if (outcome !== DONE) return outcome;
    }
    return DONE;
  }

  /** The range at `place` leaves again, lost or not; what one packet does not carry is cut off. */
  private sendAgain(tcb: Tcb, place: number): number {
    const range = tcb.sent.at(place);
    const textEnd = before(tcb.sndEnd, range.end) ? tcb.sndEnd : range.end;
    const syn = !tcb.synAcked && range.seq === tcb.iss;
    const seq = syn ? add(range.seq, 1) : range.seq;
    const text = diff(textEnd, seq);
    // The SYN of a connection that was closed before it was established goes alone, and so does its FIN.
    const outcome = syn ? this.emitter.syn(tcb) : this.emitter.segment(tcb, seq, Math.max(0, text));
    if (outcome === FULL) return blocked(this.c, tcb);
    if (tcb.sendBuffer?.broken === true) return MORE;
    if (!syn && this.emitter.carried < text) tcb.sent.cut(place, add(seq, this.emitter.carried));
    noteResent(this.c, tcb, place);
    ackSent(this.c, tcb);
    return DONE;
  }

  /** Cuts the range to what may go in one packet now; false: nothing may. */
  private mayResend(tcb: Tcb, place: number): boolean {
    const { pipe, mss, cwnd, loss, sent } = tcb;
    const range = sent.at(place);
    const room = pipe === 0 ? Math.max(mss, cwnd) : cwnd - pipe;
    const first = place === 0;
    // RFC 6582 3.2 step 3: what fast recovery takes for lost goes whatever is under way. A peer without SACK that tells of
    // fewer duplicates than segments it got would else leave it to the timer.
    const now = loss?.force === true || (first && tcb.recovery === RECOVERY_FAST && !tcb.sackPermitted);
    if (!now) {
      if (room < Math.min(mss, range.length)) return false;
      if (loss !== undefined && mustWait(this.c, tcb, loss)) return false;
    }
    if (loss !== undefined) loss.force = false;
    // SHLD-15..17: beyond a window that shrank nothing goes but the first segment, which is then the probe.
    const usable = diff(add(tcb.sndUna, tcb.sndWnd), range.seq);
    if (usable <= 0 && !first) return false;
    const largest = burstOctets(this.c, tcb, largestText(tcb));
    const most = Math.min(largest, Math.max(mss, room - (room % mss)), Math.max(mss, usable));
    if (range.length <= most + (this.endsWithFin(tcb, range) ? 1 : 0)) return true;
    // At the limit of ranges it waits until some are acknowledged.
    return sent.cut(place, add(range.seq, most));
  }

  /** The last segment that was sent leaves once more. */
  last(tcb: Tcb): number {
    const { sent, mss } = tcb;
    const last = sent.at(sent.count - 1);
    const most = mss + (this.endsWithFin(tcb, last) ? 1 : 0);
    if (last.length <= most || sent.cut(sent.count - 1, add(last.end, -most)))
      return this.sendAgain(tcb, sent.count - 1);
    // At the limit of ranges only the first can be cut, and probes as well.
    const first = sent.at(0);
    if (first.length > mss) sent.cut(0, add(first.seq, mss));
    return this.sendAgain(tcb, 0);
  }

  private endsWithFin(tcb: Tcb, range: SentRange): boolean {
    return tcb.finQueued && after(range.end, tcb.sndEnd);
  }
}
