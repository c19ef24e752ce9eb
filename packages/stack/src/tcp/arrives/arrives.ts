// SEGMENT ARRIVES, RFC 9293 3.10.7: by state, and nothing else. No step sends: each marks, and answers a verdict.

import type { Connections } from '../connections.ts';
import { CONTINUE, type Segment } from '../segment.ts';
import { SYN_SENT } from '../state.ts';
import type { Tcb } from '../tcb.ts';
import { fastPath } from './fast-path.ts';
import { otherStates } from './other-states.ts';
import { synSentArrives } from './syn-sent.ts';

/** A segment for a connection that exists. CONTINUE, DROP, DROP_ACK or RESET, with `seg.reason`. */
export function segmentArrives(c: Connections, tcb: Tcb, seg: Segment): number {
  const verdict = byState(c, tcb, seg);
  if (verdict === CONTINUE) {
    // The peer lives (3.8.4); what a stranger may have sent is no sign of it.
    tcb.lastReceivedMs = c.context.nowMs;
    tcb.keepAlives = 0;
  }
  return verdict;
}

function byState(c: Connections, tcb: Tcb, seg: Segment): number {
  if (tcb.state === SYN_SENT) return synSentArrives(c, tcb, seg);
  const predicted = fastPath(c, tcb, seg);
  return predicted >= 0 ? predicted : otherStates(c, tcb, seg);
}
