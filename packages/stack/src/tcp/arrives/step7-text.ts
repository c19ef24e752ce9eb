// RFC 9293 3.10.7.4, seventh: the text. In order it moves RCV.NXT and waits in its packet for the end of the batch; out
// of order it goes to its place in the receive buffer (SHLD-31). Which ACKs follow is said in output/ack.ts.

import { Fifo } from '../../base/fifo.ts';
import { add, after, diff } from '../../base/int.ts';
import { C } from '../../contract/counters.ts';
import { OK } from '../../contract/errno.ts';
import { EVENT_READABLE } from '../../contract/events.ts';
import { GSO_NONE, type Packet } from '../../contract/packet.ts';
import { R } from '../../contract/reasons.ts';
import { Reassembly } from '../buffers/reassembly.ts';
import type { ReceiveBuffer } from '../buffers/receive-buffer.ts';
import { bulkArrives } from '../bulk.ts';
import type { Connections } from '../connections.ts';
import { ecnArrives } from '../ecn.ts';
import { CONTINUE, type Segment } from '../segment.ts';
import { mayReceive } from '../state.ts';
import type { Tcb } from '../tcb.ts';
import { noteAllRepeated } from './repeated.ts';

/** Packets of one batch that one connection may hold: more than any batch has. */
const FRESH_MAX = 65_536;
/** RFC 5681 3.2: as many duplicates start a fast retransmit. */
const DUPLICATES_THAT_COUNT = 3;
/** Duplicates owed at once; a peer needs three. */
const OWED_MAX = 256;

export function textArrives(c: Connections, tcb: Tcb, seg: Segment): number {
  // Nothing may follow a FIN: CLOSE-WAIT and later states ignore it, and so does what is known to end before.
  if (tcb.finPending && after(seg.end, tcb.finSeq)) seg.cutBack(diff(seg.end, tcb.finSeq));
  if (seg.textLength <= 0 || !mayReceive(tcb.state)) return CONTINUE;
  if (tcb.receiveClosed) return abortOnData(c, tcb, seg);
  tcb.textArrived = true;
  tcb.dataSegsIn += seg.wireSegments;
  bulkArrives(tcb, seg.textLength, c.context.nowMs);
  tcb.lastTextMs = c.context.nowMs;
  ecnArrives(c, tcb, seg);
  if (c.receiveOctets + seg.textLength > c.context.options.tcpReceiveTotalBytes) return noMemory(c, tcb, seg);
  if (seg.textSeq !== tcb.rcvNxt) return outOfOrder(c, tcb, seg);
  noteSize(tcb, seg);
  tcb.segmentsUnacked += seg.wireSegments;
  if (tcb.reassembly !== undefined && tcb.reassembly.count > 0) fillGap(c, tcb, seg);
  else inOrder(c, tcb, seg);
  tcb.outOfOrderAcks = 0;
  c.markDirty(tcb);
  c.notify(tcb, EVENT_READABLE);
  return CONTINUE;
}

/** SHLD-3: the application closed, and will not read this. It must not seem delivered. */
function abortOnData(c: Connections, tcb: Tcb, seg: Segment): number {
  c.context.stats.counters[C.TcpExtTCPAbortOnData]++;
  c.finish(tcb, OK);
  return seg.reset(R.TCP_AFTER_CLOSE);
}

/** More than the whole stack may hold: not acknowledged, so it comes again. A FIN behind it does not count yet. */
function noMemory(c: Connections, tcb: Tcb, seg: Segment): number {
  c.context.stats.counters[C.TcpExtTCPRcvQDrop]++;
  tcb.ackNow = true;
  c.markDirty(tcb);
  return seg.drop(R.TCP_RECEIVE_MEMORY);
}

/** RMSS, estimated: the largest segment the wire brought. */
function noteSize(tcb: Tcb, seg: Segment): void {
  const packet = seg.packet as Packet;
  const size = packet.gsoType === GSO_NONE ? seg.textLength : Math.min(packet.gsoSize, seg.textLength);
  if (size > tcb.rcvMss) tcb.rcvMss = size;
}

/** It stays where it lies until the application has had its turn: what is read then was never copied. */
function inOrder(c: Connections, tcb: Tcb, seg: Segment): void {
  const packet = seg.packet as Packet;
  const { textLength } = seg;
  if (tcb.freshOctets > 0 && add(tcb.freshSeq, tcb.freshOctets) !== tcb.rcvNxt) {
    bufferOf(c, tcb).write(diff(tcb.rcvNxt, tcb.rcvRead), packet.bytes, seg.textAt, textLength);
  } else {
    if (tcb.freshOctets === 0) tcb.freshSeq = tcb.rcvNxt;
    packet.pull(seg.textAt - packet.head);
    packet.trim(textLength);
    tcb.fresh ??= c.freshLists.pop() ?? new Fifo(FRESH_MAX);
    tcb.fresh.push(packet);
    tcb.freshOctets += textLength;
    seg.taken = true;
    c.touch(tcb);
  }
  tcb.rcvNxt = add(tcb.rcvNxt, textLength);
  tcb.bytesReceived += textLength;
  c.receiveOctets += textLength;
}

