// RECEIVE, RFC 9293 3.10.3, 3.9.1.3: what is there is shown where it lies, and taken when the application says so.

import { add, diff } from '../../base/int.ts';
import { copyOctets } from '../../contract/packet.ts';
import type { Connections } from '../connections.ts';
import { tuneReceiveLimit, updateIsWorth } from '../receive-window.ts';
import type { Tcb } from '../tcb.ts';

const NOTHING = new Uint8Array(0);

/** A run of received text: `bytes[offset .. offset + length)`. One record per socket, reused. */
export class Text {
  bytes: Uint8Array = NOTHING;
  offset = 0;
  length = 0;
}

/** Shows the first run that lies in one piece; answers its octets, 0: nothing is there. */
export function show(tcb: Tcb, text: Text): number {
  const { unread } = tcb;
  text.length = 0;
  if (unread === 0) return 0;
  const toFresh = tcb.freshOctets > 0 ? diff(tcb.freshSeq, tcb.rcvRead) : unread;
  if (toFresh === 0 && tcb.fresh !== undefined) {
    const packet = tcb.fresh.at(0);
    text.bytes = packet.bytes;
    text.offset = packet.head;
    text.length = packet.length;
  } else if (tcb.receiveBuffer !== undefined) {
    const { receiveBuffer } = tcb;
    text.length = receiveBuffer.peek(toFresh);
    text.bytes = receiveBuffer.bytes;
    text.offset = receiveBuffer.offset;
  }
  return text.length;
}

/** After a read: the peer may hear of the room; and of a connection that is over, what lies behind a hole (or a FIN) goes at last. */
function afterRead(c: Connections, tcb: Tcb, n: number): void {
  if (tcb.rcvUrgent && diff(tcb.rcvRead, tcb.rcvUp) >= 0) tcb.rcvUrgent = false;
  tuneReceiveLimit(tcb, n, c.context);
  if (tcb.id >= 0 && updateIsWorth(tcb)) c.markDirty(tcb);
  if (tcb.id < 0 && tcb.unread === 0) c.discardReceived(tcb);
}

/** The first `n` unread octets were read. */
export function consume(c: Connections, tcb: Tcb, n: number): void {
  let rest = n;
  while (rest > 0) {
    const toFresh = tcb.freshOctets > 0 ? diff(tcb.freshSeq, tcb.rcvRead) : rest;
    const part = toFresh > 0 ? Math.min(rest, toFresh) : consumeFresh(tcb, rest);
    tcb.receiveBuffer?.consume(part);
    tcb.rcvRead = add(tcb.rcvRead, part);
    rest -= part;
  }
  c.receiveOctets -= n;
  afterRead(c, tcb, n);
}

/** Takes up to `n` octets off the first fresh packet. */
function consumeFresh(tcb: Tcb, n: number): number {
  const { fresh } = tcb;
  if (fresh === undefined) return n;
  const packet = fresh.at(0);
  const part = Math.min(n, packet.length);
  packet.pull(part);
  tcb.freshSeq = add(tcb.freshSeq, part);
  tcb.freshOctets -= part;
  if (packet.length === 0) {
    fresh.shift();
    packet.release();
  }
  return part;
}

/** Hands the first run over as memory of the application's own, and takes it; undefined: nothing is there. */
export function give(c: Connections, tcb: Tcb, text: Text): Uint8Array | undefined {
  if (tcb.freshOctets === 0 && tcb.receiveBuffer !== undefined && tcb.unread > 0) {
    const memory = tcb.receiveBuffer.give(tcb.unread);
    if (memory !== undefined) {
      // The buffer has moved on already: the rest of the book-keeping follows.
      tcb.rcvRead = add(tcb.rcvRead, memory.length);
      c.receiveOctets -= memory.length;
      afterRead(c, tcb, memory.length);
      return memory;
    }
  }
  const length = show(tcb, text);
  if (length === 0) return undefined;
  const copy = new Uint8Array(length);
  copyOctets(text.bytes, text.offset, copy, 0, length);
  consume(c, tcb, length);
  return copy;
}

/** MUST-33: octets up to the end of what is urgent, 0: nothing urgent waits. */
export function urgentRemaining(tcb: Tcb): number {
  return tcb.rcvUrgent ? Math.max(0, diff(tcb.rcvUp, tcb.rcvRead)) : 0;
}
