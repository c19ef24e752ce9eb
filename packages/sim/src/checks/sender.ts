// What a sender may have under way, read from its control block: congestion window, limited transmit, probes. Looks inside
// where no public name leads, as tcp-tables.ts.

import type { Stack } from '@tunstack/stack';
import { parseIp4 } from '@tunstack/stack/wire';
import type { Check } from './checks.ts';

/** The part of a control block that is read. Octets. */
export interface SenderView {
  readonly sndNxt: number;
  readonly mss: number;
  /** On their way, as far as one can know. */
  readonly pipe: number;
  readonly cwnd: number;
}

interface Inside {
  readonly tcp: {
    readonly connections: {
      readonly byTuple: { get(path: number, ports: number): number };
      readonly tcbs: readonly (
        | (Omit<SenderView, 'cwnd'> & {
            readonly cwnd?: number;
            readonly controller?: { readonly cwnd: number };
          })
        | undefined
      )[];
    };
  };
  readonly paths: { find(local: number, remote: number): number };
}

/** The control block of a connection that is awake, or undefined. Addresses are int32 words. */
export function senderOf(
  stack: Stack,
  local: number,
  localPort: number,
  remote: number,
  remotePort: number,
): SenderView | undefined {
  const { tcp, paths } = stack as unknown as Inside;
  const path = paths.find(local, remote);
  const key = path < 0 ? -1 : tcp.connections.byTuple.get(path, (localPort << 16) | remotePort);
  // Odd keys are rows: asleep, and sending nothing.
  if (key < 0 || (key & 1) === 1) return undefined;
  const tcb = tcp.connections.tcbs[key >> 1];
  if (tcb === undefined) return undefined;
  const { sndNxt, mss, pipe, controller } = tcb;
  // Before the first text there is no controller, and no window yet.
  return { sndNxt, mss, pipe, cwnd: tcb.cwnd ?? controller?.cwnd ?? Number.POSITIVE_INFINITY };
}

/** Segments beyond the window that may go: two by limited transmit (RFC 3042), one as a probe of the tail (RFC 8985 7). */
const ALLOWED_SEGMENTS = 3;

/** New text goes only while what is under way, with it, is within cwnd and what is allowed beyond. For a stack's tap. */
export function cwnd(stack: Stack): Check {
  return {
    name: 'cwnd',
    clause: 'RFC 5681 3.1, RFC 3042',
    begin: () => (seen) => {
      const tcp = seen.ip.next;
      if (!seen.sent || tcp.layer !== 'tcp' || tcp.next.layer !== 'data') return undefined;
      const { length } = tcp.next.bytes;
      const [local, remote] = [parseIp4(seen.ip.source) ?? 0, parseIp4(seen.ip.destination) ?? 0];
      const view = senderOf(stack, local, tcp.sourcePort, remote, tcp.destinationPort);
      // What goes again is decided by loss recovery: RFC 6582 and RFC 9937 send it whatever the window.
      if (length === 0 || view === undefined || (tcp.seq | 0) !== view.sndNxt) return undefined;
      const limit = view.cwnd + ALLOWED_SEGMENTS * view.mss;
      const under = view.pipe + length;
      return under > limit ? `${under} octets under way, cwnd ${view.cwnd}, MSS ${view.mss}` : undefined;
    },
  };
}
