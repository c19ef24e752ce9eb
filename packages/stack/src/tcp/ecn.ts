// Explicit congestion notification: RFC 3168, SHLD-8. A router marks CE instead of dropping; its receiver echoes ECE until the sender
// says CWR; the sender takes an echo for a loss, once in a window.
//
//   SYN  ECE CWR  -->            data  ECT(0)  --> router: CE -->
//   <--  SYN ACK  ECE            <-- ACK  ECE      data  CWR -->

import { TCP_ACK, TCP_CWR, TCP_ECE, TCP_SYN } from '../wire/tcp.ts';
import type { Connections } from './connections.ts';
import type { Segment } from './segment.ts';
import type { Tcb } from './tcb.ts';

/** Codepoints of the two lower bits of the DiffServ octet (RFC 3168 section 5). */
const ECN_MASK = 3;
const ECT_0 = 2;
const CE = 3;

/** `options.tcpEcn`. */
const ECN_NEVER = 0;
const ECN_ASK = 1;

/** 6.1.1: the flags of our SYN or SYN,ACK. A SYN that was lost goes without: something on the way may not bear them (6.1.1.1). R3168.1. */
export function ecnSynFlags(c: Connections, tcb: Tcb, active: boolean): number {
  if (!active) return tcb.ecn ? TCP_ECE : 0;
  return c.context.options.tcpEcn === ECN_ASK && tcb.synsLost === 0 ? TCP_ECE | TCP_CWR : 0;
}

/** 6.1.1: what the SYN, or SYN,ACK, of the peer says. */
export function ecnReadSyn(c: Connections, tcb: Tcb, seg: Segment): void {
  const { tcpEcn } = c.context.options;
  const ece = seg.has(TCP_ECE);
  if (seg.has(TCP_ACK)) tcb.ecn = tcpEcn === ECN_ASK && tcb.synsLost === 0 && ece && !seg.has(TCP_CWR);
  else tcb.ecn = tcpEcn !== ECN_NEVER && ece && seg.has(TCP_CWR);
}

/** The same of a SYN that nobody remembers (cookies.ts). */
export function ecnOfSyn(seg: Segment, tcpEcn: number): boolean {
  return tcpEcn !== ECN_NEVER && seg.has(TCP_ECE) && seg.has(TCP_CWR);
}

/** 6.1.3: a segment with text arrived that may be marked, and whose sender may have answered our echo. R3168.3. */
export function ecnArrives(c: Connections, tcb: Tcb, seg: Segment): void {
  const { packet } = seg;
  if (!tcb.ecn || packet === undefined || packet.network < 0) return;
  if (seg.has(TCP_CWR)) tcb.ecnEcho = false;
  if ((packet.bytes[packet.network + 1] & ECN_MASK) !== CE) return;
  // The first mark is told at once: its sender should not wait for a delayed acknowledgment.
  if (!tcb.ecnEcho) {
    tcb.ackNow = true;
    c.markDirty(tcb);
  }
  tcb.ecnEcho = true;
  tcb.ecnSeen = true;
}

/** 6.1.2: the peer echoes a mark. R3168.2. */
export function echoesMark(tcb: Tcb, seg: Segment): boolean {
  return tcb.ecn && seg.has(TCP_ECE) && !seg.has(TCP_SYN);
}

/** Flags of a segment that leaves: the echo, and with new text the answer to the peer's. */
export function ecnFlags(tcb: Tcb, fresh: boolean): number {
  if (!tcb.ecn) return 0;
  return (tcb.ecnEcho ? TCP_ECE : 0) | (fresh && tcb.ecnReduced ? TCP_CWR : 0);
}

/** The DiffServ octet: only new text may be marked (6.1.4, 6.1.5), and what a controller sends that listens. R3168.4. */
export function ecnTos(tcb: Tcb, fresh: boolean): number {
  return tcb.ecn && fresh ? tcb.tos | ECT_0 : tcb.tos;
}
