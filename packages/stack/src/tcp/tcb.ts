// The transmission control block: the variables of RFC 9293 3.3.1, under their names. One class, one shape; sequence
// numbers, times and windows are int32.
//
//        1         2          3          4                    1          2          3
//   ----------|----------|----------|----------          ----------|----------|----------
//          SND.UNA    SND.NXT    SND.UNA+SND.WND               RCV.NXT    RCV.ADV (= RCV.NXT+RCV.WND)

import type { Fifo } from '../base/fifo.ts';
import { NONE } from '../base/index-pool.ts';
import type { EventTarget } from '../contract/events.ts';
import type { Packet } from '../contract/packet.ts';
import type { Sender } from '../ip/interface.ts';
import type { Path } from '../ip/path.ts';
import type { Reassembly } from './buffers/reassembly.ts';
import type { ReceiveBuffer } from './buffers/receive-buffer.ts';
import type { SendBuffer } from './buffers/send-buffer.ts';
import { NOTHING_SENT, type SentRanges } from './buffers/sent-ranges.ts';
import type { Controller } from './congestion/controller.ts';
import type { LossRecord } from './loss/record.ts';
import { Marks } from './marks.ts';
import { CLOSED } from './state.ts';

/** Timers: bits of `Tcb.timers`, and places of their deadlines. */
export const TIMER_RETRANSMIT = 0;
export const TIMER_PERSIST = 1;
export const TIMER_DELAYED_ACK = 2;
export const TIMER_KEEP_ALIVE = 3;
/** 2MSL, and the patience of FIN-WAIT-2. */
export const TIMER_TIME_WAIT = 4;
/** RACK's wait for what may be reordered, or the tail loss probe (RFC 8985); while nothing is outstanding: the end of a long pause. */
export const TIMER_LOSS = 5;
/** The next burst may leave. */
export const TIMER_PACING = 6;
export const TIMERS = 7;

/** No recovery is going on. */
export const RECOVERY_NONE = 0;
/** Fast recovery, RFC 6582: until `recover` is acknowledged. */
export const RECOVERY_FAST = 1;
/** After a retransmission timeout, RFC 5681 3.1. */
export const RECOVERY_LOSS = 2;
/** The window goes down, and nothing is to be resent: a congestion mark (RFC 3168), a loss that a probe repaired (RFC 8985). */
export const RECOVERY_REDUCE = 3;

/** What probes may be asked of the output. */
export const PROBE_NONE = 0;
/** An empty segment one octet to the left of the window: whoever gets it must answer. */
export const PROBE_EMPTY = 1;

/** Who can put a Tcb back on the dirty list when its link has room again. */
export interface DirtyList {
  markDirty(tcb: Tcb): void;
}

/** One connection. */
export class Tcb extends Marks implements Sender {
  readonly list: DirtyList;
  /** Place in the tables, NONE when it is in none (any more). */
  id: number = NONE;
  state: number = CLOSED;
  path: Path;
  localPort = 0;
  remotePort = 0;
  /** Who hears of it; undefined: nobody yet (embryonic), or nobody any more (closed by its application). */
  owner: EventTarget | undefined = undefined;
  /** The listener whose SYN made it, MUST-11: a passive open; NONE: an active one. */
  listenerId: number = NONE;

  // SND
  iss = 0;
  sndUna = 0;
  /** The highest sequence number sent, plus one. Retransmission does not move it back. */
  sndNxt = 0;
  /** REC-1: windows are kept in 32 bits, scaled. */
  sndWnd = 0;
  sndWl1 = 0;
  sndWl2 = 0;
  /** The largest window the peer ever offered: MAX.SND.WND. */
  sndWndMax = 0;
  sndUp = 0;
  sndScale = 0;
  /** What the peer said in its MSS option, or 536 (MUST-15). */
  peerMss = 536;
  /** Eff.snd.MSS: text octets of a full segment, options taken off (3.7.1). */
  mss = 536;
  /** The path MTU that `mss` was reckoned from. */
  mssPmtu = 0;
  /** What the application gave and is not acknowledged yet; undefined: nothing is. */
  sendBuffer: SendBuffer | undefined = undefined;
  /** The end of what the application gave so far; its FIN, if any, has this number. */
  sndEnd = 0;
  /** Octets the send buffer may hold (SO_SNDBUF), and what that may grow to. */
  sendLimit = 0;
  sendLimitMax = 0;
  /** What the application wants a segment to be at most, both ways, or 0: Linux TCP_MAXSEG. */
  maxSegment = 0;
  /** Minshall's rule: end of the last segment sent that was smaller than `mss`. */
  sndSml = 0;
  ttl = 64;
  tos = 0;

  // RCV
  irs = 0;
  rcvNxt = 0;
  /** The right edge of the window as the peer knows it. Never moves left (SHLD-14). */
  rcvAdv = 0;
  rcvScale = 0;
  rcvUp = 0;
  /** The next octet the application will read. */
  rcvRead = 0;
  /** Octets that may wait for the application; grows with its appetite. */
  rcvLimit = 0;
  rcvLimitMax = 0;
  /** Text in order that still lies in the packets of this batch, from `freshSeq`, `freshOctets` long. */
  fresh: Fifo<Packet> | undefined = undefined;
  freshSeq = 0;
  freshOctets = 0;
  receiveBuffer: ReceiveBuffer | undefined = undefined;
  reassembly: Reassembly | undefined = undefined;
  finSeq = 0;
  /** Largest text of one segment seen: RMSS of RFC 5681 4.2, estimated. */
  rcvMss = 0;

