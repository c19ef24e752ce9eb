// One packet that is about to cross a wire, as rules see it: where it comes from, which it is, and what is in it.

import { dissectIpv4, type Ipv4Layer, type TcpLayer } from '@tunstack/stack/dissect';

/** Good for one judgment: matchers keep numbers of it, never the object. */
export class Crossing {
  /** 0: it was sent at the wire's first end, 1: at its second. */
  readonly direction: number;
  /** Which packet of its direction this is, from 1. */
  readonly number: number;
  /** Microseconds since the world began. */
  readonly atUs: number;
  readonly octets: Uint8Array;
  private layer: Ipv4Layer | undefined = undefined;

  constructor(direction: number, number: number, atUs: number, octets: Uint8Array) {
    this.direction = direction;
    this.number = number;
    this.atUs = atUs;
    this.octets = octets;
  }

  get length(): number {
    return this.octets.length;
  }

  /** The datagram as readable objects. Made once, when it is first asked for. */
  get ip(): Ipv4Layer {
    this.layer ??= dissectIpv4(this.octets);
    return this.layer;
  }

  /** Its TCP segment, or undefined. */
  get tcp(): TcpLayer | undefined {
    const { next } = this.ip;
    return next.layer === 'tcp' ? next : undefined;
  }

  /** Octets of text of its TCP segment. */
  get textLength(): number {
    const next = this.tcp?.next;
    return next?.layer === 'data' ? next.bytes.length : 0;
  }
}

/** What is to become of it: each rule adds its own. */
export interface Verdict {
  /** No later rule is asked. */
  settled: boolean;
  dropped: boolean;
  /** Microseconds on top of the way. */
  delayUs: number;
  /** Packets of its direction that overtake it, or 0. */
  behind: number;
  /** Doubles: microseconds after the packet itself. */
  doublesUs: number[];
  /** Bits to flip, counted from the first of the datagram. */
  flips: number[];
  /** Octets that are left of it, or -1: all. */
  truncateTo: number;
  /** The two ECN bits become 11. */
  congestion: boolean;
  /** What was done, for the log. */
  words: string[];
}

export function newVerdict(): Verdict {
  return {
    settled: false,
    dropped: false,
    delayUs: 0,
    behind: 0,
    doublesUs: [],
    flips: [],
    truncateTo: -1,
    congestion: false,
    words: [],
  };
}
