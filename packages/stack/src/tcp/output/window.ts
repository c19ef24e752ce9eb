// The window field: RFC 9293 3.1, 3.8.6; RFC 7323 2.2. The only place that turns windows into sixteen bits.

import { add, diff } from '../../base/int.ts';
import { limitEdge, nextEdge, synWindow } from '../receive-window.ts';
import type { Tcb } from '../tcb.ts';

const MAX_UNSCALED = 65_535;

/** For a SYN: unscaled. */
export function synWindowField(tcb: Tcb): number {
  return synWindow(tcb);
}

/** For a segment that acknowledges RCV.NXT: opens the window as far as it may be, and remembers the edge it told. */
export function windowField(tcb: Tcb): number {
  return fieldFor(tcb, tcb.rcvNxt, nextEdge(tcb));
}

/** For an acknowledgment of an earlier place: the same edge as before, so that a duplicate is one. */
export function windowFieldAt(tcb: Tcb, ack: number): number {
  return fieldFor(tcb, ack, tcb.rcvAdv);
}

function fieldFor(tcb: Tcb, ack: number, edge: number): number {
  const { rcvScale } = tcb;
  let field = Math.min(MAX_UNSCALED, diff(edge, ack) >>> rcvScale);
  // SHLD-14: what scaling cuts off must not move the edge to the left. But an edge that is rounded up with every ACK of a
  // small segment would run away from a reader that pauses: an eighth beyond the buffer it seems to shrink, by no more than
  // RFC 7323 2.4 allows for. What the peer was told before is taken all the same.
  const up = add(ack, (field + 1) << rcvScale);
  const fits = diff(up, limitEdge(tcb)) <= Math.max(tcb.rcvLimit >> 3, 1 << rcvScale);
  if (field << rcvScale < diff(tcb.rcvAdv, ack) && field < MAX_UNSCALED && fits) field++;
  const told = add(ack, field << rcvScale);
  if (diff(told, tcb.rcvAdv) > 0) tcb.rcvAdv = told;
  return field;
}