/** It begins at RCV.NXT, and what lies behind it may be here already: first-received octets stay. */
function fillGap(c: Connections, tcb: Tcb, seg: Segment): void {
  const reassembly = tcb.reassembly as Reassembly;
  place(c, tcb, seg, reassembly);
  const before = tcb.rcvNxt;
  tcb.rcvNxt = reassembly.advance(add(tcb.rcvNxt, seg.textLength));
  tcb.bytesReceived += diff(tcb.rcvNxt, before);
  // RFC 5681 4.2: at once, when all or part of a gap is filled; in its place among the ACKs that are owed.
  owe(tcb, tcb.rcvNxt);
  tcb.ackNow = true;
}

function outOfOrder(c: Connections, tcb: Tcb, seg: Segment): number {
  const { counters } = c.context.stats;
  tcb.reassembly ??= new Reassembly(c.context.options.tcpReassemblyRunsMax);
  const { reassembly } = tcb;
  // What a device, or gro.ts, put together counts as what the wire brought: a peer without SACK counts duplicates.
  for (let i = Math.min(seg.wireSegments, OWED_MAX); i > 0; i--) oweDuplicate(tcb);
  c.markDirty(tcb);
  if (!reassembly.fits(seg.textSeq, add(seg.textSeq, seg.textLength))) {
    counters[C.TcpExtTCPOFODrop]++;
    return seg.drop(R.TCP_REASSEMBLY_FULL);
  }
  counters[C.TcpExtTCPOFOQueue]++;
  tcb.outOfOrderSegments++;
  if (!reassembly.gap(seg.textSeq, add(seg.textSeq, seg.textLength))) noteAllRepeated(c, tcb, seg);
  noteSize(tcb, seg);
  place(c, tcb, seg, reassembly);
  reassembly.add(seg.textSeq, add(seg.textSeq, seg.textLength));
  return CONTINUE;
}

/** Writes what is not here yet to its place in the receive buffer. */
function place(c: Connections, tcb: Tcb, seg: Segment, reassembly: Reassembly): void {
  const packet = seg.packet as Packet;
  const buffer = bufferOf(c, tcb);
  const end = add(seg.textSeq, seg.textLength);
  let at = seg.textSeq;
  while (diff(end, at) > 0 && reassembly.gap(at, end)) {
    const length = diff(reassembly.gapEnd, reassembly.gapSeq);
    const from = seg.textAt + diff(reassembly.gapSeq, seg.textSeq);
    buffer.write(diff(reassembly.gapSeq, tcb.rcvRead), packet.bytes, from, length);
    c.receiveOctets += length;
    at = reassembly.gapEnd;
  }
}

function bufferOf(c: Connections, tcb: Tcb): ReceiveBuffer {
  tcb.receiveBuffer ??= c.receiveStore.newBuffer();
  return tcb.receiveBuffer;
}

/** MAY-13: one per segment; to a peer that hears SACK blocks the first three, then one per batch. */
export function oweDuplicate(tcb: Tcb): void {
  const owed = tcb.acksOwed?.length ?? 0;
  if (tcb.sackPermitted && tcb.outOfOrderAcks >= DUPLICATES_THAT_COUNT && owed > 0) return;
  // What acknowledges text that was not acknowledged before is no duplicate to the peer (RFC 5681 section 2).
  if (!after(tcb.rcvNxt, tcb.acksOwed?.at(-1) ?? tcb.lastAckSent)) tcb.outOfOrderAcks++;
  owe(tcb, tcb.rcvNxt);
}

function owe(tcb: Tcb, ack: number): void {
  tcb.acksOwed ??= [];
  if (tcb.acksOwed.length < OWED_MAX) tcb.acksOwed.push(ack);
}

/** After the events of a pump: text that the application left in the packets is copied, and the packets go home. */
export function settleText(tcb: Tcb, c: Connections): void {
  tcb.touched = false;
  const { fresh } = tcb;
  if (fresh === undefined) return;
  for (let packet = fresh.shift(); packet !== undefined; packet = fresh.shift()) {
    const { length } = packet;
    bufferOf(c, tcb).write(diff(tcb.freshSeq, tcb.rcvRead), packet.bytes, packet.head, length);
    tcb.freshSeq = add(tcb.freshSeq, length);
    packet.release();
  }
  tcb.freshOctets = 0;
  tcb.fresh = undefined;
  c.freshLists.push(fresh);
}
