// TCP_INFO: what Linux's struct tcp_info tells of a connection (`ss -ti`), field by field under its names without `tcpi_`.
// What we do not measure is not there.

import { diff } from '../../base/int.ts';
import type { Context } from '../../context.ts';
import {
  CLOSE_WAIT,
  CLOSED,
  CLOSING,
  ESTABLISHED,
  FIN_WAIT_1,
  FIN_WAIT_2,
  LAST_ACK,
  LISTEN,
  SYN_RECEIVED,
  SYN_SENT,
  TIME_WAIT,
} from '../state.ts';
import { ownMss, TIMESTAMPS_OCTETS } from '../synchronize.ts';
import { RECOVERY_FAST, RECOVERY_LOSS, RECOVERY_REDUCE, type Tcb, TIMER_RETRANSMIT } from '../tcb.ts';
import { isRunning } from '../timers.ts';

/** Linux's numbers of the states: enum in include/net/tcp_states.h. */
const STATES: ReadonlyMap<number, number> = new Map([
  [ESTABLISHED, 1],
  [SYN_SENT, 2],
  [SYN_RECEIVED, 3],
  [FIN_WAIT_1, 4],
  [FIN_WAIT_2, 5],
  [TIME_WAIT, 6],
  [CLOSED, 7],
  [CLOSE_WAIT, 8],
  [LAST_ACK, 9],
  [LISTEN, 10],
  [CLOSING, 11],
]);

const OPT_TIMESTAMPS = 1;
const OPT_SACK = 2;
const OPT_WSCALE = 4;
const OPT_ECN = 8;
const OPT_ECN_SEEN = 16;

const OPEN = 0;
const DISORDER = 1;
const CWR = 2;
const RECOVERY = 3;
const LOSS = 4;

/** What Linux says when no threshold was found yet. */
const SSTHRESH_INFINITE = 0x7fff_ffff;
/** tcp_reordering: we count no degree of reordering, RACK looks at time. */
const REORDERING = 3;

/**
 * A snapshot: plain numbers, made anew by each call. Source: struct tcp_info of Linux's include/uapi/linux/tcp.h; RFC 9293 3.9.1.6 asks
 * for a STATUS and leaves its form open. What is there for its name only is 0: `fackets`; 3: `reordering`.
 */
export interface TcpInfo {
  /** Linux's number: 1 ESTABLISHED, 2 SYN-SENT, 3 SYN-RECEIVED, 4 FIN-WAIT-1 ... 11 CLOSING. */
  readonly state: number;
  /** TCP_CA_*: 0 Open, 1 Disorder, 2 CWR, 3 Recovery, 4 Loss. */
  readonly caState: number;
  /** In a row without an answer: timeouts, probes of a shut window, doublings of either timer. */
  readonly retransmits: number;
  readonly probes: number;
  readonly backoff: number;
  /** TCPI_OPT_*: 1 timestamps, 2 SACK, 4 window scale, 8 ECN, 16 a mark arrived and is echoed. */
  readonly options: number;
  /** Shifts, 0 .. 14. */
  readonly sndWscale: number;
  readonly rcvWscale: number;
  /** 1: `deliveryRate` was limited by the application. */
  readonly deliveryRateAppLimited: number;
  /** Microseconds. */
  readonly rto: number;
  readonly ato: number;
  /** Octets of text. */
  readonly sndMss: number;
  readonly rcvMss: number;
  /** Segments: under way or lost, SACKed, lost, sent again and not known to have arrived. */
  readonly unacked: number;
  readonly sacked: number;
  readonly lost: number;
  readonly retrans: number;
  readonly fackets: number;
  /** Milliseconds ago. */
  readonly lastDataSent: number;
  readonly lastDataRecv: number;
  readonly lastAckRecv: number;
  /** Octets. */
  readonly pmtu: number;
  readonly rcvSsthresh: number;
  /** Microseconds; 0: not measured yet. */
  readonly rtt: number;
  readonly rttvar: number;
  /** Segments; 2^31 - 1: no threshold was found yet. */
  readonly sndSsthresh: number;
  readonly sndCwnd: number;
  /** Octets: the MSS that we take. */
  readonly advmss: number;
  readonly reordering: number;
  /** Octets. */
  readonly rcvSpace: number;
  /** Segments. */
  readonly totalRetrans: number;
  /** Octets a second; Linux's ~0 where nothing limits is 0 here. */
  readonly pacingRate: number;
  /** Octets, segments: since the connection began. */
  readonly bytesAcked: number;
  readonly bytesReceived: number;
  readonly segsOut: number;
  readonly segsIn: number;
  /** Octets given and not sent yet. */
  readonly notsentBytes: number;
  /** Microseconds, of the last five minutes; 0: not measured yet. */
  readonly minRtt: number;
  readonly dataSegsIn: number;
  readonly dataSegsOut: number;
  /** Octets a second, as last measured; 0: not yet, or not since the last long pause. */
  readonly deliveryRate: number;
  /** Segments delivered; and acknowledgments that echoed a mark (RFC 3168). */
  readonly delivered: number;
  readonly deliveredCe: number;
  /** Octets of text, repetitions included; repetitions alone. */
  readonly bytesSent: number;
  readonly bytesRetrans: number;
  /** DSACKs that arrived (RFC 2883), and how often reordering was seen. */
  readonly dsackDups: number;
  readonly reordSeen: number;
  /** Segments that came out of order. */
  readonly rcvOoopack: number;
  /** Octets: the window of the peer. */
  readonly sndWnd: number;
}

