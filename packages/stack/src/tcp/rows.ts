// Connections asleep: SYN-RECEIVED of a passive open, and TIME-WAIT, as rows of sixteen int32 (64 octets). A row wakes
// as a Tcb when something happens to it, goes through the same steps as any other, and sleeps again after the drain.

import { IndexPool, NONE } from '../base/index-pool.ts';
import type { Options } from '../options.ts';
import { initialRto } from './loss/rtt.ts';
import { SYN_RECEIVED, setState, TIME_WAIT } from './state.ts';
import { MSS_DEFAULT } from './synchronize.ts';
import { type Tcb, TIMER_RETRANSMIT, TIMER_TIME_WAIT } from './tcb.ts';
import { setDeadline } from './timers.ts';

const ROW = 16;
const PATH = 0;
const PORTS = 1;
/** state 0-3, sndScale 4-7, rcvScale 8-11, timestamps 12, sack 13, held 14, scaling 15, retries 16-21, ecn 22, challenged 23, ttl 24-31 */
const BITS = 2;
const SND_NXT = 3;
const RCV_NXT = 4;
const RCV_ADV = 5;
/** In SYN-RECEIVED it is RCV.NXT, and the place is that of the last challenge. */
const LAST_ACK_SENT = 6;
const TS_RECENT = 7;
const TS_RECENT_S = 8;
const TS_OFFSET = 9;
/** peer's MSS 0-15, tos 16-23, how often the SYN,ACK was sent again 24-31 */
const MSS = 10;
const SND_WND = 11;
const LISTENER = 12;
/** In TIME-WAIT nothing is under way, and the place is that of the last challenge. */
const SENT_US = 13;
/** Neighbours in the list of embryonic rows, oldest first. */
const OLDER = 14;
const NEWER = 15;

const HELD = 1 << 14;
const ECN = 1 << 22;
const CHALLENGED = 1 << 23;

/** The rows of one stack, and the embryonic ones among them in order of age. */
export class Rows {
  /** Rows of SYN-RECEIVED and of TIME-WAIT. */
  embryonic = 0;
  timeWaiting = 0;
  private readonly ids: IndexPool;
  private columns: Int32Array = new Int32Array(ROW * 64);
  private oldest: number = NONE;
  private newest: number = NONE;

  constructor(limit: number) {
    this.ids = new IndexPool(limit);
  }

  /** Writes a Tcb down as it stands; NONE: as many sleep as may. */
  sleep(tcb: Tcb, listener: number): number {
    const row = this.ids.allocate();
    if (row === NONE) return NONE;
    if ((row + 1) * ROW > this.columns.length) this.grow();
    const c = this.columns;
    const o = row * ROW;
    c[o + PATH] = tcb.path.id;
    c[o + PORTS] = (tcb.localPort << 16) | tcb.remotePort;
    c[o + BITS] =
      tcb.state |
      (tcb.sndScale << 4) |
      (tcb.rcvScale << 8) |
      (tcb.timestamps ? 1 << 12 : 0) |
      (tcb.sackPermitted ? 1 << 13 : 0) |
      (tcb.held ? HELD : 0) |
      (tcb.windowScaling ? 1 << 15 : 0) |
      (Math.min(tcb.retries, 63) << 16) |
      (tcb.ecn ? ECN : 0) |
      (tcb.challenged ? CHALLENGED : 0) |
      (tcb.ttl << 24);
    c[o + SND_NXT] = tcb.sndNxt;
    c[o + RCV_NXT] = tcb.rcvNxt;
    c[o + RCV_ADV] = tcb.rcvAdv;
    c[o + LAST_ACK_SENT] = tcb.lastAckSent;
    c[o + TS_RECENT] = tcb.tsRecent;
    c[o + TS_RECENT_S] = tcb.tsRecentS;
    c[o + TS_OFFSET] = tcb.tsOffset;
    c[o + MSS] = tcb.peerMss | (tcb.tos << 16) | (Math.min(tcb.sent.first?.retransmits ?? 0, 255) << 24);
    c[o + SND_WND] = tcb.sndWnd;
    c[o + LISTENER] = listener;
    c[o + SENT_US] = tcb.sent.first?.sentUs ?? 0;
    c[o + (tcb.state === TIME_WAIT ? SENT_US : LAST_ACK_SENT)] = tcb.challengeMs;
    if (tcb.state === SYN_RECEIVED) this.enter(row);
    else this.timeWaiting++;
    return row;
  }

  pathOf(row: number): number {
    return this.columns[row * ROW + PATH];
  }

  portsOf(row: number): number {
    return this.columns[row * ROW + PORTS];
  }

  listenerOf(row: number): number {
    return this.columns[row * ROW + LISTENER];
  }

  isTimeWait(row: number): boolean {
    return (this.columns[row * ROW + BITS] & 15) === TIME_WAIT;
  }

  /** Second of uptime of the last timestamp that a row saw, or -1: timestamps were not agreed. */
  timestampS(row: number): number {
    const timestamps = (this.columns[row * ROW + BITS] & (1 << 12)) !== 0;
    return timestamps ? this.columns[row * ROW + TS_RECENT_S] : -1;
  }

