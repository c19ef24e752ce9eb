// What arrives twice: the next acknowledgment tells of it in its first SACK block, RFC 2883 (R2883.1). Its sender learns that what it
// sent again was not lost.

import { add, before, later } from '../../base/int.ts';
import { C } from '../../contract/counters.ts';
import type { Connections } from '../connections.ts';
import type { Segment } from '../segment.ts';
import type { Tcb } from '../tcb.ts';

/** The text of `seg` up to `end` was here before. Of several in one batch the last is told. */
export function noteRepeated(c: Connections, tcb: Tcb, seg: Segment, end: number): void {
  const seq = seg.textSeq;
  if (!tcb.sackPermitted || seg.textLength === 0 || !before(seq, end)) return;
  const { counters } = c.context.stats;
  const old = before(seq, tcb.rcvNxt);
  counters[old ? C.TcpExtTCPDSACKOldSent : C.TcpExtTCPDSACKOfoSent]++;
  tcb.dsackOwed = true;
  tcb.dsackSeq = seq;
  tcb.dsackEnd = end;
}

/** All of its text. */
export function noteAllRepeated(c: Connections, tcb: Tcb, seg: Segment): void {
  noteRepeated(c, tcb, seg, add(seg.textSeq, seg.textLength));
}

/** A segment that begins before RCV.NXT: the part that is cut off. */
export function noteFrontRepeated(c: Connections, tcb: Tcb, seg: Segment): void {
  noteRepeated(c, tcb, seg, later(seg.textSeq, tcb.rcvNxt));
}
