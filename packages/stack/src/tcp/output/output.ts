// The only sender. Each connection that was marked gets its turn: RST, ACKs owed, what was lost, what is new, a probe, an
// ACK. What its link will not take waits there; the others go on.

import type { Fifo } from '../../base/fifo.ts';
import { add, after, diff } from '../../base/int.ts';
import { C } from '../../contract/counters.ts';
import { ECONNABORTED } from '../../contract/errno.ts';
import { FULL, TAKEN } from '../../contract/link.ts';
import type { DatagramOutput } from '../../ip/datagrams.ts';
import type { Controller } from '../congestion/controller.ts';
import type { Controllers } from '../congestion/controllers.ts';
import { noteUse } from '../congestion/usage.ts';
import type { Connections } from '../connections.ts';
import { LossRecord, TLP_NONE } from '../loss/record.ts';
import { tlpSchedule, tlpSent } from '../loss/tlp.ts';
import { CLOSED, SYN_RECEIVED, SYN_SENT } from '../state.ts';
import { updateMss } from '../synchronize.ts';
import { PROBE_NONE, RECOVERY_NONE, type Tcb, TIMER_PERSIST } from '../tcb.ts';
import { startPersist } from '../timeouts/persist.ts';
import { isRunning } from '../timers.ts';
import { noteSent } from './account.ts';
import { ACK_DUE, ACK_WAITS, ackIsDue, ackSent, ackStride } from './ack.ts';
import { Emitter } from './emit.ts';
import { HELD_BY_CWND, HELD_BY_PACING, HELD_BY_WINDOW, nextTextLength, SEND_NOTHING } from './nagle.ts';
import { burstOctets, mustWait } from './pacing.ts';
import { Resender } from './resend.ts';
import { BLOCKED, blocked, DONE, LATER, largestText, MORE, Turn } from './turn.ts';

/** Longer pauses are told as this one: milliseconds. */
const IDLE_MAX_MS = 1_000_000;

/** Sends for all connections of one stack. */
export class TcpOutput {
  private readonly c: Connections;
  private readonly emitter: Emitter;
  private readonly controllers: Controllers;
  private readonly turn: Turn = new Turn();
  private readonly resender: Resender;

  constructor(c: Connections, ip: DatagramOutput, controllers: Controllers) {
    this.c = c;
    this.emitter = new Emitter(c, ip);
    this.resender = new Resender(c, this.emitter, this.turn);
    this.controllers = controllers;
  }

  /**
   * Each connection that was marked has a quantum, bulk flows last: they wait while others have something to send, for four
   * milliseconds at most (turn.ts). What the links refuse waits there.
   */
  drain(): void {
    const { c, turn } = this;
    const { bulkArrived } = c;
    turn.beginDrain(c.arrived);
    c.arrived = 0;
    c.bulkArrived = false;
    for (let left = c.dirty.size; left > 0; left--) this.serveNext(c.dirty);
    if (c.dirtyBulk.size === 0 || turn.bulkWaits(c.context.nowUs, bulkArrived)) return;
    // When all that are left said "later", one after the other, it is done.
    let later = 0;
    do later = this.serveNext(c.dirtyBulk) === LATER ? later + 1 : 0;
    while (c.dirtyBulk.size > later && !turn.drained);
  }

  private serveNext(list: Fifo<Tcb>): number {
    const { c } = this;
    const tcb = list.shift() as Tcb;
    tcb.dirty = false;
    if (tcb.id < 0) return DONE;
    this.turn.begin();
    const outcome = this.serve(tcb);
    if (outcome === BLOCKED) this.waitForRoom(tcb);
    else if (outcome === MORE) {
      tcb.bulk = true;
      c.markDirty(tcb);
    } else if (outcome === LATER) c.markDirty(tcb);
    else {
      this.turn.end();
      if (c.maySleep(tcb)) c.sleep(tcb);
    }
    return outcome;
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
    if (tcb.sendBuffer?.broken === true) tcb.resetPending = true;
    if (tcb.resetPending) return this.sendReset(tcb);
    if (tcb.state === SYN_SENT || tcb.state === SYN_RECEIVED) return this.sendSyn(tcb);
    let outcome = this.sendOwed(tcb);
    if (outcome === DONE && tcb.loss?.newFirst === true) outcome = this.sendNewFirst(tcb, tcb.loss);
    if (outcome === DONE) outcome = this.resender.lost(tcb);
    if (outcome === DONE) outcome = this.sendNew(tcb);
    if (outcome === DONE) outcome = this.sendLossProbe(tcb);
    if (outcome === DONE) outcome = this.sendProbe(tcb);
    if (outcome === DONE) outcome = this.sendAck(tcb);
    return outcome;
  }

  private sendReset(tcb: Tcb): number {
    if (this.emitter.reset(tcb) === FULL) return BLOCKED;
    // An application that takes back memory it gave by reference has ended its connection.
    this.c.finish(tcb, tcb.sendBuffer?.broken === true ? ECONNABORTED : tcb.error);
    return DONE;
  }

