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

/** A snapshot. Times of round trips and timeouts in microseconds, ages in milliseconds, windows in segments where Linux has segments. */
export interface TcpInfo {
  readonly state: number;
  /** TCP_CA_*: 0 Open, 1 Disorder, 2 CWR, 3 Recovery, 4 Loss. */
  readonly caState: number;
  readonly retransmits: number;
  readonly probes: number;
  readonly backoff: number;
  /** TCPI_OPT_*: 1 timestamps, 2 SACK, 4 window scale, 8 ECN, 16 a mark was seen. */
  readonly options: number;
  readonly sndWscale: number;
  readonly rcvWscale: number;
  readonly deliveryRateAppLimited: number;
  readonly rto: number;
  readonly ato: number;
  readonly sndMss: number;
  readonly rcvMss: number;
  readonly unacked: number;
  readonly sacked: number;
  readonly lost: number;
  readonly retrans: number;
  readonly fackets: number;
  readonly lastDataSent: number;
  readonly lastDataRecv: number;
  readonly lastAckRecv: number;
  readonly pmtu: number;
  readonly rcvSsthresh: number;
  readonly rtt: number;
  readonly rttvar: number;
  readonly sndSsthresh: number;
  readonly sndCwnd: number;
  readonly advmss: number;
  readonly reordering: number;
  readonly rcvSpace: number;
  readonly totalRetrans: number;
  /** Octets a second; Linux's ~0 where nothing limits is 0 here. */
  readonly pacingRate: number;
  readonly bytesAcked: number;
  readonly bytesReceived: number;
  readonly segsOut: number;
  readonly segsIn: number;
  readonly notsentBytes: number;
  readonly minRtt: number;
  readonly dataSegsIn: number;
  readonly dataSegsOut: number;
  readonly deliveryRate: number;
  readonly delivered: number;
  readonly deliveredCe: number;
  readonly bytesSent: number;
  readonly bytesRetrans: number;
  readonly dsackDups: number;
  readonly reordSeen: number;
  readonly rcvOoopack: number;
  readonly sndWnd: number;
}

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
      (tcb.ecnEcho ? OPT_ECN_SEEN : 0),
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
    minRtt: loss?.minRttUs ?? 0,
    sndSsthresh: ssthresh > 0x3fff_0000 ? SSTHRESH_INFINITE : Math.floor(ssthresh / mss),
    sndCwnd: Math.max(1, Math.floor((controller === undefined ? 10 * mss : tcb.cwnd) / mss)),
    reordering: REORDERING,
    pacingRate: Math.round(controller?.pacingRate ?? 0),
    deliveryRateAppLimited: loss?.rateAppLimited === true ? 1 : 0,
    deliveryRate: loss === undefined || loss.rateUs === 0 ? 0 : Math.round((loss.rateOctets * 1e6) / loss.rateUs),
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
