// The only sender. Each connection that was marked gets its turn: RST, ACKs owed, what was lost, what is new, a probe, an
// ACK. What its link will not take waits there; the others go on.

import { add, after, before, diff } from '../../base/int.ts';
import { C } from '../../contract/counters.ts';
import { ECONNABORTED } from '../../contract/errno.ts';
import { FEATURE_TSO4, FULL, TAKEN } from '../../contract/link.ts';
import type { DatagramOutput } from '../../ip/datagrams.ts';
import type { SentRange } from '../buffers/sent-ranges.ts';
import type { ControllerFactory } from '../congestion/controller.ts';
import type { Connections } from '../connections.ts';
import { CLOSED, SYN_RECEIVED, SYN_SENT } from '../state.ts';
import { updateMss } from '../synchronize.ts';
import {
  PROBE_NONE,
  RECOVERY_FAST,
  type Tcb,
  TIMER_DELAYED_ACK,
  TIMER_PERSIST,
  TIMER_RETRANSMIT,
} from '../tcb.ts';
import { startPersist } from '../timeouts/persist.ts';
import { isRunning } from '../timers.ts';
import { ackIsDue, ackSent, ackStride } from './ack.ts';
import { Emitter } from './emit.ts';
import { HELD_BY_CWND, nextTextLength, SEND_NOTHING } from './nagle.ts';

/** Packets of one turn; then the next connection has its own. */
const QUOTA = 64;
/** The largest IP datagram without its headers, options included: what a super-segment may have. */
const SUPER_OCTETS = 65_535 - 20 - 60;

/** All was said that can be said now. */
const DONE = 0;
/** There is more: behind the others. */
const MORE = 1;
/** The link is full. */
const BLOCKED = 2;

/** Sends for all connections of one stack. */
export class TcpOutput {
  private readonly c: Connections;
  private readonly emitter: Emitter;
  private readonly newController: ControllerFactory;
  private quota = 0;

  constructor(c: Connections, ip: DatagramOutput, newController: ControllerFactory) {
    this.c = c;
    this.emitter = new Emitter(c, ip);
    this.newController = newController;
  }

  /** Empties the dirty list; what the links refuse waits there. */
  drain(): void {
    const { c } = this;
    for (let tcb = c.dirty.shift(); tcb !== undefined; tcb = c.dirty.shift()) {
      tcb.dirty = false;
      if (tcb.id < 0) continue;
      this.quota = QUOTA;
      const outcome = this.serve(tcb);
      if (outcome === BLOCKED) this.waitForRoom(tcb);
      else if (outcome === MORE) c.markDirty(tcb);
      else if (c.maySleep(tcb)) c.sleep(tcb);
    }
  }

  private waitForRoom(tcb: Tcb): void {
    tcb.waiting = true;
    tcb.path.face.waitForRoom(tcb);
  }

  private serve(tcb: Tcb): number {
    const { c } = this;
    c.paths.refresh(tcb.path);
    // Without a route all that leaves is dropped and counted by IP; timers go on, a route may come.
    if (tcb.path.route !== undefined) {
      if (tcb.path.face.full) return BLOCKED;
      if (tcb.path.pmtu !== tcb.mssPmtu) updateMss(tcb);
    }
    if (tcb.held) return DONE;
    if (tcb.sendBuffer.broken) tcb.resetPending = true;
    if (tcb.resetPending) return this.sendReset(tcb);
    if (tcb.state === SYN_SENT || tcb.state === SYN_RECEIVED) return this.sendSyn(tcb);
    let outcome = this.sendOwed(tcb);
    if (outcome === DONE) outcome = this.resend(tcb);
    if (outcome === DONE) outcome = this.sendNew(tcb);
    if (outcome === DONE) outcome = this.sendProbe(tcb);
    if (outcome === DONE) outcome = this.sendAck(tcb);
    return outcome;
  }

  private sendReset(tcb: Tcb): number {
    if (this.emitter.reset(tcb) === FULL) return BLOCKED;
    // An application that takes back memory it gave by reference has ended its connection.
    this.c.finish(tcb, tcb.sendBuffer.broken ? ECONNABORTED : tcb.error);
    return DONE;
  }

  /** SYN, or SYN,ACK: the first time, when its timer ran out, or when the peer asks for it again. */
  private sendSyn(tcb: Tcb): number {
    const { c } = this;
    const { first } = tcb.sent;
    if (first === undefined) {
      if (this.emitter.syn(tcb) === FULL) return this.blocked(tcb);
      tcb.sndNxt = add(tcb.iss, 1);
      this.note(tcb, tcb.iss, tcb.sndNxt);
    } else if (first.lost || tcb.resendSyn) {
      if (this.emitter.syn(tcb) === FULL) return this.blocked(tcb);
      tcb.sent.resent(first, c.context.nowUs);
      c.context.stats.counters[C.TcpRetransSegs]++;
      c.context.stats.counters[C.TcpExtTCPSynRetrans]++;
    } else if (tcb.ackNow && tcb.state === SYN_RECEIVED) {
      if (this.emitter.ack(tcb, tcb.rcvNxt) === FULL) return this.blocked(tcb);
    }
    tcb.resendSyn = false;
    tcb.ackNow = false;
    return DONE;
  }

