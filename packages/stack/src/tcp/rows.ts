// Connections asleep: SYN-RECEIVED of a passive open, and TIME-WAIT, as rows of twelve int32. A row wakes
// as a Tcb when something happens to it, goes through the same steps as any other, and sleeps again after the drain. With its
// deadline (12 octets) and its place in the table of tuples (4) it costs 64.

import { NONE } from '../base/index-pool.ts';
import type { Options } from '../options.ts';
import type { SentRanges } from './buffers/sent-ranges.ts';
import { initialRto } from './loss/rtt.ts';
import { SYN_RECEIVED, setState, TIME_WAIT } from './state.ts';
import { MSS_DEFAULT } from './synchronize.ts';
import { type Tcb, TIMER_RETRANSMIT, TIMER_TIME_WAIT } from './tcb.ts';
import { setDeadline } from './timers.ts';

const ROW = 12;
const PATH = 0;
const PORTS = 1;
/** state 0-3, sndScale 4-7, rcvScale 8-11, timestamps 12, sack 13, held 14, scaling 15, retries 16-21, ecn 22, challenged 23, ttl 24-31 */
const BITS = 2;
const SND_NXT = 3;
const RCV_NXT = 4;
const TS_RECENT = 5;
/** peer's MSS 0-15, tos 16-23, how often the SYN,ACK was sent again 24-31 */
const MSS = 6;
/** listener 0-15, the last challenge 16-31: milliseconds, so of one more than a minute ago nobody can tell how old it is */
const LISTENER = 7;
// In SYN-RECEIVED: the windows, SND.WND 0-15 and RCV.WND 16-31, not scaled yet; when the SYN,ACK left; the neighbours in the list
// of embryonic rows, oldest first.
const WINDOWS = 8;
const SENT_US = 9;
const OLDER = 10;
const NEWER = 11;
// In TIME-WAIT:
const TS_RECENT_S = 8;
const LAST_ACK_SENT = 9;
const RCV_ADV = 10;
const SND_WND = 11;
// A row that is free: the next one.
const NEXT_FREE = 0;

const NO_LISTENER = 0xffff;
const HELD = 1 << 14;
const ECN = 1 << 22;
const CHALLENGED = 1 << 23;

/** When it is, and under which options a row wakes: a Context. */
export interface Now {
  readonly nowMs: number;
  readonly uptimeS: number;
  readonly options: Options;
}

/** The last time at which the clock's lower 16 bits were so. */
function lately(nowMs: number, low: number): number {
  return (nowMs - ((nowMs - low) & 0xffff)) | 0;
}

/** The rows of one stack, and the embryonic ones among them in order of age. */
export class Rows {
  /** Rows of SYN-RECEIVED and of TIME-WAIT. */
  embryonic = 0;
  timeWaiting = 0;
  readonly limit: number;
  private columns: Int32Array = new Int32Array(ROW * 64);
  /** Rows in use; rows that ever were; and the first that is free again. */
  private used = 0;
  private fresh = 0;
  private free: number = NONE;
  private oldest: number = NONE;
  private newest: number = NONE;

  constructor(limit: number) {
    this.limit = limit;
  }

  /** Writes a Tcb down as it stands; NONE: as many sleep as may. */
  sleep(tcb: Tcb, listener: number): number {
    const row = this.allocate();
    if (row === NONE) return NONE;
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
    c[o + TS_RECENT] = tcb.tsRecent;
    c[o + MSS] = tcb.peerMss | (tcb.tos << 16) | (Math.min(tcb.sent.first?.retransmits ?? 0, 255) << 24);
    c[o + LISTENER] = (listener & 0xffff) | (tcb.challengeMs << 16);
    if (tcb.state === SYN_RECEIVED) {
      c[o + WINDOWS] = tcb.sndWnd | (tcb.rcvWnd << 16);
      c[o + SENT_US] = tcb.sent.first?.sentUs ?? 0;
      this.enter(row);
    } else {
      c[o + TS_RECENT_S] = tcb.tsRecentS;
      c[o + LAST_ACK_SENT] = tcb.lastAckSent;
      c[o + RCV_ADV] = tcb.rcvAdv;
      c[o + SND_WND] = tcb.sndWnd;
      this.timeWaiting++;
    }
    return row;
  }

  pathOf(row: number): number {
    return this.columns[row * ROW + PATH];
  }

