// How large the next segment of new text is, or that it waits: Nagle (RFC 9293 3.7.4, SHLD-7), the sender's silly window
// avoidance (3.8.6.2.1, MUST-38), whole segments where possible (SHLD-27, SHLD-28). All our text is pushed (MUST-60).

import { after, diff } from '../../base/int.ts';
import type { Tcb } from '../tcb.ts';

/** Nothing to send. */
export const SEND_NOTHING = 0;
/** There is something, but the congestion window, the peer's window or Nagle holds it. */
export const HELD_BY_CWND = -1;
export const HELD_BY_WINDOW = -2;
export const HELD_BY_NAGLE = -3;
export const HELD_BY_PACING = -4;

/** Octets of text to send now, or one of the above. `largest`: what one packet may carry. */
export function nextTextLength(tcb: Tcb, largest: number): number {
  const queued = diff(tcb.sndEnd, tcb.sndNxt);
  if (queued <= 0) return SEND_NOTHING;
  const { mss } = tcb;
  const usable = diff(tcb.sndUna, tcb.sndNxt) + tcb.sndWnd;
  if (usable <= 0) return HELD_BY_WINDOW;
  const { pipe, cwnd } = tcb;
  // One segment may always be on its way: a window smaller than that would stop everything.
  const room = pipe === 0 ? Math.max(mss, cwnd) : cwnd - pipe;
  const length = Math.min(queued, usable, largest);
  if (length < mss) return smallLength(tcb, length, queued, room);
  if (room < mss) return HELD_BY_CWND;
  const allowed = Math.min(length, room);
  const whole = allowed - (allowed % mss);
  // The end of the queue goes along with the whole segments before it, if it may go at all.
  return allowed === queued && mayGoSmall(tcb) ? allowed : whole;
}

function smallLength(tcb: Tcb, length: number, queued: number, room: number): number {
  if (room < length) return HELD_BY_CWND;
  if (tcb.pushSmall) return length;
  if (length === queued) return mayGoSmall(tcb) ? length : HELD_BY_NAGLE;
  // The window is smaller than a segment: rule 3, half of the largest it ever was, and nothing under way.
  return tcb.outstanding === 0 && length >= tcb.sndWndMax >> 1 ? length : HELD_BY_WINDOW;
}

/** Minshall's form of Nagle's rule, as in Linux: one small segment at a time. MUST-17: it can be switched off. */
function mayGoSmall(tcb: Tcb): boolean {
  if (tcb.corked) return tcb.finQueued;
  return tcb.noDelay || tcb.finQueued || !after(tcb.sndSml, tcb.sndUna);
}
