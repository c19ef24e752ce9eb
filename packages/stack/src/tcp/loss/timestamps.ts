// Timestamps: RFC 7323. Round trips by echo (section 4), protection against wrapped sequence numbers (section 5).

import { before, diff } from '../../base/int.ts';
import type { Context } from '../../context.ts';
import type { Segment } from '../segment.ts';
import type { Tcb } from '../tcb.ts';

/** RFC 7323 5.5: TS.Recent older than 24 days says nothing. Seconds. R7323.8. */
const TS_RECENT_VALID_S = 24 * 86_400;

/** TSval for a segment sent now: a clock of 1 ms (5.4), offset so that it tells nobody our uptime. R7323.9. */
export function tsVal(tcb: Tcb, nowMs: number): number {
  return (nowMs + tcb.tsOffset) | 0;
}

/** 5.3 R1: the segment is older than what was seen. (The uptime is a fraction: as an argument it would be an object.) */
export function failsPaws(tcb: Tcb, seg: Segment, context: Context): boolean {
  if (!tcb.timestamps || !seg.options.timestamps) return false;
  return before(seg.options.tsVal, tcb.tsRecent) && context.uptimeS - tcb.tsRecentS < TS_RECENT_VALID_S;
}

/** 4.3: TS.Recent follows an acceptable segment that starts at or before the last octet acknowledged. R7323.6. */
export function updateTsRecent(tcb: Tcb, seg: Segment, context: Context): void {
  if (!tcb.timestamps || !seg.options.timestamps) return;
  if (diff(seg.seq, tcb.lastAckSent) > 0) return;
  const stale = context.uptimeS - tcb.tsRecentS >= TS_RECENT_VALID_S;
  if (before(seg.options.tsVal, tcb.tsRecent) && !stale) return;
  tcb.tsRecent = seg.options.tsVal;
  // Whole seconds: a fraction would be an object of its own in every connection.
  tcb.tsRecentS = context.uptimeS | 0;
}

/** How old the timestamp is that this segment echoes, microseconds, or 0: none of ours. */
export function echoAgeUs(tcb: Tcb, seg: Segment, nowMs: number): number {
  if (!tcb.timestamps || !seg.options.timestamps || seg.options.tsEcr === 0) return 0;
  const ms = diff(tsVal(tcb, nowMs), seg.options.tsEcr);
  return ms < 0 || ms > 600_000 ? 0 : ms * 1000;
}

/**
 * 4.1: the round trip that an echoed timestamp shows, microseconds, or 0: it echoes nothing we sent lately. For octets that
 * were sent again it counts only from then on: a peer that had them already echoes what came first, and to take the
 * timeout between the two for a round trip would double the next one (Karn, RFC 6298 section 3).
 */
export function echoedRttUs(tcb: Tcb, seg: Segment, nowMs: number, nowUs: number, resentUs: number): number {
  if (!tcb.timestamps || !seg.options.timestamps || seg.options.tsEcr === 0) return 0;
  const ms = diff(tsVal(tcb, nowMs), seg.options.tsEcr);
  // An echo from the future, or of long ago, is none of ours. The clock of timestamps resolves one millisecond.
  if (ms < 0 || ms > 600_000 || ms * 1000 > diff(nowUs, resentUs) + 1000) return 0;
  return Math.max(1, ms) * 1000;
}
