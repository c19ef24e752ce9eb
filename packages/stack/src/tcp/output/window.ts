// The window field: RFC 9293 3.1, 3.8.6; RFC 7323 2.2. The only place that turns windows into sixteen bits.

import { add, diff } from '../../base/int.ts';
import { nextEdge, synWindow } from '../receive-window.ts';
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
  // SHLD-14: what scaling cuts off must not move the edge to the left.
  if (field << rcvScale < diff(tcb.rcvAdv, ack) && field < MAX_UNSCALED) field++;
  const told = add(ack, field << rcvScale);
  if (diff(told, tcb.rcvAdv) > 0) tcb.rcvAdv = told;
  return field;
}