  /** ACKs of earlier places, in their order: duplicates for a peer that counts them. */
  private sendOwed(tcb: Tcb): number {
    const owed = tcb.acksOwed;
    if (owed === undefined || owed.length === 0) return DONE;
    let sent = 0;
    while (sent < owed.length && this.owedAck(tcb, owed[sent]) === TAKEN) sent++;
    const all = sent === owed.length;
    if (sent > 0 && owed[sent - 1] === tcb.rcvNxt) ackSent(this.c, tcb);
    tcb.acksOwed = all ? undefined : owed.slice(sent);
    return all ? DONE : this.blocked(tcb);
  }

  /** MUST-58: news is told with the window as it is now, or a second ACK would have to; a duplicate with the old one. */
  private owedAck(tcb: Tcb, ack: number): number {
    const news = ack === tcb.rcvNxt && after(ack, tcb.lastAckSent);
    return news ? this.emitter.ack(tcb, ack) : this.emitter.duplicateAck(tcb, ack);
  }

  /** What was lost goes again before anything new, as the congestion window lets it (RFC 5681 3.2, RFC 6298 5.4). */
  private resend(tcb: Tcb): number {
    for (let range = tcb.sent.firstLost(); range !== undefined; range = tcb.sent.firstLost()) {
      if (this.quota-- <= 0) return MORE;
      if (!this.mayResend(tcb, range)) return DONE;
      const textEnd = before(tcb.sndEnd, range.end) ? tcb.sndEnd : range.end;
      const syn = !tcb.synAcked && range.seq === tcb.iss;
      const seq = syn ? add(range.seq, 1) : range.seq;
      const text = diff(textEnd, seq);
      // The SYN of a connection that was closed before it was established goes alone, and so does its FIN.
      const outcome = syn ? this.emitter.syn(tcb) : this.emitter.segment(tcb, seq, Math.max(0, text));
      if (outcome === FULL) return this.blocked(tcb);
      if (tcb.sendBuffer.broken) return MORE;
      if (!syn && this.emitter.carried < text) tcb.sent.cut(range, add(seq, this.emitter.carried));
      const { counters } = this.c.context.stats;
      counters[C.TcpRetransSegs] += Math.max(1, Math.ceil(range.length / tcb.mss));
      tcb.sent.resent(range, this.c.context.nowUs);
      this.noteSending(tcb);
      ackSent(this.c, tcb);
    }
    return DONE;
  }

  /** Cuts the range to what may go in one packet now; false: nothing may. */
  private mayResend(tcb: Tcb, range: SentRange): boolean {
    const { pipe, mss } = tcb;
    const cwnd = tcb.controller === undefined ? mss : tcb.controller.cwnd;
    const room = pipe === 0 ? Math.max(mss, cwnd) : cwnd - pipe;
    const first = range === tcb.sent.first;
    // RFC 5681 3.2 step 3, RFC 6582 3.2 step 3: what fast recovery takes for lost goes whatever is under way. A peer that
    // tells of fewer duplicates than segments it got (Linux compresses them) would else leave it to the timer.
    const now = first && tcb.recovery === RECOVERY_FAST;
    if (room < Math.min(mss, range.length) && !now) return false;
    // SHLD-15..17: beyond a window that shrank nothing goes but the first segment, which is then the probe.
    const usable = diff(add(tcb.sndUna, tcb.sndWnd), range.seq);
    if (usable <= 0 && !first) return false;
    const most = Math.min(this.largest(tcb), Math.max(mss, room - (room % mss)), Math.max(mss, usable));
    if (range.length > most + (this.endsWithFin(tcb, range) ? 1 : 0))
      tcb.sent.cut(range, add(range.seq, most));
    return true;
  }

  private endsWithFin(tcb: Tcb, range: SentRange): boolean {
    return tcb.finQueued && after(range.end, tcb.sndEnd);
  }

  /** New text, and the FIN behind it. */
  private sendNew(tcb: Tcb): number {
    const { c } = this;
    if (tcb.state === CLOSED || !tcb.synAcked) return DONE;
    const largest = this.largest(tcb);
    if (diff(tcb.sndEnd, tcb.sndNxt) > 0) this.prepare(tcb);
    let length = nextTextLength(tcb, largest);
    while (length > 0) {
      if (this.quota-- <= 0) return MORE;
      if (this.emitter.segment(tcb, tcb.sndNxt, length) === FULL) return this.blocked(tcb);
      if (tcb.sendBuffer.broken) return MORE;
      this.advance(tcb, this.emitter.carried);
      tcb.pushSmall = false;
      length = nextTextLength(tcb, largest);
    }
    // What is lost and not sent again yet waits for the window, too.
    tcb.appLimited = length !== HELD_BY_CWND && tcb.sent.lostOctets === 0;
    if (length === SEND_NOTHING && tcb.finQueued && tcb.sndNxt === tcb.sndEnd) {
      if (this.quota-- <= 0) return MORE;
      if (tcb.outstanding < tcb.sndWnd) {
        if (this.emitter.segment(tcb, tcb.sndNxt, 0) === FULL) return this.blocked(tcb);
        this.advance(tcb, 0);
      }
    }
    this.watchWindow(tcb);
    if (isRunning(tcb, TIMER_PERSIST) && tcb.outstanding > 0) c.disarm(tcb, TIMER_PERSIST);
    return DONE;
  }

