// What a SYN teaches: the peer's first sequence number and its options. RFC 9293 3.7.1, RFC 7323, RFC 2018.

import { add } from '../base/int.ts';
import type { Context } from '../context.ts';
import { synWindow } from './receive-window.ts';
import type { Segment } from './segment.ts';
import type { Tcb } from './tcb.ts';

/** RFC 7323 2.3. R7323.2. */
const SCALE_MAX = 14;
/** MUST-15: what a peer that says nothing takes. */
export const MSS_DEFAULT = 536;
/** Sixteen bits. */
const MSS_MAX = 65_535;
const TCP_IP_HEADERS = 40;
/** Octets of a timestamps option with its padding, in every segment once agreed. R7323.4. */
export const TIMESTAMPS_OCTETS = 12;
/** What the window field of a SYN can say: it is not scaled (RFC 7323 2.2). */
export const SYN_WINDOW_MAX = 65_535;

/** The shift that lets the window reach `limit`, RFC 7323 2.2. Fixed at SYN, so it is chosen for the largest buffer. R7323.1. */
export function windowScaleFor(limit: number): number {
  let shift = 0;
  while (shift < SCALE_MAX && SYN_WINDOW_MAX << shift < limit) shift++;
  return shift;
}

/** Our first sequence number, and nothing sent yet. */
export function chooseIss(tcb: Tcb, iss: number): void {
  tcb.iss = iss;
  tcb.sndUna = iss;
  tcb.sndNxt = iss;
  tcb.sndUp = iss;
  tcb.recover = iss;
  tcb.sndSml = iss;
  // The SYN has the first number, text the next.
  tcb.sndEnd = add(iss, 1);
}

/** Takes IRS and the options of a SYN (or SYN,ACK) that was accepted. */
export function readSyn(tcb: Tcb, seg: Segment, context: Context): void {
  const { options } = context;
  const said = seg.options;
  tcb.irs = seg.seq;
  tcb.rcvNxt = add(seg.seq, 1);
  tcb.rcvRead = tcb.rcvNxt;
  tcb.lastAckSent = tcb.rcvNxt;
  tcb.rcvUp = tcb.irs;
  // A peer that says 0 or 1 must not make us send octet by octet (Linux: tcp_min_snd_mss).
  tcb.peerMss = said.mss === 0 ? MSS_DEFAULT : Math.max(said.mss, options.tcpMssMin);
  tcb.windowScaling = said.windowScale >= 0 && options.tcpWindowScaling;
  tcb.sndScale = tcb.windowScaling ? Math.min(said.windowScale, SCALE_MAX) : 0;
  tcb.rcvScale = tcb.windowScaling ? windowScaleFor(tcb.rcvLimitMax) : 0;
  tcb.timestamps = said.timestamps && options.tcpTimestamps;
  if (tcb.timestamps) {
    tcb.tsRecent = said.tsVal;
    tcb.tsRecentS = context.uptimeS | 0;
  }
  tcb.sackPermitted = said.sackPermitted && options.tcpSack;
  // The window of a SYN is not scaled (RFC 7323 2.2).
  tcb.sndWnd = seg.wnd;
  tcb.sndWndMax = seg.wnd;
  tcb.sndWl1 = seg.seq;
  tcb.sndWl2 = tcb.sndUna;
  tcb.rcvMss = Math.min(MSS_DEFAULT, tcb.peerMss);
  tcb.rcvAdv = add(tcb.rcvNxt, synWindow(tcb));
}

/** MUST-16: Eff.snd.MSS = min(SendMSS + 20, MMS_S) - TCP options - IP options. */
export function updateMss(tcb: Tcb): void {
  tcb.mssPmtu = tcb.path.pmtu;
  const mss = mssLimit(tcb) - (tcb.timestamps ? TIMESTAMPS_OCTETS : 0);
  if (mss === tcb.mss) return;
  tcb.mss = mss;
  tcb.controller?.resized(mss);
}

/** Octets of TCP options and text together that one segment may have. */
export function mssLimit(tcb: Tcb): number {
  const mss = Math.min(tcb.peerMss, tcb.path.pmtu - TCP_IP_HEADERS);
  return Math.max(TIMESTAMPS_OCTETS + 8, tcb.maxSegment > 0 ? Math.min(mss, tcb.maxSegment) : mss);
}

/** MUST-67, SHLD-6: what we say: the largest segment that the link brings whole. */
export function ownMss(tcb: Tcb): number {
  const { route } = tcb.path;
  const mss = ownMssFor(route === undefined ? tcb.path.pmtu : route.face.link.mtu);
  return tcb.maxSegment > 0 ? Math.min(mss, tcb.maxSegment) : mss;
}

/** The same of a link with this MTU. */
export function ownMssFor(mtu: number): number {
  return Math.min(MSS_MAX, Math.max(MSS_DEFAULT, mtu - TCP_IP_HEADERS));
}
