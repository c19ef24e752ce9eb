// STATUS, RFC 9293 3.10.6, 3.9.1.6: what is known of a connection, for people. Names as `ss -ti` prints them where it can.

import { STATE_NAMES } from '../state.ts';
import type { Tcb } from '../tcb.ts';
import { urgentRemaining } from './receive.ts';

/** A snapshot. Octets, milliseconds. */
export interface TcpStatus {
  readonly state: string;
  readonly sndUna: number;
  readonly sndNxt: number;
  readonly sndWnd: number;
  readonly rcvNxt: number;
  readonly rcvWnd: number;
  readonly mss: number;
  readonly cwnd: number;
  readonly ssthresh: number;
  readonly srttMs: number;
  readonly rttvarMs: number;
  readonly rtoMs: number;
  /** Octets given and not acknowledged, and octets received and not read. */
  readonly sendQueue: number;
  readonly receiveQueue: number;
  readonly receiveLimit: number;
  readonly urgent: number;
  readonly retransmits: number;
  readonly timestamps: boolean;
  readonly sack: boolean;
  readonly windowScale: readonly [send: number, receive: number];
}

export function status(tcb: Tcb): TcpStatus {
  return {
    state: STATE_NAMES[tcb.state],
    sndUna: tcb.sndUna,
    sndNxt: tcb.sndNxt,
    sndWnd: tcb.sndWnd,
    rcvNxt: tcb.rcvNxt,
    rcvWnd: tcb.rcvWnd,
    mss: tcb.mss,
    cwnd: tcb.controller?.cwnd ?? 0,
    ssthresh: tcb.controller?.ssthresh ?? 0,
    srttMs: tcb.srttUs / 1000,
    rttvarMs: tcb.rttvarUs / 1000,
    rtoMs: tcb.rtoMs,
    sendQueue: tcb.queued,
    receiveQueue: tcb.unread,
    receiveLimit: tcb.rcvLimit,
    urgent: urgentRemaining(tcb),
    retransmits: tcb.retries,
    timestamps: tcb.timestamps,
    sack: tcb.sackPermitted,
    windowScale: [tcb.sndScale, tcb.rcvScale],
  };
}