  // Receive autotuning: octets the application took since the last look, one round trip apart.
  tuneUs = 0;
  tuneOctets = 0;
  /** The most that was taken within one; at first, the initial window of a sender (RFC 6928). */
  tuneBefore = 14_480;

  // Options in use (RFC 7323, RFC 2018)
  tsRecent = 0;
  /** When TS.Recent was written, in seconds of uptime: it is older than any int32 of milliseconds can say. */
  tsRecentS = 0;
  tsOffset = 0;

  // ACKs owed
  /** ACKs of earlier places that are owed one by one: duplicates, and what arrived out of order. Made when needed. */
  acksOwed: number[] | undefined = undefined;
  /** Duplicates owed since RCV.NXT last moved. */
  outOfOrderAcks = 0;
  dsackSeq = 0;
  dsackEnd = 0;
  lastAckSent = 0;
  lastAckMs = 0;
  /** Segments of the wire that arrived since the last ACK. */
  segmentsUnacked = 0;
  /** Segments to acknowledge at once while the peer is starting up. */
  quickAcks = 0;
  /** When text arrived last. */
  lastTextMs = 0;
  challengeMs = 0;

  // Round trip (RFC 6298), microseconds
  srttUs = 0;
  rttvarUs = 0;
  rtoMs = 0;
  /** The least one of the last minutes, RACK.min_RTT (RFC 8985), and when it was seen. */
  minRttUs = 0;
  minRttAtMs = 0;

  // What is outstanding, and its recovery
  sent: SentRanges = NOTHING_SENT;
  controller: Controller | undefined = undefined;
  /** The name of the controller that it gets with the first text. */
  congestion = 'reno';
  /** Octets that may be on their way: the controller's window, or what proportional rate reduction makes of it. */
  cwnd = 0;
  loss: LossRecord | undefined = undefined;
  recovery: number = RECOVERY_NONE;
  recover = 0;
  dupAcks = 0;
  /** Octets that duplicate ACKs say have left the network, although nobody knows which. */
  dupOctets = 0;
  /** What was under way when the first of them came. */
  dupFlight = 0;
  /** Octets delivered in all, modulo 2^32, and when last: for rates. */
  delivered = 0;
  deliveredUs = 0;
  lastSentMs = 0;
  lastReceivedMs = 0;

  // Timers
  timers = 0;
  retransmitAtMs = 0;
  persistAtMs = 0;
  delayedAckAtMs = 0;
  keepAliveAtMs = 0;
  timeWaitAtMs = 0;
  lossAtMs = 0;
  pacingAtMs = 0;
  /** Retransmissions in a row without an answer; also of probes and keep-alives. */
  retries = 0;
  probes = 0;
  /** Probes of this closed window, answered or not: their intervals grow; and since when they are sent. */
  persistBackoff = 0;
  persistSinceMs = 0;
  keepAlives = 0;
  keepAliveIdleMs = 0;
  keepAliveIntervalMs = 0;
  keepAliveProbesMax = 0;
  /** MUST-21: how long sent text may stay unacknowledged, or 0: `options.tcpRetries`. */
  userTimeoutMs = 0;
  probe: number = PROBE_NONE;

  // What went over the wire, for TCP_INFO
  segsIn = 0;
  segsOut = 0;
  dataSegsIn = 0;
  dataSegsOut = 0;
  outOfOrderSegments = 0;
  bytesAcked = 0;
  bytesReceived = 0;

  /** An errno for the application, or 0; and the last soft error, told when the connection dies of silence. */
  error = 0;
  softError = 0;

  /** How often its timer ran out (RFC 6298 5.7). R6298.11. */
  synsLost = 0;

  constructor(list: DirtyList, path: Path) {
    super();
    this.list = list;
    this.path = path;
  }

  roomAgain(): void {
    this.waiting = false;
    this.list.markDirty(this);
  }

  /** RCV.WND as the peer knows it. */
  get rcvWnd(): number {
    return (this.rcvAdv - this.rcvNxt) | 0;
  }

  /** Sequence numbers sent and not acknowledged. */
  get outstanding(): number {
    return (this.sndNxt - this.sndUna) | 0;
  }

  /** Octets that the application gave and that are not acknowledged. */
  get queued(): number {
    return this.sendBuffer === undefined ? 0 : this.sendBuffer.length;
  }

  /** Our FIN was acknowledged. */
  get finAcked(): boolean {
    return this.finQueued && ((this.sndUna - this.sndEnd) | 0) > 0;
  }

  /** Text in order that the application has not read. */
  get unread(): number {
    return (this.rcvNxt - this.rcvRead - (this.finReceived ? 1 : 0)) | 0;
  }

  /** Octets on their way, as far as one can know: sent, and neither acknowledged, lost, nor told of by duplicates. R6675.1. */
  get pipe(): number {
    const { sent } = this;
    return Math.max(0, this.outstanding - sent.sackedOctets - sent.lostOctets - this.dupOctets);
  }
}
