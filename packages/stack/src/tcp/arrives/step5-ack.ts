// RFC 9293 3.10.7.4, fifth: the ACK field, with RFC 5961 section 5 (MAY-12). What an acknowledgment does to what is
// outstanding stands in acknowledge.ts.

import { NONE } from '../../base/index-pool.ts';
import { after, before } from '../../base/int.ts';
import { EVENT_CONNECTED } from '../../contract/events.ts';
import { R } from '../../contract/reasons.ts';
import { TCP_ACK } from '../../wire/tcp.ts';
import type { Connections } from '../connections.ts';
import { establish } from '../establish.ts';
import { CONTINUE, type Segment } from '../segment.ts';
import { CLOSING, FIN_WAIT_1, FIN_WAIT_2, LAST_ACK, SYN_RECEIVED, setState } from '../state.ts';
import type { Tcb } from '../tcb.ts';
import { enterFinWait2, enterTimeWait } from '../timeouts/time-wait.ts';
import { acknowledge, updateSendWindow } from './acknowledge.ts';
import { challenge } from './challenge.ts';
import { becomeReady } from './listen.ts';

export function ackArrives(c: Connections, tcb: Tcb, seg: Segment): number {
  if (!seg.has(TCP_ACK)) return seg.drop(R.TCP_NO_ACK);
  if (tcb.state === SYN_RECEIVED) {
    const verdict = synAcknowledged(c, tcb, seg);
    if (verdict !== CONTINUE) return verdict;
  }
  // RFC 5961 5.2: SND.UNA - MAX.SND.WND =< SEG.ACK =< SND.NXT (R5961.3)
  if (after(seg.ack, tcb.sndNxt)) return challenge(c, tcb, seg, R.TCP_BAD_ACK);
  if (before(seg.ack, (tcb.sndUna - tcb.sndWndMax) | 0)) return challenge(c, tcb, seg, R.TCP_OLD_ACK);
  const news = after(seg.ack, tcb.sndUna);
  acknowledge(c, tcb, seg);
  updateSendWindow(c, tcb, seg, news);
  if (tcb.finAcked) finAcknowledged(c, tcb);
  return CONTINUE;
}

/** SYN-RECEIVED: only the acknowledgment of our SYN opens. */
function synAcknowledged(c: Connections, tcb: Tcb, seg: Segment): number {
  if (tcb.held) return seg.drop(R.TCP_BAD_ACK);
  if (!after(seg.ack, tcb.sndUna) || after(seg.ack, tcb.sndNxt)) return seg.reset(R.TCP_BAD_ACK);
  if (tcb.listenerId !== NONE && tcb.owner === undefined) {
    // As Linux: an acknowledgment for which there is no room is forgotten, and our SYN,ACK asks for it again.
    if (!becomeReady(c, tcb)) return seg.drop(R.TCP_LISTEN_FULL);
  }
  establish(c, tcb);
  c.notify(tcb, EVENT_CONNECTED);
  return CONTINUE;
}

/** What follows from the acknowledgment of our FIN. */
function finAcknowledged(c: Connections, tcb: Tcb): void {
  switch (tcb.state) {
    case FIN_WAIT_1:
      setState(tcb, FIN_WAIT_2);
      enterFinWait2(c, tcb);
      return;
    case CLOSING:
      enterTimeWait(c, tcb);
      return;
    case LAST_ACK:
      c.finish(tcb, 0);
  }
}
