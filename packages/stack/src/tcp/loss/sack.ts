// SACK blocks that arrive: RFC 2018 section 5, RFC 6675 Update(), RFC 2883 (DSACK). Each block is found by search, and what was told
// before is one merged range: the work of an acknowledgment does not grow with what is outstanding.

import { add, after, before, diff, later } from '../../base/int.ts';
import { C } from '../../contract/counters.ts';
import { rd32 } from '../../wire/bytes.ts';
import { TCP_OPTION_SACK_BLOCK } from '../../wire/tcp-options.ts';
import type { Connections } from '../connections.ts';
import type { Segment } from '../segment.ts';
import type { Tcb } from '../tcb.ts';
import type { Delivery } from './delivery.ts';
import type { LossRecord } from './record.ts';
import { undoDsack } from './undo.ts';

/** Marks what the blocks of this segment tell of. */
export function sackArrives(c: Connections, tcb: Tcb, loss: LossRecord, seg: Segment, d: Delivery): void {
  const { sackCount, sackAt } = seg.options;
  const bytes = seg.packet?.bytes;
  if (bytes === undefined) return;
  const sackedBefore = tcb.sent.sackedOctets;
  for (let i = 0; i < sackCount; i++) {
    const o = sackAt + i * TCP_OPTION_SACK_BLOCK;
    const left = rd32(bytes, o);
    const right = rd32(bytes, o + 4);
    if (!before(left, right) || after(right, tcb.sndNxt)) {
      c.context.stats.counters[C.TcpExtTCPSACKDiscard]++;
      continue;
    }
    if (i === 0 && isDsack(seg, bytes, left, right)) {
      dsackArrived(c, tcb, loss, left, right, d);
      continue;
    }
    const from = later(left, tcb.sndUna);
    if (!before(from, right)) continue;
    markBlock(tcb, from, right, d);
    loss.fack = later(loss.fack, right);
  }
  if (tcb.sent.sackedOctets > sackedBefore) d.duplicate = true;
}

/** RFC 2883 section 4: the first block lies below the acknowledgment, or inside the second block. */
function isDsack(seg: Segment, bytes: Uint8Array, left: number, right: number): boolean {
  if (before(left, seg.ack)) return true;
  if (seg.options.sackCount < 2) return false;
  const o = seg.options.sackAt + TCP_OPTION_SACK_BLOCK;
  return !before(left, rd32(bytes, o)) && !after(right, rd32(bytes, o + 4));
}

function dsackArrived(
  c: Connections,
  tcb: Tcb,
  loss: LossRecord,
  left: number,
  right: number,
  d: Delivery,
): void {
  // Nothing that old was ever under way at once (Linux tcp_is_sackblock_valid).
  if (before(left, (tcb.sndUna - Math.max(tcb.sndWndMax, tcb.mss)) | 0)) {
    c.context.stats.counters[C.TcpExtTCPSACKDiscard]++;
    return;
  }
  c.context.stats.counters[C.TcpExtTCPDSACKRecv]++;
  d.dsack = true;
  loss.dsacks++;
  loss.dsackSeen = true;
  undoDsack(tcb, loss, left, right);
}

/** Only whole segments count: what is cut out of a super-segment begins and ends where the device cut. */
function markBlock(tcb: Tcb, left: number, right: number, d: Delivery): void {
  const { sent, mss } = tcb;
  let place = sent.placeOf(left);
  while (place < sent.count) {
    const range = sent.at(place);
    if (!before(range.seq, right)) return;
    if (range.sacked) {
      place++;
      continue;
    }
    if (before(range.seq, left)) {
      const skip = Math.ceil(diff(left, range.seq) / mss) * mss;
      if (skip < range.length) sent.cut(place, add(range.seq, skip));
      place++;
      continue;
    }
    if (after(range.end, right)) {
      const whole = diff(right, range.seq);
      const keep = whole - (whole % mss);
      if (keep === 0 || !sent.cut(place, add(range.seq, keep))) return;
    }
    d.take(range, false);
    place = sent.markSacked(place, mss) + 1;
  }
}
