// Mutated TCP segments, seeded: near enough to what a connection expects that they get through, and wrong in every field.
// Whatever the mutation, the text of a segment is what its sequence number says (see TcpStream): who takes it takes nothing
// wrong, so an application that reads other octets than the stream's has found an error of the stack. RFC 9293 3.1, 3.10.7.

import { add, diff, type Prng } from '@tunstack/stack/base';
import { repairChecksums } from '@tunstack/stack/craft';
import {
  TCP_ACK,
  TCP_FIN,
  TCP_HEADER,
  TCP_PSH,
  TCP_RST,
  TCP_SYN,
  TCP_URG,
  wr16,
  wr32,
} from '@tunstack/stack/wire';
import { pick, some } from './good-frames.ts';
import type { TcpPeer } from './tcp-peer.ts';
import type { TcpStream } from './tcp-stream.ts';

const IP_HEADER = 20;
const DATA_OFFSET_AT: number = IP_HEADER + 12;
const CHECKSUM_AT: number = IP_HEADER + 16;
const FLAGS_AT: number = IP_HEADER + 13;
/** Flags that a connection sees every day, among the 256 that there are. */
const FLAGS = [
  TCP_ACK,
  TCP_ACK,
  TCP_ACK,
  TCP_ACK | TCP_PSH,
  TCP_ACK | TCP_FIN,
  TCP_ACK | TCP_URG,
  TCP_SYN,
  TCP_SYN | TCP_ACK,
  TCP_RST,
  TCP_RST | TCP_ACK,
  TCP_FIN,
  0,
];

export interface Mutant {
  readonly frame: Uint8Array;
  /** Its checksums are right: what is in it counts. */
  readonly sound: boolean;
}

/**
 * A mutant for the connection of this peer. `knowsStart`: the stack knows the peer's first sequence number; else a SYN makes
 * its own (LISTEN, SYN-SENT).
 */
export function mutateSegment(prng: Prng, peer: TcpPeer, stream: TcpStream, knowsStart: boolean): Mutant {
  const flags = prng.chance(0.6) ? pick(prng, FLAGS) : prng.below(256);
  const seq = nearWindow(prng, peer);
  const length = prng.chance(0.4) ? 0 : prng.chance(0.05) ? prng.below(1400) : prng.below(64);
  const options = mutateOptions(prng, peer);
  const frame = peer.frame({
    flags,
    seq,
    ack: nearAck(prng, peer),
    window: prng.chance(0.5) ? 65_535 : pick(prng, [0, 1, 100, 535, 1460, prng.below(65_536)]),
    urgent: prng.chance(0.7) ? 0 : pick(prng, [1, length, 65_535, prng.below(65_536)]),
    payload: new Uint8Array(length),
    ...(options !== undefined && { options }),
  });
  if (prng.chance(0.04)) frame[DATA_OFFSET_AT] = prng.int32();
  const cut = prng.chance(0.04) ? resized(prng, frame) : frame;
  const first = !knowsStart && (flags & TCP_SYN) !== 0 ? add(seq, 1) : add(peer.iss, 1);
  fillText(cut, seq, first, stream);
  repairChecksums(cut);
  const sound = !prng.chance(0.08);
  if (!sound) cut[CHECKSUM_AT + prng.below(2)] ^= 1 << prng.below(8);
  return { frame: cut, sound: sound && cut.length > CHECKSUM_AT + 2 };
}

/** At, around and between the edges of the stack's receive window; now and then anywhere. */
function nearWindow(prng: Prng, peer: TcpPeer): number {
  const nudge = prng.chance(0.5) ? 0 : prng.below(2000) - 1000;
  const small = prng.chance(0.5) ? nudge : prng.below(5) - 2;
  const inside = prng.below(Math.max(1, diff(peer.edge, peer.acked)));
  return pick(prng, [
    peer.acked,
    peer.acked,
    add(peer.acked, small),
    add(peer.acked, inside),
    add(peer.acked, inside),
    add(peer.edge, small),
    add(peer.sndNxt, small),
    peer.iss,
    prng.chance(0.3) ? prng.int32() : peer.acked,
  ]);
}

/** At and around what the stack has sent; now and then anything. */
function nearAck(prng: Prng, peer: TcpPeer): number {
  const nudge = prng.below(5) - 2;
  return pick(prng, [
    peer.rcvNxt,
    peer.rcvNxt,
    peer.rcvNxt,
    add(peer.rcvNxt, nudge),
    add(peer.irs, nudge),
    add(peer.rcvNxt, prng.below(70_000) - 65_535),
    prng.chance(0.3) ? prng.int32() : peer.rcvNxt,
  ]);
}

/** Undefined: as they should be. */
function mutateOptions(prng: Prng, peer: TcpPeer): Uint8Array | undefined {
  if (prng.chance(0.6)) return undefined;
  switch (prng.below(6)) {
    case 0:
      return new Uint8Array(0);
    case 1: // any octets
      return some(prng, 40, 40).slice(0, 4 + 4 * prng.below(10));
    case 2: {
      // timestamps, near and far
      const options = Uint8Array.of(1, 1, 8, 10, 0, 0, 0, 0, 0, 0, 0, 0);
      wr32(options, 4, pick(prng, [add(peer.tsVal, prng.below(5) - 2), prng.int32(), peer.tsVal]));
      wr32(options, 8, pick(prng, [peer.tsEcr, prng.int32(), 0]));
      return options;
    }
    case 3: {
      // SACK blocks of anything, and more than fit
      const options = Uint8Array.of(
        1,
        1,
        5,
        pick(prng, [10, 18, 26, 34, 2, 3, 255, 0]),
        ...some(prng, 36, 36),
      );
      return options.slice(0, 4 + 4 * prng.below(10));
    }
    case 4: // lengths of none, one, and beyond the header
      return Uint8Array.of(
        pick(prng, [2, 3, 4, 5, 8, 30, 253]),
        pick(prng, [0, 1, 2, 3, 9, 11, 41, 255]),
        0,
        0,
      );
    default: // what belongs to a SYN
      return Uint8Array.of(2, 4, prng.int32(), prng.int32(), 1, 3, 3, prng.int32(), 4, 2, 1, 1);
  }
}

/** Cut short or longer, the IP header's word for it or not. */
function resized(prng: Prng, frame: Uint8Array): Uint8Array {
  const length = prng.chance(0.5)
    ? IP_HEADER + prng.below(24)
    : Math.max(0, frame.length + prng.below(40) - 20);
  const other = new Uint8Array(length);
  other.set(frame.subarray(0, length));
  if (length >= IP_HEADER && prng.chance(0.8)) wr16(other, 2, length);
  return other;
}

/** Writes where the text is, by the lengths that the frame claims, the octets that belong there. */
function fillText(frame: Uint8Array, seq: number, first: number, stream: TcpStream): void {
  if (frame.length <= DATA_OFFSET_AT + 1) return;
  // A header that is too short has no text behind it: nobody takes such a segment.
  const text = IP_HEADER + Math.max(TCP_HEADER, (frame[DATA_OFFSET_AT] >>> 4) << 2);
  const syn = (frame[FLAGS_AT] & TCP_SYN) !== 0 ? 1 : 0;
  for (let at = text, i = diff(add(seq, syn), first); at < frame.length; at++, i++)
    frame[at] = stream.octet(i);
}