/** See TcpInfo. */
export function tcpInfo(tcb: Tcb, context: Context): TcpInfo {
  return { ...ofConnection(tcb, context), ...ofRecovery(tcb, context), ...ofTraffic(tcb) };
}

function ofConnection(tcb: Tcb, { nowMs }: Context) {
  return {
    state: STATES.get(tcb.state) ?? 0,
    options:
      (tcb.timestamps ? OPT_TIMESTAMPS : 0) |
      (tcb.sackPermitted ? OPT_SACK : 0) |
      (tcb.windowScaling ? OPT_WSCALE : 0) |
      (tcb.ecn ? OPT_ECN : 0) |
      (tcb.ecnSeen ? OPT_ECN_SEEN : 0),
    sndWscale: tcb.sndScale,
    rcvWscale: tcb.rcvScale,
    sndMss: tcb.mss,
    rcvMss: tcb.rcvMss,
    advmss: ownMss(tcb) - (tcb.timestamps ? TIMESTAMPS_OCTETS : 0),
    pmtu: tcb.path.pmtu,
    sndWnd: tcb.sndWnd,
    rcvSsthresh: tcb.rcvLimit,
    rcvSpace: tcb.rcvLimit,
    notsentBytes: Math.max(0, diff(tcb.sndEnd, tcb.sndNxt)),
    lastDataSent: Math.max(0, diff(nowMs, tcb.lastSentMs)),
    lastDataRecv: tcb.textArrived ? Math.max(0, diff(nowMs, tcb.lastTextMs)) : 0,
    lastAckRecv: Math.max(0, diff(nowMs, tcb.lastReceivedMs)),
  };
}

function ofRecovery(tcb: Tcb, { options }: Context) {
  const { loss, sent, mss, controller } = tcb;
  const segments = (octets: number): number => Math.ceil(octets / mss);
  const ssthresh = controller?.ssthresh ?? SSTHRESH_INFINITE;
  return {
    caState: congestionState(tcb),
    retransmits: isRunning(tcb, TIMER_RETRANSMIT) ? tcb.retries : 0,
    backoff: tcb.retries + tcb.persistBackoff,
    probes: tcb.probes,
    rto: tcb.rtoMs * 1000,
    ato: options.tcpDelayedAckMs * 1000,
    unacked: segments(tcb.outstanding),
    sacked: tcb.sackPermitted ? sent.sackedSegments : segments(tcb.dupOctets),
    // As Linux: what was sent again and is not known to have arrived is lost still, and counted in retrans, too.
    lost: segments(sent.lostOctets + sent.resentOctets),
    retrans: segments(sent.resentOctets),
    fackets: 0,
    rtt: tcb.srttUs,
    rttvar: tcb.rttvarUs,
    minRtt: tcb.minRttUs,
    sndSsthresh: ssthresh > 0x3fff_0000 ? SSTHRESH_INFINITE : Math.floor(ssthresh / mss),
    sndCwnd: Math.max(1, Math.floor((controller === undefined ? 10 * mss : tcb.cwnd) / mss)),
    reordering: REORDERING,
    pacingRate: Math.round(controller?.pacingRate ?? 0),
    deliveryRateAppLimited: loss?.rateAppLimited === true ? 1 : 0,
    deliveryRate:
      loss === undefined || loss.rateUs === 0 ? 0 : Math.round((loss.rateOctets * 1e6) / loss.rateUs),
    dsackDups: loss?.dsacks ?? 0,
    reordSeen: loss?.reorderings ?? 0,
  };
}

function ofTraffic(tcb: Tcb) {
  const { loss, mss } = tcb;
  return {
    totalRetrans: loss?.resentSegments ?? 0,
    bytesRetrans: loss?.resentBytes ?? 0,
    bytesSent: (loss?.resentBytes ?? 0) + tcb.bytesAcked + Math.max(0, tcb.outstanding),
    bytesAcked: tcb.bytesAcked,
    bytesReceived: tcb.bytesReceived,
    segsOut: tcb.segsOut,
    segsIn: tcb.segsIn,
    dataSegsIn: tcb.dataSegsIn,
    dataSegsOut: tcb.dataSegsOut,
    delivered: Math.ceil((tcb.delivered >>> 0) / mss),
    deliveredCe: loss?.markedAcks ?? 0,
    rcvOoopack: tcb.outOfOrderSegments,
  };
}

function congestionState(tcb: Tcb): number {
  if (tcb.recovery === RECOVERY_LOSS) return LOSS;
  if (tcb.recovery === RECOVERY_FAST) return RECOVERY;
  if (tcb.recovery === RECOVERY_REDUCE) return CWR;
  return tcb.sent.sackedOctets > 0 || tcb.dupAcks > 0 ? DISORDER : OPEN;
}
