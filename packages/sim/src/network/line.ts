// A line: the rate of one direction of a wire, and the queue in front of it. Drop-tail; above a threshold it marks what is
// ECN-capable and drops what is not (RFC 3168 5, as a step: no averaging, so that a test can say which packet it hits).

/** How much may wait: octets, packets, or bandwidth-delay products of a round trip. What is being sent counts. */
export type QueueLimit =
  | { readonly bytes: number }
  | { readonly packets: number }
  | { readonly bdp: number; readonly rttUs: number };

export interface LineOptions {
  /** Bits a second. */
  readonly rateBps: number;
  /** Default 256 KiB. */
  readonly queue?: QueueLimit;
  /** Octets of queue above which packets are marked, or dropped when they carry no ECT. Default: never. */
  readonly ecnBytes?: number;
}

/** The queue could not take it. */
export const LINE_FULL = -1;
/** No queue is smaller than two packets of an Ethernet: a line without any passes nothing on. */
const LEAST_BYTES = 3000;

/** Octets that a queue of `bdp` times rate times round trip has. */
export function bdpBytes(rateBps: number, rttUs: number, bdp: number): number {
  return Math.max(LEAST_BYTES, Math.round((rateBps * rttUs * bdp) / 8e6));
}

/** The sender of one direction. Moments are microseconds, and never go back. */
export class Line {
  readonly limitBytes: number;
  readonly limitPackets: number;
  /** The packet that was admitted last is to be marked CE. */
  mark = false;
  marked = 0;
  dropped = 0;
  /** The most that ever waited, octets. */
  peakBytes = 0;
  private readonly options: LineOptions;
  /** When it will be done with what it has. */
  private idleAtUs = 0;
  /** When each packet that waits will have left; those before `first` have. */
  private leaving: number[] = [];
  private first = 0;

  constructor(options: LineOptions) {
    this.options = options;
    const { rateBps, queue = { bytes: 256 * 1024 } } = options;
    this.limitPackets = 'packets' in queue ? queue.packets : Number.POSITIVE_INFINITY;
    if ('bytes' in queue) this.limitBytes = queue.bytes;
    else
      this.limitBytes = 'bdp' in queue ? bdpBytes(rateBps, queue.rttUs, queue.bdp) : Number.POSITIVE_INFINITY;
  }

  /** Octets that wait, what is being sent counted by the part that has not left. */
  queuedBytes(nowUs: number): number {
    return (Math.max(0, this.idleAtUs - nowUs) * this.options.rateBps) / 8e6;
  }

  /** Packets that wait, the one that is being sent among them. */
  queuedPackets(nowUs: number): number {
    while (this.first < this.leaving.length && this.leaving[this.first] <= nowUs) this.first++;
    if (this.first > 1024) {
      this.leaving = this.leaving.slice(this.first);
      this.first = 0;
    }
    return this.leaving.length - this.first;
  }

  /** Microseconds until a packet of `length` octets has left, or LINE_FULL. `ect`: it may be marked; see `mark`. */
  admit(length: number, nowUs: number, ect: boolean): number {
    const { rateBps, ecnBytes = Number.POSITIVE_INFINITY } = this.options;
    const queued = this.queuedBytes(nowUs);
    this.mark = queued + length > ecnBytes;
    const full = queued + length > this.limitBytes || this.queuedPackets(nowUs) >= this.limitPackets;
    if (full || (this.mark && !ect)) {
      this.dropped++;
      return LINE_FULL;
    }
    if (this.mark) this.marked++;
    this.peakBytes = Math.max(this.peakBytes, queued + length);
    this.idleAtUs = Math.max(this.idleAtUs, nowUs) + (length * 8e6) / rateBps;
    this.leaving.push(this.idleAtUs);
    return Math.ceil(this.idleAtUs - nowUs);
  }
}