  portsOf(row: number): number {
    return this.columns[row * ROW + PORTS];
  }

  listenerOf(row: number): number {
    const listener = this.columns[row * ROW + LISTENER] & 0xffff;
    return listener === NO_LISTENER ? NONE : listener;
  }

  isTimeWait(row: number): boolean {
    return (this.columns[row * ROW + BITS] & 15) === TIME_WAIT;
  }

  /** Second of uptime of the last timestamp that a row saw, or -1: timestamps were not agreed. */
  timestampS(row: number): number {
    const timestamps = (this.columns[row * ROW + BITS] & (1 << 12)) !== 0;
    return timestamps ? this.columns[row * ROW + TS_RECENT_S] : -1;
  }

  /**
   * Reads a row into a fresh Tcb, whose path, ports and timestamp offset are set already, with its deadline; the row is free
   * then. `list`: where its SYN,ACK is written down.
   */
  wake(row: number, tcb: Tcb, list: SentRanges, deadlineMs: number, now: Now): void {
    const { nowMs, options } = now;
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
    tcb.challengeMs = lately(nowMs, c[o + LISTENER] >>> 16);
    tcb.ttl = bits >>> 24;
    tcb.sndNxt = c[o + SND_NXT];
    tcb.rcvNxt = c[o + RCV_NXT];
    tcb.tsRecent = c[o + TS_RECENT];
    tcb.peerMss = c[o + MSS] & 0xffff;
    tcb.rcvMss = Math.min(MSS_DEFAULT, tcb.peerMss);
    tcb.tos = (c[o + MSS] >> 16) & 255;
    tcb.rcvRead = tcb.rcvNxt;
    initialRto(tcb, options);
    if (tcb.state === SYN_RECEIVED) {
      // Of an embryonic row all that is outstanding is the SYN; of a held one, not even that.
      tcb.iss = (tcb.sndNxt - (tcb.held ? 0 : 1)) | 0;
      tcb.irs = (tcb.rcvNxt - 1) | 0;
      tcb.sndUna = tcb.iss;
      tcb.sndWl1 = tcb.irs;
      tcb.sndWl2 = tcb.iss;
      tcb.sndWnd = c[o + WINDOWS] & 0xffff;
      tcb.rcvAdv = (tcb.rcvNxt + (c[o + WINDOWS] >>> 16)) | 0;
      tcb.lastAckSent = tcb.rcvNxt;
      // It came with the SYN, and no row outlives the 24 days for which it is good.
      tcb.tsRecentS = now.uptimeS | 0;
      if (!tcb.held) {
        tcb.sent = list;
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
      tcb.tsRecentS = c[o + TS_RECENT_S];
      tcb.lastAckSent = c[o + LAST_ACK_SENT];
      tcb.rcvAdv = c[o + RCV_ADV];
      tcb.sndWnd = c[o + SND_WND];
      setDeadline(tcb, TIMER_TIME_WAIT, deadlineMs);
    }
    tcb.sndWndMax = tcb.sndWnd;
    tcb.sndUp = tcb.sndUna;
    tcb.sndSml = tcb.sndUna;
    tcb.recover = tcb.iss;
    tcb.sndEnd = (tcb.iss + 1) | 0;
    this.release(row);
  }

  /** True for a row whose SYN,ACK was sent: it wakes with a list of ranges. */
  hasSent(row: number): boolean {
    const bits = this.columns[row * ROW + BITS];
    return (bits & 15) === SYN_RECEIVED && (bits & HELD) === 0;
  }

  /** The embryonic row that has waited longest, or NONE. */
  oldestEmbryonic(): number {
    return this.oldest;
  }

  /** The next younger embryonic row, or NONE. */
  newerThan(row: number): number {
    return this.columns[row * ROW + NEWER];
  }

  release(row: number): void {
    if (this.isTimeWait(row)) this.timeWaiting--;
    else this.leave(row);
    this.used--;
    this.columns[row * ROW + NEXT_FREE] = this.free;
    this.free = row;
  }

  private allocate(): number {
    if (this.used >= this.limit) return NONE;
    this.used++;
    const row = this.free;
    if (row !== NONE) {
      this.free = this.columns[row * ROW + NEXT_FREE];
      return row;
    }
    if ((this.fresh + 1) * ROW > this.columns.length) this.grow();
    return this.fresh++;
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
