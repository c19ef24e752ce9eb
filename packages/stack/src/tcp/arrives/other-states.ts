// RFC 9293 3.10.7.4: SYN-RECEIVED and all that follow it. The eight steps in their order, one file each.

import type { Connections } from '../connections.ts';
import { CONTINUE, type Segment } from '../segment.ts';
import { CLOSED } from '../state.ts';
import type { Tcb } from '../tcb.ts';
import { checkSequence } from './step1-sequence.ts';
import { resetArrives } from './step2-rst.ts';
import { checkSecurity } from './step3-security.ts';
import { synArrives } from './step4-syn.ts';
import { ackArrives } from './step5-ack.ts';
import { urgentArrives } from './step6-urg.ts';
import { textArrives } from './step7-text.ts';
import { finArrives } from './step8-fin.ts';

export function otherStates(c: Connections, tcb: Tcb, seg: Segment): number {
  let verdict = checkSequence(c, tcb, seg);
  if (verdict === CONTINUE) verdict = resetArrives(c, tcb, seg);
  if (verdict === CONTINUE && tcb.state !== CLOSED) verdict = checkSecurity();
  if (verdict === CONTINUE && tcb.state !== CLOSED) verdict = synArrives(c, tcb, seg);
  if (verdict === CONTINUE && tcb.state !== CLOSED) verdict = ackArrives(c, tcb, seg);
  if (verdict !== CONTINUE || tcb.state === CLOSED) return verdict;
  if (seg.repeats) {
    // A duplicate in part: who repeats itself has not heard us.
    tcb.ackNow = true;
    c.markDirty(tcb);
  }
  urgentArrives(c, tcb, seg);
  verdict = textArrives(c, tcb, seg);
  return verdict === CONTINUE ? finArrives(c, tcb, seg) : verdict;
}
