// Segments that follow one another as the super-segment that a script expects: scripts for kernels see what those hand to a
// device that segments by itself (TSO), `1:2001(2000)` at an MSS of 1000; our link has no such device.

import type { Ipv4Layer, TcpLayer } from '@tunstack/stack/dissect';
import type { PacketAction } from './ast.ts';

/** True when `next` goes on where `first` ends, and says the same otherwise. */
export function continues(first: Ipv4Layer, next: Ipv4Layer): boolean {
  const [a, b] = [first.next, next.next];
  if (a.layer !== 'tcp' || b.layer !== 'tcp') return false;
  const follows = (a.seq + textLength(a)) >>> 0 === b.seq && a.ack === b.ack && first.tos === next.tos;
  return (
    follows && textLength(b) > 0 && a.sourcePort === b.sourcePort && a.destinationPort === b.destinationPort
  );
}

/** True when more segments may make this one what the script expects. */
export function isPartOf(expected: PacketAction, layer: Ipv4Layer): boolean {
  const { body } = expected;
  const { next } = layer;
  if (body.protocol !== 'tcp' || next.layer !== 'tcp' || /[SR]/.test(body.flags)) return false;
  const length = textLength(next);
  return length > 0 && length < body.sequence.length && !/SYN|RST|FIN/.test(next.flags.join());
}

/**
 * Both as one segment: the text together, the rest as the later one says it. Linux ends each super-segment with PSH, whatever
 * follows: so does this one when the script wants it.
 */
export function joined(first: Ipv4Layer, next: Ipv4Layer, expected: PacketAction): Ipv4Layer {
  const [a, b] = [first.next as TcpLayer, next.next as TcpLayer];
  const length = textLength(a) + textLength(b);
  const wantsPush = expected.body.protocol === 'tcp' && expected.body.flags.includes('P');
  const flags = wantsPush && !b.flags.includes('PSH') ? [...b.flags, 'PSH' as const] : b.flags;
  const data = { layer: 'data' as const, protocol: 6, bytes: new Uint8Array(length) };
  return {
    ...next,
    totalLength: next.headerLength + b.headerLength + length,
    next: { ...b, seq: a.seq, flags, next: data },
  };
}

function textLength({ next }: TcpLayer): number {
  return next.layer === 'data' ? next.bytes.length : 0;
}