  /** Reads a row into a fresh Tcb, whose path and ports are set already, with its deadline; the row is free then. */
  wake(row: number, tcb: Tcb, deadlineMs: number, nowMs: number, options: Options): void {
    const c = this.columns;
    const o = row * ROW;
    const bits = c[o + BITS];
    setState(tcb, bits & 15);
    tcb.sndScale = (bits >> 4) & 15;
    tcb.rcvScale = (bits >> 8) & 15;
    tcb.timestamps = (bits & (1 << 12)) !== 0;
    tcb.sackPermitted = (bits & (1 << 13)) !== 0;
    tcb.held = (bits & HELD) !== 0;
    tcb.windowScaling = (bits & (1 << 15)) !== 0;
    tcb.retries = (bits >> 16) & 63;
    tcb.ecn = (bits & ECN) !== 0;
    tcb.challenged = (bits & CHALLENGED) !== 0;
    tcb.challengeMs = c[o + (tcb.state === TIME_WAIT ? SENT_US : LAST_ACK_SENT)];
    tcb.ttl = bits >>> 24;
    tcb.sndNxt = c[o + SND_NXT];
    tcb.rcvNxt = c[o + RCV_NXT];
    tcb.rcvAdv = c[o + RCV_ADV];
    tcb.lastAckSent = tcb.state === TIME_WAIT ? c[o + LAST_ACK_SENT] : tcb.rcvNxt;
    tcb.tsRecent = c[o + TS_RECENT];
    tcb.tsRecentS = c[o + TS_RECENT_S];
    tcb.tsOffset = c[o + TS_OFFSET];
    tcb.peerMss = c[o + MSS] & 0xffff;
    tcb.rcvMss = Math.min(MSS_DEFAULT, tcb.peerMss);
    tcb.tos = (c[o + MSS] >> 16) & 255;
    tcb.sndWnd = c[o + SND_WND];
    tcb.sndWndMax = tcb.sndWnd;
    tcb.rcvRead = tcb.rcvNxt;
    initialRto(tcb, options);
    if (tcb.state === SYN_RECEIVED) {
      // Of an embryonic row all that is outstanding is the SYN; of a held one, not even that.
      tcb.iss = (tcb.sndNxt - (tcb.held ? 0 : 1)) | 0;
      tcb.irs = (tcb.rcvNxt - 1) | 0;
      tcb.sndUna = tcb.iss;
      tcb.sndWl1 = tcb.irs;
      tcb.sndWl2 = tcb.iss;
      if (!tcb.held) {
        tcb.sent.append(tcb.iss, tcb.sndNxt, c[o + SENT_US], nowMs);
        tcb.sent.recall(c[o + MSS] >>> 24);
      }
      tcb.synsLost = tcb.retries;
      tcb.rtoMs = Math.min(options.tcpRtoMaxMs, options.tcpRtoInitialMs * 2 ** tcb.retries);
      setDeadline(tcb, TIMER_RETRANSMIT, deadlineMs);
    } else {
      tcb.iss = (tcb.sndNxt - 2) | 0;
      tcb.irs = (tcb.rcvNxt - 2) | 0;
      tcb.sndUna = tcb.sndNxt;
      tcb.synAcked = true;
      tcb.finQueued = true;
      tcb.finReceived = true;
      setDeadline(tcb, TIMER_TIME_WAIT, deadlineMs);
    }
    tcb.sndUp = tcb.sndUna;
    tcb.sndSml = tcb.sndUna;
    tcb.recover = tcb.iss;
    tcb.sendBuffer.start = (tcb.iss + 1) | 0;
    tcb.sendBuffer.end = tcb.sendBuffer.start;
    this.free(row);
  }

  /** The embryonic row that has waited longest, or NONE. */
  oldestEmbryonic(): number {
    return this.oldest;
  }

  /** The next younger embryonic row, or NONE. */
  newerThan(row: number): number {
    return this.columns[row * ROW + NEWER];
  }

  free(row: number): void {
    if (this.isTimeWait(row)) this.timeWaiting--;
    else this.leave(row);
    this.ids.release(row);
  }

  private enter(row: number): void {
    const c = this.columns;
    c[row * ROW + OLDER] = this.newest;
    c[row * ROW + NEWER] = NONE;
    if (this.newest === NONE) this.oldest = row;
    else c[this.newest * ROW + NEWER] = row;
    this.newest = row;
    this.embryonic++;
  }

  private leave(row: number): void {
    const c = this.columns;
    const older = c[row * ROW + OLDER];
    const newer = c[row * ROW + NEWER];
    if (older === NONE) this.oldest = newer;
    else c[older * ROW + NEWER] = newer;
    if (newer === NONE) this.newest = older;
    else c[newer * ROW + OLDER] = older;
    this.embryonic--;
  }

  private grow(): void {
    const columns = new Int32Array(this.columns.length * 2);
    columns.set(this.columns);
    this.columns = columns;
  }
}
