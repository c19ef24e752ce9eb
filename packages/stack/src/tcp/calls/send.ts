// SEND, RFC 9293 3.10.2, 3.9.1.2. Everything is pushed: there is no PUSH flag, and nothing waits for one (MUST-60).

import { add } from '../../base/int.ts';
import { EAGAIN, ENOTCONN, EPIPE } from '../../contract/errno.ts';
import { EVENT_RELEASED } from '../../contract/events.ts';
import type { SendBuffer } from '../buffers/send-buffer.ts';
import type { Connections } from '../connections.ts';
import { CLOSED, maySend } from '../state.ts';
import { type Tcb, TIMER_DELAYED_ACK } from '../tcb.ts';

/** Copies octets to the send buffer. How many it took; or EAGAIN (EVENT_WRITABLE follows), EPIPE, ENOTCONN. */
export function send(c: Connections, tcb: Tcb, bytes: Uint8Array, offset: number, length: number): number {
  const refused = mayQueue(tcb);
  if (refused !== 0) return refused;
  const room = tcb.sendLimit - tcb.queued;
  if (room <= 0) {
    tcb.wantsRoom = true;
    return EAGAIN;
  }
  let taken = 0;
  if (length > 0) {
    const buffer = bufferOf(c, tcb);
    taken = buffer.append(bytes, offset, Math.min(length, room));
    tcb.sndEnd = buffer.end;
  }
  if (taken < length) tcb.wantsRoom = true;
  if (taken === 0 && length > 0) {
    starve(c, tcb);
    return EAGAIN;
  }
  c.markDirty(tcb);
  return taken;
}

/**
 * Takes a whole buffer by reference: it must not change until `released` is called, outside of the core and exactly once,
 * when its last octet is acknowledged or the connection ends. Its length, or EAGAIN, EPIPE, ENOTCONN (then `released` is not
 * called).
 */
export function sendOwned(c: Connections, tcb: Tcb, bytes: Uint8Array, released: () => void): number {
  const refused = mayQueue(tcb);
  if (refused !== 0) return refused;
  // A buffer is taken whole or not at all: a queue that has room for one octet takes it.
  const full = tcb.queued >= tcb.sendLimit;
  const buffer = bufferOf(c, tcb);
  if (full || !buffer.appendOwned(bytes, released)) {
    tcb.wantsRoom = true;
    if (!full) starve(c, tcb);
    return EAGAIN;
  }
  tcb.sndEnd = buffer.end;
  if (buffer.freed.size > 0) c.notify(tcb, EVENT_RELEASED);
  c.markDirty(tcb);
  return bytes.length;
}

/** MUST-30: what was given so far is urgent; it may be of any length (MUST-31). */
export function sendUrgent(c: Connections, tcb: Tcb): void {
  tcb.sndUp = add(tcb.sndEnd, 0);
  tcb.sndUrgent = true;
  c.markDirty(tcb);
}

function bufferOf(c: Connections, tcb: Tcb): SendBuffer {
  tcb.sendBuffer ??= c.sendStore.take(tcb.sndEnd);
  return tcb.sendBuffer;
}

/** All chunks are out. No acknowledgment of its own may ever tell this connection that one came back: time does. */
function starve(c: Connections, tcb: Tcb): void {
  c.restText(tcb);
  tcb.starving = true;
  c.arm(tcb, TIMER_DELAYED_ACK, add(c.context.nowMs, c.context.options.tcpDelayedAckMs));
}

function mayQueue(tcb: Tcb): number {
  if (tcb.finQueued) return EPIPE;
  if (maySend(tcb.state)) return 0;
  return tcb.state === CLOSED && tcb.iss === 0 ? ENOTCONN : EPIPE;
}