  /** SYN, or SYN,ACK: the first time, when its timer ran out, or when the peer asks for it again. */
  private sendSyn(tcb: Tcb): number {
    const { c } = this;
    const { first } = tcb.sent;
    if (first === undefined) {
      if (this.emitter.syn(tcb) === FULL) return blocked(this.c, tcb);
      tcb.sndNxt = add(tcb.iss, 1);
      noteSent(c, tcb, tcb.iss, tcb.sndNxt);
    } else if (first.lost || tcb.resendSyn) {
      if (this.emitter.syn(tcb) === FULL) return blocked(this.c, tcb);
      tcb.sent.resent(first, c.context.nowUs);
      c.context.stats.counters[C.TcpRetransSegs]++;
      c.context.stats.counters[C.TcpExtTCPSynRetrans]++;
    } else if (tcb.ackNow && tcb.state === SYN_RECEIVED) {
      if (this.emitter.ack(tcb, tcb.rcvNxt) === FULL) return blocked(this.c, tcb);
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
    // Never back to a place before one that was told: the stride of what is in order goes on from there.
    else if (sent > 0 && after(owed[sent - 1], tcb.lastAckSent)) tcb.lastAckSent = owed[sent - 1];
    tcb.acksOwed = all ? undefined : owed.slice(sent);
    return all ? DONE : blocked(this.c, tcb);
  }

  /** MUST-58: news is told with the window as it is now, or a second ACK would have to; a duplicate with the old one. */
  private owedAck(tcb: Tcb, ack: number): number {
    const news = ack === tcb.rcvNxt && after(ack, tcb.lastAckSent);
    return news ? this.emitter.ack(tcb, ack) : this.emitter.duplicateAck(tcb, ack);
  }

  /** RFC 5682 3.1 step 2b: what is new goes before what was lost; the next acknowledgment shows whether that was lost at all. */
  private sendNewFirst(tcb: Tcb, loss: LossRecord): number {
    const from = tcb.sndNxt;
    const outcome = this.sendNew(tcb);
    if (outcome === DONE) {
      loss.newFirst = false;
      // Nothing to send: conventional recovery.
      if (tcb.sndNxt === from) loss.frto = false;
    }
    return outcome;
  }

  /** New text, and the FIN behind it. */
  private sendNew(tcb: Tcb): number {
    const { c } = this;
    if (tcb.state === CLOSED || !tcb.synAcked) return DONE;
    const from = tcb.sndNxt;
    if (diff(tcb.sndEnd, tcb.sndNxt) > 0) this.prepare(tcb);
    const { loss } = tcb;
    const largest = burstOctets(c, tcb, largestText(tcb));
    let length = this.nextLength(tcb, largest);
    while (length > 0) {
      if (!this.turn.spend(length)) {
        if (loss !== undefined && tcb.sndNxt !== from) tlpSchedule(c, tcb, loss);
        return MORE;
      }
      if (this.emitter.segment(tcb, tcb.sndNxt, length) === FULL) return blocked(this.c, tcb);
      if (tcb.sendBuffer?.broken === true) return MORE;
      this.advance(tcb, this.emitter.carried);
      tcb.pushSmall = false;
      length = this.nextLength(tcb, largest);
    }
    if (loss !== undefined) {
      const held = length === HELD_BY_CWND || length === HELD_BY_PACING;
      noteUse(tcb, loss, held);
      // The rate that is measured from now on is that of the application, not of the path.
      if (!held && length !== HELD_BY_WINDOW && tcb.sent.lostOctets === 0 && tcb.pipe < tcb.cwnd) {
        loss.appLimited = true;
        loss.appLimitedUntil = add(tcb.delivered, tcb.pipe);
      }
    }
    if (length === SEND_NOTHING && tcb.finQueued && tcb.sndNxt === tcb.sndEnd) {
      if (!this.turn.spend(0)) return MORE;
      if (tcb.outstanding < tcb.sndWnd) {
        if (this.emitter.segment(tcb, tcb.sndNxt, 0) === FULL) return blocked(this.c, tcb);
        this.advance(tcb, 0);
      }
    }
    if (loss !== undefined && tcb.sndNxt !== from) tlpSchedule(c, tcb, loss);
    this.watchWindow(tcb);
    if (isRunning(tcb, TIMER_PERSIST) && tcb.outstanding > 0) c.disarm(tcb, TIMER_PERSIST);
    return DONE;
  }

  private nextLength(tcb: Tcb, largest: number): number {
    const length = nextTextLength(tcb, largest);
    return length > 0 && tcb.loss !== undefined && mustWait(this.c, tcb, tcb.loss) ? HELD_BY_PACING : length;
  }

  /** RFC 8985 7.3: one segment more than the window lets: new text if the peer takes it, else the last that was sent. */
  private sendLossProbe(tcb: Tcb): number {
    const { loss, mss } = tcb;
    if (loss === undefined || loss.tlp === TLP_NONE) return DONE;
    if (tcb.sent.empty || tcb.sent.sackedOctets > 0 || tcb.recovery !== RECOVERY_NONE) {
      // It waited for room, and was answered meanwhile.
      loss.tlp = TLP_NONE;
      return DONE;
    }
    const fresh = Math.min(mss, diff(tcb.sndEnd, tcb.sndNxt), diff(add(tcb.sndUna, tcb.sndWnd), tcb.sndNxt));
    if (fresh > 0) {
      if (this.emitter.segment(tcb, tcb.sndNxt, fresh) === FULL) return blocked(this.c, tcb);
      if (tcb.sendBuffer?.broken === true) return MORE;
      this.advance(tcb, this.emitter.carried);
    } else {
      const outcome = this.resender.last(tcb);
      if (outcome !== DONE) return outcome;
    }
    loss.tlp = TLP_NONE;
    tlpSent(tcb, loss, fresh <= 0);
    return DONE;
  }

  /** Before the first text, and after a pause: RFC 5681 4.1. */
  private prepare(tcb: Tcb): void {
    const { nowMs, nowUs } = this.c.context;
    if (tcb.controller === undefined) {
      tcb.controller = this.controllers.make(tcb.congestion, tcb.mss) as Controller;
      if (tcb.loss === undefined) {
        tcb.loss = new LossRecord();
        tcb.loss.fack = tcb.sndUna;
        tcb.loss.usageSeq = tcb.sndUna;
        // It may be another after a pause: of what was acknowledged one octet was the SYN.
        tcb.loss.sentOctets = tcb.bytesAcked - 1;
      }
      // RFC 6928 section 2: a SYN lost more than once is a sign of congestion.
      if (tcb.synsLost > 1) tcb.controller.timedOut(0, true, nowUs);
    } else if (tcb.outstanding === 0) {
      const idleMs = diff(nowMs, tcb.lastSentMs);
      tcb.controller.restarted(
        Math.min(idleMs, IDLE_MAX_MS) * 1000,
        idleMs > tcb.rtoMs && this.c.context.options.tcpSlowStartAfterIdle,
        nowUs,
      );
    } else return;
    tcb.cwnd = tcb.controller.cwnd;
    if (tcb.outstanding === 0 && tcb.loss !== undefined) this.restart(tcb, tcb.loss);
  }

  /** Nothing was under way: marks of the past say nothing any more, and must not wrap round to mean something. */
  private restart(tcb: Tcb, loss: LossRecord): void {
    const { nowUs } = this.c.context;
    loss.rackUs = nowUs;
    loss.rackEnd = tcb.sndUna;
    loss.firstSentUs = nowUs;
    loss.nextSendUs = nowUs;
    tcb.deliveredUs = nowUs;
  }

  /** SND.NXT moves over a segment that was taken, text and FIN. */
  private advance(tcb: Tcb, text: number): void {
    const seq = tcb.sndNxt;
    const end = add(seq, text);
    const fin = this.emitter.finished ? 1 : 0;
    tcb.sndNxt = add(end, fin);
    if (text > 0 && text % tcb.mss !== 0) tcb.sndSml = end;
    noteSent(this.c, tcb, seq, tcb.sndNxt);
    // The peer is answered: what it says next may wait for our answer (interactive, RFC 1122 4.2.3.2). As Linux, an answer is
    // what leaves within the delay of an ACK.
    const { nowMs, options } = this.c.context;
    if (tcb.textArrived && diff(nowMs, tcb.lastTextMs) < options.tcpDelayedAckMs) tcb.quickAcks = 0;
    ackSent(this.c, tcb);
  }

  /** MUST-35, MUST-36: text or a FIN waits, nothing is under way that would bring an answer: probe in time. */
  private watchWindow(tcb: Tcb): void {
    if (tcb.outstanding > 0 || isRunning(tcb, TIMER_PERSIST)) return;
    const waits = diff(tcb.sndEnd, tcb.sndNxt) + (tcb.finQueued ? 1 : 0);
    if (waits > 0) startPersist(this.c, tcb);
  }

  private sendProbe(tcb: Tcb): number {
    if (tcb.probe === PROBE_NONE) return DONE;
    if (this.emitter.probe(tcb) === FULL) return blocked(this.c, tcb);
    tcb.probe = PROBE_NONE;
    ackSent(this.c, tcb);
    return DONE;
  }

  private sendAck(tcb: Tcb): number {
    const { c } = this;
    const due = ackIsDue(c, tcb);
    if (due !== ACK_DUE) return due === ACK_WAITS ? LATER : DONE;
    const stride = ackStride(c, tcb);
    while (stride > 0 && diff(tcb.rcvNxt, tcb.lastAckSent) >= 2 * stride) {
      const place = add(tcb.lastAckSent, stride);
      if (this.emitter.ack(tcb, place) === FULL) return blocked(this.c, tcb);
      tcb.lastAckSent = place;
      if (tcb.quickAcks > 0) tcb.quickAcks--;
    }
    if (this.emitter.ack(tcb, tcb.rcvNxt) === FULL) return blocked(this.c, tcb);
    if (tcb.quickAcks > 0) tcb.quickAcks--;
    ackSent(c, tcb);
    return DONE;
  }
}
