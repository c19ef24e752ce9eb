// How late packets left, for whoever measures through the wire: a histogram, four buckets an octave (19 % wide).

/** Microseconds up to 2^30. */
const BUCKETS = 4 * 30;

export interface LatenessReport {
  readonly p50Us: number;
  readonly p99Us: number;
  readonly maxUs: number;
}

export class Lateness {
  private readonly counts: Float64Array = new Float64Array(BUCKETS + 1);
  private total = 0;
  private maxUs = 0;

  /** One packet left so many microseconds after it was due. */
  add(lateUs: number): void {
    this.counts[Math.min(BUCKETS, Math.ceil(4 * Math.log2(Math.max(1, lateUs))))]++;
    this.total++;
    if (lateUs > this.maxUs) this.maxUs = lateUs;
  }

  /** Upper edges of the buckets, no more than the latest; all 0 when nothing was delayed. */
  get report(): LatenessReport {
    return { p50Us: this.quantile(0.5), p99Us: this.quantile(0.99), maxUs: Math.round(this.maxUs) };
  }

  /** So late, or less, was this share of the packets. */
  private quantile(share: number): number {
    let bucket = 0;
    for (let sum = this.counts[0]; sum < share * this.total; ) sum += this.counts[++bucket];
    return Math.round(Math.min(this.maxUs, bucket === BUCKETS ? this.maxUs : 2 ** (bucket / 4)));
  }
}