  /** Before the first text, and after a pause: RFC 5681 4.1. */
  private prepare(tcb: Tcb): void {
    if (tcb.controller === undefined) {
      tcb.controller = this.newController(tcb.mss);
      // RFC 6928 section 2: a SYN lost more than once is a sign of congestion.
      if (tcb.synsLost > 1) tcb.controller.timedOut(0, true);
      return;
    }
    const idleMs = diff(this.c.context.nowMs, tcb.lastSentMs);
    if (tcb.outstanding === 0 && idleMs > tcb.rtoMs) tcb.controller.restarted();
  }

  /** SND.NXT moves over a segment that was taken, text and FIN. */
  private advance(tcb: Tcb, text: number): void {
    const seq = tcb.sndNxt;
    const end = add(seq, text);
    const fin = tcb.finQueued && end === tcb.sndEnd ? 1 : 0;
    tcb.sndNxt = add(end, fin);
    if (text > 0 && text % tcb.mss !== 0) tcb.sndSml = end;
    this.note(tcb, seq, tcb.sndNxt);
    // The peer is spoken to: what it says next may wait for our answer (interactive, RFC 1122 4.2.3.2).
    tcb.quickAcks = 0;
    ackSent(this.c, tcb);
  }

  /** [seq, end) is outstanding. */
  private note(tcb: Tcb, seq: number, end: number): void {
    const { nowUs, nowMs } = this.c.context;
    const range = tcb.sent.append(seq, end, nowUs, nowMs);
    range.delivered = tcb.delivered;
    range.deliveredUs = tcb.outstanding === diff(end, seq) ? nowUs : tcb.deliveredUs;
    this.noteSending(tcb);
  }

  /** RFC 6298 5.1: the timer runs while something is outstanding. */
  private noteSending(tcb: Tcb): void {
    const { nowMs } = this.c.context;
    tcb.lastSentMs = nowMs;
    if (!isRunning(tcb, TIMER_RETRANSMIT)) this.c.arm(tcb, TIMER_RETRANSMIT, add(nowMs, tcb.rtoMs));
  }

  /** MUST-35, MUST-36: text or a FIN waits, nothing is under way that would bring an answer: probe in time. */
  private watchWindow(tcb: Tcb): void {
    if (tcb.outstanding > 0 || isRunning(tcb, TIMER_PERSIST)) return;
    const waits = diff(tcb.sndEnd, tcb.sndNxt) + (tcb.finQueued ? 1 : 0);
    if (waits > 0) startPersist(this.c, tcb);
  }

  private sendProbe(tcb: Tcb): number {
    if (tcb.probe === PROBE_NONE) return DONE;
    if (this.emitter.probe(tcb) === FULL) return this.blocked(tcb);
    tcb.probe = PROBE_NONE;
    ackSent(this.c, tcb);
    return DONE;
  }

  private sendAck(tcb: Tcb): number {
    const { c } = this;
    if (!ackIsDue(c, tcb)) return DONE;
    const stride = ackStride(c, tcb);
    while (stride > 0 && diff(tcb.rcvNxt, tcb.lastAckSent) >= 2 * stride) {
      const place = add(tcb.lastAckSent, stride);
      if (this.emitter.ack(tcb, place) === FULL) return this.blocked(tcb);
      tcb.lastAckSent = place;
      if (tcb.quickAcks > 0) tcb.quickAcks--;
    }
    if (this.emitter.ack(tcb, tcb.rcvNxt) === FULL) return this.blocked(tcb);
    if (tcb.quickAcks > 0) tcb.quickAcks--;
    ackSent(c, tcb);
    return DONE;
  }

  /** Text that one packet may carry: a super-segment where the device cuts it. */
  private largest(tcb: Tcb): number {
    const { route } = tcb.path;
    const { mss } = tcb;
    // MUST-62: a device would give each segment that it cuts the urgent pointer of the first.
    if (route === undefined || (route.face.link.features & FEATURE_TSO4) === 0 || tcb.sndUrgent) return mss;
    return Math.max(mss, SUPER_OCTETS - (SUPER_OCTETS % mss));
  }

  /** Refused by the link, or no packet was left: then the timers bring us back. */
  private blocked(tcb: Tcb): number {
    if (tcb.path.route !== undefined && tcb.path.face.full) return BLOCKED;
    this.c.arm(tcb, TIMER_DELAYED_ACK, add(this.c.context.nowMs, this.c.context.options.tcpDelayedAckMs));
    return DONE;
  }
}
