// Bulk flows: those that move super-segments. Others do not wait behind them: they leave last in a drain (output/turn.ts), and a
// device that has a queue for them is told which they are (PRIORITY_BULK). RFC 9293 is silent; RFC 8290 (fq_codel) says why.

import { diff } from '../base/int.ts';
import type { Tcb } from './tcb.ts';

/** Text of one segment that makes a flow a bulk flow, octets. */
const BULK_TEXT = 16_384;
/** After such a pause nothing of it waits any more. Its queue is changed only then, or what waits in two is read out of order. */
const PAUSE_MS = 1000;

/** A segment came with so much text. Before `lastTextMs` is moved. */
export function bulkArrives(tcb: Tcb, octets: number, nowMs: number): void {
  if (octets >= BULK_TEXT) tcb.bulk = true;
  else if (tcb.bulk && tcb.sent.empty) bulkEnds(tcb, nowMs);
}

/** A segment left with so much. */
export function bulkLeaves(tcb: Tcb, octets: number): void {
  if (octets >= BULK_TEXT) tcb.bulk = true;
}

/** Nothing is under way from us. */
export function bulkEnds(tcb: Tcb, nowMs: number): void {
  const heard = tcb.textArrived && diff(nowMs, tcb.lastTextMs) <= PAUSE_MS;
  if (!heard && diff(nowMs, tcb.lastSentMs) > PAUSE_MS) tcb.bulk = false;
}
