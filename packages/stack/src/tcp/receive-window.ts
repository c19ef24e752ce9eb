// How much the peer may send: RFC 9293 3.8.6.2.2, the receiver's silly window avoidance, and the growth of the buffer.

import { add, diff } from '../base/int.ts';
import type { Context } from '../context.ts';
import type { Tcb } from './tcb.ts';

const MAX_UNSCALED = 65_535;

/** The window of a SYN, which is not scaled (RFC 7323 2.2). R7323.3. */
export function synWindow(tcb: Tcb): number {
  return Math.min(MAX_UNSCALED, tcb.rcvLimit);
}

/** The right edge that the room in the buffer allows. MAY-8: none, for as long as nobody reads. */
function roomEdge(tcb: Tcb): number {
  const edge = limitEdge(tcb);
  return diff(edge, tcb.rcvNxt) > 0 ? edge : tcb.rcvNxt;
}

/** Where the buffer ends, whatever was told: what is unread may reach beyond by the grain of the window scale. */
export function limitEdge(tcb: Tcb): number {
  const limit = Math.min(tcb.rcvLimit, MAX_UNSCALED << tcb.rcvScale);
  return add(tcb.rcvNxt, limit - tcb.unread);
}

/** MUST-39: the edge moves by at least min(half the buffer, one segment), or not at all. */
export function nextEdge(tcb: Tcb): number {
  const edge = roomEdge(tcb);
  return diff(edge, tcb.rcvAdv) >= Math.min(tcb.rcvLimit >> 1, Math.max(tcb.rcvMss, 1)) ? edge : tcb.rcvAdv;
}

/** The application made so much room that the peer should hear of it without having asked. */
export function updateIsWorth(tcb: Tcb): boolean {
  // Nothing comes behind a FIN; and while nothing was read, what the window of our SYN could not say the next ACK says.
  if (tcb.finReceived || tcb.rcvRead === add(tcb.irs, 1)) return false;
  const gain = diff(roomEdge(tcb), tcb.rcvAdv);
  if (gain <= 0) return false;
  // A shut window is opened as soon as it may be; an open one by two segments or half the buffer at a time.
  const least = Math.min(tcb.rcvLimit >> 1, 2 * tcb.rcvMss);
  return tcb.rcvWnd < tcb.rcvMss
    ? nextEdge(tcb) !== tcb.rcvAdv
    : gain >= least && tcb.rcvWnd < tcb.rcvLimit >> 1;
}

/**
 * Dynamic right-sizing: an application that reads more than half of what the buffer holds within one round trip gets one
 * that is twice what it read, and more by twice its growth: a sender in slow start needs that window a round trip from now. Linux
 * tcp_rcv_space_adjust.
 */
export function tuneReceiveLimit(tcb: Tcb, consumed: number, context: Context): void {
  const { nowUs, options } = context;
  tcb.tuneOctets += consumed;
  const elapsed = diff(nowUs, tcb.tuneUs);
  if (elapsed < Math.max(tcb.srttUs, options.tcpTuneIntervalUs)) return;
  let wanted = 2 * tcb.tuneOctets;
  if (tcb.tuneOctets > tcb.tuneBefore) {
    wanted += (2 * wanted * (tcb.tuneOctets - tcb.tuneBefore)) / tcb.tuneBefore;
    tcb.tuneBefore = tcb.tuneOctets;
  }
  tcb.tuneUs = nowUs;
  tcb.tuneOctets = 0;
  if (wanted > tcb.rcvLimit) tcb.rcvLimit = Math.floor(Math.min(tcb.rcvLimitMax, wanted));
}
