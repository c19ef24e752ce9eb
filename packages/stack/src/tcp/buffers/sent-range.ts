// One piece of what was sent: a segment or a super-segment that left, [seq, end), with all that is remembered of it until it is
// acknowledged. The scoreboard of RFC 6675 is a list of them: sent-ranges.ts.

import { diff } from '../../base/int.ts';

/** Ranges kept for reuse, whole stack: 64 thousand segments in flight. */
const SPARE_MAX = 65_536;

/** One range. Times in microseconds, as the pump read them. */
export class SentRange {
  readonly id: number;
  seq = 0;
  end = 0;
  /** When it left last. */
  sentUs = 0;
  /** When it left first, milliseconds. */
  firstSentMs = 0;
  /** `Tcb.delivered` and its time when it left, and the time when what was delivered last by then had left: for the delivery rate. */
  delivered = 0;
  deliveredUs = 0;
  firstSentUs = 0;
  appLimited = false;
  /** The peer has it, says a SACK block. It might change its mind (RFC 2018 section 8). */
  sacked = false;
  /** How many segments of the wire were merged into a SACKed range. */
  segments = 0;
  /** Taken for lost, and not sent again yet. */
  lost = false;
  /** How often it was sent again. */
  retransmits = 0;
  older: SentRange | undefined = undefined;
  newer: SentRange | undefined = undefined;

  constructor(id: number) {
    this.id = id;
  }

  get length(): number {
    return diff(this.end, this.seq);
  }
}

/** Where ranges come from and go back to; one per stack. */
export class RangePool {
  private readonly rows: SentRange[] = [];
  private readonly spare: number[] = [];

  at(id: number): SentRange {
    return this.rows[id];
  }

  take(): SentRange {
    const id = this.spare.pop();
    if (id !== undefined) return this.rows[id];
    const range = new SentRange(this.rows.length);
    this.rows.push(range);
    return range;
  }

  give(range: SentRange): void {
    range.older = undefined;
    range.newer = undefined;
    this.spare.push(range.id);
    // The last ones made go first, so that the table shrinks after a flood.
    while (this.rows.length > SPARE_MAX && this.spare.at(-1) === this.rows.length - 1) {
      this.spare.pop();
      this.rows.pop();
    }
  }
}
