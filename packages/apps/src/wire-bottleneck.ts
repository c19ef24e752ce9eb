// The rate of one direction of tun-wire and the drop-tail queue in front of it, in virtual time: nothing is queued here,
// a packet is told when it has left. As sim's Wire; what is added is a loop that may look late.
//
//   since        now         free        since: a packet of this batch may have come as early as this
//     |-- away ---|-- queued --|         now:   we took it in
//                                        free:  the line is done with all it has taken

/** Octets that may wait for the rate, unless the impairment says. As sim's Wire. */
export const QUEUE_BYTES: number = 256 * 1024;
/** The largest limit in packets: a ring of as many moments is kept. */
export const QUEUE_PACKETS_MAX: number = 1 << 20;

export class Bottleneck {
  private readonly rateBps: number;
  private readonly queueBytes: number;
  /** When each packet that waits, or is being sent, has left: a ring. Empty: no limit in packets. */
  private readonly left: Float64Array;
  private first = 0;
  private waiting = 0;
  private freeAtUs = 0;

  /** `rateBps` 0: no limit. `queuePackets` 0: the limit is `queueBytes` alone. Both count what is being sent. */
  constructor(rateBps: number, queueBytes: number = QUEUE_BYTES, queuePackets = 0) {
    this.rateBps = rateBps;
    this.queueBytes = queueBytes;
    this.left = new Float64Array(queuePackets);
  }

  /**
   * Microseconds from `nowUs` until a packet of this length has left, or -1: the queue cannot take it. `sinceUs`: where the
   * loop was late, the moment since when; else `nowUs`. The line was not idle meanwhile just because we did not look: what
   * could have been sent by now has left, so that lateness delays, and does not slow.
   */
  take(length: number, nowUs: number, sinceUs: number): number {
    const { rateBps } = this;
    if (rateBps === 0) return 0;
    const startUs = Math.max(this.freeAtUs, Math.min(sinceUs, nowUs));
    const queued = (Math.max(0, startUs - nowUs) * rateBps) / 8e6;
    if (queued + length > this.queueBytes) return -1;
    const freeAtUs = startUs + (length * 8e6) / rateBps;
    if (this.left.length > 0 && !this.wait(freeAtUs, nowUs)) return -1;
    this.freeAtUs = freeAtUs;
    return Math.max(0, freeAtUs - nowUs);
  }

  /** Takes a place until then. False: none is free. */
  private wait(untilUs: number, nowUs: number): boolean {
    const { left } = this;
    while (this.waiting > 0 && left[this.first] <= nowUs) {
      this.first = (this.first + 1) % left.length;
      this.waiting--;
    }
    if (this.waiting === left.length) return false;
    left[(this.first + this.waiting++) % left.length] = untilUs;
    return true;
  }
}
