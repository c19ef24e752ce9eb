// Segmentation in software: a super-segment of TCP, or a super-datagram of UDP, that its link does not take leaves as the pieces it
// stands for. What a piece is: segmentation.ts.

import type { Context } from '../context.ts';
import { C } from '../contract/counters.ts';
import { FEATURE_CHECKSUM, FULL, TAKEN } from '../contract/link.ts';
import type { Packet } from '../contract/packet.ts';
import { R } from '../contract/reasons.ts';
import type { Interface } from '../ip/interface.ts';
import type { Fragmenter } from './fragment.ts';
import { cutPiece, gsoHeaders, gsoText, isCuttable } from './segmentation.ts';

/** A super-segment that is being cut: how far, and where its pieces go. */
class Super {
  packet: Packet;
  face: Interface;
  nextHop = 0;
  mtu = 0;
  /** Octets of both headers, and of text. */
  headers = 0;
  text = 0;
  done = 0;
  pieces = 0;

  constructor(packet: Packet, face: Interface) {
    this.packet = packet;
    this.face = face;
  }

  /** Another one begins. */
  begin(packet: Packet, face: Interface, nextHop: number, mtu: number, headers: number): void {
    this.packet = packet;
    this.face = face;
    this.nextHop = nextHop;
    this.mtu = mtu;
    this.headers = headers;
    this.text = gsoText(packet, headers);
    this.done = 0;
    this.pieces = 0;
  }
}

/**
 * Sends super-segments piece by piece. As with fragments, what a link that gets full does not take waits here, at
 * most one for each link.
 */
export class Segmenter {
  private readonly context: Context;
  private readonly fragmenter: Fragmenter;
  private waiting: Super[] = [];
  /** For the next one: most are gone at once. */
  private spare: Super | undefined = undefined;

  constructor(context: Context, fragmenter: Fragmenter) {
    this.context = context;
    this.fragmenter = fragmenter;
  }

  /**
   * Cuts a super-segment whose checksum is partial, head at its IP header, and sends the pieces; those larger than `mtu` (of
   * UDP without DF) in fragments. TAKEN: it is gone, or goes on leaving. FULL: nothing happened.
   */
  send(packet: Packet, face: Interface, nextHop: number, mtu: number): number {
    if (face.full) return FULL;
    const headers = gsoHeaders(packet);
    if (!isCuttable(packet, headers) && !packet.linearize()) {
      this.context.drop(packet, R.NO_BUFFER);
      return TAKEN;
    }
    const one = this.spare ?? new Super(packet, face);
    one.begin(packet, face, nextHop, mtu, headers);
    this.spare = one;
    if (this.advance(one)) return TAKEN;
    // What waits outlives the batch it came with.
    if (packet.own()) {
      this.waiting.push(one);
      this.spare = undefined;
    } else this.context.drop(packet, R.NO_BUFFER);
    return TAKEN;
  }

  /** Goes on where links were full. Called before anything else is sent. */
  resume(): void {
    if (this.waiting.length === 0) return;
    this.waiting = this.waiting.filter((one) => !this.advance(one));
  }

  /** The stack closes: what did not leave is dropped. */
  closeAll(): void {
    for (const { packet } of this.waiting.splice(0)) this.context.drop(packet, R.SEND_CLOSED);
  }

  /** Sends pieces until all left or there is no room; true when the super-segment is gone. */
  private advance(one: Super): boolean {
    const { packet, face, headers, text } = one;
    do {
      if (face.full) return false;
      const piece = cutPiece(this.context.pool, packet, headers, one.done, one.pieces);
      if (piece === undefined) {
        this.context.drop(packet, R.NO_BUFFER);
        return true;
      }
      const { length } = piece;
      if (this.transmit(piece, one) === FULL) {
        piece.release();
        return false;
      }
      one.done += length - headers;
      one.pieces++;
    } while (one.done < text);
    packet.release();
    return true;
  }

  private transmit(piece: Packet, { face, nextHop, mtu }: Super): number {
    const { length } = piece;
    if (length > mtu) return this.fragmenter.send(piece, face, nextHop, mtu);
    if ((face.link.features & FEATURE_CHECKSUM) === 0) piece.completeChecksum();
    if (face.transmit(piece, nextHop) === FULL) return FULL;
    this.context.stats.counters[C.IpExtOutOctets] += length;
    return TAKEN;
  }
}
